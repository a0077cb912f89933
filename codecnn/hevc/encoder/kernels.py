"""Compile what the encoder calls for a block, each for numba's cache on disk."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from codecnn.hevc import cabac_encoder, residual_writer, slice_data, unit_writer
from codecnn.hevc.cabac_encoder import encode_bin
from codecnn.hevc.coding_tree import split_context
from codecnn.hevc.contexts import initialise_contexts
from codecnn.hevc.encoder import block, chroma, forward, luma, quantisation, ranking, scratch
from codecnn.hevc.encoder.scratch import Task
from codecnn.hevc.grid import mark_mode, mark_parsed, mark_undecoded
from codecnn.hevc.unit_writer import write_coding_unit
from codecnn.labels.numba_engine.cache import compile_cached


def _start_slice(states: np.ndarray) -> None:
    """Initialise the context variables for the QP of the slice."""
    state = states[0]
    initialise_contexts(state["contexts"], state["slice_qp"])


def _count_unit(states: np.ndarray, task: Task, x: int, y: int, size_bits: int) -> float:
    """Return the bits of the coding unit that the arrays end with, and let the contexts go on behind it."""
    state = states[0]
    before = state["counted"]
    write_coding_unit(state, task.nothing, task.arrays, x, y, size_bits)
    return state["counted"] - before


def _count_split(states: np.ndarray, task: Task, x: int, y: int, size_bits: int, is_split: bool) -> float:
    """Return the bits of split_cu_flag, and let its context go on; 0 where it is not sent."""
    state = states[0]
    inside = x + (1 << size_bits) <= state["width"] and y + (1 << size_bits) <= state["height"]
    if not inside or size_bits == state["min_cb_bits"]:
        return 0.0
    before = state["counted"]
    encode_bin(state, task.nothing, split_context(state, task.arrays, x, y, size_bits), 1 if is_split else 0)
    return state["counted"] - before


def _begin_unit(states: np.ndarray, task: Task, x: int, y: int, size_bits: int) -> None:
    """Note that a coding unit begins, of which nothing is decoded."""
    mark_parsed(states[0], task.arrays, x, y, size_bits)
    mark_undecoded(task.arrays, x, y, 1 << size_bits)


def _forget(task: Task, x: int, y: int, size: int) -> None:
    """Note that nothing of a block is decoded."""
    mark_undecoded(task.arrays, x, y, size)


def _note_mode(task: Task, x: int, y: int, size: int, mode: int) -> None:
    """Note the luma mode of a part."""
    mark_mode(task.arrays, x, y, size, mode)


_MODULES = (cabac_encoder, residual_writer, unit_writer, block, chroma, forward, luma, quantisation, ranking, scratch)
_SOURCES = slice_data.SOURCES + "".join(inspect.getsource(module) for module in _MODULES)


def _compile(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return compile_cached(kernel, _SOURCES, error_model="numpy")


start_slice = _compile(_start_slice)
count_unit = _compile(_count_unit)
count_split = _compile(_count_split)
begin_unit = _compile(_begin_unit)
forget = _compile(_forget)
note_mode = _compile(_note_mode)
search_luma = _compile(luma.search_luma)
search_chroma = _compile(chroma.search_chroma)
rank_modes = _compile(ranking.rank_modes)
