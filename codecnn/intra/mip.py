"""Predict luma blocks by the matrices of H.266 (VVC): MIP, in plain numpy."""

from functools import cache
from pathlib import Path

import numpy as np

from codecnn.intra.references import check_references

_MATRICES = Path(__file__).with_name("mip_matrices.npz")  # the tables of H.266
_ZERO = 32  # the table entry for a weight of 0


@cache
def _weights(size_id: int) -> np.ndarray:
    """Return the matrices of a size class in 1/64: (modes, outputs, inputs)."""
    with np.load(_MATRICES) as file:
        weights: np.ndarray = file[f"size{size_id}"].astype(np.int64) - _ZERO
    return weights


def predict_mip(
    refs: np.ndarray, width: int, height: int, mode: int, bit_depth: int, transposed: bool = False
) -> np.ndarray:
    """Predict luma blocks by a matrix as H.266 does (8.4.5.2.2): average the boundary, multiply, interpolate.

    refs: (..., 2 * (width + height) + 1) integers, 0..2^bit_depth - 1, in the order of `codecnn.intra.references`.
    width, height: 4, 8, 16, 32, 64. mode: 0 to `mip_modes` - 1. transposed: whether the left column and the top row
    exchange their roles. Returns (..., height, width) of the dtype of refs. Raises ValueError for another mode, size or
    number of references.
    """
    check_references(refs[(0,) * (refs.ndim - 1)], width, height)
    if not 0 <= mode < mip_modes(width, height):
        raise ValueError(f"MIP mode {mode} of a {width}x{height} block is not in 0..{mip_modes(width, height) - 1}")
    size_id = _size_id(width, height)
    left, top = refs[..., :height].astype(np.int64), refs[..., 2 * height + 1 :][..., :width].astype(np.int64)
    boundary_size = (2, 4, 4)[size_id]  # averaged samples on each side
    side = (4, 4, 8)[size_id]  # of the block that the matrix gives
    halves = [_mean_of_groups(top, boundary_size), _mean_of_groups(left, boundary_size)]
    boundary = np.concatenate(halves[::-1] if transposed else halves, -1)
    first = boundary[..., :1]
    inputs = boundary - first
    inputs[..., 0] = (1 << (bit_depth - 1)) - first[..., 0]
    if size_id == 2:
        inputs = inputs[..., 1:]
    outputs = ((inputs @ _weights(size_id)[mode].T + 32) >> 6) + first
    block: np.ndarray = np.clip(outputs, 0, (1 << bit_depth) - 1).reshape(*refs.shape[:-1], side, side)
    if transposed:
        block = block.swapaxes(-1, -2)
    beside = left[..., height // side - 1 :: height // side]  # in the rows that the matrix gives
    rows = _interpolate(beside, block.swapaxes(-1, -2), width // side).swapaxes(-1, -2)  # (..., side, width)
    block = _interpolate(top, rows, height // side)
    return block.astype(refs.dtype)


def mip_modes(width: int, height: int) -> int:
    """Return the number of matrices for a block size: 16, 8 or 6; each can be transposed as well."""
    return (16, 8, 6)[_size_id(width, height)]


def _size_id(width: int, height: int) -> int:
    return 0 if width == height == 4 else 1 if min(width, height) == 4 or width == height == 8 else 2


def _mean_of_groups(samples: np.ndarray, count: int) -> np.ndarray:
    size = samples.shape[-1] // count
    means: np.ndarray = (samples.reshape(*samples.shape[:-1], count, size).sum(-1) + (size >> 1)) // size
    return means


def _interpolate(before: np.ndarray, rows: np.ndarray, factor: int) -> np.ndarray:
    """Insert factor - 1 rows in front of each row, between it and the one before: (..., N, M) -> (..., factor * N, M).

    before: (..., M), in front of the first row.
    """
    former = np.concatenate((before[..., None, :], rows[..., :-1, :]), -2)[..., None, :]  # (..., N, 1, M)
    step = np.arange(1, factor + 1)[:, None]
    between = ((factor - step) * former + step * rows[..., None, :] + (factor >> 1)) // factor  # (..., N, factor, M)
    joined: np.ndarray = between.reshape(*rows.shape[:-2], -1, rows.shape[-1])
    return joined
