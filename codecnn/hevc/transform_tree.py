"""Parse the nodes of a transform tree (H.265 7.3.8.8 to 7.3.8.10, 8.6.1)."""

import numpy as np

from codecnn.hevc.cabac import charge, decode_bin, decode_bypass, fail
from codecnn.hevc.compiled import compiled
from codecnn.hevc.contexts import CBF_CHROMA, CBF_LUMA, QP_DELTA, SPLIT_TRANSFORM
from codecnn.hevc.state import DELTA_QP, PARTITION, QP_DELTA_TOO_LARGE, RESIDUAL, Arrays

LARGEST_PREFIX, LARGEST_ORDER = 5, 6  # of cu_qp_delta_abs


@compiled
def parse_transform_node(state: np.void, data: np.ndarray, size_bits: int, depth: int) -> bool:
    """Parse a node of the transform tree up to its residual, and tell whether it is split.

    `cbf` of the state has the flags of the parent (of Y not used), and becomes that of the node. `node_bits` becomes
    what its flags take.
    """
    is_split = must_split(state, size_bits, depth)
    if not is_split and may_split(state, size_bits, depth):
        is_split = decode_bin(state, data, SPLIT_TRANSFORM + 5 - size_bits) == 1
    charge(state, PARTITION)
    cbf = state["cbf"]
    if size_bits > 2:  # chroma of 4x4 luma: as the parent
        for component in (1, 2):
            if cbf[component]:
                cbf[component] = decode_bin(state, data, CBF_CHROMA + depth)
    if not is_split:
        cbf[0] = decode_bin(state, data, CBF_LUMA + (depth == 0))
    state["node_bits"] = charge(state, RESIDUAL)
    if not is_split and state["qp_delta_pending"] and (cbf[0] or cbf[1] or cbf[2]):
        _parse_qp_delta(state, data)
        charge(state, DELTA_QP)
    return is_split


@compiled
def must_split(state: np.void, size_bits: int, depth: int) -> bool:
    """Tell whether a node is split without a flag (7.4.9.8)."""
    return size_bits > state["max_tb_bits"] or (state["parts"] == 4 and depth == 0)


@compiled
def may_split(state: np.void, size_bits: int, depth: int) -> bool:
    """Tell whether a node that need not be split has split_transform_flag."""
    deepest = state["max_depth_intra"] + (1 if state["parts"] == 4 else 0)
    return size_bits > state["min_tb_bits"] and depth < deepest


@compiled
def _parse_qp_delta(state: np.void, data: np.ndarray) -> None:
    """Parse cu_qp_delta_abs and its sign (9.3.3.10), and derive QpY (8.6.1)."""
    state["qp_delta_pending"] = 0
    delta = decode_bin(state, data, QP_DELTA)
    while 0 < delta < LARGEST_PREFIX and decode_bin(state, data, QP_DELTA + 1):
        delta += 1
    if delta == LARGEST_PREFIX:
        order = 0
        while order < LARGEST_ORDER and decode_bypass(state, data, 1):
            delta += 1 << order
            order += 1
        delta += decode_bypass(state, data, order)
    if delta and decode_bypass(state, data, 1):
        delta = -delta
    above = 6 * (state["bit_depth"][0] - 8)
    if not -(26 + above // 2) <= delta <= 25 + above // 2:
        fail(state, QP_DELTA_TOO_LARGE)
        delta = 0
    state["qp"] = (state["predicted_qp"] + delta + 52 + 2 * above) % (52 + above) - above


@compiled
def record_transform_unit(state: np.void, arrays: Arrays, x: int, y: int, size_bits: int, depth: int) -> None:
    """Record a transform unit that is decoded."""
    number = state["transform_units"]
    state["transform_units"] += 1
    unit, cbf, skip = arrays.transform_units[number], state["cbf"], state["skip"]
    unit["x"] = x
    unit["y"] = y
    unit["size"] = 1 << size_bits
    unit["depth"] = depth
    unit["cbf_y"] = cbf[0] != 0
    unit["cbf_cb"] = cbf[1] != 0
    unit["cbf_cr"] = cbf[2] != 0
    unit["skip_y"] = skip[0] != 0
    unit["bits"] = state["node_bits"] + charge(state, RESIDUAL)
    first = number
    if size_bits == 2:  # the chroma of four units
        first -= (x >> 2 & 1) + 2 * (y >> 2 & 1)
    for other in range(first, number + 1):
        arrays.transform_units[other]["skip_cb"] = skip[1] != 0
        arrays.transform_units[other]["skip_cr"] = skip[2] != 0
