"""Hold all that report-modes finds, and put it into the tables of results.json."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from experiments.reports.modes.means import FIRST, SHARES, TOPS, Mean, OfClass
from experiments.reports.modes.measure import Row
from experiments.reports.modes.networks import Costs
from experiments.reports.modes.speed import Time
from experiments.reports.shared.block_networks import Case


@dataclass(frozen=True)
class Found:
    """Hold what was measured, in lists that grow by the cases."""

    costs: Sequence[Costs]
    rows: list[Row]
    means: list[Mean]
    classes: list[OfClass]
    times: list[Time]
    firsts: dict[tuple[Case, str], NDArray]  # of each network: labels by mode and by the mode that is ranked first


def tables_of(found: Found) -> dict[str, Sequence[Any]]:
    """Return the tables of results.json."""
    return {
        "networks": [_flat(each) for each in found.costs],
        "means": [_mean(each) for each in found.means],
        "rows": [_row(each) for each in found.rows],
        "classes": [_flat(each) | {"top": _named(TOPS, each.top)} for each in found.classes],
        "times": [_flat(each) for each in found.times],
        "confusion": [
            case._asdict() | {"ranking": name, "counts": counts.tolist()}
            for (case, name), counts in found.firsts.items()
        ],
    }


def _flat(row: Costs | OfClass | Time | Mean | Row) -> dict[str, Any]:
    """Return the fields of a row, with those of its case in place of it."""
    return {**row.case._asdict(), **{name: value for name, value in vars(row).items() if name != "case"}}


def _mean(mean: Mean) -> dict[str, Any]:
    return _flat(mean) | {
        "top": _first(TOPS, mean.top), "regrets": mean.regrets.tolist(), "to_test": _named(SHARES, mean.to_test),
    }  # fmt: skip


def _row(row: Row) -> dict[str, Any]:
    return _flat(row) | {"top": _first(TOPS, row.top), "regrets": _first(FIRST, row.regrets)}


def _first(numbers: Sequence[int], values: NDArray) -> dict[str, float]:
    """Return the values for the first k modes, for those of the numbers that a ranking has."""
    return {str(k): float(values[k - 1]) for k in numbers if k <= len(values)}


def _named(numbers: Sequence[int], values: Sequence[float]) -> dict[str, float]:
    return {str(number): value for number, value in zip(numbers, values, strict=True)}
