"""Code a correction in bits: whether there is one, its step, its prior, and its levels.

The prior of a level is a two-sided geometric distribution, the quantised form of a Laplace distribution. Its scale
depends on the class of the direction and on a number that is coded with every correction, so that it fits pictures of
any size, QP and kind. Nothing depends on floats, so that every decoder reads the same levels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from codecnn.inference.arithmetic import PRECISION, Decoder, Encoder
from codecnn.inference.refit.basis import SCALE, Basis

STEP_BITS, PRIOR_BITS = 5, 4
MOST = 255  # the largest magnitude of a level
LEAST_CLASS, MOST_CLASS = -10 * SCALE, 6 * SCALE  # of scale by step


@dataclass(frozen=True)
class Correction:
    """Hold a correction of the last convolution in integers.

    step: its index, 0 to 31; see `step_size`. prior: 0 to 15. levels: one for each direction, -MOST to MOST.
    """

    step: int
    prior: int
    levels: tuple[int, ...]


def step_size(index: int) -> tuple[int, int]:
    """Return m and s of a step of m 2^-s in units of a coefficient: 2, 3/2, 1, 3/4, and so on."""
    return 2 + index % 2, (index + 1) // 2


def encode(basis: Basis, correction: Correction | None) -> list[int]:
    """Return the bits of a correction, or of none: one bit."""
    if correction is None:
        return [0]
    coder = Encoder()
    for value, width in ((correction.step, STEP_BITS), (correction.prior, PRIOR_BITS)):
        for place in range(width):
            coder.put(value >> place & 1)
    for level, (some, more) in zip(correction.levels, probabilities(basis, correction.prior), strict=True):
        coder.put(int(level != 0), some)
        if level:
            coder.put(int(level < 0))
            for _ in range(abs(level) - 1):
                coder.put(1, more)
            if abs(level) < MOST:
                coder.put(0, more)
    return [1, *coder.finish()]


def decode(basis: Basis, bits: Sequence[int]) -> Correction | None:
    """Return the correction that was encoded."""
    if not bits[0]:
        return None
    coder = Decoder(bits[1:])
    step, prior = (sum(coder.get() << place for place in range(width)) for width in (STEP_BITS, PRIOR_BITS))
    return Correction(step, prior, tuple(_level(coder.get, *pair) for pair in probabilities(basis, prior)))


def _level(get: Callable[..., int], some: int, more: int) -> int:
    if not get(some):
        return 0
    sign, magnitude = get(), 1
    while magnitude < MOST and get(more):
        magnitude += 1
    return -magnitude if sign else magnitude


def probabilities(basis: Basis, prior: int) -> list[tuple[int, int]]:
    """Return for each direction the probabilities that its level is not 0, and that a magnitude is not the last."""
    return [_table()[min(max(size, LEAST_CLASS), MOST_CLASS)] for size in (basis.classes + scale_of(prior)).tolist()]


def scale_of(prior: int) -> int:
    """Return the class of the largest direction's scale, divided by the step."""
    return (prior - 3) * SCALE // 2


def costs(basis: Basis, prior: int) -> NDArray[np.float64]:
    """Return the bits of each level: (K, 3) for a zero, for a magnitude of 1 with its sign, and for one more."""
    some, more = np.array(probabilities(basis, prior)).T / (1 << PRECISION)
    return np.stack([-np.log2(1 - some), 1 - np.log2(some) - np.log2(1 - more), -np.log2(more)], 1)


@cache
def _table() -> dict[int, tuple[int, int]]:
    table = {}
    for size in range(LEAST_CLASS, MOST_CLASS + 1):
        ratio = 2 ** (-size / SCALE)  # step by scale
        some, more = math.exp(-min(ratio / 2, 5.5)), math.exp(-min(ratio, 4))
        table[size] = round(some * (1 << PRECISION)), round(more * (1 << PRECISION))
    return table
