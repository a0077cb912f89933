"""The reference samples around a block: which of them are decoded before it, and what stands in for the others.

The order of all arrays, on the reference line r, 0 being next to the block (W, H its size; 2W + 2H + 2r + 1 samples):
left column p[-1-r][-r..2H-1] top to bottom, corner p[-1-r][-1-r], top row p[-r..2W-1][-1-r] left to right.
"""

import numpy as np

from codecnn.intra.block_size import SIDES

_UNIT_BITS = 2  # the coding order is kept in units of 4x4 luma samples


def decoding_order(x: np.ndarray, y: np.ndarray, picture_width: int, ctu_size: int) -> np.ndarray:
    """When the 4x4 unit at luma position (x, y) is decoded: CTUs in raster order, within them in z-scan.

    x, y: non-negative integers that broadcast together. Returns integers of their shape, larger is later.
    """
    ctus_across = -(-picture_width // ctu_size)
    bits = (ctu_size >> _UNIT_BITS).bit_length() - 1
    across = ((x // ctu_size) << 2 * bits) + _spread_bits((x % ctu_size) >> _UNIT_BITS, bits)
    down = ((y // ctu_size * ctus_across) << 2 * bits) + 2 * _spread_bits((y % ctu_size) >> _UNIT_BITS, bits)
    order: np.ndarray = across + down
    return order


def _spread_bits(units: np.ndarray, bits: int) -> np.ndarray:
    """Put a zero above every bit, so that two such numbers interleave to a z-scan index."""
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
    """Whether the sample at (x, y), left of a block or above it, is in the picture and decoded before the block.

    x, y: integers that broadcast together, outside the picture (negative, too) allowed. x_block, y_block: where the
    block begins. side: the longer one of the block, which comes of a square of that side in a quadtree, split in
    halves, quarters and so on one after the other. shape: the picture's (height, width).
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

    border, is_available: (N,), from the bottom left end up to the corner and on to the top right end (not this
    module's order). A missing sample repeats the one before it, at the beginning the first that there is;
    where none is available all are 1 << (bit_depth - 1).
    """
    if not is_available.any():
        return np.full_like(border, 1 << (bit_depth - 1))
    source = np.maximum.accumulate(np.where(is_available, np.arange(border.size), 0))
    return border[np.maximum(source, np.argmax(is_available))]


def reference_samples(
    plane: np.ndarray, x: int, y: int, width: int, height: int, ctu_size: int, bit_depth: int, mrl: int = 0
) -> np.ndarray:
    """Gather the references of the block at (x, y), with substitutes for what is not decoded before it.

    plane: (picture height, picture width) luma, 0..2^bit_depth - 1. The block is one that `available` knows, x and y
    being multiples of its width and height. mrl: the reference line, 0, 1 or 2.
    Returns (2 * (width + height + mrl) + 1,) of the plane's dtype, in this module's order.
    """
    left = np.arange(-mrl, 2 * height)
    top = np.arange(-mrl, 2 * width)
    x_border = np.concatenate((np.full(left.size + 1, x - 1 - mrl), x + top))
    y_border = np.concatenate((y + left[::-1], np.full(top.size + 1, y - 1 - mrl)))
    block = np.array(x), np.array(y), max(width, height)
    is_available = available(x_border, y_border, *block, plane.shape, ctu_size)
    border = plane[np.where(is_available, y_border, 0), np.where(is_available, x_border, 0)]
    border = substitute(border, is_available, bit_depth)
    return np.concatenate((border[: left.size][::-1], border[left.size :]))


def check_references(refs: np.ndarray, width: int, height: int, mrl: int = 0) -> None:
    """Raise ValueError unless refs are those of a block that can be predicted, on the reference line `mrl`."""
    if width not in SIDES or height not in SIDES:
        raise ValueError(f"a {width}x{height} block has a side that is none of {SIDES}")
    if refs.shape != (2 * (width + height + mrl) + 1,):
        raise ValueError(f"a {width}x{height} block with MRL {mrl} has no references of shape {refs.shape}")
