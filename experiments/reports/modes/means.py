"""Average what rankings reach over sources."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecnn.tasks.block_sites import Measure
from experiments.reports.modes.classes import class_numbers, classes_of
from experiments.reports.modes.measure import Row, Sums
from experiments.reports.shared.block_networks import Case
from experiments.reports.shared.intervals import interval_of
from experiments.reports.shared.means import grouped

FIRST = (1, 2, 3, 5, 8)  # numbers of modes whose best one is looked at
TOPS = (1, 3, 5)
SHARES = (95, 99)  # percent of the gain over planar
ALL = "all"  # QPs


@dataclass(frozen=True)
class Mean:
    """Hold the means of a ranking over sources; each counts once, with the mean of its QPs."""

    case: Case
    ranking: str
    measure: Measure
    qp: str
    sources: int
    blocks: int
    top: NDArray  # (k,): as in Row
    regrets: NDArray
    half: float  # of the 95 % t-interval over the sources of the first regret; NaN for a single source
    to_test: tuple[float, ...]  # modes for each of SHARES, NaN where they are not enough

    def top_of(self, k: int) -> float:
        """Return the share of blocks whose label is among the first k modes; NaN for a single mode."""
        return float(self.top[k - 1]) if k <= len(self.top) else math.nan

    def regret_of(self, k: int) -> float:
        """Return the regret of the best of the first k modes; NaN for a single mode."""
        return float(self.regrets[k - 1]) if k <= len(self.regrets) else math.nan


@dataclass(frozen=True)
class OfClass:
    """Hold how the labels of one class of modes are ranked, over all blocks of all sources together."""

    case: Case
    ranking: str
    mode_class: str
    blocks: int
    share: float  # of all blocks
    top: tuple[float, ...]  # share of these blocks whose label is among the first of TOPS
    recall: float  # share of these blocks whose first mode is of the class
    precision: float  # share of the blocks with a first mode of the class whose label is of the class


def means_of(rows: Sequence[Row]) -> list[Mean]:
    """Return the means by QP and, if there are several, over all."""
    found = []
    for _, chosen in grouped(rows, "case", "measure"):
        qps = sorted({row.qp for row in chosen})
        parts = [(str(qp), [row for row in chosen if row.qp == qp]) for qp in qps]
        for qp, part in [*parts, (ALL, chosen)] if len(qps) > 1 else parts:
            planar = _by_source([row for row in part if row.ranking == "planar"], "regrets").mean(0)[0]
            found += [_mean(its, qp, planar) for _, its in grouped(part, "ranking")]
    return found


def _mean(rows: Sequence[Row], qp: str, planar: float) -> Mean:
    """Return the mean of the rows of a ranking; planar: the mean regret of that mode."""
    top, regrets = _by_source(rows, "top"), _by_source(rows, "regrets")
    half = interval_of(regrets[:, 0].tolist()).half
    enough = [np.flatnonzero(regrets.mean(0) <= (1 - share / 100) * planar + 1e-9) for share in SHARES]
    return Mean(
        case=rows[0].case,
        ranking=rows[0].ranking,
        measure=rows[0].measure,
        qp=qp,
        sources=len(regrets),
        blocks=sum(row.blocks for row in rows),
        top=top.mean(0),
        regrets=regrets.mean(0),
        half=math.nan if half is None else half,
        to_test=tuple(float(places[0] + 1) if len(places) else math.nan for places in enough),
    )


def _by_source(rows: Sequence[Row], name: str) -> NDArray:
    """Return an array of the rows, mean over the QPs of each source: (sources, k)."""
    return np.stack([np.mean([getattr(row, name) for row in its], 0) for _, its in grouped(rows, "source")])


def by_class(case: Case, ranking: str, sums: Sums, measure: int) -> list[OfClass]:
    """Return a row for each class of modes; labels are those of one of the measures."""
    classes = classes_of(case.modes)
    into = np.eye(len(classes))[class_numbers(classes)].T  # (classes, modes)
    places = into @ sums.places[measure]
    firsts = into @ sums.firsts[measure] @ into.T  # labels by class, and by class of the first mode
    found = []
    for place, each in enumerate(classes):
        blocks = places[place].sum()
        top = tuple(_share(places[place, :-1][:k].sum(), blocks) for k in TOPS)
        recall, precision = (_share(firsts[place, place], sum_) for sum_ in (blocks, firsts[:, place].sum()))
        found.append(OfClass(case, ranking, str(each), int(blocks), blocks / sums.blocks, top, recall, precision))
    return found


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan
