"""H.266 (VVC) luma intra prediction: planar, DC and 65 angular modes, in plain numpy.

This is the reference that the fast engine of `codecnn.labels` is tested against; the engine takes its
per-mode constants from the functions below.
"""

import numpy as np

MODES = 67
PLANAR, DC, HORIZONTAL, DIAGONAL, VERTICAL = 0, 1, 18, 34, 50

# Displacement per row in 1/32 sample, by distance from the horizontal or vertical mode (H.266 table 24).
_ANGLES = (
    *(0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 29, 32),
    *(35, 39, 45, 51, 57, 64, 73, 86, 102, 128, 171, 256, 341, 512, 1024),
)
# Planar, and the modes whose angle is a multiple of 32: they copy, so their references are smoothed beforehand.
_SMOOTHED_MODES = frozenset((PLANAR, -14, -12, -10, -6, 2, 34, 66, 72, 76, 78, 80))
# By (log2 W + log2 H) >> 1: how far from horizontal and vertical a mode must be for the Gaussian filter.
_GAUSSIAN_DISTANCE = {2: 24, 3: 14, 4: 2, 5: 0, 6: 0}

_HALF_CUBIC = (
    *((0, 64, 0, 0), (-1, 63, 2, 0), (-2, 62, 4, 0), (-2, 60, 7, -1), (-2, 58, 10, -2), (-3, 57, 12, -2)),
    *((-4, 56, 14, -2), (-4, 55, 15, -2), (-4, 54, 16, -2), (-5, 53, 18, -2), (-6, 52, 20, -2)),
    *((-6, 49, 24, -3), (-6, 46, 28, -4), (-5, 44, 29, -4), (-4, 42, 30, -4), (-4, 39, 33, -4), (-4, 36, 36, -4)),
)
# Interpolation taps by the fraction in 1/32 sample; they add up to 64 (H.266 table 25).
CUBIC = np.array(_HALF_CUBIC + tuple(taps[::-1] for taps in _HALF_CUBIC[15:0:-1]))  # (32, 4)
GAUSSIAN = np.array([(16 - f, 32 - f, 16 + f, f) for f in np.arange(32) >> 1])  # (32, 4)


def wide_angle(mode: int, width: int, height: int) -> int:
    """Map a signalled mode to the one that is predicted, -14..80, for a block that is not square (H.266 8.4.5.2.7)."""
    ratio = abs(_log2(width) - _log2(height))
    extra = 2 * ratio if ratio > 1 else 0
    if width > height and 2 <= mode < 8 + extra:
        return mode + 65
    if height > width and 60 - extra < mode <= 66:
        return mode - 67
    return mode


def is_vertical(mode: int) -> bool:
    """Whether the (mapped, angular) mode predicts from the row above; the others do from the column on the left."""
    return mode >= DIAGONAL


def angle(mode: int) -> int:
    """Displacement of the (mapped, angular) mode in 1/32 sample for each row (column, where it is horizontal)."""
    if is_vertical(mode):
        steps = mode - VERTICAL
    elif mode >= 2:
        steps = HORIZONTAL - mode
    else:
        steps = HORIZONTAL - 2 - mode  # -1 comes next to 2
    return _ANGLES[steps] if steps >= 0 else -_ANGLES[-steps]


def inverse_angle(mode: int) -> int:
    """Displacement along the other side of the block in 1/512 sample, 0 for the horizontal and the vertical mode."""
    return 0 if angle(mode) == 0 else round(512 * 32 / angle(mode))


def smooths_references(mode: int, width: int, height: int) -> bool:
    """Whether the (mapped) mode is predicted from [1 2 1]/4 smoothed references (H.266 8.4.5.2.10)."""
    return mode in _SMOOTHED_MODES and width * height > 32


