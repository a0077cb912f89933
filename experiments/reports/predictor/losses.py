"""Compare the losses that predictors of one form were trained with, over their seeds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from experiments.reports.predictor.measure import INDEX, Gain, Residual
from experiments.reports.predictor.networks import Named
from experiments.reports.shared.intervals import Interval, differ_from_zero, interval_of

MEASURES = "hadamard_satd", "dct_satd", "mse", "j", "gain"
FIRST = "l2"  # the loss that the others are compared with


@dataclass(frozen=True)
class Loss:
    """Hold one measure of the predictors of one size trained with one loss, against those trained with l2.

    A value is the measure / that of l2 - 1, of a picture with the mean over QPs and seeds; for "gain" it is the
    difference of the change of J as one more mode, at the price with the index.
    """

    size: int
    loss: str
    seeds: int
    measure: str
    mean: float  # over the pictures
    half: float | None  # of its 95 % t-interval over the pictures; None for a single picture
    pictures: int
    deviation: float | None  # over the seeds, of the mean over the pictures; None for a single seed
    differs: bool  # from 0, by Holm's correction for all rows of this measure

    @property
    def against(self) -> Interval:
        """Return the mean with its interval."""
        return Interval(self.mean, self.half, self.pictures)


def compare_losses(chosen: Sequence[Named], residuals: Sequence[Residual], gains: Sequence[Gain]) -> list[Loss]:
    """Compare losses, where the same seeds were trained with each of them and nothing else differs.

    Returns nothing for weights of one loss, or without l2, or of several forms.
    """
    groups: dict[tuple[int, str], dict[Any, Named]] = defaultdict(dict)
    forms = defaultdict(set)
    for named in chosen:
        recipe = {name: value for name, value in named.notes.get("recipe", {}).items() if name not in ("loss", "seed")}
        forms[named.size].add((str(named.network.config), str(recipe)))
        groups[named.size, named.loss][named.notes.get("recipe", {}).get("seed")] = named
    values = _values(residuals, gains)
    rows: list[Loss] = []
    for (size, loss), seeds in groups.items():
        base = groups.get((size, FIRST), {})
        if loss == FIRST or len(forms[size]) > 1 or seeds.keys() != base.keys():
            continue
        for measure in MEASURES:
            each = {
                seed: _against(values[measure, size, named.name], values[measure, size, base[seed].name], measure)
                for seed, named in seeds.items()
            }
            pictures = [fmean(of_picture) for of_picture in zip(*each.values(), strict=True)]
            means = [fmean(of_seed) for of_seed in each.values()]
            deviation = stdev(means) if len(means) > 1 else None
            rows.append(Loss(size, loss, len(seeds), measure, *interval_of(pictures), deviation, differs=False))
    return [row for measure in MEASURES for row in _marked([row for row in rows if row.measure == measure])]


def _values(residuals: Sequence[Residual], gains: Sequence[Gain]) -> dict[tuple[str, int, str], dict[str, float]]:
    """Return each measure by its name, size and predictor: the mean over the QPs for each picture."""
    found: dict[tuple[str, int, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in residuals:
        for measure in MEASURES[:-1]:
            found[measure, row.size, row.prediction][row.source].append(getattr(row, measure))
    for gain in gains:
        if gain.price == INDEX:
            found["gain", gain.size, gain.candidates][gain.source].append(gain.change)
    return {key: {source: fmean(values) for source, values in of.items()} for key, of in found.items()}


def _against(values: dict[str, float], base: dict[str, float], measure: str) -> list[float]:
    if measure == "gain":
        return [values[source] - base[source] for source in base]
    return [values[source] / base[source] - 1 if base[source] else 0.0 for source in base]


def _marked(rows: list[Loss]) -> list[Loss]:
    marks = differ_from_zero([row.against for row in rows])
    return [Loss(**(vars(row) | {"differs": mark})) for row, mark in zip(rows, marks, strict=True)]
