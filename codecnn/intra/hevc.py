"""Predict luma blocks by the intra modes of H.265 (HEVC): planar, DC and 33 angular modes, in plain numpy."""

import numpy as np

from codecnn.intra.references import check_references

MODES = 35
PLANAR, DC, HORIZONTAL, DIAGONAL, VERTICAL = 0, 1, 10, 18, 26

# Displacement per row in 1/32 sample, by distance from the horizontal or vertical mode (H.265 table 8-5).
_ANGLES = (0, 2, 5, 9, 13, 17, 21, 26, 32)
# By block size: references are smoothed for modes further than this from horizontal and vertical; never at size 4.
_SMOOTHING_DISTANCE = {8: 7, 16: 1, 32: 0}


def predict(refs: np.ndarray, size: int, mode: int, bit_depth: int, strong_smoothing: bool = False) -> np.ndarray:
    """Predict a luma block as H.265 does (8.4.4.2).

    refs: (4 * size + 1,) integers, 0..2^bit_depth - 1, in the order of `codecnn.intra.references`: left column top
    to bottom, corner, top row left to right. size: 4, 8, 16, 32. mode: 0 planar, 1 DC, 2..34 angular.
    strong_smoothing: the sequence's strong_intra_smoothing_enabled_flag; it only has an effect at size 32.
    Returns (size, size) of the dtype of refs. Raises ValueError for another mode, size or number of references.
    """
    if not 0 <= mode < MODES:
        raise ValueError(f"HEVC mode {mode} is not in 0..{MODES - 1}")
    if size > 32:
        raise ValueError(f"HEVC predicts blocks of at most 32x32, not {size}x{size}")
    check_references(refs, size, size)
    border = np.concatenate((refs[: 2 * size][::-1], refs[2 * size :])).astype(np.int64)  # bottom-left to top-right
    if smooths_references(mode, size):
        strong = strong_smoothing and size == 32 and _is_almost_linear(border, bit_depth)
        border = _bilinear(border) if strong else _smoothed(border)
    left, top = border[2 * size :: -1], border[2 * size :]  # both begin with the corner
    if mode == PLANAR:
        block = _planar(left, top, size)
    elif mode == DC:
        block = _dc(left, top, size)
    elif is_vertical(mode):
        block = _angular(top, left, size, mode, bit_depth)
    else:
        block = _angular(left, top, size, mode, bit_depth).T
    return block.astype(refs.dtype)


def smooths_references(mode: int, size: int) -> bool:
    """Tell whether the mode predicts from smoothed references (H.265 8.4.4.2.3)."""
    distance = min(abs(mode - VERTICAL), abs(mode - HORIZONTAL))
    return mode != DC and size in _SMOOTHING_DISTANCE and distance > _SMOOTHING_DISTANCE[size]


def is_vertical(mode: int) -> bool:
    """Tell whether the angular mode predicts from the row above; the others predict from the left column."""
    return mode >= DIAGONAL


def angle(mode: int) -> int:
    """Return the displacement of the angular mode in 1/32 sample per row (per column if it is horizontal)."""
    steps = mode - VERTICAL if is_vertical(mode) else HORIZONTAL - mode
    return _ANGLES[steps] if steps >= 0 else -_ANGLES[-steps]


def inverse_angle(mode: int) -> int:
    """Return the displacement along the other side in 1/256 sample; 0 for the horizontal and the vertical mode."""
    return 0 if angle(mode) == 0 else round(256 * 32 / angle(mode))


def filters_edges(size: int) -> bool:
    """Tell whether the DC, horizontal and vertical modes filter the first row and column (H.265 8.4.4.2.6)."""
    return size < 32


def _is_almost_linear(border: np.ndarray, bit_depth: int) -> bool:
    """Tell whether the middle of both sides lies close to the straight line between their ends."""
    bottom_left, left, corner, top, top_right = border[[0, 32, 64, 96, 128]]
    bend = max(abs(corner + bottom_left - 2 * left), abs(corner + top_right - 2 * top))
    return bool(bend < 1 << (bit_depth - 5))


def _bilinear(border: np.ndarray) -> np.ndarray:
    """Return straight lines from end to corner to end; these three samples do not change."""
    bottom_left, corner, top_right = border[[0, 64, 128]]
    step = np.arange(64)
    left = ((64 - step) * bottom_left + step * corner + 32) >> 6
    top = ((64 - step) * corner + step * top_right + 32) >> 6
    return np.concatenate((left, top, [top_right]))


def _smoothed(border: np.ndarray) -> np.ndarray:
    inner = (border[:-2] + 2 * border[1:-1] + border[2:] + 2) >> 2
    return np.concatenate((border[:1], inner, border[-1:]))


def _planar(left: np.ndarray, top: np.ndarray, size: int) -> np.ndarray:
    x, y = np.arange(size), np.arange(size)[:, None]
    across = (size - 1 - x) * left[1 : size + 1, None] + (x + 1) * top[size + 1]
    down = (size - 1 - y) * top[1 : size + 1] + (y + 1) * left[size + 1]
    block: np.ndarray = (across + down + size) // (2 * size)
    return block


def _dc(left: np.ndarray, top: np.ndarray, size: int) -> np.ndarray:
    above, beside = top[1 : size + 1], left[1 : size + 1]
    mean = (above.sum() + beside.sum() + size) // (2 * size)
    block = np.full((size, size), mean)
    if filters_edges(size):
        block[0] = (above + 3 * mean + 2) >> 2
        block[:, 0] = (beside + 3 * mean + 2) >> 2
        block[0, 0] = (beside[0] + 2 * mean + above[0] + 2) >> 2
    return block


def _angular(main: np.ndarray, side: np.ndarray, size: int, mode: int, bit_depth: int) -> np.ndarray:
    """Predict from `main`: the row above for a vertical mode, the left column, transposed, for a horizontal one.

    main, side: (2 * size + 1,), from the corner on.
    """
    if angle(mode) < 0:  # `side`, projected along the direction of the mode, continues `main` beyond the corner
        count = (-angle(mode) * size) >> 5
        projected = (np.arange(count, 0, -1) * -inverse_angle(mode) + 128) >> 8
        samples, origin = np.concatenate((side[projected], main)), count
    else:
        samples, origin = main, 0
    shift = (np.arange(size)[:, None] + 1) * angle(mode)
    index = origin + 1 + (shift >> 5) + np.arange(size)  # (size, size)
    fraction = shift & 31
    following = samples[np.minimum(index + 1, samples.size - 1)]  # beyond the end the fraction is 0
    block: np.ndarray = ((32 - fraction) * samples[index] + fraction * following + 16) >> 5
    if angle(mode) == 0 and filters_edges(size):
        block[:, 0] = np.clip(block[:, 0] + ((side[1 : size + 1] - side[0]) >> 1), 0, (1 << bit_depth) - 1)
    return block
