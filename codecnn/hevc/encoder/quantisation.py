"""Choose the levels of a transform block: rounded, or with the least rate-distortion cost (RDOQ).

The cost of a level is the squared error of its coefficient over lambda, and the bits that it takes with the present
context variables. Like the quantiser of HM (Karczewicz et al., VCEG-AH21, 2008) it goes through the coefficients in
coding order and takes the best level for each, then decides on groups, and on the last position. Where the sign of a
group is hidden (Clare et al., JCTVC-G271, 2011) the cheapest change is made that gives the sum the right parity.
"""

import numpy as np

from codecnn.hevc.blocks import scaled_qp
from codecnn.hevc.cabac_encoder import BITS
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import CODED_GROUP, GREATER_1, GREATER_2, LAST_X, LAST_Y
from codecnn.hevc.residual import (
    LARGEST,
    MAX_GREATER_1,
    last_contexts,
    scan_index,
    significance_base,
    significance_context,
)
from codecnn.hevc.residual_writer import prefix_of, remaining_bits
from codecnn.hevc.scan import GROUPS, IN_GROUP, VERTICAL

QUANT_SCALE = np.array([26214, 23302, 20560, 18396, 16384, 14564])  # 2^20 over LEVEL_SCALE
ROUNDING = 171 / 512  # of HM and x265 for intra blocks without a search
NEVER = 1e30


