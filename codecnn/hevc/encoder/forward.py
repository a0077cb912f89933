"""Transform residuals: the forward transform of HEVC, and the Hadamard transform of its search."""

import numpy as np

from codecnn.hevc.compiled import compiled
from codecnn.hevc.transform import MATRICES, SINE

TRANSPOSED = np.ascontiguousarray(MATRICES.swapaxes(1, 2))


@compiled
def transform_residual(state: np.void, scratch: np.void, size_bits: int, component: int) -> None:
    """Transform `residual` of the state into `coefficient`, in the scale that the standard transforms back from."""
    residual, half, coefficient = state["residual"], scratch["half"], scratch["coefficient"]
    size = 1 << size_bits
    index = SINE if size_bits == 2 and component == 0 else size_bits - 2
    matrix, transposed = MATRICES[index], TRANSPOSED[index]
    shift = size_bits + state["bit_depth"][min(component, 1)] - 9
    rounding = (1 << shift) >> 1
    for v in range(size):  # along columns
        row = half[v << size_bits : (v + 1) << size_bits]
        row[:] = rounding
        for y in range(size):
            weight, source = matrix[v, y], residual[y << size_bits : (y + 1) << size_bits]
            for x in range(size):
                row[x] += weight * source[x]
        for x in range(size):
            row[x] >>= shift
    shift = size_bits + 6
    rounding = 1 << (shift - 1)
    for v in range(size):  # along rows
        row, source = coefficient[v << size_bits : (v + 1) << size_bits], half[v << size_bits : (v + 1) << size_bits]
        row[:] = rounding
        for x in range(size):
            value, weights = source[x], transposed[x]
            for u in range(size):
                row[u] += value * weights[u]
        for u in range(size):
            row[u] >>= shift


@compiled
def hadamard_cost(scratch: np.void, size_bits: int) -> float:
    """Return the sum of absolute coefficients of the residual in `band` (size, size) by orthonormal 8x8 transforms.

    Blocks of 4x4 have a transform of 4x4. `band` is overwritten.
    """
    band, turned = scratch["band"], scratch["turned"]
    size, side = 1 << size_bits, min(8, 1 << size_bits)
    _butterflies(band, size_bits, side)
    for y in range(size):
        for x in range(size):
            turned[(x << size_bits) + y] = band[(y << size_bits) + x]
    _butterflies(turned, size_bits, side)
    total = 0
    for index in range(size << size_bits):
        total += abs(turned[index])
    return total / side


@compiled
def _butterflies(values: np.ndarray, size_bits: int, side: int) -> None:
    """Apply the Hadamard transform to columns, in bands of `side` rows."""
    size = 1 << size_bits
    step = 1
    while step < side:
        for y in range(size):
            if y & step == 0:
                first, second = values[y << size_bits :], values[(y + step) << size_bits :]
                for x in range(size):
                    a, b = first[x], second[x]
                    first[x], second[x] = a + b, a - b
        step <<= 1
