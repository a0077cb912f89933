"""Gather the references of a batch of blocks: LANES blocks of one size, one in each lane of a vector.

Arrays are one-dimensional, their positions are vectors (see `codecnn.vectors`). Samples are int16 for up to 10 bits,
else int32. int16 is enough for the weighted sums of 10-bit samples only because each sum is taken relative to a value
close to it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from codecnn.labels.mode_sets import GAUSSIAN, LEFT, TOP
from codecnn.vectors import LANES, Vectors, load, store

MIDDLE = 1 << 9  # of the 10-bit range


class References(NamedTuple):
    """Hold the references of a batch: for each side the corner, the samples after it, and free space before it.

    `extend_side` fills this space with samples of the other side, projected along the direction of a mode.
    """

    samples: np.ndarray  # four sides: top and left, then the same smoothed
    gaussian_base: np.ndarray  # of the unsmoothed sides: the sum of the Gaussian filter at fraction 0
    gaussian_slope: np.ndarray  # the increase of this sum for each 1/16 sample
    span: int  # positions from one side to the next
    origin: int  # position of the corner in a side
    padding: int  # samples beyond the end of a side that the filters read
    reference_line: int  # 0 is next to the block
    strong: bool  # HEVC's strong smoothing of 32x32 blocks
    bit_depth: int


def empty_references(
    width: int, height: int, bit_depth: int, reference_line: int = 0, strong: bool = False
) -> References:
    """Allocate the references of a batch of width x height blocks."""
    sample_type = np.int16 if bit_depth <= 10 else np.int32
    origin = max(width, height)
    padding = 2 + 17 * reference_line  # the widest angle moves 16 samples for each reference line
    span = 3 * origin + reference_line + 1 + padding
    samples, base, slope = (np.empty(count * span * LANES, sample_type) for count in (4, 2, 2))
    return References(samples, base, slope, span, origin, padding, reference_line, strong and width == 32, bit_depth)


@njit(nogil=True)
def gather_references(
    references: References, lane: int, plane: np.ndarray, block: np.ndarray, width: int, height: int
) -> None:
    """Fill a lane with the references of a block, as defined in `codecnn.intra.references`.

    block: x, y, and how many samples above right and below left of it are available.
    """
    x, y, right, below = block
    reference_line = references.reference_line
    row, column = max(y - 1 - reference_line, 0), max(x - 1 - reference_line, 0)
    corner = plane[row, column] if x + y > 0 else 1 << (references.bit_depth - 1)
    first = references.origin * LANES + lane
    above = plane[row, column + (x > 0) : x + width + right] if y > 0 else plane[0, :0]
    _gather_side(references, first, corner, reference_line * (x == 0), above, 2 * width)
    beside = plane[row + (y > 0) : y + height + below, column] if x > 0 else plane[:0, 0]
    _gather_side(references, first + references.span * LANES, corner, reference_line * (y == 0), beside, 2 * height)


@njit(nogil=True)
def _gather_side(
    references: References, first: int, corner: int, missing: int, samples: np.ndarray, length: int
) -> None:
    """Write the corner, again for each missing sample, then the samples of one lane, and repeat the last of them."""
    sample = corner
    for step in range(1 + missing):
        references.samples[first + step * LANES] = sample
    first += (1 + missing) * LANES
    for step in range(length + references.reference_line - missing + references.padding):
        if step < samples.size:
            sample = samples[step]
        references.samples[np.uintp(first + step * LANES)] = sample


@njit(nogil=True)
def prepare_references(references: References, width: int, height: int) -> None:
    """Compute the smoothed sides and the parts of the Gaussian filter from the unsmoothed sides."""
    if references.reference_line > 0:
        return  # neither smoothed sides nor the Gaussian filter are used
    samples, span = references.samples, references.span
    for side in range(2):
        length = 2 * width if side == TOP else 2 * height
        first = side * span + references.origin
        before = load(samples, (1 - side) * span + references.origin + 1)
        for position in range(first, first + length):
            sample = load(samples, position)
            store(samples, position + 2 * span, (before + (sample << 1) + load(samples, position + 1) + 2) >> 2)
            before = sample
        for position in range(first + length, first + length + 1 + references.padding):
            store(samples, position + 2 * span, load(samples, position))
        _split_gaussian(references, first, length)
    if references.strong:
        for lane in range(LANES):
            _smooth_strongly(references, lane)


@njit(nogil=True)
def _smooth_strongly(references: References, lane: int) -> None:
    """Replace the smoothed sides of a lane by straight lines if both are almost straight (H.265 8.4.4.2.3)."""
    samples, span = references.samples, references.span
    for side in range(2):
        first = (side * span + references.origin) * LANES + lane
        bend = np.int64(samples[first]) + samples[first + 64 * LANES] - 2 * np.int64(samples[first + 32 * LANES])
        if abs(bend) >= 1 << (references.bit_depth - 5):
            return
    for side in range(2):
        first = (side * span + references.origin) * LANES + lane
        corner, end = np.int64(samples[first]), np.int64(samples[first + 64 * LANES])
        for step in range(64):
            samples[first + (2 * span + step) * LANES] = ((64 - step) * corner + step * end + 32) >> 6


@njit(nogil=True, forceinline=True)
def _split_gaussian(references: References, first: int, count: int) -> None:
    """Write the filter (16 - f, 32 - f, 16 + f, f) as base + f * slope, less 64 * MIDDLE so that it fits."""
    for position in range(first, first + count):
        a, b, c, d = load_taps(references.samples, position)
        store(references.gaussian_base, position, ((a + b + b + c) << 4) + (32 - 64 * MIDDLE))
        store(references.gaussian_slope, position, c + d - a - b)


@njit(nogil=True, forceinline=True)
def load_taps(samples: np.ndarray, position: int) -> Vectors:
    """Load the four samples that a 4-tap filter takes."""
    a, b = load(samples, position), load(samples, position + 1)
    return a, b, load(samples, position + 2), load(samples, position + 3)


@njit(nogil=True, forceinline=True)
def extend_side(references: References, mode: np.void, height: int) -> None:
    """Continue the side that a mode with a negative angle predicts from, in front of the corner."""
    main, other = corners(references, mode)
    count = -(height * mode["angle"] >> 5)
    for step in range(1, count + 1):
        projected = min((256 - step * mode["inverse_angle"]) >> 9, height)
        store(references.samples, main - step, load(references.samples, other + projected))
    if mode["filter"] == GAUSSIAN:
        _split_gaussian(references, main - count, count)


@njit(nogil=True, forceinline=True)
def corners(references: References, mode: np.void) -> tuple[int, int]:
    """Return the positions of the corner in the side that the mode predicts from, and in the other side."""
    first = 2 * mode["smoothed"] * references.span + references.origin
    other = LEFT if mode["side"] == TOP else TOP
    return first + mode["side"] * references.span, first + other * references.span
