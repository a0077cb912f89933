"""Read scaling lists, and make of them the factors of every coefficient (H.265 7.3.4 and 7.4.5)."""

from typing import TypeAlias

import numpy as np

from codecnn.hevc.bit_reader import BitReader
from codecnn.hevc.errors import damaged
from codecnn.hevc.scan import up_right_diagonal

SIZES, MATRICES = 4, 6  # transform blocks of 4, 8, 16, 32; intra Y, Cb, Cr, then inter
FLAT = 16

# By (sizeId, matrixId): the coefficients in up-right diagonal order, and the factor of the DC coefficient (above 8x8).
ScalingLists: TypeAlias = dict[tuple[int, int], tuple[tuple[int, ...], int]]

# Table 7-6, in up-right diagonal order.
_INTRA = (
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 17, 16, 17, 16, 17, 18, 17, 18, 18, 17, 18, 21, 19, 20, 21, 20, 19, 21,
    24, 22, 22, 24, 24, 22, 22, 24, 25, 25, 27, 30, 27, 25, 25, 29, 31, 35, 35, 31, 29, 36, 41, 44, 41, 36, 47, 54,
    54, 47, 65, 70, 65, 88, 88, 115,
)  # fmt: skip
_INTER = (
    16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 17, 17, 17, 17, 17, 18, 18, 18, 18, 18, 18, 20, 20, 20, 20, 20, 20, 20,
    24, 24, 24, 24, 24, 24, 24, 24, 25, 25, 25, 25, 25, 25, 25, 28, 28, 28, 28, 28, 28, 33, 33, 33, 33, 33, 41, 41,
    41, 41, 54, 54, 54, 71, 71, 91,
)  # fmt: skip


def _default(size: int, matrix: int) -> tuple[tuple[int, ...], int]:
    return ((FLAT,) * 16 if size == 0 else _INTRA if matrix < 3 else _INTER), FLAT


def default_lists() -> ScalingLists:
    """Return the lists of a stream that switches scaling lists on without sending any."""
    return {(size, matrix): _default(size, matrix) for size in range(SIZES) for matrix in range(MATRICES)}


def parse_scaling_lists(bits: BitReader) -> ScalingLists:
    """Read scaling_list_data()."""
    lists = default_lists()
    for size in range(SIZES):
        step = 3 if size == 3 else 1  # 32x32: luma only
        for matrix in range(0, MATRICES, step):
            if bits.flag():
                lists[size, matrix] = _parse_list(bits, size)
            elif delta := bits.ue(matrix // step, "scaling_list_pred_matrix_id_delta"):
                lists[size, matrix] = lists[size, matrix - delta * step]
            else:
                lists[size, matrix] = _default(size, matrix)
    return lists


def _parse_list(bits: BitReader, size: int) -> tuple[tuple[int, ...], int]:
    coefficient = 8
    if size > 1:
        coefficient += bits.se(-7, 247, "scaling_list_dc_coef_minus8")
    dc, coefficients = coefficient if size > 1 else FLAT, []
    for _ in range(16 if size == 0 else 64):
        coefficient = (coefficient + bits.se(-128, 127, "scaling_list_delta_coef")) % 256
        if coefficient == 0:
            raise damaged("a scaling list has a factor of 0")
        coefficients.append(coefficient)
    return tuple(coefficients), dc


def scaling_factors(lists: ScalingLists | None) -> np.ndarray:
    """Return the factor m of every coefficient of an intra block; None: all are FLAT.

    uint8 (SIZES, 3 components, 32, 32), by row frequency and column frequency. Chroma has no factors of size 32.
    """
    factors = np.full((SIZES, 3, 32, 32), FLAT, np.uint8)
    if lists is None:
        return factors
    for size in range(SIZES):
        side, coded = 4 << size, min(4 << size, 8)
        order = up_right_diagonal(coded)  # (coded * coded, 2)
        for component in range(3 if size < 3 else 1):
            coefficients, dc = lists[size, component]
            matrix = np.empty((coded, coded), np.uint8)
            matrix[order[:, 1], order[:, 0]] = coefficients
            factors[size, component, :side, :side] = matrix.repeat(side // coded, 0).repeat(side // coded, 1)
            if size > 1:
                factors[size, component, 0, 0] = dc
    return factors
