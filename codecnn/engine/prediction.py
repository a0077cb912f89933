"""VVC prediction of a batch: one mode for LANES blocks of one size at a time, one block in each lane of a vector.

Arrays are one-dimensional, their positions vectors (see `engine.vectors`). Width and height are those of the block
as the mode sees it: a horizontal mode is a vertical one with the two reference lines exchanged, and what it predicts
is the transposed block, to be compared with the transposed original.

Samples are int16 for up to 10 bits, else int32. int16 is enough for the weighted sums of 10-bit samples only because
each is taken relative to a value close enough to it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from codecnn.engine.vectors import LANES, Vector, Vectors, load, spread, store, widen
from codecnn.intra import vvc

TOP, LEFT = 0, 1
_PADDING = 2  # samples beyond the end of a line that the 4-tap filters read, with weight 0
_MIDDLE = 1 << 9  # of the 10-bit range

_MODE = np.dtype(
    [
        ("number", np.int64),  # after the wide-angle mapping
        ("side", np.int64),  # the line it predicts from, TOP or LEFT
        ("smoothed", np.int64),  # 1 where that line is smoothed, else 0
        ("gaussian", np.bool_),  # the interpolation filter, else cubic
        ("angle", np.int64),  # in 1/32 sample
        ("inverse_angle", np.int64),  # in 1/512 sample
        ("pdpc_scale", np.int64),  # negative: no PDPC
    ]
)


def mode_table(width: int, height: int) -> np.ndarray:
    """Tabulate the decisions of `codecnn.intra.vvc` for a block size: (67,) records."""

    def record(mode: int) -> tuple[int, int, int, bool, int, int, int]:
        smoothed = int(vvc.smooths_references(mode, width, height))
        scale = vvc.pdpc_scale(mode, width, height)
        if mode in (vvc.PLANAR, vvc.DC):
            return mode, TOP, smoothed, False, 0, 0, scale
        side = TOP if vvc.is_vertical(mode) else LEFT
        gaussian = vvc.interpolation_taps(mode, width, height) is vvc.GAUSSIAN
        return mode, side, smoothed, gaussian, vvc.angle(mode), vvc.inverse_angle(mode), scale

    return np.array([record(vvc.wide_angle(mode, width, height)) for mode in range(vvc.MODES)], _MODE)


class References(NamedTuple):
    """The reference lines of a batch: the corner, the samples of a side from there on, and room for as many before it.

    The room takes the other side's samples, projected along the direction of a mode.
    """

    lines: np.ndarray  # four lines: top and left, then the same smoothed
    gaussian_base: np.ndarray  # of the unsmoothed lines: the Gaussian filter's sum at fraction 0
    gaussian_slope: np.ndarray  # and what it grows by for each 1/16 sample
    span: int  # positions from one line to the next
    origin: int  # position of the corner in a line
    bit_depth: int


class Strip(NamedTuple):
    """Some rows of a block of width x height."""

    first: int
    rows: int
    width: int
    height: int


def empty_references(width: int, height: int, bit_depth: int) -> References:
    """Room for the references of a batch of width x height blocks."""
    sample_type = np.int16 if bit_depth <= 10 else np.int32
    origin = max(width, height)
    span = 3 * origin + 1 + _PADDING
    lines, base, slope = (np.empty(count * span * LANES, sample_type) for count in (4, 2, 2))
    return References(lines, base, slope, span, origin, bit_depth)


@njit(nogil=True)
def gather_references(references: References, lane: int, plane: np.ndarray, block: np.ndarray, size: int) -> None:
    """Fill a lane with the references of a square block, as `codecnn.intra.references` defines them.

    block: x, y, and how many samples above right and below left of it are available.
    """
    x, y, right, below = block
    corner = plane[max(y - 1, 0), max(x - 1, 0)] if x + y > 0 else 1 << (references.bit_depth - 1)
    first = references.origin * LANES + lane
    above = plane[y - 1, x : x + size + right] if y > 0 else plane[0, :0]
    _gather_line(references.lines, first, corner, above, 2 * size + _PADDING)
    beside = plane[y : y + size + below, x - 1] if x > 0 else plane[:0, 0]
    _gather_line(references.lines, first + references.span * LANES, corner, beside, 2 * size + _PADDING)


@njit(nogil=True)
def _gather_line(lines: np.ndarray, first: int, corner: int, samples: np.ndarray, length: int) -> None:
    """Write the corner and the samples of one lane, and repeat the last of them up to the length."""
    sample = corner
    lines[first] = sample
    for step in range(length):
        if step < samples.size:
            sample = samples[step]
        lines[np.uintp(first + (step + 1) * LANES)] = sample


@njit(nogil=True)
def prepare_references(references: References, width: int, height: int) -> None:
    """Derive the smoothed lines and the Gaussian filter's parts from the unsmoothed lines."""
    lines, span = references.lines, references.span
    for side in range(2):
        length = 2 * width if side == TOP else 2 * height
        first = side * span + references.origin
        before = load(lines, (1 - side) * span + references.origin + 1)
        for position in range(first, first + length):
            sample = load(lines, position)
            store(lines, position + 2 * span, (before + (sample << 1) + load(lines, position + 1) + 2) >> 2)
            before = sample
        for position in range(first + length, first + length + 1 + _PADDING):
            store(lines, position + 2 * span, load(lines, position))
        _split_gaussian(references, first, length)


