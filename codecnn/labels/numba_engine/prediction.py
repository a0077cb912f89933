"""Predict a batch: one mode at a time for LANES blocks of one size, one block in each lane of a vector.

Width and height are those of the block as the mode sees it: a horizontal mode is computed as a vertical mode with
the references above and on the left exchanged. It predicts the transposed block, for the transposed original.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from codecnn.intra.vvc_modes import CUBIC as CUBIC_TAPS
from codecnn.labels.mode_sets import (
    ANGULAR,
    BLEND_BOTH,
    BLEND_GRADIENT,
    BLEND_SIDE,
    GAUSSIAN,
    HEVC_EDGES,
    HEVC_GRADIENT,
    LINEAR,
    PLANAR,
)
from codecnn.labels.numba_engine.references import MIDDLE, References, corners, load_taps
from codecnn.vectors import Vector, load, spread, store, widen


class Strip(NamedTuple):
    """Hold which rows of a block of width x height are predicted."""

    first: int
    rows: int
    width: int
    height: int


@njit(nogil=True, forceinline=True)
def predict_rows(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    """Predict some rows into `out`; a mode with a negative angle needs `extend_side` first."""
    if mode["kind"] == ANGULAR:
        _angular(references, mode, strip, out)
        if mode["blend"] == BLEND_SIDE:
            _blend_side(references, mode, strip, out)
        elif mode["blend"] == BLEND_GRADIENT:
            _blend_gradient(references, mode, strip, out)
        elif mode["blend"] == HEVC_GRADIENT:
            _filter_first_column(references, mode, strip, out)
    elif mode["kind"] == PLANAR:
        _planar(references, mode, strip, out)
    else:
        _dc(references, mode, strip, out)


@njit(nogil=True, forceinline=True)
def _angular(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    main, _ = corners(references, mode)
    peak = (1 << references.bit_depth) - 1
    for row in range(strip.rows):
        shift = (strip.first + row + 1 + references.reference_line) * mode["angle"]
        start, fraction, target = main + references.reference_line + (shift >> 5), shift & 31, row * strip.width
        if mode["filter"] == GAUSSIAN:
            for x in range(strip.width):
                slope = load(references.gaussian_slope, start + x)
                total = load(references.gaussian_base, start + x) + slope * (fraction >> 1)
                store(out, target + x, (total >> 6) + MIDDLE)
        elif fraction == 0:
            for x in range(strip.width):
                store(out, target + x, load(references.samples, start + 1 + x))
        elif mode["filter"] == LINEAR:
            for x in range(strip.width):
                a, b = load(references.samples, start + 1 + x), load(references.samples, start + 2 + x)
                store(out, target + x, a + (((b - a) * fraction + 16) >> 5))
        else:
            t0, t1, t2, t3 = CUBIC_TAPS[fraction]
            for x in range(strip.width):
                a, b, c, d = load_taps(references.samples, start + x)
                near = (b + c + 1) >> 1
                distance = a * t0 + b * t1 + c * t2 + d * t3 - (near << 6)  # fits the type, even if the sum does not
                store(out, target + x, max(min(near + ((distance + 32) >> 6), peak), 0))


@njit(nogil=True)
def _planar(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    samples, (top, left) = references.samples, corners(references, mode)
    width, height = strip.width, strip.height
    top_right, bottom_left = widen(load(samples, top + 1 + width)), widen(load(samples, left + 1 + height))
    bits = _log2(width) + _log2(height) + 1
    for y in range(strip.first, strip.first + strip.rows):
        beside = widen(load(samples, left + 1 + y))
        for x in range(width):
            above = widen(load(samples, top + 1 + x))
            down = above * (width * (height - 1 - y)) + bottom_left * (width * (y + 1))
            across = beside * (height * (width - 1 - x)) + top_right * (height * (x + 1))
            value = (down + across + width * height) >> bits
            if mode["blend"] == BLEND_BOTH:
                value = _blend_both(value, above, beside, x, y, mode["blend_scale"])
            store(out, (y - strip.first) * width + x, value)


@njit(nogil=True)
def _dc(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    samples, (top, left) = references.samples, corners(references, mode)
    top, left = top + references.reference_line, left + references.reference_line
    width, height = strip.width, strip.height
    count = width + height if width == height else max(width, height)
    total = spread(np.int32(count >> 1))
    for x in range(width if width >= height else 0):
        total += widen(load(samples, top + 1 + x))
    for y in range(height if height >= width else 0):
        total += widen(load(samples, left + 1 + y))
    mean = total >> _log2(count)
    for y in range(strip.first, strip.first + strip.rows):
        beside = widen(load(samples, left + 1 + y))
        for x in range(width):
            above, value = widen(load(samples, top + 1 + x)), mean
            if mode["blend"] == BLEND_BOTH:
                value = _blend_both(mean, above, beside, x, y, mode["blend_scale"])
            elif mode["blend"] == HEVC_EDGES and x + y == 0:
                value = (beside + mean + mean + above + 2) >> 2
            elif mode["blend"] == HEVC_EDGES and x * y == 0:
                value = ((above if y == 0 else beside) + mean + mean + mean + 2) >> 2
            store(out, (y - strip.first) * width + x, value)


@njit(nogil=True)
def _log2(length: int) -> int:
    bits = 0
    while 1 << bits < length:
        bits += 1
    return bits


@njit(nogil=True, forceinline=True)
def _blend_both(value: Vector, above: Vector, beside: Vector, x: int, y: int, scale: int) -> Vector:
    """Apply PDPC of planar and DC, with both sides."""
    across, down = 32 >> ((x << 1) >> scale), 32 >> ((y << 1) >> scale)
    return (beside * across + above * down + value * (64 - across - down) + 32) >> 6


@njit(nogil=True, forceinline=True)
def _blend_gradient(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    """Apply PDPC of the horizontal and the vertical mode: the gradient along the side that they do not predict from."""
    _, other = corners(references, mode)
    corner, peak = load(references.samples, other), (1 << references.bit_depth) - 1
    for row in range(strip.rows):
        gradient = load(references.samples, other + 1 + strip.first + row) - corner
        for x in range(min(3 << mode["blend_scale"], strip.width)):
            shift = 1 + ((x << 1) >> mode["blend_scale"])  # the weight is 64 >> shift
            value = load(out, row * strip.width + x) + ((gradient + (1 << shift >> 1)) >> shift)
            store(out, row * strip.width + x, max(min(value, peak), 0))


@njit(nogil=True, forceinline=True)
def _blend_side(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    """Apply PDPC of the other angular modes: the side that they do not predict from, in the opposite direction."""
    _, other = corners(references, mode)
    for x in range(min(3 << mode["blend_scale"], strip.width)):
        shift = 1 + ((x << 1) >> mode["blend_scale"])
        source = other + 1 + strip.first + (((x + 1) * mode["inverse_angle"] + 256) >> 9)
        for row in range(strip.rows):
            value = load(out, row * strip.width + x)
            difference = load(references.samples, source + row) - value
            store(out, row * strip.width + x, value + ((difference + (1 << shift >> 1)) >> shift))


@njit(nogil=True, forceinline=True)
def _filter_first_column(references: References, mode: np.void, strip: Strip, out: np.ndarray) -> None:
    """Apply HEVC's edge filter of the horizontal and the vertical mode: half the gradient, in the first column only."""
    _, other = corners(references, mode)
    corner, peak = load(references.samples, other), (1 << references.bit_depth) - 1
    for row in range(strip.rows):
        gradient = load(references.samples, other + 1 + strip.first + row) - corner
        value = load(out, row * strip.width) + (gradient >> 1)
        store(out, row * strip.width, max(min(value, peak), 0))
