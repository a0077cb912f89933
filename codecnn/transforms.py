"""Hadamard and DCT-II of residual blocks, and the sums of their absolute coefficients (SATD)."""

from typing import Literal

import numpy as np
from scipy.fft import dctn

Scale = Literal["orthonormal", "hm", "vtm"]


def hadamard(blocks: np.ndarray) -> np.ndarray:
    """The +-1 Hadamard transform of the last two axes, not normalised, in the order of Sylvester's matrices.

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
    """The Hadamard SATD of a - b: the encoder's fast measure of what a residual costs.

    a, b: (..., H, W) integers, H and W multiples of 4. Returns (...):
    "orthonormal": float64, tiles of 8x8 where H and W are multiples of 8, else 4x4, in orthonormal scale;
    "hm": int64, the same tiles, rounded as HM does (TComRdCost xGetHADs), without its bit-depth shift;
    "vtm": int64, tiles and rounding of VTM (RdCost xGetHADs), where a tile's DC counts a quarter.
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
    """The DCT SATD of a - b: the sum of |coefficients| of the orthonormal DCT-II of the whole block.

    a, b: (..., H, W) integers. Returns (...) float64.
    """
    residual = a.astype(np.float64) - b.astype(np.float64)
    total: np.ndarray = np.abs(dctn(residual, axes=(-2, -1), norm="ortho")).sum((-1, -2))
    return total


def _tile(height: int, width: int) -> tuple[int, int]:
    return (8, 8) if height % 8 == 0 and width % 8 == 0 else (4, 4)


def _vtm_tile(height: int, width: int) -> tuple[int, int]:
    if width > height:
        return (8, 16) if height % 8 == 0 and width % 16 == 0 else (4, 8)
    if width < height:
        return (16, 8) if width % 8 == 0 and height % 16 == 0 else (8, 4)
    return _tile(height, width)
