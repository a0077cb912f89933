"""Compute the SATD of blocks in torch, with a gradient: the torch form of `codecnn.transforms.reference`."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def block_hadamard_satd(a: Tensor, b: Tensor) -> Tensor:
    """Compute the Hadamard SATD of a - b in orthonormal scale, in the tiles of `codecnn.transforms.reference.satd`.

    a, b: (..., H, W) floats, H and W multiples of 4, else ValueError. Returns (...), float32 or
    float64, also under autocast.
    """
    height, width = a.shape[-2:]
    if height % 4 or width % 4:
        raise ValueError(f"the Hadamard SATD needs sides that are multiples of 4, not {width}x{height}")
    side = 8 if height % 8 == 0 and width % 8 == 0 else 4
    return transformed(in_tiles(widened(a) - widened(b), side), hadamard_matrix).abs().sum((-4, -3, -2, -1))


def block_dct_satd(a: Tensor, b: Tensor) -> Tensor:
    """Compute the DCT SATD of a - b, by the orthonormal DCT-II of the whole block.

    a, b: (..., H, W) floats. Returns (...), float32 or float64, also under autocast.
    """
    return transformed(widened(a) - widened(b), dct_matrix).abs().sum((-2, -1))


def widened(values: Tensor) -> Tensor:
    """Convert values to float32; float64 values do not change."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def in_tiles(error: Tensor, side: int) -> Tensor:
    """Cut (..., H, W) into square tiles: (..., H / side, W / side, side, side)."""
    height, width = error.shape[-2:]
    rows = error.reshape(*error.shape[:-2], height // side, side, width // side, side)
    return rows.transpose(-3, -2)  # (..., H / side, W / side, side, side)


def transformed(blocks: Tensor, matrix: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Transform the last two axes; `matrix` makes the transform matrix for a size."""
    height, width = blocks.shape[-2:]
    with torch.autocast(blocks.device.type, enabled=False):  # autocast would multiply in bfloat16
        return matrix(height, blocks) @ blocks @ matrix(width, blocks).T


def hadamard_matrix(size: int, like: Tensor) -> Tensor:
    """Return the orthonormal Hadamard matrix of Sylvester: (size, size)."""
    matrix = like.new_ones(1, 1)
    while len(matrix) < size:
        matrix = torch.cat((torch.cat((matrix, matrix), 1), torch.cat((matrix, -matrix), 1)))
    return matrix / math.sqrt(size)


def dct_matrix(size: int, like: Tensor) -> Tensor:
    """Return the orthonormal DCT-II, one frequency in each row: (size, size)."""
    index = torch.arange(size, dtype=torch.float64, device=like.device)
    matrix = (torch.outer(index, 2 * index + 1) * (math.pi / (2 * size))).cos() * math.sqrt(2 / size)
    matrix[0] = math.sqrt(1 / size)
    return matrix.to(like)
