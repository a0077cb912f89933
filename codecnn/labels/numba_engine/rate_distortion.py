"""Compute the rate-distortion costs of a batch: LANES blocks of one size, one in each lane of a vector.

The measure is that of `codecnn.labels.rate_distortion`. The DCT-II of the residual is quantised, column by column from
the highest horizontal frequency on, because the context of a level is made of the levels right of it and below. A
horizontal mode has the transposed levels, which take the same bits.
"""

import inspect
from collections.abc import Callable

import numpy as np
from numba import njit

from codecnn import vectors
from codecnn.intra import vvc_modes
from codecnn.labels import mode_sets, rate_distortion
from codecnn.labels.numba_engine import batches, dct, prediction, references
from codecnn.labels.numba_engine.batches import gather_batch
from codecnn.labels.numba_engine.cache import compile_cached
from codecnn.labels.numba_engine.dct import place_of, transform_column, transform_rows
from codecnn.labels.numba_engine.prediction import Strip, predict_rows
from codecnn.labels.numba_engine.references import References, extend_side
from codecnn.labels.rate_distortion import CAP, CODED_SIDE, DIAGONAL_ENDS, ROUNDING
from codecnn.vectors import LANES, Vector, Vectors, exponent, load, look_up, spread, store, to_float, to_int

_ROUNDING = np.float32(ROUNDING)
_DIAGONAL = np.searchsorted(DIAGONAL_ENDS, np.arange(2 * CODED_SIDE), side="right") * (CAP + 1)
_TEMPLATE = (len(DIAGONAL_ENDS) + 1) * (CAP + 1)  # from one class of the template to the next, in a table of bits


@njit(nogil=True)
def _rate_distortion_costs(
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    size: tuple[int, int],
    table: np.ndarray,
    references: References,
    step: float,
    magnitude_bits: np.ndarray,
    error: np.ndarray,
    bits: np.ndarray,
) -> None:
    """Write the squared error and the bits of every mode of a table for each block.

    blocks: (N, 4) as for `gather_references`. step: of the quantiser. magnitude_bits: (CONTEXTS * (CAP + 1),) float32.
    error, bits: float32 (batches, modes, LANES).
    """
    width, height = size
    samples, longer = width * height, max(width, height)
    batch = np.empty((2, samples * LANES), references.samples.dtype)
    tile = min(width, height, 8)
    predicted = np.empty(tile * longer * LANES, batch.dtype)
    coefficients = np.empty((samples + longer) * LANES, np.float32)
    scratch, column = np.empty(64 * LANES, np.float32), np.empty(64 * LANES, np.float32)
    near = np.empty((3, (CODED_SIDE + 2) * LANES), np.int32)
    scale = np.float32(2 / np.sqrt(samples) / step)
    squared_step = np.float32(step * step)
    for number in range(len(error)):
        gather_batch(references, original, reference, blocks, number, size, batch)
        for index in range(table.size):
            mode = table[index]
            side = batch[mode["side"]]
            across, down = (width, height) if mode["side"] == mode_sets.TOP else (height, width)
            if mode["angle"] < 0:
                extend_side(references, mode, down)
            for row in range(0, down, tile):
                predict_rows(references, mode, Strip(row, tile, across, down), predicted)
                transform_rows(side, row * across, predicted, tile, across, scratch, coefficients)
            squared, spent = _block(coefficients, across, down, scale, magnitude_bits, scratch, column, near)
            store(error[number].reshape(-1), mode["number"], squared * squared_step)
            store(bits[number].reshape(-1), mode["number"], spent)


@njit(nogil=True)
def _block(
    coefficients: np.ndarray,
    width: int,
    height: int,
    scale: float,
    magnitude_bits: np.ndarray,
    scratch: np.ndarray,
    column: np.ndarray,
    near: np.ndarray,
) -> Vectors:
    """Return the squared error, in steps, and the bits of blocks whose rows are transformed.

    near: space for min(magnitude, 4) of three columns, with two positions more than are coded.
    """
    squared, spent = spread(np.float32(0)), spread(np.float32(0))
    none = spread(np.int32(0))
    near[:] = 0
    for u in range(width - 1, -1, -1):
        transform_column(coefficients, place_of(u, width), width, height, scratch, column)
        if u >= CODED_SIDE:
            for v in range(height):
                squared += _square(load(column, v) * scale)
            continue
        for v in range(CODED_SIDE, height):
            squared += _square(load(column, place_of(v, height)) * scale)
        here, right, second = near[u % 3], near[(u + 1) % 3], near[(u + 2) % 3]
        below, second_below = none, none
        for v in range(min(height, CODED_SIDE) - 1, -1, -1):
            value = abs(load(column, place_of(v, height)) * scale)
            magnitude = to_int(value + _ROUNDING)
            squared += _square(value - to_float(magnitude))
            around = load(right, v) + load(right, v + 1) + load(second, v) + below + second_below
            symbol = _class(around) * _TEMPLATE + np.int32(_DIAGONAL[u + v]) + min(magnitude, CAP)
            spent += look_up(magnitude_bits, symbol) + to_float(_escape(magnitude))
            below, second_below = min(magnitude, 4), below
            store(here, v, below)
    return squared, spent


@njit(nogil=True, forceinline=True)
def _square(value: Vector) -> Vector:
    return value * value


@njit(nogil=True, forceinline=True)
def _class(around: Vector) -> Vector:
    """Return the class of the template: of the sums 0, 1, 2, 3-4, 5-7, 8-20."""
    return min(around, 3) + min(max(around - 4, 0), 1) + min(max(around - 7, 0), 1)


@njit(nogil=True, forceinline=True)
def _escape(magnitude: Vector) -> Vector:
    """Return the bits of the Exp-Golomb code of order 0 of magnitudes from CAP on, 0 for others."""
    beyond = max(magnitude - (CAP - 1), 0)
    return 2 * exponent(to_float(max(beyond, 1))) + min(beyond, 1)


def _cached(sources: str) -> Callable[..., None]:
    """Compile the kernel for numba's cache on disk; see `codecnn.labels.numba_engine.costs`."""

    def costs(*args: object) -> None:
        _ = sources
        _rate_distortion_costs(*args)

    return compile_cached(costs)


_MODULES = (vectors, mode_sets, references, batches, prediction, dct, vvc_modes, rate_distortion)
rate_distortion_costs = _cached("".join(inspect.getsource(module) for module in _MODULES))
