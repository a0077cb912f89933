"""Parse what a coding unit begins with, up to its transform tree (H.265 7.3.8.5, 7.3.8.7, 8.4.2, 8.4.3)."""

import numpy as np

from codecnn.hevc.cabac import (
    charge,
    decode_bin,
    decode_bypass,
    decode_terminate,
    end_substream,
    read_bits,
    start_substream,
)
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import BYPASS as BYPASS_CONTEXT
from codecnn.hevc.contexts import CHROMA_MODE, IS_MPM, PART_MODE
from codecnn.hevc.grid import is_parsed, mark_decoded, mark_mode, mark_parsed, mark_qp
from codecnn.hevc.state import BYPASS, MODES, PARTITION, PCM, Arrays
from codecnn.intra import mpm
from codecnn.intra.hevc import DC, HORIZONTAL, PLANAR, VERTICAL

MPMS = mpm.hevc_table()
CHROMA_MODES = np.array([PLANAR, VERTICAL, HORIZONTAL, DC])
REPLACEMENT = 34  # of a chroma mode that is that of luma
NO_MODE = -1


@compiled
def begin_coding_unit(state: np.void, data: np.ndarray, arrays: Arrays, x: int, y: int, size_bits: int) -> bool:
    """Parse coding_unit() up to its transform tree, and tell whether it has one: not if it is coded by PCM."""
    size = 1 << size_bits
    state["unit_start"] = state["charged"]
    state["bypassed"] = 0
    if state["transquant_bypass"]:
        state["bypassed"] = decode_bin(state, data, BYPASS_CONTEXT)
        charge(state, BYPASS)
    state["parts"] = 1
    if size_bits == state["min_cb_bits"]:
        if not decode_bin(state, data, PART_MODE):
            state["parts"] = 4
        charge(state, PARTITION)
    mark_parsed(state, arrays, x, y, size_bits)
    state["is_pcm"] = 0
    if state["pcm_enabled"] and state["parts"] == 1 and state["min_pcm_bits"] <= size_bits <= state["max_pcm_bits"]:
        state["is_pcm"] = decode_terminate(state, data)
        if state["is_pcm"]:
            _parse_pcm(state, data, arrays, x, y, size)
        charge(state, PCM)
    if state["is_pcm"]:
        return False
    _parse_modes(state, data, arrays, x, y, size)
    return True


@compiled
def end_coding_unit(state: np.void, arrays: Arrays, x: int, y: int, size_bits: int) -> None:
    """Record a coding unit that is decoded."""
    mark_qp(arrays, x, y, 1 << size_bits, state["qp"])
    state["previous_qp"] = state["qp"]
    unit = arrays.coding_units[state["coding_units"]]
    state["coding_units"] += 1
    unit["x"] = x
    unit["y"] = y
    unit["size"] = 1 << size_bits
    unit["parts"] = state["parts"]
    unit["qp"] = state["qp"]
    unit["bypass"] = state["bypassed"] != 0
    unit["pcm"] = state["is_pcm"] != 0
    unit["bits"] = state["charged"] - state["unit_start"]


@compiled
def _record_block(
    state: np.void, arrays: Arrays, x: int, y: int, size: int, luma_mode: int, chroma_mode: int, bits: float
) -> None:
    block = arrays.prediction_blocks[state["prediction_blocks"]]
    state["prediction_blocks"] += 1
    block["x"] = x
    block["y"] = y
    block["size"] = size
    block["luma_mode"] = luma_mode
    block["chroma_mode"] = chroma_mode
    block["bits"] = bits


@compiled
def _parse_pcm(state: np.void, data: np.ndarray, arrays: Arrays, x: int, y: int, size: int) -> None:
    """Read pcm_sample(), and begin the arithmetic code anew (7.3.8.7)."""
    end_substream(state, data)
    for component in range(3 if state["has_chroma"] else 1):
        down = min(component, 1)
        depth = state["pcm_depth"][down]
        shift = state["bit_depth"][down] - depth
        for j in range(y >> down, (y + size) >> down):
            for i in range(x >> down, (x + size) >> down):
                arrays.samples[component, j, i] = read_bits(state, data, depth) << shift
    start_substream(state, data)
    mark_mode(arrays, x, y, size, DC)  # for the most probable modes of other blocks (8.4.2)
    mark_decoded(state, arrays, x, y, size)
    _record_block(state, arrays, x, y, size, NO_MODE, NO_MODE, 0.0)


@compiled
def _parse_modes(state: np.void, data: np.ndarray, arrays: Arrays, x: int, y: int, size: int) -> None:
    """Parse the intra modes of a coding unit, and derive them (8.4.2, 8.4.3)."""
    parts = state["parts"]
    side = size if parts == 1 else size >> 1
    first = state["prediction_blocks"]
    are_mpm = 0
    for part in range(parts):
        are_mpm |= decode_bin(state, data, IS_MPM) << part
    shared = charge(state, MODES) / parts
    for part in range(parts):
        left, above = x + side * (part & 1), y + side * (part >> 1)
        mode = _parse_luma_mode(state, data, arrays, left, above, (are_mpm >> part) & 1)
        mark_mode(arrays, left, above, side, mode)
        _record_block(state, arrays, left, above, side, mode, NO_MODE, charge(state, MODES) + shared)
    if state["has_chroma"]:
        mode = wide(arrays.prediction_blocks[first]["luma_mode"])
        if decode_bin(state, data, CHROMA_MODE):
            chosen = CHROMA_MODES[decode_bypass(state, data, 2)]
            mode = REPLACEMENT if chosen == mode else chosen
        state["chroma_mode"] = mode
        arrays.prediction_blocks[first]["bits"] += charge(state, MODES)
        for part in range(parts):
            arrays.prediction_blocks[first + part]["chroma_mode"] = mode


@compiled
def _parse_luma_mode(state: np.void, data: np.ndarray, arrays: Arrays, x: int, y: int, is_mpm: int) -> int:
    """Parse mpm_idx or rem_intra_luma_pred_mode of a prediction block, and derive IntraPredModeY (8.4.2)."""
    left, above = neighbour_modes(state, arrays, x, y)
    if is_mpm:
        index = 0
        while index < 2 and decode_bypass(state, data, 1):
            index += 1
        return MPMS[left, above, index]
    mode = decode_bypass(state, data, 5)
    a, b, c = MPMS[left, above, 0], MPMS[left, above, 1], MPMS[left, above, 2]
    lowest, highest = min(a, b, c), max(a, b, c)
    for candidate in (lowest, a + b + c - lowest - highest, highest):
        if mode >= candidate:
            mode += 1
    return mode


@compiled
def neighbour_modes(state: np.void, arrays: Arrays, x: int, y: int) -> tuple[int, int]:
    """Return candIntraPredModeA and candIntraPredModeB of a prediction block (8.4.2)."""
    left = above = DC
    if is_parsed(state, arrays, x - 1, y):
        left = wide(arrays.grid[y >> 2, (x - 1) >> 2]["luma_mode"])
    if y & ((1 << state["ctb_bits"]) - 1) and is_parsed(state, arrays, x, y - 1):
        above = wide(arrays.grid[(y - 1) >> 2, x >> 2]["luma_mode"])
    return left, above
