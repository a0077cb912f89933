"""Write the levels of a transform block, as `codecnn.hevc.residual` parses them (H.265 7.3.8.11)."""

import numpy as np

from codecnn.hevc.cabac_encoder import encode_bin, encode_bypass
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import CODED_GROUP, GREATER_1, GREATER_2, LAST_X, LAST_Y, TRANSFORM_SKIP
from codecnn.hevc.residual import MAX_GREATER_1, last_contexts, scan_index, significance_base, significance_context
from codecnn.hevc.scan import GROUPS, IN_GROUP, VERTICAL


@compiled
def write_residual(
    state: np.void,
    data: np.ndarray,
    plane: np.ndarray,
    x: int,
    y: int,
    size_bits: int,
    component: int,
    mode: int,
    skip: int,
) -> None:
    """Write residual_coding() of the block at (x, y) of a plane of levels; not all of them are 0."""
    chroma = min(component, 1)
    if state["transform_skip"] and not state["bypassed"] and size_bits == 2:
        encode_bin(state, data, TRANSFORM_SKIP + chroma, skip)
    scan = scan_index(mode, size_bits, component)
    groups, order = GROUPS[size_bits - 2, scan], IN_GROUP[scan]
    last_group = (1 << 2 * (size_bits - 2)) - 1
    while not _has_levels(plane, x + 4 * groups[last_group, 0], y + 4 * groups[last_group, 1]):
        last_group -= 1
    x_group, y_group = 4 * groups[last_group, 0], 4 * groups[last_group, 1]
    last = 15
    while plane[y + y_group + order[last, 1], x + x_group + order[last, 0]] == 0:
        last -= 1
    last_x, last_y = x_group + order[last, 0], y_group + order[last, 1]
    if scan == VERTICAL:
        last_x, last_y = last_y, last_x
    _write_prefix(state, data, LAST_X, size_bits, chroma, last_x)
    _write_prefix(state, data, LAST_Y, size_bits, chroma, last_y)
    _write_suffix(state, data, last_x)
    _write_suffix(state, data, last_y)
    coded = state["coded_group"]
    coded[:] = 0
    greater_1 = 1
    hides = state["sign_hiding"] and not state["bypassed"]
    for index in range(last_group, -1, -1):
        column, row = groups[index, 0], groups[index, 1]
        around = coded[row * 9 + column + 1] + 2 * coded[row * 9 + column + 9]
        has_levels = index in (last_group, 0)
        if not has_levels:
            has_levels = _has_levels(plane, x + 4 * column, y + 4 * row)
            encode_bin(state, data, CODED_GROUP + 2 * chroma + min(around, 1), 1 if has_levels else 0)
        if has_levels:
            coded[row * 9 + column] = 1
            block = plane[y + 4 * row : y + 4 * row + 4, x + 4 * column : x + 4 * column + 4]
            first = last if index == last_group else 16
            group = column + row * 8
            count = _write_significance(state, data, block, group, size_bits, component, scan, around, first, index)
            if count:
                greater_1 = _write_levels(state, data, count, index, chroma, greater_1, hides)


@compiled
def _has_levels(plane: np.ndarray, x: int, y: int) -> bool:
    for j in range(y, y + 4):
        for i in range(x, x + 4):
            if plane[j, i] != 0:
                return True
    return False


@compiled
def prefix_of(position: int) -> int:
    """Return the prefix of a last position (7.4.9.11)."""
    if position < 4:
        return position
    bits = 2
    while position >> (bits + 1):
        bits += 1
    return 2 * bits + ((position >> (bits - 1)) & 1)


@compiled
def _write_prefix(state: np.void, data: np.ndarray, first: int, size_bits: int, chroma: int, position: int) -> None:
    offset, shift = last_contexts(size_bits, chroma)
    prefix = prefix_of(position)
    for index in range(prefix):
        encode_bin(state, data, first + offset + (index >> shift), 1)
    if prefix < 2 * size_bits - 1:
        encode_bin(state, data, first + offset + (prefix >> shift), 0)


