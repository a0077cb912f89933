"""Compute confidence intervals of means over pictures, and test which means differ from 0."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from scipy.stats import t as student


class Interval(NamedTuple):
    """Hold a mean over sequences and half the width of its 95 % t-interval; None for a single sequence."""

    mean: float
    half: float | None
    sequences: int


def interval_of(values: Sequence[float], together: int = 1) -> Interval:
    """Return the mean of values, one for each sequence, with its interval.

    together: number of intervals that are to hold together at 95 %; each is wider then (Bonferroni).
    """
    n, level = len(values), 1 - 0.025 / together
    half = float(student.ppf(level, n - 1)) * stdev(values) / math.sqrt(n) if n > 1 else None
    return Interval(fmean(values), half, n)


def differ_from_zero(intervals: Sequence[Interval], level: float = 0.05) -> list[bool]:
    """Return which of several means differ from 0, by two-sided t-tests and Holm's correction for their number.

    The chance that any of them is taken to differ where none does is at most `level`. A mean over a single sequence is
    never taken to differ.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2), 1979.
    """
    tested = sorted((_chance(part), place) for place, part in enumerate(intervals) if part.half is not None)
    found = [False] * len(intervals)
    for rank, (chance, place) in enumerate(tested):
        if chance * (len(tested) - rank) > level:
            break
        found[place] = True
    return found


def _chance(part: Interval) -> float:
    """Return the p-value of a mean against 0, from its 95 % t-interval."""
    assert part.half is not None
    if not part.half:
        return float(part.mean == 0)
    freedom = part.sequences - 1
    return float(2 * student.sf(abs(part.mean) / part.half * student.ppf(0.975, freedom), freedom))
