"""Losses as a sum over the valid samples and their count, so that processes combine them exactly; SATD of blocks."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

ROUNDING = 1 / (12 * 255**2)  # squared error of rounding to 8 bit, where the peak is 1
EPSILON = 1e-3  # about a quarter of a step at 8 bit; as in Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017
_TILE = 8  # samples on each side of what the SATD losses transform at once


def mse(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of e^2, e = filtered - original, over the samples where `valid` holds, and their count; shapes equal."""
    return _sum((filtered - original).square(), valid)


def charbonnier(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of sqrt(e^2 + epsilon^2), e = filtered - original, where `valid` holds, and the count; shapes equal.

    Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for computed imaging", ICIP 1994.
    """
    return _sum(((filtered - original).square() + EPSILON**2).sqrt(), valid)


def log_mse(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of ln(MSE + ROUNDING) over patches (..., H, W), each times its valid samples, and the count of these samples.

    A step down is one up in PSNR, the same at every QP and for every content; other losses look at coarse pictures
    most. The floor keeps patches that are coded without error out of it.
    """
    counts = valid.sum((-2, -1))
    means = ((filtered - original).square() * valid).sum((-2, -1)) / counts.clamp(min=1)
    return (counts * (means + ROUNDING).log()).sum(), counts.sum()


def hadamard_satd(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of |coefficients| of the Hadamard transform of e in tiles of 8x8, and the count of the valid samples.

    filtered, original, valid: (..., H, W); e = filtered - original where `valid` holds, else 0, tiles from the top
    left corner on, the last ones filled up with 0. The transform is orthonormal and gives a coefficient per sample, so
    sum / count has the unit of the samples: for white noise that of the mean |e|, less where e is smooth or a wave.
    """
    tiles = _tiles(_masked_error(filtered, original, valid), _TILE)
    return _transformed(tiles, _hadamard_matrix).abs().sum(), valid.sum()


def dct_satd(filtered: Tensor, original: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of |coefficients| of the DCT-II of e in tiles of 8x8, and the count; all else as for `hadamard_satd`."""
    tiles = _tiles(_masked_error(filtered, original, valid), _TILE)
    return _transformed(tiles, _dct_matrix).abs().sum(), valid.sum()


def block_hadamard_satd(a: Tensor, b: Tensor) -> Tensor:
    """The Hadamard SATD of a - b in orthonormal scale, tiled as `codecnn.transforms.satd` does, with a gradient.

    a, b: (..., H, W) floats, H and W multiples of 4, else ValueError. Returns (...), float32 or wider, autocast or not.
    """
    height, width = a.shape[-2:]
    if height % 4 or width % 4:
        raise ValueError(f"the Hadamard SATD needs sides that are multiples of 4, not {width}x{height}")
    side = 8 if height % 8 == 0 and width % 8 == 0 else 4
    return _transformed(_tiles(_wide(a) - _wide(b), side), _hadamard_matrix).abs().sum((-4, -3, -2, -1))


def block_dct_satd(a: Tensor, b: Tensor) -> Tensor:
    """The DCT SATD of a - b, the orthonormal DCT-II being that of the whole block, with a gradient.

    a, b: (..., H, W) floats. Returns (...), float32 or wider, autocast or not. As `codecnn.transforms.dct_satd`.
    """
    return _transformed(_wide(a) - _wide(b), _dct_matrix).abs().sum((-2, -1))


def _masked_error(filtered: Tensor, original: Tensor, valid: Tensor) -> Tensor:
    """The error where it counts, with zeros to the right and below up to whole tiles."""
    error = (_wide(filtered) - _wide(original)) * valid
    height, width = error.shape[-2:]
    return pad(error, (0, -width % _TILE, 0, -height % _TILE))


def _wide(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _tiles(error: Tensor, side: int) -> Tensor:
    height, width = error.shape[-2:]
    rows = error.reshape(*error.shape[:-2], height // side, side, width // side, side)
    return rows.transpose(-3, -2)  # (..., H / side, W / side, side, side)


def _transformed(blocks: Tensor, matrix: Callable[[int, Tensor], Tensor]) -> Tensor:
    height, width = blocks.shape[-2:]
    with torch.autocast(blocks.device.type, enabled=False):  # it would multiply in bfloat16
        return matrix(height, blocks) @ blocks @ matrix(width, blocks).T


def _hadamard_matrix(size: int, like: Tensor) -> Tensor:
    """Sylvester's, orthonormal: (size, size)."""
    matrix = like.new_ones(1, 1)
    while len(matrix) < size:
        matrix = torch.cat((torch.cat((matrix, matrix), 1), torch.cat((matrix, -matrix), 1)))
    return matrix / math.sqrt(size)


def _dct_matrix(size: int, like: Tensor) -> Tensor:
    """The orthonormal DCT-II, a frequency in each row: (size, size)."""
    index = torch.arange(size, dtype=torch.float64, device=like.device)
    matrix = (torch.outer(index, 2 * index + 1) * (math.pi / (2 * size))).cos() * math.sqrt(2 / size)
    matrix[0] = math.sqrt(1 / size)
    return matrix.to(like)


def _sum(loss: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    return (loss * valid).sum(), valid.sum()
