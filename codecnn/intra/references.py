"""Gather the reference samples around a block, with substitutes for samples that are not decoded before it.

The order of the 2W + 2H + 2r + 1 samples of a WxH block on reference line r, where 0 is next to the block:
left column p[-1-r][-r..2H-1] top to bottom, corner p[-1-r][-1-r], top row p[-r..2W-1][-1-r] left to right.
"""

import numpy as np

from codecnn.intra.block_size import SIDES

_UNIT_BITS = 2  # the decoding order is counted in units of 4x4 luma samples


def decoding_order(x: np.ndarray, y: np.ndarray, picture_width: int, ctu_size: int) -> np.ndarray:
    """Return when the 4x4 unit at luma position (x, y) is decoded: CTUs in raster order, units of a CTU in z-scan.

    x, y: non-negative integers that broadcast together. Returns integers of their shape, larger is later.
    """
    ctus_across = -(-picture_width // ctu_size)
    bits = (ctu_size >> _UNIT_BITS).bit_length() - 1
    across = ((x // ctu_size) << 2 * bits) + _spread_bits((x % ctu_size) >> _UNIT_BITS, bits)
    down = ((y // ctu_size * ctus_across) << 2 * bits) + 2 * _spread_bits((y % ctu_size) >> _UNIT_BITS, bits)
    order: np.ndarray = across + down
    return order


def _spread_bits(units: np.ndarray, bits: int) -> np.ndarray:
    """Put a zero above every bit; two such numbers interleave to a z-scan index."""
    spread = np.zeros_like(units)
    for bit in range(bits):
        spread |= (units >> bit & 1) << 2 * bit
    return spread


def available(
    x: np.ndarray,
    y: np.ndarray,
    x_block: np.ndarray,
    y_block: np.ndarray,
    side: int,
    shape: tuple[int, int],
    ctu_size: int,
) -> np.ndarray:
    """Tell whether the sample at (x, y), left of a block or above it, is in the picture and decoded before the block.

    x, y: integers that broadcast together; they may be outside the picture, also negative. x_block, y_block: the
    top left sample of the block. side: the longer side of the block. The block is part of a square of this side in
    a quadtree; the square is split into halves, quarters and so on. shape: (height, width) of the picture.
    Returns bool (H.266 6.4.4 with one slice and one tile).
    """
    height, width = shape
    inside: np.ndarray = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    order = decoding_order(np.maximum(x, 0) // side * side, np.maximum(y, 0) // side * side, width, ctu_size)
    of_block = decoding_order(x_block // side * side, y_block // side * side, width, ctu_size)
    earlier = (order < of_block) | ((order == of_block) & ((x < x_block) | (y < y_block)))
    decoded: np.ndarray = inside & earlier
    return decoded


def substitute(border: np.ndarray, is_available: np.ndarray, bit_depth: int) -> np.ndarray:
    """Fill in the samples of a border that are not available (H.266 8.4.5.2.9).

    border, is_available: (N,), from the bottom left end up to the corner and on to the top right end (not the
    order of this module). A missing sample repeats the one before it, or the first available one if it is at the
    beginning. If none is available, all become 1 << (bit_depth - 1).
    """
    if not is_available.any():
        return np.full_like(border, 1 << (bit_depth - 1))
    source = np.maximum.accumulate(np.where(is_available, np.arange(border.size), 0))
    return border[np.maximum(source, np.argmax(is_available))]


def reference_samples(
    plane: np.ndarray, x: int, y: int, width: int, height: int, ctu_size: int, bit_depth: int, reference_line: int = 0
) -> np.ndarray:
    """Gather the references of the block at (x, y), with substitutes for samples that are not decoded before it.

    plane: (picture height, picture width) luma, 0..2^bit_depth - 1. x, y: multiples of width and height; `available`
    says how the picture is split into blocks. reference_line: 0, 1 or 2.
    Returns (2 * (width + height + reference_line) + 1,) of the plane's dtype, in the order of this module.
    """
    left = np.arange(-reference_line, 2 * height)
    top = np.arange(-reference_line, 2 * width)
    x_border = np.concatenate((np.full(left.size + 1, x - 1 - reference_line), x + top))
    y_border = np.concatenate((y + left[::-1], np.full(top.size + 1, y - 1 - reference_line)))
    block = np.array(x), np.array(y), max(width, height)
    is_available = available(x_border, y_border, *block, plane.shape, ctu_size)
    border = plane[np.where(is_available, y_border, 0), np.where(is_available, x_border, 0)]
    border = substitute(border, is_available, bit_depth)
    return np.concatenate((border[: left.size][::-1], border[left.size :]))


def check_references(refs: np.ndarray, width: int, height: int, reference_line: int = 0) -> None:
    """Raise ValueError if blocks of this size are not predicted, or if refs do not have the shape for this size."""
    if width not in SIDES or height not in SIDES:
        raise ValueError(f"a {width}x{height} block has a side that is none of {SIDES}")
    if refs.shape != (2 * (width + height + reference_line) + 1,):
        raise ValueError(
            f"a {width}x{height} block on reference line {reference_line} has no references of shape {refs.shape}"
        )
