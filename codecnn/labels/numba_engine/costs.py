"""Compute the costs of all modes for batches of blocks, and find the modes with the lowest costs."""

import inspect
from collections.abc import Callable

import numpy as np
from numba import njit

from codecnn import vectors
from codecnn.intra import vvc_modes
from codecnn.labels import mode_sets
from codecnn.labels.numba_engine import batches, dct, hadamard, prediction, references
from codecnn.labels.numba_engine.batches import gather_batch
from codecnn.labels.numba_engine.cache import compile_cached
from codecnn.labels.numba_engine.dct import column_sums, transform_rows
from codecnn.labels.numba_engine.hadamard import half_sums_4, half_sums_8
from codecnn.labels.numba_engine.prediction import Strip, predict_rows
from codecnn.labels.numba_engine.references import References, extend_side
from codecnn.vectors import LANES, load, spread, store


@njit(nogil=True)
def _block_costs(
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    size: tuple[int, int],
    table: np.ndarray,
    references: References,
    hadamard: np.ndarray,
    dct: np.ndarray,
) -> None:
    """Write the costs of every mode of a table for each block: Hadamard / 2, not normalised, DCT * sqrt(w * h) / 2.

    blocks: (N, 4) as for `gather_references`. hadamard: int32, and dct: float32, each (batches, modes, LANES).
    """
    batch = np.empty((2, size[0] * size[1] * LANES), references.samples.dtype)
    for number in range(len(hadamard)):
        gather_batch(references, original, reference, blocks, number, size, batch)
        _mode_costs(batch, references, table, size, hadamard[number].reshape(-1), dct[number].reshape(-1))


@njit(nogil=True)
def _mode_costs(
    batch: np.ndarray,
    references: References,
    table: np.ndarray,
    size: tuple[int, int],
    hadamard: np.ndarray,
    dct: np.ndarray,
) -> None:
    """Write the costs of every mode for a batch, at the position of the mode's number."""
    samples, longer = size[0] * size[1], max(size)
    tile = min(size[0], size[1], 8)
    predicted, scratch = np.empty(tile * longer * LANES, batch.dtype), np.empty(64 * LANES, batch.dtype)
    coefficients, points = np.empty((samples + longer) * LANES, np.float32), np.empty(64 * LANES, np.float32)
    for index in range(table.size):
        mode = table[index]
        original = batch[mode["side"]]
        width, height = size if mode["side"] == mode_sets.TOP else (size[1], size[0])
        if mode["angle"] < 0:
            extend_side(references, mode, height)
        total = spread(np.int32(0))
        for row in range(0, height, tile):
            predict_rows(references, mode, Strip(row, tile, width, height), predicted)
            if tile == 4:
                total += half_sums_4(original, row * width, predicted, width, scratch)
            else:
                total += half_sums_8(original, row * width, predicted, width, scratch)
            transform_rows(original, row * width, predicted, tile, width, points, coefficients)
        store(hadamard, mode["number"], total)
        store(dct, mode["number"], column_sums(coefficients, width, height, points))


@njit(nogil=True)
def _best_modes(
    costs: np.ndarray, highest: float, tie: float, found_modes: np.ndarray, found_costs: np.ndarray
) -> None:
    """Find the modes of each block with the lowest costs, best first: (N, k) from costs (batches, modes, LANES).

    Of the modes whose cost is at most `tie` times the lowest, the first is chosen. highest: the largest value of the
    type of the costs.
    """
    limits = np.empty(LANES, costs.dtype)
    for number in range(len(costs)):
        left = costs[number].copy().reshape(-1)  # modes that are found get the highest cost
        for rank in range(found_modes.shape[1]):
            least = load(left, 0)
            for mode in range(1, costs.shape[1]):
                least = min(least, load(left, mode))
            store(limits, 0, least)
            for lane in range(min(LANES, len(found_modes) - number * LANES)):
                limit, mode = limits[lane] * tie, 0
                while left[np.uintp(mode * LANES + lane)] > limit:
                    mode += 1
                place = np.uintp(mode * LANES + lane)
                found_modes[number * LANES + lane, rank] = mode
                found_costs[number * LANES + lane, rank] = left[place]
                left[place] = highest


def _cached(sources: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """Compile the kernels for numba's cache on disk.

    numba uses a cached kernel until this file changes. The kernels also contain code of other modules. `sources`, the
    text of these modules, makes the cache depend on them too: as a variable of the closures it becomes part of the
    key. (A compiled function in its place would have a new key in every process.)
    """

    def block_costs(*args: object) -> None:
        _ = sources
        _block_costs(*args)

    def best_modes(*args: object) -> None:
        _ = sources
        _best_modes(*args)

    return compile_cached(block_costs), compile_cached(best_modes)


_MODULES = (vectors, mode_sets, references, batches, prediction, hadamard, dct, vvc_modes)
block_costs, best_modes = _cached("".join(inspect.getsource(module) for module in _MODULES))
