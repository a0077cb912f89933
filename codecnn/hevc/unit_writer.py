"""Write a coding unit from the units that were read or chosen (H.265 7.3.8.5 to 7.3.8.10)."""

import numpy as np

from codecnn.hevc.cabac_encoder import encode_bin, encode_bypass, encode_terminate, put_bits, start_encoder
from codecnn.hevc.coding_tree import has_chroma_blocks, push_quarters
from codecnn.hevc.coding_unit import CHROMA_MODES, MPMS, REPLACEMENT, neighbour_modes
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import (
    BYPASS,
    CBF_CHROMA,
    CBF_LUMA,
    CHROMA_MODE,
    IS_MPM,
    PART_MODE,
    QP_DELTA,
    SPLIT_TRANSFORM,
)
from codecnn.hevc.grid import mark_mode, mark_parsed, mark_qp
from codecnn.hevc.residual_writer import write_residual
from codecnn.hevc.state import BAD_RECORD, FINE, Arrays
from codecnn.hevc.transform_tree import LARGEST_PREFIX, may_split, must_split
from codecnn.intra.hevc import DC, MODES


@compiled
def write_coding_unit(state: np.void, data: np.ndarray, arrays: Arrays, x: int, y: int, size_bits: int) -> None:
    """Write coding_unit() from the next units of the arrays; `failure` is set if they do not fit."""
    unit = arrays.coding_units[state["coding_units"]]
    nodes = state["transform_stack"]
    state["coding_units"] += 1
    waiting = 0
    if _write_unit(state, data, arrays, unit, x, y, size_bits):
        nodes[0, 0], nodes[0, 1], nodes[0, 2] = x, y, size_bits
        nodes[0, 3] = nodes[0, 4] = state["has_chroma"]
        waiting = 1
    while waiting > 0 and state["failure"] == FINE:
        waiting -= 1
        x_node, y_node, node_bits = nodes[waiting, 0], nodes[waiting, 1], nodes[waiting, 2]
        state["cbf"][1], state["cbf"][2] = nodes[waiting, 3], nodes[waiting, 4]
        depth = size_bits - node_bits
        if not _is_next(state, arrays, x_node, y_node, node_bits, depth):
            state["failure"] = BAD_RECORD
        elif _write_node(state, data, arrays, wide(unit["qp"]), node_bits, depth):
            waiting = push_quarters(nodes, waiting, x_node, y_node, node_bits)
            for child in range(waiting - 4, waiting):
                nodes[child, 3], nodes[child, 4] = state["cbf"][1], state["cbf"][2]
        else:
            _write_blocks(state, data, arrays, x_node, y_node, node_bits)
    mark_qp(arrays, x, y, 1 << size_bits, wide(unit["qp"]))
    state["previous_qp"] = wide(unit["qp"])


@compiled
def _write_blocks(state: np.void, data: np.ndarray, arrays: Arrays, x: int, y: int, size_bits: int) -> None:
    """Write the levels of the next transform unit, whose coded block flags are in the state."""
    transform = arrays.transform_units[state["transform_units"]]
    state["transform_units"] += 1
    for component in range(3 if has_chroma_blocks(state, x, y, size_bits) else 1):
        block_x, block_y, bits, mode = x, y, size_bits, state["chroma_mode"]
        skip = transform["skip_y"]
        if component == 0:
            mode = wide(arrays.grid[y >> 2, x >> 2]["luma_mode"])
        else:
            skip = transform["skip_cb"] if component == 1 else transform["skip_cr"]
            if size_bits > 2:
                block_x, block_y, bits = x >> 1, y >> 1, size_bits - 1
            else:
                block_x, block_y = (x & ~7) >> 1, (y & ~7) >> 1
        if state["cbf"][component]:
            plane = arrays.levels[component]
            if not plane[block_y : block_y + (1 << bits), block_x : block_x + (1 << bits)].any():
                state["failure"] = BAD_RECORD
                return
            write_residual(state, data, plane, block_x, block_y, bits, component, mode, 1 if skip else 0)


