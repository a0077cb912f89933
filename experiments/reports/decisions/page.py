"""Describe the page of report-decisions."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from codecnn.metrics import BdRate
from experiments.reports.decisions.measure import FULL, OWN, X265_NAME, Agreement, Point
from experiments.reports.shared.intervals import interval_of
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Cell, Column, Empty, Table

TEXT = """\
The luma mode of each block is chosen in several ways; all other decisions are those of the full search: chroma mode,
transform tree and levels. The partition is that of the full search, or the best one for the method itself. "Hadamard"
and "DCT": SATD + sqrt(lambda) / 2 * bits of the mode. "Estimated J": SSE + lambda * estimated bits of the DCT levels
+ lambda * bits of the mode. "Best of k": the full rate-distortion cost of the k modes of least SATD. BD-rate (PCHIP,
luma) against the full search in percent, bits of the slice NAL units, in-loop filters off; mean over the clips ± half
of its 95 % t-interval. Time: of one processor core, as a share of that of the full search, over all clips and QPs."""
AGREEMENT = """\
Blocks of x265 (medium) in percent whose label, the mode of least cost without the bits of the mode, is the mode that
x265 chose; mean over the clips that have such blocks. The references are those that x265 had."""


def page(
    points: Sequence[Point], agreements: Sequence[Agreement], rates: Mapping[tuple[str, str], Mapping[str, BdRate]]
) -> Page:
    """Return the report."""
    seconds = {key: sum(p.seconds for p in points if (p.method, p.partition) == key) for key in rates}
    whole = sum(point.seconds for point in points if point.method == FULL)
    rows: list[list[Cell]] = []
    for (method, partition), by_source in rates.items():
        values = [rate.percent for rate in by_source.values() if not rate.reason]
        cell: Cell = Empty("not defined for any clip")
        if values:
            mean, half, _ = interval_of(values)
            cell = f"{mean:+.2f}" + (f" ± {half:.2f}" if half is not None else "")
        ratio: Cell = Empty("another program") if method == X265_NAME else seconds[method, partition] / whole
        rows.append([method, "x265's" if method == X265_NAME else partition, len(values), cell, ratio])
    rows.sort(key=lambda row: row[1] == OWN)
    costs = Table(["luma mode", "partition", "clips", "BD-rate", Column("time", ".2f")], 2, rows)
    lines: list[list[Cell]] = []
    for size in sorted({found.size for found in agreements}):
        for qp in sorted({found.qp for found in agreements}):
            chosen = [found for found in agreements if (found.size, found.qp) == (size, qp)]
            if chosen:
                blocks = str(sum(found.blocks for found in chosen))
                shares = (fmean(getattr(found, name) for found in chosen) for name in ("hadamard", "dct", "rd"))
                lines.append([str(size), str(qp), blocks, *(f"{100 * share:.1f}" for share in shares)])
    agreement = Table(["size", "QP", "blocks", "Hadamard", "DCT", "J"], 0, lines)
    parts: list[str | Table] = [
        "## What a choice costs",
        TEXT,
        costs,
        "## Labels and the modes of x265",
        AGREEMENT,
        agreement,
    ]
    return Page("Decisions in real bits", {}, parts)