@njit(nogil=True, forceinline=True)
def _split_gaussian(references: References, first: int, count: int) -> None:
    """Write the filter (16 - f, 32 - f, 16 + f, f) as base + f * slope, 64 * _MIDDLE less so that it fits."""
    for position in range(first, first + count):
        a, b, c, d = _four(references.lines, position)
        store(references.gaussian_base, position, ((a + b + b + c) << 4) + (32 - 64 * _MIDDLE))
        store(references.gaussian_slope, position, c + d - a - b)


@njit(nogil=True, forceinline=True)
def _four(line: np.ndarray, position: int) -> Vectors:
    return load(line, position), load(line, position + 1), load(line, position + 2), load(line, position + 3)


@njit(nogil=True, forceinline=True)
def extend_line(references: References, mode: np.void, height: int) -> None:
    """Continue the line of a mode with a negative angle before its corner."""
    main, other = _corners(references, mode)
    count = -(height * mode["angle"] >> 5)
    for step in range(1, count + 1):
        projected = min((256 - step * mode["inverse_angle"]) >> 9, height)
        store(references.lines, main - step, load(references.lines, other + projected))
    if mode["gaussian"]:
        _split_gaussian(references, main - count, count)


@njit(nogil=True, forceinline=True)
def _corners(references: References, mode: np.void) -> tuple[int, int]:
    """The positions of the corner in the line that the mode predicts from, and in the other one."""
    first = 2 * mode["smoothed"] * references.span + references.origin
    return first + mode["side"] * references.span, first + (1 - mode["side"]) * references.span


