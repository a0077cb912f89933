"""Figures that may not be defined: NaN where they are computed, null in JSON, an empty cell in Markdown."""

import json
import math
from collections.abc import Iterable
from statistics import fmean


def mean_defined(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN; NaN if there is none."""
    defined = [value for value in values if not math.isnan(value)]
    return fmean(defined) if defined else math.nan


def cell(value: float, form: str, bold: bool = False) -> str:
    """A value in a format such as "+.2f", empty if it is NaN."""
    if math.isnan(value):
        return ""
    return f"**{value:{form}}**" if bold else f"{value:{form}}"


def count_defined(values: Iterable[float]) -> int:
    """How many of the values are not NaN."""
    return sum(not math.isnan(value) for value in values)


def mean_cell(mean: float, form: str, defined: int, clips: int, bold: bool = False) -> str:
    """A mean over clips as a cell has it, with the count of those that are in it where that is not all of them."""
    return cell(mean, form, bold) + f" ({defined} of {clips})" * (0 < defined < clips)


def to_json(results: object) -> bytes:
    """As an indented JSON file, with null for what is not finite."""
    return (json.dumps(_finite(results), indent=1, allow_nan=False) + "\n").encode()


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
