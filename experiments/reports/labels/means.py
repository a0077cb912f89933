"""Average the measurements of labels over sequences, with confidence intervals."""

from collections.abc import Sequence
from operator import attrgetter
from statistics import fmean

from experiments.reports.labels.measure import Row
from experiments.reports.shared.intervals import Interval, interval_of
from experiments.reports.shared.means import grouped


def interval(rows: Sequence[Row], statistic: str) -> Interval:
    """Average a statistic of rows, such as "top1" or "rd.difference", over the sequences.

    Each sequence counts once, with the mean of its rows.
    """
    value_of = attrgetter(statistic)
    return interval_of([fmean(map(value_of, of_source)) for _, of_source in grouped(rows, "source")])


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
