"""Group rows, and average figures that may not be defined (NaN)."""

import math
from collections.abc import Iterable, Sequence
from operator import attrgetter
from statistics import fmean
from typing import Any, TypeVar

import pandas as pd

Row = TypeVar("Row")


def grouped(rows: Sequence[Row], *names: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Return the rows of each combination of attributes, in the order in which the combinations first occur.

    names: the attributes, such as "codec", or "row.codec" for one of an attribute.
    """
    keys = [tuple(attrgetter(name)(row) for name in names) for row in rows]
    groups = pd.DataFrame(keys, columns=list(names)).groupby(list(names), sort=False, dropna=False).indices
    return [(keys[places[0]], [rows[place] for place in places]) for places in groups.values()]


def mean_defined(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if there is none."""
    defined = [value for value in values if not math.isnan(value)]
    return fmean(defined) if defined else math.nan


def count_defined(values: Iterable[float]) -> int:
    """Count the values that are not NaN."""
    return sum(not math.isnan(value) for value in values)
