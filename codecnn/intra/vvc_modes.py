"""Derive direction, filters and PDPC from the mode and the size of a luma block, as in H.266 (VVC)."""

import numpy as np

MODES = 67
PLANAR, DC, HORIZONTAL, DIAGONAL, VERTICAL = 0, 1, 18, 34, 50

# Displacement per row in 1/32 sample, by distance from the horizontal or vertical mode (H.266 table 24).
_ANGLES = (
    *(0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 29, 32),
    *(35, 39, 45, 51, 57, 64, 73, 86, 102, 128, 171, 256, 341, 512, 1024),
)
# Planar, and the modes whose angle is a multiple of 32: these copy samples, so their references are smoothed first.
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
    """Map a signalled mode to the mode that predicts a block that is not square, -14..80 (H.266 8.4.5.2.7)."""
    ratio = abs(log2(width) - log2(height))
    extra = 2 * ratio if ratio > 1 else 0
    if width > height and 2 <= mode < 8 + extra:
        return mode + 65
    if height > width and 60 - extra < mode <= 66:
        return mode - 67
    return mode


def is_vertical(mode: int) -> bool:
    """Tell whether the mapped angular mode predicts from the row above; the others predict from the left column."""
    return mode >= DIAGONAL


def angle(mode: int) -> int:
    """Return the displacement of the mapped angular mode in 1/32 sample per row (per column if it is horizontal)."""
    if is_vertical(mode):
        steps = mode - VERTICAL
    elif mode >= 2:
        steps = HORIZONTAL - mode
    else:
        steps = HORIZONTAL - 2 - mode  # -1 is next to 2
    return _ANGLES[steps] if steps >= 0 else -_ANGLES[-steps]


def inverse_angle(mode: int) -> int:
    """Return the displacement along the other side in 1/512 sample; 0 for the horizontal and the vertical mode."""
    return 0 if angle(mode) == 0 else round(512 * 32 / angle(mode))


def smooths_references(mode: int, width: int, height: int) -> bool:
    """Tell whether the mapped mode predicts from references smoothed by [1 2 1]/4 (H.266 8.4.5.2.10)."""
    return mode in _SMOOTHED_MODES and width * height > 32


def interpolation_taps(mode: int, width: int, height: int, reference_line: int = 0) -> np.ndarray:
    """Return the 4-tap filters of the mapped angular mode: (32, 4), one for each 1/32 sample (H.266 8.4.5.2.13)."""
    distance = min(abs(mode - VERTICAL), abs(mode - HORIZONTAL))
    threshold = _GAUSSIAN_DISTANCE[(log2(width) + log2(height)) >> 1]
    gaussian = reference_line == 0 and mode not in _SMOOTHED_MODES and distance > threshold
    return GAUSSIAN if gaussian else CUBIC


def pdpc_scale(mode: int, width: int, height: int) -> int:
    """Return the scale of PDPC for the mapped mode: it reaches 3 << scale samples into the block; negative: no PDPC."""
    if min(width, height) < 4:  # a sub-partition
        return -1
    if mode in (PLANAR, DC, HORIZONTAL, VERTICAL):
        return (log2(width) + log2(height) - 2) >> 2
    if HORIZONTAL < mode < VERTICAL:
        return -1
    length = height if is_vertical(mode) else width
    return min(2, log2(length) - ((3 * inverse_angle(mode) - 2).bit_length() - 1) + 8)


def log2(length: int) -> int:
    """Return the exponent of a power of 2."""
    return length.bit_length() - 1
