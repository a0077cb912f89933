"""Measure rankings of intra modes on the blocks of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.labels.mode_sets import count_of
from codecnn.tasks.block_sites import Measure, Site, Sites
from command_line.progress import Progress
from experiments.reports.modes.rankings import Ranking
from experiments.reports.shared.block_networks import Case


@dataclass(frozen=True)
class Row:
    """Hold how well a ranking does on a source at a QP under a measure. Place k - 1 is for the first k modes."""

    case: Case
    ranking: str
    measure: Measure
    source: str
    qp: int
    blocks: int
    top: NDArray  # (k,): share of blocks whose label is among the first 1, 2 ... modes
    regrets: NDArray  # (k,): of the best of the first 1, 2 ... modes


class Sums:
    """Add up how well a ranking does on blocks."""

    def __init__(self, measures: int, modes: int, length: int) -> None:
        self.blocks = 0
        self.least = np.zeros(measures)  # costs of the best modes
        self.found = np.zeros((measures, length))  # costs of the best of the first 1, 2 ... modes
        self.places = np.zeros((measures, modes, length + 1), np.int64)  # labels by mode and place; the last for none
        self.firsts = np.zeros(
            (measures, modes, modes), np.int64
        )  # labels by mode and by the mode that is ranked first

    def add(self, costs: NDArray, ranked: NDArray) -> None:
        """Add blocks: costs (measures, n, modes), and modes (n, length), the best first."""
        (modes, _, length), label = self.firsts.shape[1:] + ranked.shape[1:], costs.argmin(2)  # (measures, n)
        self.blocks += len(ranked)
        self.least += costs.min(2).sum(1, dtype=np.float64)
        for each, of_measure in enumerate(costs):
            ordered = np.take_along_axis(of_measure, ranked, 1)
            self.found[each] += np.minimum.accumulate(ordered, 1).sum(0, dtype=np.float64)
            hits = ranked == label[each][:, None]
            places = np.where(hits.any(1), hits.argmax(1), length)
            self.places[each] += _counted(label[each], places, (modes, length + 1))
            self.firsts[each] += _counted(label[each], ranked[:, 0], (modes, modes))

    def merge(self, other: "Sums") -> None:
        """Add other sums."""
        self.blocks += other.blocks
        for name in ("least", "found", "places", "firsts"):
            getattr(self, name).__iadd__(getattr(other, name))

    def regrets(self, measure: int) -> NDArray:
        """Return the regret of the best of the first 1, 2 ... modes; 0 where all costs are 0."""
        least = self.least[measure]
        return self.found[measure] / least - 1 if least else np.zeros_like(self.found[measure])

    def top(self, measure: int) -> NDArray:
        """Return the share of blocks whose label is among the first 1, 2 ... modes."""
        shares: NDArray = self.places[measure, :, :-1].sum(0).cumsum() / self.blocks
        return shares


def _counted(rows: NDArray, columns: NDArray, shape: tuple[int, int]) -> NDArray:
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def measure_all(
    sites: Sites, each: int, case: Case, rankings: Sequence[Ranking], measures: Sequence[Measure]
) -> tuple[list[Row], dict[str, Sums]]:
    """Measure rankings on the same blocks: a row for each file, ranking and measure, and the sums over all files.

    each: CTUs of each file, spread evenly; 0 for all.
    """
    numbers = sites.spread(each) if each else range(len(sites))
    rows, totals = [], [_sums(ranking, case, measures) for ranking in rankings]
    with Progress(total=len(numbers), unit="CTU", desc=str(case)) as progress:
        for _, of_file in groupby(map(sites.read, numbers), key=lambda site: site.shard.path):
            sums = [_sums(ranking, case, measures) for ranking in rankings]
            for site in of_file:
                costs = np.stack([*site.satd_tables(case.modes), *_others(site, case, measures)])
                for ranking, added in zip(rankings, sums, strict=True):
                    added.add(costs, ranking.rank(site, costs))
                progress.update()
            for ranking, added, total in zip(rankings, sums, totals, strict=True):
                total.merge(added)
                rows += _rows(case, ranking, added, site.shard, measures)
    return rows, {ranking.name: total for ranking, total in zip(rankings, totals, strict=True)}


def _others(site: Site, case: Case, measures: Sequence[Measure]) -> list[NDArray]:
    return [site.rate_distortion_table(case.modes)] if "rd" in measures else []


def _sums(ranking: Ranking, case: Case, measures: Sequence[Measure]) -> Sums:
    return Sums(len(measures), count_of(case.modes), 1 if ranking.single else count_of(case.modes))


def _rows(case: Case, ranking: Ranking, sums: Sums, shard: Shard, measures: Sequence[Measure]) -> list[Row]:
    return [
        Row(case, ranking.name, measure, shard.info.source, shard.info.qp, sums.blocks, sums.top(n), sums.regrets(n))
        for n, measure in enumerate(measures)
    ]
