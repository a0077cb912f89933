"""Code the levels of a picture's units in bits: adaptive binary decisions, in an arithmetic coder.

Units are coded in raster order, and the levels of a unit in the order of its residuals. A level is coded as decisions:
whether it is 0; its sign; and for each magnitude whether it is the last. The probability of a decision is counted from
those that were coded before it in the picture, in the same context. A context is the residual, the kind of decision,
and what is known: for the first decision how many of the levels to the left and above are 0, for the sign that of their
sum, for a magnitude its number. Nothing depends on floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.inference.arithmetic import PRECISION, Decoder, Encoder
from codecnn.inference.guided.levels import MOST

Levels = NDArray[np.int64]  # (rows, columns, R): of the units of a picture
START = {
    "other": (1, 1),
    "below": (1, 1),
    "on": (1, 1),
}  # for each kind of decision how often 1 and 0 are counted at first


class Context(NamedTuple):
    """Hold what the probability of a decision depends on."""

    residual: int
    kind: str  # of START
    known: int


class Counts:
    """Count decisions by context, for their probabilities."""

    def __init__(self) -> None:
        self._counts: dict[Context, list[int]] = {}

    def probability(self, context: Context) -> int:
        """Return the probability of a 1, in units of 2^-PRECISION."""
        ones, zeros = self._counts.get(context, START[context.kind])
        return max(1, (ones << PRECISION) // (ones + zeros))  # both decisions can be coded, however often one was

    def add(self, context: Context, decision: int) -> None:
        """Count a decision."""
        self._counts.setdefault(context, list(START[context.kind]))[1 - decision] += 1

    def price(self, context: Context, decision: int) -> float:
        """Return the bits of a decision."""
        one = self.probability(context) / (1 << PRECISION)
        return -math.log2(one if decision else 1 - one)


def encode(levels: Levels | None) -> list[int]:
    """Return the bits of the levels of a picture, (rows, columns, R), or of none: one bit."""
    if levels is None:
        return [0]
    coder, counts = Encoder(), Counts()
    for row, column, residual in np.ndindex(*levels.shape):
        around = neighbours(levels, row, column, residual)
        for context, decision in decisions(int(levels[row, column, residual]), residual, *around):
            coder.put(decision, counts.probability(context))
            counts.add(context, decision)
    return [1, *coder.finish()]


def decode(bits: Sequence[int], shape: tuple[int, int, int]) -> Levels | None:
    """Return the levels that were encoded, of a shape (rows, columns, R)."""
    if not bits[0]:
        return None
    coder, counts, levels = Decoder(bits[1:]), Counts(), np.zeros(shape, np.int64)

    def get(context: Context) -> int:
        decision = coder.get(counts.probability(context))
        counts.add(context, decision)
        return decision

    for row, column, residual in np.ndindex(*shape):
        levels[row, column, residual] = _level(get, residual, *neighbours(levels, row, column, residual))
    return levels


def neighbours(levels: Levels, row: int, column: int, residual: int) -> tuple[int, int]:
    """Return the levels to the left and above, 0 outside of the picture."""
    left = int(levels[row, column - 1, residual]) if column else 0
    return left, int(levels[row - 1, column, residual]) if row else 0


def prices(counts: Counts, residual: int, left: int, above: int) -> NDArray[np.float64]:
    """Return the bits of the levels -MOST to MOST, (2 MOST + 1,)."""
    each = (decisions(level, residual, left, above) for level in range(-MOST, MOST + 1))
    return np.array([sum(counts.price(*pair) for pair in pairs) for pairs in each])


def decisions(level: int, residual: int, left: int, above: int) -> Iterator[tuple[Context, int]]:
    """Yield the decisions of a level with their contexts."""
    other, below, on = _contexts(residual, left, above)
    yield other, int(level != 0)
    if level:
        yield below, int(level < 0)
        for magnitude in range(1, min(abs(level) + 1, MOST)):
            yield on(magnitude), int(magnitude < abs(level))


def _level(get: Callable[[Context], int], residual: int, left: int, above: int) -> int:
    other, below, on = _contexts(residual, left, above)
    if not get(other):
        return 0
    negative, magnitude = get(below), 1
    while magnitude < MOST and get(on(magnitude)):
        magnitude += 1
    return -magnitude if negative else magnitude


def _contexts(residual: int, left: int, above: int) -> tuple[Context, Context, Callable[[int], Context]]:
    """Return the contexts of the first decision, of the sign, and of a magnitude."""
    known = (left != 0) + (above != 0)
    sign = (left + above > 0) - (left + above < 0)
    return (
        Context(residual, "other", known),
        Context(residual, "below", sign),
        lambda magnitude: Context(residual, "on", magnitude),
    )