@compiled
def measure_coefficients(state: np.void, scratch: np.void, size_bits: int, component: int) -> float:
    """Compute `scaled` and `weight` of a block, set `chosen` to 0, and return the largest magnitude in steps."""
    coefficient, scaled, chosen = scratch["coefficient"], scratch["scaled"], scratch["chosen"]
    qp = scaled_qp(state, component)
    gain_bits = 15 - state["bit_depth"][min(component, 1)] - size_bits  # of the transform, log2
    step = 2.0 ** (14 + qp // 6 + gain_bits) / QUANT_SCALE[qp % 6]
    lagrangian = scratch["lagrangian"]
    if component > 0:
        lagrangian /= scratch["chroma_weight"][component - 1]
    scratch["weight"] = step * step / 4.0**gain_bits / lagrangian
    largest = 0.0
    for index in range(1 << 2 * size_bits):
        scaled[index] = min(abs(coefficient[index]) / step, LARGEST)
        largest = max(largest, scaled[index])
        chosen[index] = 0
    return largest


@compiled
def round_levels(scratch: np.void, size_bits: int) -> None:
    """Choose magnitudes by rounding, with a dead zone; changes of them cost no bits."""
    for index in range(1 << 2 * size_bits):
        scratch["chosen"][index] = int(scratch["scaled"][index] + ROUNDING)
        scratch["bits_up"][index] = scratch["bits_down"][index] = 0


@compiled
def search_levels(state: np.void, scratch: np.void, size_bits: int, component: int, mode: int, flag: int) -> None:
    """Choose magnitudes by their cost; `chosen` is 0 before. flag: the context of the coded block flag."""
    chroma = min(component, 1)
    scan = scan_index(mode, size_bits, component)
    groups, order = GROUPS[size_bits - 2, scan], IN_GROUP[scan]
    contexts, coded = state["contexts"], state["coded_group"]
    scaled, chosen, weight = scratch["scaled"], scratch["chosen"], scratch["weight"]
    zero_cost, level_cost, flag_bits = scratch["zero_cost"], scratch["level_cost"], scratch["flag_bits"]
    bits_up, bits_down, group_bits = scratch["bits_up"], scratch["bits_down"], scratch["group_bits"]
    coded[:] = 0
    last_group = -1
    greater_1 = 1
    found_last = False
    total = nothing = 0.0
    for index in range((1 << 2 * (size_bits - 2)) - 1, -1, -1):
        column, row = groups[index, 0], groups[index, 1]
        corner = (4 * row << size_bits) + 4 * column
        around = coded[row * 9 + column + 1] + 2 * coded[row * 9 + column + 9]
        base = significance_base(size_bits, component, scan, column + 8 * row)
        context_set = 0 if index == 0 or chroma else 2
        if greater_1 == 0:
            context_set += 1
        first_greater, last_greater_1 = GREATER_1 + 16 * chroma + 4 * context_set, greater_1
        variable_2 = wide(contexts[GREATER_2 + 4 * chroma + context_set])
        flag_1, count, rice, seen_greater = 1, 0, 0, False
        group_bits[index] = 0
        zero_total, coded_total = 0.0, 0.0
        for place in range(15, -1, -1):
            x, y = order[place, 0], order[place, 1]
            position, at = corner + (y << size_bits) + x, 16 * index + place
            magnitude = scaled[position]
            rounded = int(magnitude + 0.5)
            zero_cost[at] = level_cost[at] = weight * magnitude * magnitude
            zero_total += zero_cost[at]
            flag_bits[at] = 0
            bits_up[position] = NEVER
            bits_down[position] = 0
            if not found_last and rounded == 0:
                coded_total += zero_cost[at]
                continue
            bits_zero = bits_other = 0.0  # of the flag of significance
            is_last = not found_last
            if is_last:
                found_last, last_group = True, index
            elif not (place == 0 and count == 0 and 0 < index < last_group):
                variable = wide(
                    contexts[significance_context(base, size_bits, component, around, index, place, 4 * y + x)]
                )
                bits_zero, bits_other = BITS[variable], BITS[variable ^ 1]
            variable_1 = wide(contexts[first_greater + flag_1])
            best, level = NEVER, 0
            if not is_last and rounded <= 2:
                best = zero_cost[at] + bits_zero
                flag_bits[at] = bits_zero
            best_bits = bits_zero
            for candidate in range(max(rounded - 1, 1), rounded + 1):
                bits = bits_other + _level_bits(candidate, count, seen_greater, rice, variable_1, variable_2)
                cost = weight * (magnitude - candidate) ** 2 + bits
                if cost < best:
                    best, level, best_bits = cost, candidate, bits
                    flag_bits[at] = bits_other
            level_cost[at] = best
            chosen[position] = level
            if not is_last or level > 0:
                up = _level_bits(level + 1, count, seen_greater, rice, variable_1, variable_2) + bits_other
                bits_up[position] = up - best_bits
                if level > 1:
                    less = _level_bits(level - 1, count, seen_greater, rice, variable_1, variable_2) + bits_other
                    bits_down[position] = less - best_bits
                else:
                    bits_down[position] = bits_zero - best_bits
            coded_total += best
            if level > 0:
                most = 1 if count >= MAX_GREATER_1 else 2 if seen_greater else 3
                if count < MAX_GREATER_1:
                    if level > 1:
                        flag_1, seen_greater = 0, True
                    elif 0 < flag_1 < 3:
                        flag_1 += 1
                if level >= most and level > 3 << rice:
                    rice = min(rice + 1, 4)
                count += 1
        nothing += zero_total
        if not found_last:
            total += zero_total
            continue
        if 0 < index < last_group:
            variable = wide(contexts[CODED_GROUP + 2 * chroma + min(around, 1)])
            if count == 0 or zero_total + BITS[variable] <= coded_total + BITS[variable ^ 1]:
                for place in range(16):
                    x, y = order[place, 0], order[place, 1]
                    at, position = 16 * index + place, corner + (y << size_bits) + x
                    chosen[position] = 0
                    level_cost[at], flag_bits[at], bits_up[position] = zero_cost[at], 0, NEVER
                group_bits[index] = BITS[variable]
                total += zero_total + BITS[variable]
                greater_1 = last_greater_1
                continue
            group_bits[index] = BITS[variable ^ 1]
        coded[row * 9 + column] = 1
        total += coded_total + group_bits[index]
        if count > 0:
            greater_1 = flag_1
    if last_group >= 0:
        _choose_last(state, scratch, size_bits, component, scan, flag, last_group, total, nothing)


@compiled
def _level_bits(level: int, count: int, seen_greater: bool, rice: int, variable_1: int, variable_2: int) -> float:
    """Return the bits of a magnitude and its sign, after `count` others in its group."""
    bits = 1.0
    if count >= MAX_GREATER_1:
        return bits + remaining_bits(level - 1, rice)
    bits += BITS[variable_1 ^ (1 if level > 1 else 0)]
    if level == 1:
        return bits
    if seen_greater:
        return bits + remaining_bits(level - 2, rice)
    bits += BITS[variable_2 ^ (1 if level > 2 else 0)]
    return bits + remaining_bits(level - 3, rice) if level > 2 else bits


@compiled
def _choose_last(
    state: np.void,
    scratch: np.void,
    size_bits: int,
    component: int,
    scan: int,
    flag: int,
    last_group: int,
    total: float,
    nothing: float,
) -> None:
    """Set levels to 0 from the end on, as far as it makes the block cheaper.

    total: the cost of the levels without that of the last position. nothing: the cost of a block without levels.
    """
    groups, order, chosen = GROUPS[size_bits - 2, scan], IN_GROUP[scan], scratch["chosen"]
    zero_cost, level_cost, flag_bits = scratch["zero_cost"], scratch["level_cost"], scratch["flag_bits"]
    variable = wide(state["contexts"][flag])
    best, best_at = nothing + BITS[variable], -1
    total += BITS[variable ^ 1]
    ends = False  # at a level above 1
    for index in range(last_group, -1, -1):
        total -= scratch["group_bits"][index]
        corner = (4 * groups[index, 1] << size_bits) + 4 * groups[index, 0]
        for place in range(15, -1, -1):
            x, y = order[place, 0], order[place, 1]
            at, level = 16 * index + place, chosen[corner + (y << size_bits) + x]
            if level > 0:
                bits = _last_bits(state, 4 * groups[index, 0] + x, 4 * groups[index, 1] + y, size_bits, component, scan)
                if total - flag_bits[at] + bits < best:
                    best, best_at = total - flag_bits[at] + bits, at
                ends = level > 1
            if ends:
                break
            total += zero_cost[at] - level_cost[at]
        if ends:
            break
    for index in range(last_group, -1, -1):
        corner = (4 * groups[index, 1] << size_bits) + 4 * groups[index, 0]
        for place in range(16):
            if 16 * index + place > best_at:
                chosen[corner + (order[place, 1] << size_bits) + order[place, 0]] = 0


@compiled
def _last_bits(state: np.void, x: int, y: int, size_bits: int, component: int, scan: int) -> float:
    """Return the bits of the last position."""
    contexts, bits = state["contexts"], 0.0
    offset, shift = last_contexts(size_bits, min(component, 1))
    if scan == VERTICAL:
        x, y = y, x
    for first, position in ((LAST_X, x), (LAST_Y, y)):
        prefix = prefix_of(position)
        for index in range(prefix):
            bits += BITS[wide(contexts[first + offset + (index >> shift)]) ^ 1]
        if prefix < 2 * size_bits - 1:
            bits += BITS[wide(contexts[first + offset + (prefix >> shift)])]
        if prefix > 3:
            bits += (prefix >> 1) - 1
    return bits


@compiled
def set_signs(scratch: np.void, size_bits: int) -> None:
    """Give the levels the signs of their coefficients."""
    for index in range(1 << 2 * size_bits):
        if scratch["coefficient"][index] < 0:
            scratch["chosen"][index] = -scratch["chosen"][index]


@compiled
def hide_signs(scratch: np.void, size_bits: int, scan: int) -> None:
    """Change levels by 1 where the parity of a group is not the sign that it hides (7.3.8.11)."""
    groups, order, chosen = GROUPS[size_bits - 2, scan], IN_GROUP[scan], scratch["chosen"]
    in_last = True
    for index in range((1 << 2 * (size_bits - 2)) - 1, -1, -1):
        corner = (4 * groups[index, 1] << size_bits) + 4 * groups[index, 0]
        low, high, total = 16, -1, 0
        for place in range(16):
            level = abs(chosen[corner + (order[place, 1] << size_bits) + order[place, 0]])
            if level > 0:
                low, high, total = min(low, place), place, total + level
        if high - low > 3:
            is_negative = chosen[corner + (order[low, 1] << size_bits) + order[low, 0]] < 0
            if is_negative != (total & 1 == 1):
                _change_parity(scratch, size_bits, scan, corner, low, high if in_last else 15, total & 1 == 0)
        if high >= 0:
            in_last = False


@compiled
def _change_parity(
    scratch: np.void, size_bits: int, scan: int, corner: int, low: int, highest: int, becomes_odd: bool
) -> None:
    """Change the level of a group by 1 where it costs least.

    low: the place of the first level in the scan. highest: the last place that may get one. A level below `low` would
    hide its own sign, which has to fit; the level at `low` stays.
    """
    order, weight = IN_GROUP[scan], scratch["weight"]
    chosen, scaled, coefficient = scratch["chosen"], scratch["scaled"], scratch["coefficient"]
    best, best_position, best_change = 2 * NEVER, -1, 0
    for place in range(highest, -1, -1):
        position = corner + (order[place, 1] << size_bits) + order[place, 0]
        level, magnitude = abs(chosen[position]), scaled[position]
        if level < LARGEST and (level > 0 or place > low or (coefficient[position] < 0) == becomes_odd):
            cost = weight * (1 + 2 * (level - magnitude)) + scratch["bits_up"][position]
            if cost < best:
                best, best_position, best_change = cost, position, 1
        if level > 1 or (level == 1 and place > low):
            cost = weight * (1 - 2 * (level - magnitude)) + scratch["bits_down"][position]
            if cost < best:
                best, best_position, best_change = cost, position, -1
    if coefficient[best_position] < 0:
        best_change = -best_change
    chosen[best_position] += best_change
