"""Decode a coding tree unit (H.265 7.3.8.2, 7.3.8.4, 8.6.1).

Both trees are walked with a stack of nodes that are not visited yet, not by functions that call themselves: numba
optimises the code of a function again for each function that calls it.
"""

import numpy as np

from codecnn.hevc.blocks import add_residual, record_levels, scaled_qp
from codecnn.hevc.cabac import charge, decode_bin
from codecnn.hevc.coding_unit import begin_coding_unit, end_coding_unit
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import SPLIT_CU
from codecnn.hevc.grid import is_parsed, mark_decoded
from codecnn.hevc.prediction import predict
from codecnn.hevc.residual import parse_residual
from codecnn.hevc.state import FINE, PARTITION, Arrays
from codecnn.hevc.transform import place_residual, scale_levels, transform_back
from codecnn.hevc.transform_tree import parse_transform_node, record_transform_unit


@compiled
def decode_coding_tree(state: np.void, data: np.ndarray, arrays: Arrays, x_ctu: int, y_ctu: int) -> None:
    """Parse coding_quadtree() of a CTU, and reconstruct it."""
    stack, top = state["coding_stack"], 1
    stack[0, 0], stack[0, 1], stack[0, 2] = x_ctu, y_ctu, state["ctb_bits"]
    nodes = state["transform_stack"]
    while top > 0 and state["failure"] == FINE:
        top -= 1
        x, y, size_bits = stack[top, 0], stack[top, 1], stack[top, 2]
        if x >= state["width"] or y >= state["height"]:
            continue
        if _parse_split(state, data, arrays, x, y, size_bits):
            top = push_quarters(stack, top, x, y, size_bits)
            continue
        waiting = 0
        if begin_coding_unit(state, data, arrays, x, y, size_bits):
            nodes[0, 0], nodes[0, 1], nodes[0, 2] = x, y, size_bits
            nodes[0, 3] = nodes[0, 4] = state["has_chroma"]  # cbf_cb and cbf_cr of the parent
            waiting = 1
        while waiting > 0:
            waiting -= 1
            x_node, y_node, node_bits = nodes[waiting, 0], nodes[waiting, 1], nodes[waiting, 2]
            state["cbf"][1], state["cbf"][2] = nodes[waiting, 3], nodes[waiting, 4]
            depth = size_bits - node_bits
            if parse_transform_node(state, data, node_bits, depth):
                waiting = push_quarters(nodes, waiting, x_node, y_node, node_bits)
                for child in range(waiting - 4, waiting):
                    nodes[child, 3], nodes[child, 4] = state["cbf"][1], state["cbf"][2]
                continue
            # transform_unit(), 7.3.8.10
            state["skip"][:] = 0
            for component in range(3 if has_chroma_blocks(state, x_node, y_node, node_bits) else 1):
                block_x, block_y, bits, mode = x_node, y_node, node_bits, state["chroma_mode"]
                if component == 0:
                    mode = wide(arrays.grid[y_node >> 2, x_node >> 2]["luma_mode"])
                elif node_bits > 2:
                    block_x, block_y, bits = x_node >> 1, y_node >> 1, node_bits - 1
                else:
                    block_x, block_y = (x_node & ~7) >> 1, (y_node & ~7) >> 1
                predict(state, arrays, component, block_x, block_y, bits, mode)
                is_coded = state["cbf"][component] != 0
                if is_coded:
                    skip = parse_residual(state, data, bits, component, mode)
                    state["skip"][component] = skip
                    record_levels(state, arrays.levels[component], block_x, block_y)
                    if not state["bypassed"]:
                        scale_levels(state, arrays.factors, bits, component, scaled_qp(state, component))
                    if state["bypassed"] or skip:
                        place_residual(state, bits, component, skip)
                    else:
                        transform_back(state, bits, component)
                add_residual(state, arrays, component, block_x, block_y, bits, is_coded)
            mark_decoded(state, arrays, x_node, y_node, 1 << node_bits)
            record_transform_unit(state, arrays, x_node, y_node, node_bits, depth)
        end_coding_unit(state, arrays, x, y, size_bits)


@compiled
def push_quarters(stack: np.ndarray, top: int, x: int, y: int, size_bits: int) -> int:
    """Put the quarters of a block on a stack, the first one on top, and return the new height of the stack."""
    half = 1 << (size_bits - 1)
    for step in range(4):
        stack[top + step, 0] = x + (0 if step & 1 else half)
        stack[top + step, 1] = y + (0 if step & 2 else half)
        stack[top + step, 2] = size_bits - 1
    return top + 4


@compiled
def has_chroma_blocks(state: np.void, x: int, y: int, size_bits: int) -> bool:
    """Tell whether the chroma of a transform unit follows its luma: that of four 4x4 blocks follows the last."""
    return state["has_chroma"] != 0 and (size_bits > 2 or x & y & 4 != 0)


@compiled
def _parse_split(state: np.void, data: np.ndarray, arrays: Arrays, x: int, y: int, size_bits: int) -> bool:
    """Parse split_cu_flag, or infer it, and begin a quantisation group where one begins."""
    size = 1 << size_bits
    if x + size > state["width"] or y + size > state["height"]:
        is_split = size_bits > state["min_cb_bits"]
    elif size_bits > state["min_cb_bits"]:
        is_split = decode_bin(state, data, split_context(state, arrays, x, y, size_bits)) == 1
        charge(state, PARTITION)
    else:
        is_split = False
    begin_group(state, arrays, x, y, size_bits)
    return is_split


@compiled
def split_context(state: np.void, arrays: Arrays, x: int, y: int, size_bits: int) -> int:
    """Return the context of split_cu_flag (9.3.4.2.2)."""
    context = SPLIT_CU
    if is_parsed(state, arrays, x - 1, y) and arrays.grid[y >> 2, (x - 1) >> 2]["cb_bits"] < size_bits:
        context += 1
    if is_parsed(state, arrays, x, y - 1) and arrays.grid[(y - 1) >> 2, x >> 2]["cb_bits"] < size_bits:
        context += 1
    return context


@compiled
def begin_group(state: np.void, arrays: Arrays, x: int, y: int, size_bits: int) -> None:
    """Begin a quantisation group if a block of this size does."""
    if size_bits >= state["qp_group_bits"]:
        state["qp_delta_pending"] = state["qp_delta_enabled"]
        _predict_qp(state, arrays, x, y)


@compiled
def _predict_qp(state: np.void, arrays: Arrays, x: int, y: int) -> None:
    """Predict the QP of the quantisation group that begins at (x, y) (8.6.1)."""
    mask = (1 << state["ctb_bits"]) - 1
    left = above = state["previous_qp"]
    if x & mask:
        left = wide(arrays.grid[y >> 2, (x - 1) >> 2]["qp"])
    if y & mask:
        above = wide(arrays.grid[(y - 1) >> 2, x >> 2]["qp"])
    state["predicted_qp"] = state["qp"] = (left + above + 1) >> 1
