"""Scale the levels of a transform block and transform them back (H.265 8.6.2 to 8.6.4)."""

import numpy as np

from codecnn.hevc.compiled import compiled, wide
from codecnn.transforms.reference import integer_dct_matrix

LEVEL_SCALE = np.array([40, 45, 51, 57, 64, 72])
LOWEST, HIGHEST = -(1 << 15), (1 << 15) - 1  # CoeffMinY, CoeffMaxY
FIRST_SHIFT, SECOND_SHIFT = 7, 20  # the second less the bit depth
SINE = 4  # the transform of 4x4 blocks of intra luma


def _matrices() -> np.ndarray:
    """Return the transforms by log2 of the size - 2, then the sine transform: (5, 32, 32) int32, filled up with 0."""
    matrices = np.zeros((5, 32, 32), np.int32)
    for index, size in enumerate((4, 8, 16, 32)):
        matrices[index, :size, :size] = integer_dct_matrix(size)
    matrices[SINE, :4, :4] = [[29, 55, 74, 84], [74, 74, 0, -74], [84, -29, -74, 55], [55, -84, 74, -29]]
    return matrices


MATRICES = _matrices()


@compiled
def scale_levels(state: np.void, factors: np.ndarray, size_bits: int, component: int, qp: int) -> None:
    """Replace the levels of the state by coefficients (8.6.4.2)."""
    level, place = state["level"], state["place"]
    depth = state["bit_depth"][min(component, 1)]
    shift = depth + size_bits - 5
    scale, rounding = LEVEL_SCALE[qp % 6] << (qp // 6), 1 << (shift - 1)
    for index in range(state["count"]):
        factor = wide(factors[size_bits - 2, component, place[index] >> 5, place[index] & 31])
        level[index] = min(max((wide(level[index]) * factor * scale + rounding) >> shift, LOWEST), HIGHEST)


@compiled
def place_residual(state: np.void, size_bits: int, component: int, skip: int) -> None:
    """Put the levels of a bypassed coding unit, or the coefficients of a block without transform, into `residual`."""
    level, place, residual = state["level"], state["place"], state["residual"]
    residual[: 1 << 2 * size_bits] = 0
    shift = SECOND_SHIFT - state["bit_depth"][min(component, 1)]
    for index in range(state["count"]):
        value = wide(level[index])
        if skip:
            value = ((value << FIRST_SHIFT) + (1 << (shift - 1))) >> shift
        residual[((place[index] >> 5) << size_bits) + (place[index] & 31)] = value


@compiled
def transform_back(state: np.void, size_bits: int, component: int) -> None:
    """Transform the coefficients of the state, first along columns, then along rows, into `residual` (8.6.4.2)."""
    level, place, residual, columns = state["level"], state["place"], state["residual"], state["columns"]
    size = 1 << size_bits
    matrix = MATRICES[SINE if size_bits == 2 and component == 0 else size_bits - 2]
    across = 1
    for index in range(state["count"]):
        across = max(across, (place[index] & 31) + 1)
    columns[: across << size_bits] = 0  # one after the other
    for index in range(state["count"]):
        value, first, weights = level[index], (place[index] & 31) << size_bits, matrix[place[index] >> 5]
        for y in range(size):
            columns[first + y] += value * weights[y]
    for index in range(across << size_bits):
        columns[index] = min(max((columns[index] + (1 << (FIRST_SHIFT - 1))) >> FIRST_SHIFT, LOWEST), HIGHEST)
    shift = SECOND_SHIFT - state["bit_depth"][min(component, 1)]
    rounding = 1 << (shift - 1)
    for y in range(size):
        row = residual[y << size_bits : (y + 1) << size_bits]
        row[:] = rounding
        for x in range(across):
            value, weights = columns[(x << size_bits) + y], matrix[x]
            for other in range(size):
                row[other] += value * weights[other]
        for x in range(size):
            row[x] >>= shift
