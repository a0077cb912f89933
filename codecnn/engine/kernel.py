"""The kernel that labels blocks, a batch of them at a time, mode after mode."""

import inspect
from collections.abc import Callable

import numpy as np
from numba import njit

from codecnn.engine import dct, hadamard, prediction, vectors
from codecnn.engine.dct import column_sums, transform_rows
from codecnn.engine.hadamard import half_sums_4, half_sums_8
from codecnn.engine.prediction import (
    References,
    Strip,
    extend_line,
    gather_references,
    predict_rows,
    prepare_references,
)
from codecnn.engine.vectors import LANES, load, spread, store
from codecnn.intra import vvc_modes

_TIE = 1 + 2.0**-20  # float32 rounds equal DCT costs apart, a transposed block's above all


@njit(nogil=True)
def _label_blocks(
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    size: int,
    modes: np.ndarray,
    references: References,
    found_modes: np.ndarray,
    found_costs: np.ndarray,
) -> None:
    """Write the best mode and its cost for each block: (2, N), first the Hadamard's, then the DCT's."""
    batch = np.empty((2, size * size * LANES), references.lines.dtype)
    hadamard, dct = np.empty(modes.size * LANES, np.int32), np.empty(modes.size * LANES, np.float32)
    for first in range(0, len(blocks), LANES):
        for lane in range(LANES):
            block = blocks[min(first + lane, len(blocks) - 1)]  # the last batch is filled up
            gather_references(references, lane, reference, block, size)
            for y in range(size):
                for x in range(size):
                    batch[0, np.uintp((y * size + x) * LANES + lane)] = original[block[1] + y, block[0] + x]
        for y in range(size):
            for x in range(size):
                store(batch[1], x * size + y, load(batch[0], y * size + x))
        prepare_references(references, size, size)
        _mode_costs(batch, references, modes, size, hadamard, dct)
        last = min(first + LANES, len(blocks))
        _best_modes(hadamard, 1, found_modes[0, first:last], found_costs[0, first:last])
        _best_modes(dct, _TIE, found_modes[1, first:last], found_costs[1, first:last])
    found_costs[0] *= np.float32(2 / min(size, 8))
    found_costs[1] *= np.float32(2 / size)


@njit(nogil=True)
def _mode_costs(
    batch: np.ndarray, references: References, modes: np.ndarray, size: int, hadamard: np.ndarray, dct: np.ndarray
) -> None:
    """Write the costs of every mode for a batch, a position a mode: Hadamard / 2, not normalised, and DCT * size / 2.

    batch: (2, size * size * LANES), the original blocks and the same transposed.
    """
    tile = min(size, 8)
    predicted, scratch = np.empty(tile * size * LANES, batch.dtype), np.empty(64 * LANES, batch.dtype)
    coefficients, points = np.empty(size * (size + 1) * LANES, np.float32), np.empty(64 * LANES, np.float32)
    for number in range(modes.size):
        mode = modes[number]
        original = batch[mode["side"]]
        if mode["angle"] < 0:
            extend_line(references, mode, size)
        total = spread(np.int32(0))
        for row in range(0, size, tile):
            predict_rows(references, mode, Strip(row, tile, size, size), predicted)
            if size == 4:
                total += half_sums_4(original, predicted, scratch)
            else:
                total += half_sums_8(original, row * size, predicted, size, scratch)
            transform_rows(original, row * size, predicted, tile, size, points, coefficients)
        store(hadamard, number, total)
        store(dct, number, column_sums(coefficients, size, points))


@njit(nogil=True)
def _best_modes(costs: np.ndarray, tie: float, found_modes: np.ndarray, found_costs: np.ndarray) -> None:
    """Find the first mode of each lane that has the least cost, or up to `tie` times as much."""
    least = load(costs, 0)
    for mode in range(1, costs.size // LANES):
        least = min(least, load(costs, mode))
    limits = np.empty(LANES, costs.dtype)
    store(limits, 0, least)
    for lane in range(found_modes.size):
        limit, mode = limits[lane] * tie, 0
        while costs[np.uintp(mode * LANES + lane)] > limit:
            mode += 1
        found_modes[lane], found_costs[lane] = mode, costs[np.uintp(mode * LANES + lane)]


def _cached(sources: str) -> Callable[..., None]:
    """Compile `_label_blocks` for numba's cache on disk.

    numba would use what it cached until this file changes. `sources`, the rest of the code that goes into the kernel,
    makes the cache depend on that as well: being a variable of the closure it becomes part of the key.
    """

    def label_blocks(
        original: np.ndarray,
        reference: np.ndarray,
        blocks: np.ndarray,
        size: int,
        modes: np.ndarray,
        references: References,
        found_modes: np.ndarray,
        found_costs: np.ndarray,
    ) -> None:
        _ = sources
        _label_blocks(original, reference, blocks, size, modes, references, found_modes, found_costs)

    compiled: Callable[..., None] = njit(nogil=True, cache=True)(label_blocks)
    return compiled


_SOURCES = (vectors, prediction, hadamard, dct, vvc_modes)
label_blocks = _cached("".join(inspect.getsource(module) for module in _SOURCES))
