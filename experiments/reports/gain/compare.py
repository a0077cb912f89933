"""Compare several filters on the same clips: means with intervals, the worst case, and paired differences."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from codecnn.inference.filtering import Way
from experiments.reports.gain.measure import Row, Summary
from experiments.reports.shared.intervals import Interval, interval_of

ALL = "all"  # QPs
Key = tuple[str, str, str]  # codec, measure, QP


class Measured(NamedTuple):
    """Hold what was measured with one filter."""

    rows: Sequence[Row]
    clips: Sequence[Summary]


@dataclass(frozen=True)
class Chosen:
    """Hold what a filter is, and how it was used."""

    filter: str
    network: str  # in words
    kmac: list[float | None]  # of each QP if there is one network for each; None where it is not counted
    way: Way
    cautions: str

    @property
    def kmac_in_words(self) -> str:
        """Return the kMAC/px, or their range."""
        counted = [kmac for kmac in self.kmac if kmac is not None]
        if len(counted) < len(self.kmac):
            return "not counted"
        return " to ".join(dict.fromkeys(f"{kmac:.1f}" for kmac in (min(counted), max(counted))))


@dataclass(frozen=True)
class FilterRow:
    """Hold a filter on a clip at a QP: figures of `Row`."""

    filter: str
    source: str
    codec: str
    qp: int
    frames: int
    bits: int
    psnr_baseline: float
    psnr_filtered: float
    gain: float


@dataclass(frozen=True)
class FilterClip:
    """Hold a filter on a clip over its QPs: figures of `Summary`."""

    filter: str
    source: str
    codec: str
    gain: float
    bd_rate: float
    bd_rate_reason: str


@dataclass(frozen=True)
class Mean:
    """Hold a filter on the clips of a codec: means with half the width of their 95 % intervals, and the worst case.

    A mean is over the clips in which the figure is defined; NaN if there is none. The width is None for one clip.
    """

    filter: str
    codec: str
    clips: int  # with a gain
    gain: float
    gain_half: float | None
    bd_rate_clips: int  # with a BD-rate
    bd_rate: float
    bd_rate_half: float | None
    worst_gain: float  # of all clips and QPs
    worst_source: str
    worst_qp: int | None


@dataclass(frozen=True)
class Difference:
    """Hold the mean over clips of a figure of the second filter minus that of the first, with its 95 % interval."""

    codec: str
    measure: str  # gain, in dB, or bd_rate, in percentage points
    qp: str  # or ALL
    first: str
    second: str
    mean: float
    half: float | None
    clips: int
    second_better: float  # share of these clips


def caution(found: Mapping[str, Sequence[str]]) -> str:
    """Join the cautions on filters, each with the names of its filters, "all" if it is one on all."""
    of_filters: dict[str, list[str]] = defaultdict(list)
    for name, cautions in found.items():
        for text in cautions:
            of_filters[text].append(name)
    return "; ".join(
        f"{'all' if len(names) == len(found) else ', '.join(names)}: {text}" for text, names in of_filters.items()
    )


def filter_rows(filters: Mapping[str, Measured]) -> list[FilterRow]:
    """Return the rows of all filters."""
    return [
        FilterRow(name, r.source, r.codec, r.qp, r.frames, r.bits, r.psnr_baseline, r.psnr_filtered, r.gain)
        for name, measured in filters.items()
        for r in measured.rows
    ]


def filter_clips(filters: Mapping[str, Measured]) -> list[FilterClip]:
    """Return the clips of all filters."""
    return [
        FilterClip(name, c.source, c.codec, c.gain, c.bd_rate, c.bd_rate_reason)
        for name, measured in filters.items()
        for c in measured.clips
    ]


def means(filters: Mapping[str, Measured]) -> list[Mean]:
    """Return the means of each filter and codec."""
    found = []
    for name, measured in filters.items():
        of_figures = figures(measured)
        for codec in sorted({clip.codec for clip in measured.clips}):
            gain, bd_rate = (_interval([*of_figures[codec, measure, ALL].values()]) for measure in ("gain", "bd_rate"))
            rows = [row for row in measured.rows if row.codec == codec and not math.isnan(row.gain)]
            worst = min(rows, key=lambda row: row.gain, default=None)
            case = (worst.gain, worst.source, worst.qp) if worst else (math.nan, "", None)
            found.append(Mean(name, codec, gain.sequences, *gain[:2], bd_rate.sequences, *bd_rate[:2], *case))
    return found


def differences(filters: Mapping[str, Measured]) -> list[Difference]:
    """Return the paired differences of every two filters: BD-rate, gain over all QPs, and gain at each QP."""
    found = []
    of_filters = {name: figures(measured) for name, measured in filters.items()}
    for first, second in combinations(filters, 2):
        for (codec, measure, qp), values in of_filters[first].items():
            others = of_filters[second][codec, measure, qp]
            changes = [others[source] - value for source, value in values.items() if source in others]
            if not changes:
                continue
            better = [change < 0 if measure == "bd_rate" else change > 0 for change in changes]
            found.append(Difference(codec, measure, qp, first, second, *interval_of(changes), fmean(better)))
    return found


def figures(measured: Measured) -> dict[Key, dict[str, float]]:
    """Return the figures of a filter that are defined, by clip."""
    found: dict[Key, dict[str, float]] = defaultdict(dict)
    given = [((c.codec, "bd_rate", ALL), c.source, c.bd_rate) for c in measured.clips]
    given += [((c.codec, "gain", ALL), c.source, c.gain) for c in measured.clips]
    rows = sorted(measured.rows, key=lambda row: (row.codec, row.qp))
    for key, source, value in [*given, *(((r.codec, "gain", str(r.qp)), r.source, r.gain) for r in rows)]:
        found[key] |= {} if math.isnan(value) else {source: value}
    return found


def _interval(values: Sequence[float]) -> Interval:
    return interval_of(values) if values else Interval(math.nan, None, 0)
