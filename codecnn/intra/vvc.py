"""Predict luma blocks by the intra modes of H.266 (VVC): planar, DC and 65 angular modes, in plain numpy.

Blocks are predicted as a whole or in sub-partitions. The fast engines of `codecnn.labels` are tested against this
module, and use the same functions of `codecnn.intra.vvc_modes`.
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


def predict(
    refs: np.ndarray, width: int, height: int, mode: int, bit_depth: int, reference_line: int = 0
) -> np.ndarray:
    """Predict a luma block as H.266 does (8.4.5.2).

    refs: (2 * (width + height + reference_line) + 1,) integers, 0..2^bit_depth - 1, in the order of
    `codecnn.intra.references`: left column top to bottom, corner, top row left to right. reference_line: 0, 1 or 2.
    mode: 0 planar, 1 DC, 2..66 angular, as signalled. width, height: 4, 8, 16, 32, 64.
    Returns (height, width) of the dtype of refs. Raises ValueError for another mode, size or number of references.
    """
    _check_mode(mode)
    check_references(refs, width, height, reference_line)
    corner = 2 * height + reference_line
    border = _border(refs, corner)
    mapped = wide_angle(mode, width, height)
    if reference_line == 0 and smooths_references(mapped, width, height):
        border[1:-1] = (border[:-2] + 2 * border[1:-1] + border[2:] + 2) >> 2
    taps = interpolation_taps(mapped, width, height, reference_line)
    block = _predict_mapped(border[corner::-1], border[corner:], width, height, mapped, taps, bit_depth, reference_line)
    return block.astype(refs.dtype)


def predict_isp(refs: np.ndarray, width: int, height: int, mode: int, bit_depth: int, split: int) -> np.ndarray:
    """Predict a luma block in sub-partitions (H.266 8.4.5.1), each from the predicted samples of the previous ones.

    refs, mode, width, height: as for `predict`, except that 4x4 has no sub-partitions.
    split: 1 horizontal (parts below each other), 2 vertical. Parts narrower than 4 are predicted together.
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
            beside = left[y:][: height + part_height + 1] if x == 0 else _inner_references(top[x], block[:, x - 1])
            above = top[x:][: width + part_width + 1] if y == 0 else _inner_references(left[y], block[y - 1])
            part = _predict_mapped(beside, above, part_width, part_height, mapped, CUBIC, bit_depth)
            block[y : y + part_height, x : x + part_width] = part
    return block.astype(refs.dtype)


def _check_mode(mode: int) -> None:
    if not 0 <= mode < MODES:
        raise ValueError(f"VVC mode {mode} is not in 0..{MODES - 1}")


def _border(refs: np.ndarray, corner: int) -> np.ndarray:
    """Return the references from the bottom left end to the top right end, as int64."""
    return np.concatenate((refs[:corner][::-1], refs[corner:])).astype(np.int64)


def _inner_references(corner: int, samples: np.ndarray) -> np.ndarray:
    """Return the references between two parts; the last one is repeated, as samples beyond the block do not exist."""
    return np.pad(np.append(corner, samples), (0, samples.size), mode="edge")


def _predict_mapped(
    left: np.ndarray,
    top: np.ndarray,
    width: int,
    height: int,
    mode: int,
    taps: np.ndarray,
    bit_depth: int,
    reference_line: int = 0,
) -> np.ndarray:
    """Predict with the mapped mode from `left` and `top`, both from the corner on; the last sample is repeated."""
    scale = pdpc_scale(mode, width, height) if reference_line == 0 else -1
    peak = (1 << bit_depth) - 1
    if mode in (PLANAR, DC):
        block = _planar(left, top, width, height) if mode == PLANAR else _dc(left, top, width, height, reference_line)
        return block if scale < 0 else _pdpc_both_sides(block, left, top, scale)
    if is_vertical(mode):
        return _angular(top, left, width, height, mode, taps, scale, peak, reference_line)
    return _angular(left, top, height, width, mode, taps, scale, peak, reference_line).T


def _planar(left: np.ndarray, top: np.ndarray, width: int, height: int) -> np.ndarray:
    x, y = np.arange(width), np.arange(height)[:, None]
    vertical = (height - 1 - y) * top[1 : width + 1] + (y + 1) * left[height + 1]
    horizontal = (width - 1 - x) * left[1 : height + 1, None] + (x + 1) * top[width + 1]
    total: np.ndarray = vertical * width + horizontal * height + width * height
    return total >> (log2(width) + log2(height) + 1)


def _dc(left: np.ndarray, top: np.ndarray, width: int, height: int, reference_line: int) -> np.ndarray:
    """Fill the block with the mean of both sides, or of the longer one, so that the divisor is a power of 2."""
    above, beside = top[1 + reference_line :][:width], left[1 + reference_line :][:height]
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
    reference_line: int,
) -> np.ndarray:
    """Predict from `main`: the row above for a vertical mode, the left column, transposed, for a horizontal one.

    main, side: the references, from the corner on. Returns (height, width).
    """
    if angle(mode) < 0:  # `side`, projected along the direction of the mode, continues `main` beyond the corner
        projected = (np.arange(height, 0, -1) * -inverse_angle(mode) + 256) >> 9
        samples, origin = np.concatenate((side[np.minimum(projected, height)], main)), height
    else:
        samples, origin = main, 0
    shift = (np.arange(height) + 1 + reference_line) * angle(mode)
    index = origin + reference_line + (shift >> 5)[:, None, None] + np.arange(width)[:, None] + np.arange(4)
    products = samples[np.minimum(index, samples.size - 1)] * taps[shift & 31][:, None]  # (height, width, 4)
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
    """Blend the first columns with the other side, from which the mode does not predict."""
    height, width = block.shape
    reach = min(3 << scale, width)
    if angle(mode) == 0:  # only the gradient along the side counts, not its level
        other = block[:, :reach] + side[1 : height + 1, None] - side[0]
    else:
        offset = ((np.arange(reach) + 1) * inverse_angle(mode) + 256) >> 9
        other = side[np.arange(height)[:, None] + 1 + offset]
    weights = _pdpc_weights(reach, scale)
    blended = (other * weights + block[:, :reach] * (64 - weights) + 32) >> 6
    return np.concatenate((blended, block[:, reach:]), axis=1)
