"""Compare networks trained on several labels, and these labels themselves, picture by picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from codecnn.tasks.block_sites import MEASURES, Measure
from experiments.reports.modes.measure import Row
from experiments.reports.modes.rankings import MEASURE_NAMES
from experiments.reports.shared.intervals import Interval, interval_of
from experiments.reports.shared.means import grouped

JUDGES: tuple[Measure, ...] = ("dct", "rd")  # that decide which labels train better


@dataclass(frozen=True)
class Judged:
    """Hold the regret of the first mode on a picture at a QP, under a measure."""

    size: int
    labels: Measure
    seed: int | None  # of the network trained on these labels; None: the labels themselves
    measure: Measure
    source: str
    qp: int
    blocks: int
    regret: float


@dataclass(frozen=True)
class Comparison:
    """Hold the difference of two regrets, first - second, mean over the pictures; above 0 the second is better."""

    size: int
    measure: Measure
    qp: str
    first: str
    second: str
    difference: Interval  # its width is corrected for the number of comparisons
    second_better: float  # share of the pictures

    @property
    def is_sure(self) -> bool:
        """Return whether the interval excludes 0."""
        half = self.difference.half
        return half is not None and abs(self.difference.mean) > half


def judged_of(rows: Sequence[Row]) -> list[Judged]:
    """Return what was measured of rankings whose name is that of labels, or of labels and a seed."""
    found = []
    for row in rows:
        name, _, seed = row.ranking.partition(" ")
        (labels,) = (measure for measure in MEASURES if measure == name)
        regret = float(row.regrets[0])
        number = int(seed) if seed else None
        found.append(Judged(row.case.size, labels, number, row.measure, row.source, row.qp, row.blocks, regret))
    return found


def by_picture(rows: Sequence[Judged]) -> dict[str, float]:
    """Return the regret of each picture: the mean over seeds and QPs."""
    return {source: fmean(row.regret for row in its) for (source,), its in grouped(rows, "source")}


def between_labels(judged: Sequence[Judged]) -> list[Comparison]:
    """Compare the networks of each two labels, by size and measure, paired by picture."""
    pairs = []
    networks = [row for row in judged if row.seed is not None and row.measure in JUDGES]
    for (size, measure), rows in grouped(networks, "size", "measure"):
        sides = [_Side(MEASURE_NAMES[labels], its) for (labels,), its in grouped(rows, "labels")]
        pairs += [_Pair(size, measure, "all", first, second) for first, second in combinations(sides, 2)]
    return _compared(pairs)


def against_truth(judged: Sequence[Judged]) -> list[Comparison]:
    """Compare Hadamard labels with the networks trained on them under J, by size and QP."""
    pairs = []
    rows = [row for row in judged if row.labels == "hadamard" and row.measure == "rd"]
    for (size,), of_size in grouped(rows, "size"):
        for qp in ["all", *sorted({row.qp for row in of_size})]:
            chosen = [row for row in of_size if qp in ("all", row.qp)]
            label = _Side("label", [row for row in chosen if row.seed is None])
            network = _Side("network", [row for row in chosen if row.seed is not None])
            pairs.append(_Pair(size, "rd", str(qp), label, network))
    return _compared(pairs)


class _Side(NamedTuple):
    name: str
    rows: list[Judged]


class _Pair(NamedTuple):
    size: int
    measure: Measure
    qp: str
    first: _Side
    second: _Side


def _compared(pairs: Sequence[_Pair]) -> list[Comparison]:
    found = []
    for size, measure, qp, first, second in pairs:
        ours, others = by_picture(first.rows), by_picture(second.rows)
        values = [ours[source] - others[source] for source in ours]
        interval, better = interval_of(values, len(pairs)), fmean(value > 0 for value in values)
        found.append(Comparison(size, measure, qp, first.name, second.name, interval, better))
    return found
