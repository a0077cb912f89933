"""Average the measurements of labels over sequences, with confidence intervals."""

import math
from collections.abc import Sequence
from operator import attrgetter
from statistics import fmean, stdev
from typing import NamedTuple

from scipy.stats import t as student

from experiments.reports.labels.measure import Row
from experiments.reports.shared.means import grouped


class Interval(NamedTuple):
    """Hold a mean over sequences and half the width of its 95 % t-interval; None for a single sequence."""

    mean: float
    half: float | None
    sequences: int


def interval(rows: Sequence[Row], statistic: str) -> Interval:
    """Average a statistic of rows, such as "top1" or "rd.difference", over the sequences.

    Each sequence counts once, with the mean of its rows.
    """
    value_of = attrgetter(statistic)
    values = [fmean(map(value_of, of_source)) for _, of_source in grouped(rows, "source")]
    n = len(values)
    half = float(student.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n) if n > 1 else None
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


def by_size_and_qp(rows: Sequence[Row]) -> list[tuple[str, str, list[Row]]]:
    """Return the rows of each size and QP and, if there are several QPs, of each size with "all" for the QP."""
    found = []
    for size in dict.fromkeys(row.size for row in rows):
        of_size = [row for row in rows if row.size == size]
        qps = sorted({row.qp for row in of_size})
        found += [(size, str(qp), [row for row in of_size if row.qp == qp]) for qp in qps]
        if len(qps) > 1:
            found.append((size, "all", of_size))
    return found