@compiled
def _write_suffix(state: np.void, data: np.ndarray, position: int) -> None:
    if position >= 4:
        count = (prefix_of(position) >> 1) - 1
        encode_bypass(state, data, position & ((1 << count) - 1), count)


@compiled
def _write_significance(
    state: np.void,
    data: np.ndarray,
    block: np.ndarray,
    group: int,
    size_bits: int,
    component: int,
    scan: int,
    around: int,
    first: int,
    index: int,
) -> int:
    """Write the sig_coeff_flags of a group; put its levels into `level`, their numbers in the scan into `scan_place`.

    Returns their number; the arguments are those of the parser.
    """
    order, level = IN_GROUP[scan], state["level"]
    base = significance_base(size_bits, component, scan, group)
    count = 0
    for place in range(min(first, 15), -1, -1):
        x, y = order[place, 0], order[place, 1]
        value = block[y, x]
        is_inferred = place == first or (place == 0 and count == 0 and first == 16 and index > 0)
        if not is_inferred:
            context = significance_context(base, size_bits, component, around, index, place, 4 * y + x)
            encode_bin(state, data, context, 1 if value != 0 else 0)
        if value != 0:
            level[count] = value
            state["scan_place"][count] = place
            count += 1
    return count


@compiled
def _write_levels(
    state: np.void, data: np.ndarray, count: int, index: int, chroma: int, greater_1: int, hides: bool
) -> int:
    """Write magnitudes and signs of the levels of a group; the arguments are those of the parser."""
    level, places = state["level"], state["scan_place"]
    context_set = 0 if index == 0 or chroma else 2
    if greater_1 == 0:
        context_set += 1
    greater_1 = 1
    first_greater = -1
    base = GREATER_1 + 16 * chroma + 4 * context_set
    for number in range(min(count, MAX_GREATER_1)):
        flag = 1 if abs(wide(level[number])) > 1 else 0
        encode_bin(state, data, base + greater_1, flag)
        if flag:
            greater_1 = 0
            if first_greater < 0:
                first_greater = number
        elif 0 < greater_1 < 3:
            greater_1 += 1
    if first_greater >= 0:
        flag = 1 if abs(wide(level[first_greater])) > 2 else 0
        encode_bin(state, data, GREATER_2 + 4 * chroma + context_set, flag)
    sent = count
    if hides and places[0] - places[count - 1] > 3:
        sent -= 1
    for number in range(sent):
        encode_bypass(state, data, 1 if level[number] < 0 else 0, 1)
    rice = 0
    for number in range(count):
        magnitude = abs(wide(level[number]))
        most = 1 if number >= MAX_GREATER_1 else 3 if number == first_greater else 2
        if magnitude >= most:
            _write_remaining(state, data, magnitude - most, rice)
            if magnitude > 3 << rice:
                rice = min(rice + 1, 4)
    return greater_1


@compiled
def _write_remaining(state: np.void, data: np.ndarray, value: int, rice: int) -> None:
    """Write coeff_abs_level_remaining (9.3.3.11)."""
    prefix = value >> rice
    if prefix <= 3:
        for _ in range(prefix):
            encode_bypass(state, data, 1, 1)
        encode_bypass(state, data, 0, 1)
        encode_bypass(state, data, value & ((1 << rice) - 1), rice)
        return
    prefix = 4
    while value >= ((1 << (prefix - 2)) + 2) << rice:
        prefix += 1
    for _ in range(prefix):
        encode_bypass(state, data, 1, 1)
    encode_bypass(state, data, 0, 1)
    encode_bypass(state, data, value - (((1 << (prefix - 3)) + 2) << rice), prefix - 3 + rice)


@compiled
def remaining_bits(value: int, rice: int) -> int:
    """Return the bits of coeff_abs_level_remaining."""
    prefix = value >> rice
    if prefix <= 3:
        return prefix + 1 + rice
    prefix = 4
    while value >= ((1 << (prefix - 2)) + 2) << rice:
        prefix += 1
    return 2 * prefix - 2 + rice