def interpolation_taps(mode: int, width: int, height: int, mrl: int = 0) -> np.ndarray:
    """The 4-tap filters of the (mapped, angular) mode: (32, 4), one for each fraction of 1/32 (H.266 8.4.5.2.13)."""
    distance = min(abs(mode - VERTICAL), abs(mode - HORIZONTAL))
    threshold = _GAUSSIAN_DISTANCE[(_log2(width) + _log2(height)) >> 1]
    gaussian = mrl == 0 and mode not in _SMOOTHED_MODES and distance > threshold
    return GAUSSIAN if gaussian else CUBIC


def pdpc_scale(mode: int, width: int, height: int) -> int:
    """How far PDPC reaches into the block for the (mapped) mode: 3 << scale samples; negative: not at all."""
    if mode in (PLANAR, DC, HORIZONTAL, VERTICAL):
        return (_log2(width) + _log2(height) - 2) >> 2
    if HORIZONTAL < mode < VERTICAL:
        return -1
    length = height if is_vertical(mode) else width
    return min(2, _log2(length) - ((3 * inverse_angle(mode) - 2).bit_length() - 1) + 8)


def predict(refs: np.ndarray, width: int, height: int, mode: int, bit_depth: int, mrl: int = 0) -> np.ndarray:
    """Predict a luma block as H.266 does (8.4.5.2).

    refs: (2 * (width + height + mrl) + 1,) integers, 0..2^bit_depth - 1, in the order of `codecnn.intra.references`:
    left column top to bottom, corner, top row left to right, on the reference line `mrl` (0, 1, 2).
    mode: 0 planar, 1 DC, 2..66 angular, as signalled. width, height: 4, 8, 16, 32, 64.
    Returns (height, width) of the dtype of refs. Raises ValueError for another mode or number of references.
    """
    if not 0 <= mode < MODES:
        raise ValueError(f"VVC mode {mode} is not in 0..{MODES - 1}")
    if refs.shape != (2 * (width + height + mrl) + 1,):
        raise ValueError(f"a {width}x{height} block with MRL {mrl} has no references of shape {refs.shape}")
    corner = 2 * height + mrl
    border = np.concatenate((refs[:corner][::-1], refs[corner:])).astype(np.int64)  # bottom-left to top-right
    mapped = wide_angle(mode, width, height)
    if mrl == 0 and smooths_references(mapped, width, height):
        border[1:-1] = (border[:-2] + 2 * border[1:-1] + border[2:] + 2) >> 2
    left, top = border[corner::-1], border[corner:]  # both begin with the corner
    scale = pdpc_scale(mapped, width, height) if mrl == 0 else -1
    peak = (1 << bit_depth) - 1
    if mapped in (PLANAR, DC):
        block = _planar(left, top, width, height) if mapped == PLANAR else _dc(left, top, width, height, mrl)
        if scale >= 0:
            block = _pdpc_both_sides(block, left, top, scale)
        return block.astype(refs.dtype)
    taps = interpolation_taps(mapped, width, height, mrl)
    if is_vertical(mapped):
        block = _angular(top, left, width, height, mapped, taps, scale, peak, mrl)
    else:
        block = _angular(left, top, height, width, mapped, taps, scale, peak, mrl).T
    return block.astype(refs.dtype)


def _planar(left: np.ndarray, top: np.ndarray, width: int, height: int) -> np.ndarray:
    x, y = np.arange(width), np.arange(height)[:, None]
    vertical = (height - 1 - y) * top[1 : width + 1] + (y + 1) * left[height + 1]
    horizontal = (width - 1 - x) * left[1 : height + 1, None] + (x + 1) * top[width + 1]
    total: np.ndarray = vertical * width + horizontal * height + width * height
    return total >> (_log2(width) + _log2(height) + 1)


def _dc(left: np.ndarray, top: np.ndarray, width: int, height: int, mrl: int) -> np.ndarray:
    """The mean of both sides of a square block, of the longer side of another, so that the divisor is a power of 2."""
    above, beside = top[1 + mrl :][:width], left[1 + mrl :][:height]
    both = np.concatenate((above, beside))
    used = both if width == height else max(above, beside, key=len)
    return np.full((height, width), (used.sum() + (used.size >> 1)) >> _log2(used.size))


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


def _log2(length: int) -> int:
    return length.bit_length() - 1