@njit(nogil=True, forceinline=True)
def predict_rows(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    """Predict some rows into out; a mode with a negative angle needs `extend_line` first."""
    if mode["number"] == vvc.PLANAR:
        _planar(references, mode, strip, out)
    elif mode["number"] == vvc.DC:
        _dc(references, mode, strip, out)
    else:
        _angular(references, mode, strip, out)
        if mode["pdpc_scale"] >= 0 and mode["angle"] == 0:
            _blend_gradient(references, mode, strip, out)
        elif mode["pdpc_scale"] >= 0:
            _blend_side(references, mode, strip, out)


@njit(nogil=True, forceinline=True)
def _angular(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    main, _ = _corners(references, mode)
    peak = (1 << references.bit_depth) - 1
    for row in range(strip.rows):
        shift = (strip.first + row + 1) * mode["angle"]
        start, fraction, target = main + (shift >> 5), shift & 31, row * strip.width
        if mode["gaussian"]:
            for x in range(strip.width):
                slope = load(references.gaussian_slope, start + x)
                total = load(references.gaussian_base, start + x) + slope * (fraction >> 1)
                store(out, target + x, (total >> 6) + _MIDDLE)
        elif fraction == 0:
            for x in range(strip.width):
                store(out, target + x, load(references.lines, start + 1 + x))
        else:
            t0, t1, t2, t3 = vvc.CUBIC[fraction]
            for x in range(strip.width):
                a, b, c, d = _four(references.lines, start + x)
                near = (b + c + 1) >> 1
                distance = a * t0 + b * t1 + c * t2 + d * t3 - (near << 6)  # fits, even where the sum does not
                store(out, target + x, max(min(near + ((distance + 32) >> 6), peak), 0))


@njit(nogil=True)
def _planar(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    lines, (top, left) = references.lines, _corners(references, mode)
    width, height = strip.width, strip.height
    top_right, bottom_left = widen(load(lines, top + 1 + width)), widen(load(lines, left + 1 + height))
    bits = _log2(width) + _log2(height) + 1
    for y in range(strip.first, strip.first + strip.rows):
        beside = widen(load(lines, left + 1 + y))
        for x in range(width):
            above = widen(load(lines, top + 1 + x))
            down = above * (width * (height - 1 - y)) + bottom_left * (width * (y + 1))
            across = beside * (height * (width - 1 - x)) + top_right * (height * (x + 1))
            value = (down + across + width * height) >> bits
            store(out, (y - strip.first) * width + x, _blend_both(value, above, beside, x, y, mode["pdpc_scale"]))


@njit(nogil=True)
def _dc(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    lines, (top, left) = references.lines, _corners(references, mode)
    width, height = strip.width, strip.height
    count = width + height if width == height else max(width, height)
    total = spread(np.int32(count >> 1))
    for x in range(width if width >= height else 0):
        total += widen(load(lines, top + 1 + x))
    for y in range(height if height >= width else 0):
        total += widen(load(lines, left + 1 + y))
    mean = total >> _log2(count)
    for y in range(strip.first, strip.first + strip.rows):
        beside = widen(load(lines, left + 1 + y))
        for x in range(width):
            above = widen(load(lines, top + 1 + x))
            store(out, (y - strip.first) * width + x, _blend_both(mean, above, beside, x, y, mode["pdpc_scale"]))


@njit(nogil=True)
def _log2(length: int) -> int:
    bits = 0
    while 1 << bits < length:
        bits += 1
    return bits


@njit(nogil=True, forceinline=True)
def _blend_both(value: Vector, above: Vector, beside: Vector, x: int, y: int, scale: int) -> Vector:
    """PDPC of planar and DC, with both sides."""
    across, down = 32 >> ((x << 1) >> scale), 32 >> ((y << 1) >> scale)
    return (beside * across + above * down + value * (64 - across - down) + 32) >> 6


@njit(nogil=True, forceinline=True)
def _blend_gradient(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    """PDPC of the horizontal and the vertical mode: the gradient along the side that they do not predict from."""
    _, other = _corners(references, mode)
    corner, peak = load(references.lines, other), (1 << references.bit_depth) - 1
    for row in range(strip.rows):
        gradient = load(references.lines, other + 1 + strip.first + row) - corner
        for x in range(min(3 << mode["pdpc_scale"], strip.width)):
            shift = 1 + ((x << 1) >> mode["pdpc_scale"])  # the weight is 64 >> shift
            value = load(out, row * strip.width + x) + ((gradient + (1 << shift >> 1)) >> shift)
            store(out, row * strip.width + x, max(min(value, peak), 0))


@njit(nogil=True, forceinline=True)
def _blend_side(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    """PDPC of the other angular modes: the side that they do not predict from, seen in the opposite direction."""
    _, other = _corners(references, mode)
    for x in range(min(3 << mode["pdpc_scale"], strip.width)):
        shift = 1 + ((x << 1) >> mode["pdpc_scale"])
        source = other + 1 + strip.first + (((x + 1) * mode["inverse_angle"] + 256) >> 9)
        for row in range(strip.rows):
            value = load(out, row * strip.width + x)
            difference = load(references.lines, source + row) - value
            store(out, row * strip.width + x, value + ((difference + (1 << shift >> 1)) >> shift))