@compiled
def _is_next(state: np.void, arrays: Arrays, x: int, y: int, size_bits: int, depth: int) -> bool:
    """Tell whether the next transform unit begins at this place, and is as large as a node there may be."""
    if state["transform_units"] >= arrays.transform_units.size:
        return False
    unit = arrays.transform_units[state["transform_units"]]
    size = wide(unit["size"])
    if unit["x"] != x or unit["y"] != y or size > 1 << size_bits or size < 4:
        return False
    if size == 1 << size_bits:
        return not must_split(state, size_bits, depth)
    return must_split(state, size_bits, depth) or may_split(state, size_bits, depth)


@compiled
def _write_unit(
    state: np.void, data: np.ndarray, arrays: Arrays, unit: np.void, x: int, y: int, size_bits: int
) -> bool:
    """Write coding_unit() up to its transform tree, and tell whether it has one."""
    state["bypassed"] = 1 if unit["bypass"] else 0
    if state["transquant_bypass"]:
        encode_bin(state, data, BYPASS, state["bypassed"])
    state["parts"] = wide(unit["parts"])
    if state["parts"] != 1 and (state["parts"] != 4 or size_bits > state["min_cb_bits"]):
        state["failure"] = BAD_RECORD
        return False
    if size_bits == state["min_cb_bits"]:
        encode_bin(state, data, PART_MODE, 1 if state["parts"] == 1 else 0)
    mark_parsed(state, arrays, x, y, size_bits)
    if state["pcm_enabled"] and state["parts"] == 1 and state["min_pcm_bits"] <= size_bits <= state["max_pcm_bits"]:
        encode_terminate(state, data, 1 if unit["pcm"] else 0)
        if unit["pcm"]:
            _write_pcm(state, data, arrays, x, y, 1 << size_bits)
            return False
    if not _are_modes(state, arrays, x, y, size_bits):
        state["failure"] = BAD_RECORD
        return False
    _write_modes(state, data, arrays)
    return True


@compiled
def _are_modes(state: np.void, arrays: Arrays, x: int, y: int, size_bits: int) -> bool:
    """Tell whether the next prediction blocks are those of a coding unit, and have modes that can be written."""
    first, parts = state["prediction_blocks"], state["parts"]
    if first + parts > arrays.prediction_blocks.size:
        return False
    side = (1 << size_bits) // (1 if parts == 1 else 2)
    for part in range(parts):
        block = arrays.prediction_blocks[first + part]
        if block["x"] != x + side * (part & 1) or block["y"] != y + side * (part >> 1) or block["size"] != side:
            return False
        if block["luma_mode"] < 0 or block["luma_mode"] >= MODES:
            return False
    return True


@compiled
def _write_pcm(state: np.void, data: np.ndarray, arrays: Arrays, x: int, y: int, size: int) -> None:
    for component in range(3 if state["has_chroma"] else 1):
        down = min(component, 1)
        depth = state["pcm_depth"][down]
        shift = state["bit_depth"][down] - depth
        for j in range(y >> down, (y + size) >> down):
            for i in range(x >> down, (x + size) >> down):
                put_bits(state, data, wide(arrays.samples[component, j, i]) >> shift, depth)
    start_encoder(state)
    mark_mode(arrays, x, y, size, DC)
    state["prediction_blocks"] += 1


