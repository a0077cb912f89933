"""The reference lines of a batch of blocks: LANES blocks of one size, one in each lane of a vector.

Arrays are one-dimensional, their positions vectors (see `engine.vectors`). Samples are int16 for up to 10 bits, else
int32. int16 is enough for the weighted sums of 10-bit samples only because each is taken relative to a value close
enough to it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from codecnn.labels.mode_sets import GAUSSIAN, LEFT, TOP
from codecnn.vectors import LANES, Vectors, load, store

MIDDLE = 1 << 9  # of the 10-bit range


class References(NamedTuple):
    """The reference lines of a batch: the corner, the samples of a side from there on, and room for as many before it.

    The room takes the other side's samples, projected along the direction of a mode.
    """

    lines: np.ndarray  # four lines: top and left, then the same smoothed
    gaussian_base: np.ndarray  # of the unsmoothed lines: the Gaussian filter's sum at fraction 0
    gaussian_slope: np.ndarray  # and what it grows by for each 1/16 sample
    span: int  # positions from one line to the next
    origin: int  # position of the corner in a line
    padding: int  # samples beyond the end of a line that the filters read
    mrl: int  # the reference line: 0 is next to the block
    strong: bool  # HEVC's strong smoothing, of 32x32 blocks
    bit_depth: int


def empty_references(width: int, height: int, bit_depth: int, mrl: int = 0, strong: bool = False) -> References:
    """Room for the references of a batch of width x height blocks."""
    sample_type = np.int16 if bit_depth <= 10 else np.int32
    origin = max(width, height)
    padding = 2 + 17 * mrl  # the widest angle is 16 samples for each line that is skipped
    span = 3 * origin + mrl + 1 + padding
    lines, base, slope = (np.empty(count * span * LANES, sample_type) for count in (4, 2, 2))
    return References(lines, base, slope, span, origin, padding, mrl, strong and width == 32, bit_depth)


@njit(nogil=True)
def gather_references(
    references: References, lane: int, plane: np.ndarray, block: np.ndarray, width: int, height: int
) -> None:
    """Fill a lane with the references of a block, as `codecnn.intra.references` defines them.

    block: x, y, and how many samples above right and below left of it are available.
    """
    x, y, right, below = block
    mrl = references.mrl
    row, column = max(y - 1 - mrl, 0), max(x - 1 - mrl, 0)
    corner = plane[row, column] if x + y > 0 else 1 << (references.bit_depth - 1)
    first = references.origin * LANES + lane
    above = plane[row, column + (x > 0) : x + width + right] if y > 0 else plane[0, :0]
    _gather_line(references, first, corner, mrl * (x == 0), above, 2 * width)
    beside = plane[row + (y > 0) : y + height + below, column] if x > 0 else plane[:0, 0]
    _gather_line(references, first + references.span * LANES, corner, mrl * (y == 0), beside, 2 * height)


@njit(nogil=True)
def _gather_line(
    references: References, first: int, corner: int, missing: int, samples: np.ndarray, length: int
) -> None:
    """Write the corner, again for those missing after it, the samples of one lane, and repeat the last of them."""
    sample = corner
    for step in range(1 + missing):
        references.lines[first + step * LANES] = sample
    first += (1 + missing) * LANES
    for step in range(length + references.mrl - missing + references.padding):
        if step < samples.size:
            sample = samples[step]
        references.lines[np.uintp(first + step * LANES)] = sample


@njit(nogil=True)
def prepare_references(references: References, width: int, height: int) -> None:
    """Derive the smoothed lines and the Gaussian filter's parts from the unsmoothed lines."""
    if references.mrl > 0:
        return  # neither is in use
    lines, span = references.lines, references.span
    for side in range(2):
        length = 2 * width if side == TOP else 2 * height
        first = side * span + references.origin
        before = load(lines, (1 - side) * span + references.origin + 1)
        for position in range(first, first + length):
            sample = load(lines, position)
            store(lines, position + 2 * span, (before + (sample << 1) + load(lines, position + 1) + 2) >> 2)
            before = sample
        for position in range(first + length, first + length + 1 + references.padding):
            store(lines, position + 2 * span, load(lines, position))
        _split_gaussian(references, first, length)
    if references.strong:
        for lane in range(LANES):
            _smooth_strongly(references, lane)


@njit(nogil=True)
def _smooth_strongly(references: References, lane: int) -> None:
    """Put straight lines in place of a lane's smoothed ones if both sides are almost straight (H.265 8.4.4.2.3)."""
    lines, span = references.lines, references.span
    for side in range(2):
        first = (side * span + references.origin) * LANES + lane
        bend = np.int64(lines[first]) + lines[first + 64 * LANES] - 2 * np.int64(lines[first + 32 * LANES])
        if abs(bend) >= 1 << (references.bit_depth - 5):
            return
    for side in range(2):
        first = (side * span + references.origin) * LANES + lane
        corner, end = np.int64(lines[first]), np.int64(lines[first + 64 * LANES])
        for step in range(64):
            lines[first + (2 * span + step) * LANES] = ((64 - step) * corner + step * end + 32) >> 6


@njit(nogil=True, forceinline=True)
def _split_gaussian(references: References, first: int, count: int) -> None:
    """Write the filter (16 - f, 32 - f, 16 + f, f) as base + f * slope, 64 * MIDDLE less so that it fits."""
    for position in range(first, first + count):
        a, b, c, d = load_taps(references.lines, position)
        store(references.gaussian_base, position, ((a + b + b + c) << 4) + (32 - 64 * MIDDLE))
        store(references.gaussian_slope, position, c + d - a - b)


@njit(nogil=True, forceinline=True)
def load_taps(line: np.ndarray, position: int) -> Vectors:
    """The four samples that a 4-tap filter takes."""
    return load(line, position), load(line, position + 1), load(line, position + 2), load(line, position + 3)


@njit(nogil=True, forceinline=True)
def extend_line(references: References, mode: np.void, height: int) -> None:
    """Continue the line of a mode with a negative angle before its corner."""
    main, other = corners(references, mode)
    count = -(height * mode["angle"] >> 5)
    for step in range(1, count + 1):
        projected = min((256 - step * mode["inverse_angle"]) >> 9, height)
        store(references.lines, main - step, load(references.lines, other + projected))
    if mode["filter"] == GAUSSIAN:
        _split_gaussian(references, main - count, count)


@njit(nogil=True, forceinline=True)
def corners(references: References, mode: np.void) -> tuple[int, int]:
    """The positions of the corner in the line that the mode predicts from, and in the other one."""
    first = 2 * mode["smoothed"] * references.span + references.origin
    other = LEFT if mode["side"] == TOP else TOP
    return first + mode["side"] * references.span, first + other * references.span
