"""H.266 (VVC) luma intra prediction: planar, DC and 65 angular modes, of a block or its sub-partitions, in plain numpy.

This is the reference that the fast engine of `codecnn.labels` is tested against; the engine takes its
per-mode constants from the functions that are imported here.
"""

import numpy as np

from codecnn.intra.mip import predict_mip
from codecnn.intra.references import check_references
from codecnn.intra.vvc_modes import (
    CUBIC,
    DC,
    DIAGONAL,
    GAUSSIAN,
    HORIZONTAL,
    MODES,
    PLANAR,
    VERTICAL,
    angle,
    interpolation_taps,
    inverse_angle,
    is_vertical,
    log2,
    pdpc_scale,
    smooths_references,
    wide_angle,
)

__all__ = [
    "CUBIC",
    "DC",
    "DIAGONAL",
    "GAUSSIAN",
    "HORIZONTAL",
    "MODES",
    "PLANAR",
    "VERTICAL",
    "angle",
    "interpolation_taps",
    "inverse_angle",
    "is_vertical",
    "pdpc_scale",
    "predict",
    "predict_isp",
    "predict_mip",
    "smooths_references",
    "wide_angle",
]

HORIZONTAL_SPLIT, VERTICAL_SPLIT = 1, 2


def predict(refs: np.ndarray, width: int, height: int, mode: int, bit_depth: int, mrl: int = 0) -> np.ndarray:
    """Predict a luma block as H.266 does (8.4.5.2).

    refs: (2 * (width + height + mrl) + 1,) integers, 0..2^bit_depth - 1, in the order of `codecnn.intra.references`:
    left column top to bottom, corner, top row left to right, on the reference line `mrl` (0, 1, 2).
    mode: 0 planar, 1 DC, 2..66 angular, as signalled. width, height: 4, 8, 16, 32, 64.
    Returns (height, width) of the dtype of refs. Raises ValueError for another mode, size or number of references.
    """
    _check_mode(mode)
    check_references(refs, width, height, mrl)
    corner = 2 * height + mrl
    border = _border(refs, corner)
    mapped = wide_angle(mode, width, height)
    if mrl == 0 and smooths_references(mapped, width, height):
        border[1:-1] = (border[:-2] + 2 * border[1:-1] + border[2:] + 2) >> 2
    taps = interpolation_taps(mapped, width, height, mrl)
    block = _predict_mapped(border[corner::-1], border[corner:], width, height, mapped, taps, bit_depth, mrl)
    return block.astype(refs.dtype)