@compiled
def _write_modes(state: np.void, data: np.ndarray, arrays: Arrays) -> None:
    """Write the modes of the next prediction blocks."""
    first, parts = state["prediction_blocks"], state["parts"]
    places, remaining = state["mpm_places"], state["remaining_modes"]
    state["prediction_blocks"] += parts
    for part in range(parts):
        block = arrays.prediction_blocks[first + part]
        x, y, mode = wide(block["x"]), wide(block["y"]), wide(block["luma_mode"])
        left, above = neighbour_modes(state, arrays, x, y)
        places[part], remaining[part] = -1, mode
        for index in range(3):
            candidate = MPMS[left, above, index]
            if candidate == mode:
                places[part] = index
            if candidate < mode:
                remaining[part] -= 1
        mark_mode(arrays, x, y, wide(block["size"]), mode)
    for part in range(parts):
        encode_bin(state, data, IS_MPM, 1 if places[part] >= 0 else 0)
    for part in range(parts):
        if places[part] < 0:
            encode_bypass(state, data, remaining[part], 5)
        elif places[part] == 0:
            encode_bypass(state, data, 0, 1)
        else:
            encode_bypass(state, data, 1 + places[part], 2)
    if not state["has_chroma"]:
        return
    luma, chroma = (
        wide(arrays.prediction_blocks[first]["luma_mode"]),
        wide(arrays.prediction_blocks[first]["chroma_mode"]),
    )
    state["chroma_mode"] = chroma
    encode_bin(state, data, CHROMA_MODE, 1 if chroma != luma else 0)
    if chroma != luma:
        sought = luma if chroma == REPLACEMENT else chroma
        for index in range(4):
            if CHROMA_MODES[index] == sought:
                encode_bypass(state, data, index, 2)


@compiled
def _write_node(state: np.void, data: np.ndarray, arrays: Arrays, qp: int, size_bits: int, depth: int) -> bool:
    """Write a node of the transform tree up to its residual, and tell whether it is split.

    A chroma flag of a node that is split is set if that of one of its transform units is.
    """
    number = state["transform_units"]
    unit = arrays.transform_units[number]
    is_split = wide(unit["size"]) < 1 << size_bits
    if not must_split(state, size_bits, depth) and may_split(state, size_bits, depth):
        encode_bin(state, data, SPLIT_TRANSFORM + 5 - size_bits, 1 if is_split else 0)
    cbf = state["cbf"]
    if size_bits > 2:
        area, cbf_cb, cbf_cr = 0, False, False
        while area < 1 << 2 * size_bits:
            if number == arrays.transform_units.size:
                state["failure"] = BAD_RECORD
                return False
            child = arrays.transform_units[number]
            cbf_cb, cbf_cr = cbf_cb or child["cbf_cb"], cbf_cr or child["cbf_cr"]
            area += max(wide(child["size"]), 1) ** 2
            number += 1
        if cbf[1]:
            cbf[1] = 1 if cbf_cb else 0
            encode_bin(state, data, CBF_CHROMA + depth, cbf[1])
        if cbf[2]:
            cbf[2] = 1 if cbf_cr else 0
            encode_bin(state, data, CBF_CHROMA + depth, cbf[2])
    if not is_split:
        cbf[0] = 1 if unit["cbf_y"] else 0
        encode_bin(state, data, CBF_LUMA + (1 if depth == 0 else 0), cbf[0])
        if state["qp_delta_pending"] and (cbf[0] or cbf[1] or cbf[2]):
            _write_qp_delta(state, data, qp)
    return is_split


@compiled
def _write_qp_delta(state: np.void, data: np.ndarray, qp: int) -> None:
    """Write cu_qp_delta_abs and its sign (9.3.3.10) for a unit of this QP."""
    state["qp_delta_pending"] = 0
    above = 6 * (state["bit_depth"][0] - 8)
    lowest = 26 + above // 2
    delta = (qp - state["predicted_qp"] + lowest) % (52 + above) - lowest
    magnitude = abs(delta)
    for index in range(min(magnitude, LARGEST_PREFIX)):
        encode_bin(state, data, QP_DELTA + min(index, 1), 1)
    if magnitude < LARGEST_PREFIX:
        encode_bin(state, data, QP_DELTA + min(magnitude, 1), 0)
    else:
        rest, order = magnitude - LARGEST_PREFIX, 0
        while rest >= 1 << order:
            encode_bypass(state, data, 1, 1)
            rest -= 1 << order
            order += 1
        encode_bypass(state, data, 0, 1)
        encode_bypass(state, data, rest, order)
    if magnitude:
        encode_bypass(state, data, 1 if delta < 0 else 0, 1)
