"""Parse the levels of a transform block: residual_coding (H.265 7.3.8.11, contexts 9.3.4.2.4 to 9.3.4.2.7)."""

import numpy as np

from codecnn.hevc.cabac import decode_bin, decode_bypass, fail
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import CODED_GROUP, GREATER_1, GREATER_2, LAST_X, LAST_Y, SIGNIFICANT, TRANSFORM_SKIP
from codecnn.hevc.scan import DIAGONAL, GROUPS, HORIZONTAL, IN_GROUP, VERTICAL
from codecnn.hevc.state import LEVEL_TOO_LARGE

LARGEST = (1 << 15) - 1  # CoeffMaxY
CHROMA_SIGNIFICANT = 27  # contexts of luma come first
MAX_GREATER_1 = 8  # flags in a group
MAX_PREFIX = 20  # of an escape code; longer ones are for levels above LARGEST

# ctxIdxMap of 4x4 blocks, by position 4 * y + x.
_IN_4X4 = np.array([0, 1, 4, 5, 2, 3, 4, 5, 6, 6, 8, 8, 7, 7, 8, 8])


def _neighbour_contexts() -> np.ndarray:
    """Return sigCtx by whether the groups right (1) and below (2) have levels, and by position 4 * y + x."""
    y, x = np.divmod(np.arange(16), 4)
    return np.stack(
        [
            np.where(x + y == 0, 2, np.where(x + y < 3, 1, 0)),
            np.where(y == 0, 2, np.where(y == 1, 1, 0)),
            np.where(x == 0, 2, np.where(x == 1, 1, 0)),
            np.full(16, 2),
        ]
    )


_BY_NEIGHBOURS = _neighbour_contexts()


@compiled
def scan_index(mode: int, size_bits: int, component: int) -> int:
    """Return scanIdx of a transform block of 1 << size_bits samples with this intra mode (7.4.9.11)."""
    if size_bits == 2 or (size_bits == 3 and component == 0):
        if 6 <= mode <= 14:
            return VERTICAL
        if 22 <= mode <= 30:
            return HORIZONTAL
    return DIAGONAL


@compiled
def parse_residual(state: np.void, data: np.ndarray, size_bits: int, component: int, mode: int) -> int:
    """Parse a transform block with levels; return transform_skip_flag.

    The levels go to `level` of the state, their places x | y << 5 to `place`, their number to `count`.
    """
    chroma = min(component, 1)
    skip = 0
    if state["transform_skip"] and not state["bypassed"] and size_bits == 2:
        skip = decode_bin(state, data, TRANSFORM_SKIP + chroma)
    scan = scan_index(mode, size_bits, component)
    x_prefix = _last_prefix(state, data, LAST_X, size_bits, chroma)
    y_prefix = _last_prefix(state, data, LAST_Y, size_bits, chroma)
    last_x = _last_position(state, data, x_prefix)
    last_y = _last_position(state, data, y_prefix)
    if scan == VERTICAL:
        last_x, last_y = last_y, last_x
    groups = GROUPS[size_bits - 2, scan]
    order = IN_GROUP[scan]
    last_group = _find(groups, last_x >> 2, last_y >> 2)
    last = _find(order, last_x & 3, last_y & 3)
    coded = state["coded_group"]
    coded[:] = 0
    state["count"] = 0
    greater_1 = 1
    hides = state["sign_hiding"] and not state["bypassed"]
    for index in range(last_group, -1, -1):
        x, y = groups[index, 0], groups[index, 1]
        around = coded[y * 9 + x + 1] + 2 * coded[y * 9 + x + 9]
        if index == last_group or index == 0:
            has_levels = 1
        else:
            has_levels = decode_bin(state, data, CODED_GROUP + 2 * chroma + min(around, 1))
        if has_levels:
            coded[y * 9 + x] = 1
            first = last if index == last_group else 16
            count = _parse_significance(state, data, x + y * 8, size_bits, component, scan, around, first, index)
            if count:
                greater_1 = _parse_levels(state, data, x * 4 + y * 128, count, index, chroma, greater_1, hides)
    return skip


@compiled
def _last_prefix(state: np.void, data: np.ndarray, first: int, size_bits: int, chroma: int) -> int:
    """Parse last_sig_coeff_x_prefix or last_sig_coeff_y_prefix, whose contexts begin at `first`."""
    offset, shift = last_contexts(size_bits, chroma)
    prefix = 0
    while prefix < 2 * size_bits - 1 and decode_bin(state, data, first + offset + (prefix >> shift)):
        prefix += 1
    return prefix


@compiled
def last_contexts(size_bits: int, chroma: int) -> tuple[int, int]:
    """Return the first context of a prefix, and log2 of how many of its bins have the same (9.3.4.2.3)."""
    if chroma:
        return 15, size_bits - 2
    return 3 * (size_bits - 2) + ((size_bits - 1) >> 2), (size_bits + 1) >> 2


@compiled
def _last_position(state: np.void, data: np.ndarray, prefix: int) -> int:
    """Parse the suffix that belongs to a prefix, and return the position (7.4.9.11)."""
    if prefix < 4:
        return prefix
    count = (prefix >> 1) - 1
    return ((2 + (prefix & 1)) << count) + decode_bypass(state, data, count)


@compiled
def _find(order: np.ndarray, x: int, y: int) -> int:
    """Return where a position stands in an order."""
    index = 0
    while order[index, 0] != x or order[index, 1] != y:
        index += 1
    return index


