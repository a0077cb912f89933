"""Describe the page of report-decisions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from codecnn.metrics import BdRate
from experiments.reports.decisions.measure import FULL, OF_FULL, OWN, PLANES, X265_NAME, Agreement, Point, bd_rates
from experiments.reports.decisions.methods import PAIRS
from experiments.reports.shared.intervals import Interval, differ_from_zero, interval_of
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Column, Empty, Table, defined_or

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


SEARCH = """\
BD-rate (PCHIP) of the full search against x265 (medium) in percent, both without in-loop filters: of luma, U and V,
each at all bits of the slice NAL units. Time: seconds of one processor core for 832x480 luma samples, mean over the
QPs."""
PAIRED = """\
How much more the first of two costs, BD-rate in percent, paired by clip; bold where the mean differs from 0 after
Holm's correction for all rows."""
FRAME = 832 * 480  # luma samples that times are given for


def page(
    points: Sequence[Point], agreements: Sequence[Agreement], rates: Mapping[tuple[str, str], Mapping[str, BdRate]]
) -> Page:
    """Return the report."""
    parts: list[str | Table] = ["## The full search and x265", SEARCH, _search(points)]
    if agreements:
        parts += ["## What a choice costs", TEXT, _costs(points, rates), PAIRED, paired(rates)]
        parts += ["## Labels and the modes of x265", AGREEMENT, _agreements(agreements)]
    return Page("Decisions in real bits", {}, parts)


def _search(points: Sequence[Point]) -> Table:
    """Return the table of the full search against x265, by clip."""
    by_plane = [bd_rates(points, X265_NAME, plane)[FULL, OWN] for plane in PLANES]
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for point in points:
        times[point.source, point.method].append(point.seconds * FRAME / point.samples)
    rows: list[list[Cell]] = []
    for source in by_plane[0]:
        rates = (defined_or(*rates[source]) for rates in by_plane)
        rows.append([source, *rates, *(fmean(times[source, method]) for method in (FULL, X265_NAME))])
    if len(rows) > 1:
        rows.append(["mean", *(_mean(rates) for rates in by_plane), "", ""])
    heading = (Column(name, "+.2f") for name in ("luma", "U", "V"))
    return Table(["clip", *heading, Column("time", ".2f"), Column("time of x265", ".2f")], 1, rows)


def _mean(rates: Mapping[str, BdRate]) -> Cell:
    """Return the mean of BD-rates over the clips and half of its interval."""
    values = [rate.percent for rate in rates.values() if not rate.reason]
    return _shown(interval_of(values)) if values else Empty("not defined for any clip")


def _costs(points: Sequence[Point], rates: Mapping[tuple[str, str], Mapping[str, BdRate]]) -> Table:
    """Return the table of the ways to choose the luma mode."""
    seconds = {key: sum(p.seconds for p in points if (p.method, p.partition) == key) for key in rates}
    whole = sum(point.seconds for point in points if point.method == FULL)
    rows: list[list[Cell]] = []
    for (method, partition), by_source in rates.items():
        clips = sum(not rate.reason for rate in by_source.values())
        ratio: Cell = Empty("another program") if method == X265_NAME else seconds[method, partition] / whole
        rows.append([method, "x265's" if method == X265_NAME else partition, clips, _mean(by_source), ratio])
    rows.sort(key=lambda row: row[1] == OWN)
    return Table(["luma mode", "partition", "clips", "BD-rate", Column("time", ".2f")], 2, rows)


def paired(rates: Mapping[tuple[str, str], Mapping[str, BdRate]]) -> Table:
    """Return the table of methods compared clip by clip."""
    rows: list[tuple[str, str, str, Interval, int]] = []
    for partition in (OF_FULL, OWN):
        for one, other in PAIRS:
            pairs = [
                (first.percent, rates[other, partition][source].percent)
                for source, first in rates.get((one, partition), {}).items()
                if (other, partition) in rates and not (first.reason or rates[other, partition][source].reason)
            ]
            if pairs:
                differences = [first - second for first, second in pairs]
                rows.append((one, other, partition, interval_of(differences), sum(d > 0 for d in differences)))
    sure = differ_from_zero([interval for *_, interval, _ in rows])
    lines: list[list[Cell]] = []
    for (one, other, partition, interval, worse), differs in zip(rows, sure, strict=True):
        text = _shown(interval)
        lines.append([one, other, partition, Bold(text) if differs else text, f"{worse} of {interval.sequences}"])
    return Table(["first", "second", "partition", "difference", "clips where the first costs more"], 3, lines)


def _shown(interval: Interval) -> str:
    """Return a mean and half of its interval."""
    return f"{interval.mean:+.2f}" + (f" ± {interval.half:.2f}" if interval.half is not None else "")


def _agreements(agreements: Sequence[Agreement]) -> Table:
    """Return the table of labels that are the modes of x265, by size and QP."""
    lines: list[list[Cell]] = []
    for size in sorted({found.size for found in agreements}):
        for qp in sorted({found.qp for found in agreements}):
            chosen = [found for found in agreements if (found.size, found.qp) == (size, qp)]
            if chosen:
                blocks = str(sum(found.blocks for found in chosen))
                shares = (fmean(getattr(found, name) for found in chosen) for name in ("hadamard", "dct", "rd"))
                lines.append([str(size), str(qp), blocks, *(f"{100 * share:.1f}" for share in shares)])
    return Table(["size", "QP", "blocks", "Hadamard", "DCT", "J"], 0, lines)