def predict_isp(refs: np.ndarray, width: int, height: int, mode: int, bit_depth: int, split: int) -> np.ndarray:
    """Predict a luma block in sub-partitions, each from the former ones without residual, as H.266 does (8.4.5.1).

    refs, mode, width, height: as for `predict`, but 4x4 has no sub-partitions.
    split: 1 horizontal (parts one below the other), 2 vertical. Parts narrower than 4 are predicted together.
    Returns (height, width) of the dtype of refs. Raises ValueError for another mode, size, split or number of refs.
    """
    _check_mode(mode)
    check_references(refs, width, height)
    if width * height == 16:
        raise ValueError("a 4x4 block has no sub-partitions")
    if split not in (HORIZONTAL_SPLIT, VERTICAL_SPLIT):
        raise ValueError(f"split {split} is neither {HORIZONTAL_SPLIT}, horizontal, nor {VERTICAL_SPLIT}, vertical")
    parts = 2 if width * height == 32 else 4
    part_width = max(width // parts, 4) if split == VERTICAL_SPLIT else width
    part_height = height // parts if split == HORIZONTAL_SPLIT else height
    mapped = wide_angle(mode, width, height)  # by the size of the whole block
    border = _border(refs, 2 * height)
    left, top = border[2 * height :: -1], border[2 * height :]
    block = np.empty((height, width), np.int64)
    for y in range(0, height, part_height):
        for x in range(0, width, part_width):
            beside = left[y:][: height + part_height + 1] if x == 0 else _inner_line(top[x], block[:, x - 1])
            above = top[x:][: width + part_width + 1] if y == 0 else _inner_line(left[y], block[y - 1])
            part = _predict_mapped(beside, above, part_width, part_height, mapped, CUBIC, bit_depth)
            block[y : y + part_height, x : x + part_width] = part
    return block.astype(refs.dtype)


def _check_mode(mode: int) -> None:
    if not 0 <= mode < MODES:
        raise ValueError(f"VVC mode {mode} is not in 0..{MODES - 1}")


def _border(refs: np.ndarray, corner: int) -> np.ndarray:
    """The references from the bottom left end to the top right one, wide enough to calculate with."""
    return np.concatenate((refs[:corner][::-1], refs[corner:])).astype(np.int64)


def _inner_line(corner: int, samples: np.ndarray) -> np.ndarray:
    """The line between two parts: what lies beyond the block is not decoded yet, so the last sample is repeated."""
    return np.pad(np.append(corner, samples), (0, samples.size), mode="edge")


def _predict_mapped(
    left: np.ndarray,
    top: np.ndarray,
    width: int,
    height: int,
    mode: int,
    taps: np.ndarray,
    bit_depth: int,
    mrl: int = 0,
) -> np.ndarray:
    """Predict with the mapped mode from lines that begin with the corner; beyond its end a line repeats."""
    scale = pdpc_scale(mode, width, height) if mrl == 0 else -1
    peak = (1 << bit_depth) - 1
    if mode in (PLANAR, DC):
        block = _planar(left, top, width, height) if mode == PLANAR else _dc(left, top, width, height, mrl)
        return block if scale < 0 else _pdpc_both_sides(block, left, top, scale)
    if is_vertical(mode):
        return _angular(top, left, width, height, mode, taps, scale, peak, mrl)
    return _angular(left, top, height, width, mode, taps, scale, peak, mrl).T


def _planar(left: np.ndarray, top: np.ndarray, width: int, height: int) -> np.ndarray:
    x, y = np.arange(width), np.arange(height)[:, None]
    vertical = (height - 1 - y) * top[1 : width + 1] + (y + 1) * left[height + 1]
    horizontal = (width - 1 - x) * left[1 : height + 1, None] + (x + 1) * top[width + 1]
    total: np.ndarray = vertical * width + horizontal * height + width * height
    return total >> (log2(width) + log2(height) + 1)


def _dc(left: np.ndarray, top: np.ndarray, width: int, height: int, mrl: int) -> np.ndarray:
    """The mean of both sides of a square block, of the longer side of another, so that the divisor is a power of 2."""
    above, beside = top[1 + mrl :][:width], left[1 + mrl :][:height]
    both = np.concatenate((above, beside))
    used = both if width == height else max(above, beside, key=len)
    return np.full((height, width), (used.sum() + (used.size >> 1)) >> log2(used.size))


def _angular(
    main: np.ndarray,
    side: np.ndarray,
    width: int,
    height: int,
    mode: int,
    taps: np.ndarray,
    scale: int,
    peak: int,
    mrl: int,
) -> np.ndarray:
    """Predict from `main`, the row above for a vertical mode; a horizontal one sees the block transposed.

    main, side: the lines, beginning with the corner. Returns (height, width).
    """
    if angle(mode) < 0:  # the line goes on to the left of the corner: `side`, projected along the mode's direction
        projected = (np.arange(height, 0, -1) * -inverse_angle(mode) + 256) >> 9
        line, origin = np.concatenate((side[np.minimum(projected, height)], main)), height
    else:
        line, origin = main, 0
    shift = (np.arange(height) + 1 + mrl) * angle(mode)
    index = origin + mrl + (shift >> 5)[:, None, None] + np.arange(width)[:, None] + np.arange(4)
    products = line[np.minimum(index, line.size - 1)] * taps[shift & 31][:, None]  # (height, width, 4)
    block: np.ndarray = np.clip((products.sum(-1) + 32) >> 6, 0, peak)
    return block if scale < 0 else np.clip(_pdpc_one_side(block, side, mode, scale), 0, peak)


def _pdpc_weights(length: int, scale: int) -> np.ndarray:
    weights: np.ndarray = 32 >> ((np.arange(length) << 1) >> scale)
    return weights


def _pdpc_both_sides(block: np.ndarray, left: np.ndarray, top: np.ndarray, scale: int) -> np.ndarray:
    height, width = block.shape
    across, down = _pdpc_weights(width, scale), _pdpc_weights(height, scale)[:, None]
    sides = left[1 : height + 1, None] * across + top[1 : width + 1] * down
    blended: np.ndarray = (sides + (64 - across - down) * block + 32) >> 6
    return blended


def _pdpc_one_side(block: np.ndarray, side: np.ndarray, mode: int, scale: int) -> np.ndarray:
    """Blend the first columns with the side that the mode does not predict from."""
    height, width = block.shape
    reach = min(3 << scale, width)
    if angle(mode) == 0:  # the gradient along the side, whatever its level
        other = block[:, :reach] + side[1 : height + 1, None] - side[0]
    else:
        offset = ((np.arange(reach) + 1) * inverse_angle(mode) + 256) >> 9
        other = side[np.arange(height)[:, None] + 1 + offset]
    weights = _pdpc_weights(reach, scale)
    blended = (other * weights + block[:, :reach] * (64 - weights) + 32) >> 6
    return np.concatenate((blended, block[:, reach:]), axis=1)
