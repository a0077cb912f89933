"""Describe the page of report-gain --compare: its tables."""

import math
from collections.abc import Mapping, Sequence

from experiments.reports.gain.compare import Chosen, Difference, Mean, Measured
from experiments.reports.gain.plots import compared_curves
from experiments.reports.shared.frames import EXACT
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Cell, Column, Empty, Table, defined_or

DIFFERENCES = """\
The second filter minus the first, mean over clips with its 95 % interval (t-distribution; each interval by itself). Of
the clips, the last column says in how many the second is better."""
FEW = "fewer than two clips"
WAYS = {"ctu": "CTU by CTU", "picture": "whole pictures"}
UNITS = {"gain": "gain dB", "bd_rate": "BD-rate %"}


def page(
    chosen: Sequence[Chosen],
    filters: Mapping[str, Measured],
    means: Sequence[Mean],
    changes: Sequence[Difference],
    about: Mapping[str, str],
) -> Page:
    """Return the report."""
    blocks: list[str | Table] = ["## Filters", filters_table(chosen), "## Mean over clips", means_table(means)]
    blocks += ["## Differences", DIFFERENCES, differences_table(changes)]
    blocks += ["## BD-rate per clip, %", bd_rates(filters), "## Gain per clip and QP, dB", gains(filters)]
    curves = {"rd.png": compared_curves(filters)}
    return Page("Filters side by side: PSNR-Y gain over the codec's own output", about, blocks, curves)


def filters_table(chosen: Sequence[Chosen]) -> Table:
    """Return what each filter is."""
    return Table(
        ["filter", "kMAC/px", "filtered", "network", "cautions"],
        5,
        [[one.filter, one.kmac_in_words, WAYS[one.way], one.network, one.cautions or "none"] for one in chosen],
    )


def means_table(means: Sequence[Mean]) -> Table:
    """Return the means over clips of each filter, and its worst case."""
    columns: list[str | Column] = ["filter", "codec", "clips", Column("gain dB", "+.3f", EXACT), Column("±", ".3f")]
    columns += ["clips with BD-rate", Column("BD-rate %", "+.2f", "not defined for any clip"), Column("±", ".2f")]
    columns += [Column("worst gain dB", "+.3f", EXACT), "at QP", "of the clip"]
    cells: list[list[Cell]] = [
        [
            *(m.filter, m.codec, m.clips, m.gain, _half(m.gain_half)),
            *(m.bd_rate_clips, m.bd_rate, _half(m.bd_rate_half)),
            *(m.worst_gain, math.nan if m.worst_qp is None else m.worst_qp, m.worst_source),
        ]
        for m in means
    ]
    return Table(columns, 2, cells)


def differences_table(changes: Sequence[Difference]) -> Table:
    """Return the paired differences."""
    columns: list[str | Column] = ["codec", "figure", "first", "second", "QP", Column("difference", "+.3f")]
    columns += [Column("±", ".3f"), "clips", "second better"]
    cells: list[list[Cell]] = [
        [
            *(c.codec, UNITS[c.measure], c.first, c.second, c.qp, c.mean, _half(c.half)),
            *(c.clips, round(c.second_better * c.clips)),
        ]
        for c in changes
    ]
    return Table(columns, 4, cells)


def bd_rates(filters: Mapping[str, Measured]) -> Table:
    """Return the BD-rate of each clip, a column for each filter."""
    columns: list[str | Column] = ["clip", "codec", *(Column(name, "+.2f") for name in filters)]
    by_clip = zip(*(measured.clips for measured in filters.values()), strict=True)
    cells: list[list[Cell]] = [
        [each[0].source, each[0].codec, *(defined_or(c.bd_rate, c.bd_rate_reason) for c in each)] for each in by_clip
    ]
    return Table(columns, 2, cells)


def gains(filters: Mapping[str, Measured]) -> Table:
    """Return the gain of each clip at each QP, a column for each filter."""
    columns: list[str | Column] = ["clip", "codec", "QP", Column("baseline dB", ".3f", EXACT)]
    columns += [Column(name, "+.3f", EXACT) for name in filters]
    by_row = zip(*(measured.rows for measured in filters.values()), strict=True)
    cells: list[list[Cell]] = [
        [each[0].source, each[0].codec, each[0].qp, each[0].psnr_baseline, *(row.gain for row in each)]
        for each in by_row
    ]
    return Table(columns, 2, cells)


def _half(half: float | None) -> float | Empty:
    return Empty(FEW) if half is None else half
