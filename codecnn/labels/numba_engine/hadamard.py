"""Compute the Hadamard SATD of a batch: LANES blocks of one size, one in each lane of a vector (`codecnn.vectors`).

The residual of an original and a predicted block is transformed. Both are stored row by row, one vector per position.
"""

import numpy as np
from numba import njit

from codecnn.vectors import Vector, Vectors, load, load_4, spread, store_4, widen


@njit(nogil=True)
def half_sums_4(original: np.ndarray, first: int, predicted: np.ndarray, width: int, scratch: np.ndarray) -> Vector:
    """Return half the sum of |coefficients| over a row of 4x4 tiles; scratch: space for one tile.

    The tiles begin at position `first` of the original and at the beginning of the prediction.
    """
    total = spread(np.int32(0))
    for tile in range(0, width, 4):
        for y in range(4):
            position = y * width + tile
            points = _stage_4(*_stage_4(*_residual_4(original, first + position, predicted, position)))
            store_4(scratch, 4 * y, points)
        for x in range(4):
            a, b, c, d = _stage_4(*load_4(scratch, x, 4))
            total += _half_sum(a, c) + _half_sum(b, d)
    return total


@njit(nogil=True)
def half_sums_8(original: np.ndarray, first: int, predicted: np.ndarray, width: int, scratch: np.ndarray) -> Vector:
    """Return half the sum of |coefficients| over a row of 8x8 tiles; see `half_sums_4`."""
    total = spread(np.int32(0))
    for tile in range(0, width, 8):
        for y in range(8):
            position = y * width + tile
            residual = _residual_4(original, first + position, predicted, position) + _residual_4(
                original, first + position + 4, predicted, position + 4
            )
            points = _stage_8(*_stage_8(*_stage_8(*residual)))
            store_4(scratch, y * 8, points[:4])
            store_4(scratch, y * 8 + 4, points[4:])
        for x in range(8):
            column = load_4(scratch, x, 8) + load_4(scratch, x + 32, 8)
            a, b, c, d, e, f, g, h = _stage_8(*_stage_8(*column))
            total += _half_sum(a, e) + _half_sum(b, f) + _half_sum(c, g) + _half_sum(d, h)
    return total


@njit(nogil=True, forceinline=True)
def _stage_4(a: Vector, b: Vector, c: Vector, d: Vector) -> Vectors:
    """Compute one of the two stages of the transform; with this order of outputs both stages are the same."""
    return a + c, a - c, b + d, b - d


@njit(nogil=True, forceinline=True)
def _stage_8(a: Vector, b: Vector, c: Vector, d: Vector, e: Vector, f: Vector, g: Vector, h: Vector) -> Vectors:
    """Compute one of the three stages of the 8-point transform."""
    return a + e, a - e, b + f, b - f, c + g, c - g, d + h, d - h


@njit(nogil=True, forceinline=True)
def _half_sum(a: Vector, b: Vector) -> Vector:
    """Return half of |a + b| + |a - b|, the last stage, without the 17th bit that 10-bit samples would need."""
    return widen(max(abs(a), abs(b)))


@njit(nogil=True, forceinline=True)
def _residual_4(original: np.ndarray, i: int, predicted: np.ndarray, j: int) -> Vectors:
    a, b = load(original, i) - load(predicted, j), load(original, i + 1) - load(predicted, j + 1)
    return a, b, load(original, i + 2) - load(predicted, j + 2), load(original, i + 3) - load(predicted, j + 3)