@compiled
def _parse_significance(
    state: np.void,
    data: np.ndarray,
    group: int,
    size_bits: int,
    component: int,
    scan: int,
    around: int,
    first: int,
    index: int,
) -> int:
    """Parse the sig_coeff_flags of a group; put the positions of its levels into `found`, and return their number.

    group: x + 8 * y of the group. first: the position of the last level of the block if it is in this group, else 16.
    index: of the group, 0 is the one with the DC coefficient.
    """
    order, found = IN_GROUP[scan], state["found"]
    base = significance_base(size_bits, component, scan, group)
    count = 0
    if first < 16:
        found[0] = first
        count = 1
    infers_dc = first == 16 and index > 0
    for place in range(first - 1, -1, -1):
        if place == 0 and count == 0 and infers_dc:
            significant = 1
        else:
            x, y = order[place, 0], order[place, 1]
            context = significance_context(base, size_bits, component, around, index, place, 4 * y + x)
            significant = decode_bin(state, data, context)
        if significant:
            found[count] = place
            count += 1
    for number in range(count):
        place = found[number]
        found[number] = order[place, 0] | order[place, 1] << 5
        state["scan_place"][number] = place
    return count


@compiled
def significance_base(size_bits: int, component: int, scan: int, group: int) -> int:
    """Return the first of the three contexts of sig_coeff_flag that depend on the groups around (9.3.4.2.5)."""
    if component > 0:
        return SIGNIFICANT + CHROMA_SIGNIFICANT + (9 if size_bits == 3 else 12)
    later = 3 if group > 0 else 0
    if size_bits == 3:
        return SIGNIFICANT + later + (9 if scan == DIAGONAL else 15)
    return SIGNIFICANT + later + 21


@compiled
def significance_context(
    base: int, size_bits: int, component: int, around: int, index: int, place: int, position: int
) -> int:
    """Return the context of a sig_coeff_flag (9.3.4.2.5). position: 4 * y + x in the group."""
    if size_bits > 2 and (place > 0 or index > 0):
        return base + _BY_NEIGHBOURS[around, position]
    first = SIGNIFICANT + (CHROMA_SIGNIFICANT if component > 0 else 0)
    return first + _IN_4X4[position] if size_bits == 2 else first


@compiled
def _parse_levels(
    state: np.void,
    data: np.ndarray,
    corner: int,
    count: int,
    index: int,
    chroma: int,
    greater_1: int,
    hides: bool,
) -> int:
    """Parse the magnitudes and signs of the levels of a group whose positions are known.

    corner: x + 32 * y of the group in samples. greater_1: greater1Ctx after the last group with levels; returns the
    same of this group.
    """
    found, places = state["found"], state["scan_place"]
    start = state["count"]
    level, position = state["level"], state["place"]
    context_set = 0 if index == 0 or chroma else 2
    if greater_1 == 0:
        context_set += 1
    greater_1 = 1
    first_greater = -1
    flags = min(count, MAX_GREATER_1)
    base = GREATER_1 + 16 * chroma + 4 * context_set
    for number in range(flags):
        flag = decode_bin(state, data, base + greater_1)
        level[start + number] = 1 + flag
        if flag:
            greater_1 = 0
            if first_greater < 0:
                first_greater = number
        elif 0 < greater_1 < 3:
            greater_1 += 1
    for number in range(flags, count):
        level[start + number] = 1
    if first_greater >= 0:
        level[start + first_greater] += decode_bin(state, data, GREATER_2 + 4 * chroma + context_set)
    hidden = hides and places[0] - places[count - 1] > 3
    sent = count - 1 if hidden else count
    signs = decode_bypass(state, data, sent) << (count - sent)
    rice, total = 0, 0
    for number in range(count):
        magnitude = wide(level[start + number])
        most = 1 if number >= MAX_GREATER_1 else 3 if number == first_greater else 2  # that the flags can say
        if magnitude == most:
            magnitude += _parse_remaining(state, data, rice)
            if magnitude > 3 << rice:
                rice = min(rice + 1, 4)
            if magnitude > LARGEST + 1:
                fail(state, LEVEL_TOO_LARGE)
                magnitude = 0
        total += magnitude
        negative = (signs >> (count - 1 - number)) & 1
        if hidden and number == count - 1:
            negative = total & 1
        if magnitude > LARGEST and not negative:
            fail(state, LEVEL_TOO_LARGE)
            magnitude = 0
        level[start + number] = -magnitude if negative else magnitude
        position[start + number] = corner + found[number]
    state["count"] = start + count
    return greater_1


@compiled
def _parse_remaining(state: np.void, data: np.ndarray, rice: int) -> int:
    """Parse coeff_abs_level_remaining (9.3.3.11)."""
    prefix = 0
    while prefix < MAX_PREFIX and decode_bypass(state, data, 1):
        prefix += 1
    if prefix <= 3:
        return (prefix << rice) + decode_bypass(state, data, rice)
    if prefix == MAX_PREFIX:
        fail(state, LEVEL_TOO_LARGE)
        return 0
    length = prefix - 3 + rice
    value = decode_bypass(state, data, min(length, 16))
    if length > 16:
        value = (value << (length - 16)) | decode_bypass(state, data, length - 16)
    return (((1 << (prefix - 3)) + 2) << rice) + value
