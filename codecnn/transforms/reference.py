"""Compute the Hadamard transform, the DCT-II and the integer DCT-II of residuals, and their SATD, in plain numpy.

The SATD is the sum of |coefficients| of a residual.
"""

from typing import Literal

import numpy as np
from scipy.fft import dctn

Scale = Literal["orthonormal", "hm", "vtm"]

# First column of the 64-point integer DCT-II (H.266 8.7.4.2); the others follow from the symmetry of the cosine.
_FIRST_COLUMN = np.empty(64, np.int64)
_FIRST_COLUMN[0] = 64
_FIRST_COLUMN[32] = 64
_FIRST_COLUMN[16::32] = 83, 36
_FIRST_COLUMN[8::16] = 89, 75, 50, 18
_FIRST_COLUMN[4::8] = 90, 87, 80, 70, 57, 43, 25, 9
_FIRST_COLUMN[2::4] = 90, 90, 88, 85, 82, 78, 73, 67, 61, 54, 46, 38, 31, 22, 13, 4
_FIRST_COLUMN[1::2] = (
    *(91, 90, 90, 90, 88, 87, 86, 84, 83, 81, 79, 77, 73, 71, 69, 65),
    *(62, 59, 56, 52, 48, 44, 41, 37, 33, 28, 24, 20, 15, 11, 7, 2),
)
_INTEGER_DCT_SIDES = (4, 8, 16, 32, 64)


def hadamard(blocks: np.ndarray) -> np.ndarray:
    """Apply the +-1 Hadamard transform to the last two axes, not normalised, in the order of Sylvester's matrices.

    blocks: (..., H, W), both powers of 2; integers or floats. Returns the same shape; integers become int64.
    """
    coefficients = blocks.astype(np.result_type(blocks.dtype, np.int64))
    for axis in (-1, -2):
        coefficients = np.moveaxis(coefficients, axis, -1)
        half = coefficients.shape[-1] // 2
        while half:
            pairs = coefficients.reshape(*coefficients.shape[:-1], -1, 2, half)
            first, second = pairs[..., 0, :], pairs[..., 1, :]
            coefficients = np.stack((first + second, first - second), axis=-2).reshape(coefficients.shape)
            half //= 2
        coefficients = np.moveaxis(coefficients, -1, axis)
    return coefficients


def satd(a: np.ndarray, b: np.ndarray, scale: Scale = "orthonormal") -> np.ndarray:
    """Compute the Hadamard SATD of a - b, the fast measure of encoders for the cost of a residual.

    a, b: (..., H, W) integers, H and W multiples of 4. Returns (...):
    "orthonormal": float64, tiles of 8x8 where H and W are multiples of 8, else 4x4, in orthonormal scale;
    "hm": int64, the same tiles, rounded as in HM (TComRdCost xGetHADs), without its shift by the bit depth;
    "vtm": int64, tiles and rounding of VTM (RdCost xGetHADs), where the DC of a tile counts a quarter.
    """
    residual = a.astype(np.int64) - b.astype(np.int64)
    height, width = residual.shape[-2:]
    if height % 4 or width % 4:
        raise ValueError(f"the Hadamard SATD needs sides that are multiples of 4, not {width}x{height}")
    tile_height, tile_width = _vtm_tile(height, width) if scale == "vtm" else _tile(height, width)
    tiles = residual.reshape(*residual.shape[:-2], height // tile_height, tile_height, -1, tile_width)
    magnitudes = np.abs(hadamard(tiles.swapaxes(-2, -3)))  # (..., tile rows, tile columns, tile_height, tile_width)
    sums: np.ndarray = magnitudes.sum((-1, -2))
    if scale == "vtm":
        dc = magnitudes[..., 0, 0]
        sums += (dc >> 2) - dc
    if scale == "orthonormal":
        sums = sums / np.sqrt(tile_height * tile_width)
    elif tile_height != tile_width:
        sums = (sums / np.sqrt(tile_height * tile_width) * 2).astype(np.int64)
    else:
        sums = (sums + 2) >> 2 if tile_width == 8 else (sums + 1) >> 1
    total: np.ndarray = sums.sum((-1, -2))
    return total


def dct_satd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Compute the DCT SATD of a - b: the sum of |coefficients| of the orthonormal DCT-II of the whole block.

    a, b: (..., H, W) integers. Returns (...) float64.
    """
    residual = a.astype(np.float64) - b.astype(np.float64)
    total: np.ndarray = np.abs(dctn(residual, axes=(-2, -1), norm="ortho")).sum((-1, -2))
    return total


def integer_dct(residual: np.ndarray, bit_depth: int) -> np.ndarray:
    """Compute the forward integer DCT-II of a residual for H.266, as VTM does (TrQuant xTrMxN).

    residual: (..., H, W) integers, |residual| < 2^bit_depth, both sides one of 4, 8, 16, 32, 64; bit_depth: 8..16.
    Returns (..., H, W) int32, [vertical frequency][horizontal frequency], about 2^(15 - bit_depth) / sqrt(H * W)
    times the orthonormal DCT-II. For a side of 64 only the lower 32 frequencies are kept; the others are 0.
    Raises ValueError for other sides and bit depths.
    """
    height, width = residual.shape[-2:]
    if height not in _INTEGER_DCT_SIDES or width not in _INTEGER_DCT_SIDES:
        raise ValueError(f"the integer DCT needs sides out of {_INTEGER_DCT_SIDES}, not {width}x{height}")
    if not 8 <= bit_depth <= 16:
        raise ValueError(f"the integer DCT needs a bit depth in 8..16, not {bit_depth}")
    rows = _round_shift(residual.astype(np.int64) @ integer_dct_matrix(width).T, _log2(width) + bit_depth - 9)
    return _round_shift(integer_dct_matrix(height) @ rows, _log2(height) + 6).astype(np.int32)


def integer_dct_matrix(size: int) -> np.ndarray:
    """Return the integer DCT-II of H.266, up to 32 also of H.265: (size, size); rows that are not kept are 0."""
    phase = np.outer(np.arange(0, 64, 64 // size), 2 * np.arange(size) + 1) % 256  # in 1/256 of a turn
    phase = np.minimum(phase, 256 - phase)  # the cosine is even,
    matrix = np.where(phase > 64, -1, 1) * _FIRST_COLUMN[np.minimum(phase, 128 - phase)]  # odd about a quarter turn
    matrix[32:] = 0
    return matrix


def _round_shift(values: np.ndarray, shift: int) -> np.ndarray:
    shifted: np.ndarray = (values + (1 << (shift - 1))) >> shift
    return shifted


def _log2(length: int) -> int:
    return length.bit_length() - 1


def _tile(height: int, width: int) -> tuple[int, int]:
    return (8, 8) if height % 8 == 0 and width % 8 == 0 else (4, 4)


def _vtm_tile(height: int, width: int) -> tuple[int, int]:
    if width > height:
        return (8, 16) if height % 8 == 0 and width % 16 == 0 else (4, 8)
    if width < height:
        return (16, 8) if width % 8 == 0 and height % 16 == 0 else (8, 4)
    return _tile(height, width)
