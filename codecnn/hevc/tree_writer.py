"""Write a coding tree unit from the units that were read or chosen (H.265 7.3.8.4)."""

import numpy as np

from codecnn.hevc.cabac_encoder import encode_bin
from codecnn.hevc.coding_tree import begin_group, push_quarters, split_context
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.state import BAD_RECORD, FINE, Arrays
from codecnn.hevc.unit_writer import write_coding_unit


@compiled
def write_coding_tree(state: np.void, data: np.ndarray, arrays: Arrays, x_ctu: int, y_ctu: int) -> None:
    """Write coding_quadtree() of a CTU from the next units of the arrays; `failure` is set if they do not fit."""
    stack, top = state["coding_stack"], 1
    stack[0, 0], stack[0, 1], stack[0, 2] = x_ctu, y_ctu, state["ctb_bits"]
    while top > 0 and state["failure"] == FINE:
        top -= 1
        x, y, size_bits = stack[top, 0], stack[top, 1], stack[top, 2]
        if x >= state["width"] or y >= state["height"]:
            continue
        if not _is_next(state, arrays, x, y, size_bits):
            state["failure"] = BAD_RECORD
            return
        is_split = wide(arrays.coding_units[state["coding_units"]]["size"]) < 1 << size_bits
        inside = x + (1 << size_bits) <= state["width"] and y + (1 << size_bits) <= state["height"]
        if inside and size_bits > state["min_cb_bits"]:
            encode_bin(state, data, split_context(state, arrays, x, y, size_bits), 1 if is_split else 0)
        begin_group(state, arrays, x, y, size_bits)
        if is_split:
            top = push_quarters(stack, top, x, y, size_bits)
        else:
            write_coding_unit(state, data, arrays, x, y, size_bits)


@compiled
def _is_next(state: np.void, arrays: Arrays, x: int, y: int, size_bits: int) -> bool:
    """Tell whether the next coding unit begins at this place, and is as large as a node there or the split allows."""
    if state["coding_units"] >= arrays.coding_units.size:
        return False
    unit = arrays.coding_units[state["coding_units"]]
    size = wide(unit["size"])
    if unit["x"] != x or unit["y"] != y or size > 1 << size_bits or size < 1 << state["min_cb_bits"]:
        return False
    return size < 1 << size_bits or (x + size <= state["width"] and y + size <= state["height"])
