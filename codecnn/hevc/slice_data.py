"""Decode the data of a slice segment, CTU by CTU (H.265 7.3.8.1, 9.3.1)."""

import inspect

import numpy as np

from codecnn.hevc import (
    blocks,
    cabac,
    coding_tree,
    coding_unit,
    contexts,
    grid,
    prediction,
    residual,
    sao,
    scan,
    transform,
    transform_tree,
)
from codecnn.hevc import compiled as compiling
from codecnn.hevc import state as states
from codecnn.hevc.cabac import charge, decode_terminate, end_substream, fail, start_substream
from codecnn.hevc.coding_tree import decode_coding_tree
from codecnn.hevc.compiled import compiled, wide
from codecnn.hevc.contexts import initialise_contexts
from codecnn.hevc.sao import parse_sao
from codecnn.hevc.state import BAD_ENTRY_POINT, FINE, TERMINATION, TOO_LONG, Arrays
from codecnn.intra import hevc, mpm
from codecnn.labels.numba_engine.cache import compile_cached
from codecnn.transforms import reference


def _decode_segment(
    states: np.ndarray, data: np.ndarray, arrays: Arrays, first: int, is_dependent: bool, entry_points: np.ndarray
) -> int:
    """Decode slice segment data, and return the place after its last CTU in coding order.

    states: one STATE, with `position` where the data begin and `end` where they end. data: the payload, and three bytes
    more. first: the place of its first CTU. entry_points: where the substreams but the first begin, in bytes.
    If the data cannot be decoded, `failure` of the state says why.
    """
    state = states[0]
    place, substream = first, 0
    state["charged"] = state["position"]
    start_substream(state, data)
    if is_dependent:
        state["contexts"][:] = state["segment_contexts"]
    else:
        initialise_contexts(state["contexts"], state["slice_qp"])
        state["previous_qp"] = state["slice_qp"]
    while True:
        address = wide(arrays.ctus[place]["order"])
        enter_ctu(state, arrays, place, address)
        if state["sao_luma"] or state["sao_chroma"]:
            parse_sao(state, data, arrays)
        across, bits = state["ctus_across"], state["ctb_bits"]
        decode_coding_tree(state, data, arrays, (address % across) << bits, (address // across) << bits)
        if state["wavefront"] and address % across == arrays.ctus[address]["tile_column"] + 1:
            state["wavefront_contexts"][:] = state["contexts"]
        is_last = decode_terminate(state, data)
        charge(state, TERMINATION)
        place += 1
        if is_last or state["failure"] != FINE or place == arrays.ctus.size:
            break
        if begins_substream(state, arrays, place):
            # end_of_subset_one_bit
            if not decode_terminate(state, data):
                fail(state, BAD_ENTRY_POINT)
            end_substream(state, data)
            if substream >= entry_points.size or state["position"] >> 3 != entry_points[substream]:
                fail(state, BAD_ENTRY_POINT)
            substream += 1
            charge(state, TERMINATION)
            start_substream(state, data)
    if not is_last:
        fail(state, TOO_LONG)
    end_substream(state, data)
    charge(state, TERMINATION)
    if substream != entry_points.size:
        fail(state, BAD_ENTRY_POINT)
    state["segment_contexts"][:] = state["contexts"]
    if state["failure"] == FINE:
        for index in range(state["position"] >> 3, state["end"] >> 3):  # cabac_zero_words
            if data[index]:
                fail(state, TOO_LONG)
    return place


@compiled
def begins_substream(state: np.void, arrays: Arrays, place: int) -> bool:
    """Tell whether the CTU at a place in coding order is the first of a tile or, with wavefronts, of a row in it."""
    ctu, before = arrays.ctus[arrays.ctus[place]["order"]], arrays.ctus[arrays.ctus[place - 1]["order"]]
    if ctu["tile"] != before["tile"]:
        return True
    return state["wavefront"] and arrays.ctus[place]["order"] % state["ctus_across"] == ctu["tile_column"]


@compiled
def enter_ctu(state: np.void, arrays: Arrays, place: int, address: int) -> None:
    """Set the contexts and the QP that a CTU begins with, and its region."""
    ctu, across = arrays.ctus[address], state["ctus_across"]
    is_new_tile = place > 0 and ctu["tile"] != arrays.ctus[arrays.ctus[place - 1]["order"]]["tile"]
    is_new_slice = address == state["slice_address"]
    if is_new_tile or is_new_slice:
        state["region"] += 1
    ctu["region"] = state["region"]
    ctu["slice"] = state["slice_address"]
    state["ctu"] = address
    if is_new_tile:
        initialise_contexts(state["contexts"], state["slice_qp"])
        state["previous_qp"] = state["slice_qp"]
    elif state["wavefront"] and address % across == ctu["tile_column"]:
        state["previous_qp"] = state["slice_qp"]
        # The contexts after the second CTU of the row above, if it is there.
        right = address - across + 1
        if right > 0 and (address + 1) % across > 0 and arrays.ctus[right]["region"] == state["region"]:
            state["contexts"][:] = state["wavefront_contexts"]
        else:
            initialise_contexts(state["contexts"], state["slice_qp"])


_MODULES = (
    blocks, cabac, coding_tree, coding_unit, compiling, contexts, grid, prediction, residual, sao, scan, states,
    transform, transform_tree, hevc, mpm, reference,
)  # fmt: skip
SOURCES = "".join(inspect.getsource(module) for module in _MODULES)
decode_segment = compile_cached(_decode_segment, SOURCES, error_model="numpy")
