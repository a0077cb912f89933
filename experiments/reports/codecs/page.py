"""Describe the page of report-codecs: BD-rates, points and settings."""

import math
from collections.abc import Sequence

from codecnn.metrics import BdRate
from experiments.reports.codecs.measure import Curves, Rates
from experiments.reports.codecs.plots import curves_of_codecs
from experiments.reports.shared.frames import EXACT, NO_BITS
from experiments.reports.shared.means import mean_defined
from experiments.reports.shared.page import Page
from experiments.reports.shared.table import Bold, Cell, Column, MeanCell, Table, defined_or


def page(curves: Curves, rates: Rates, anchor: str, cautions: Sequence[str]) -> Page:
    """Return the report."""
    means = {codec: mean_defined(rate.percent for rate in of_codec.values()) for codec, of_codec in rates.items()}
    codecs = sorted(rates, key=lambda codec: (math.isnan(means[codec]), means[codec]))
    about = {
        "BD-rate": f"of PSNR-Y against {anchor} in percent, PCHIP, per clip, then averaged; below 0: fewer bits",
        "PSNR-Y": "of the decoder's samples in the original's scale, with its peak 2^bit depth - 1, mean over frames",
    }
    lossless = {source: points[0].lossless for source, of_clip in curves.items() for points in of_clip.values()}
    if left_out := sum(lossless.values()):
        about["left out"] = f"{left_out} frames that a codec codes without error at one of its QPs, with their bits"
    if cautions:
        about["caution"] = "; ".join(cautions)
    blocks: list[str | Table] = [rates_table({codec: rates[codec] for codec in codecs})]
    blocks += ["## Points", points_table(curves, codecs), "## Settings", settings_table(curves, codecs)]
    return Page("Codecs, all-intra", about, blocks, {"rd.png": curves_of_codecs(curves, anchor)})


def rates_table(rates: Rates) -> Table:
    """Return the BD-rates and their means."""
    sources = sorted({source for of_codec in rates.values() for source in of_codec})
    nothing = BdRate(math.nan, "not coded by this codec")
    found = [{source: of_codec.get(source, nothing) for source in sources} for of_codec in rates.values()]
    rows: list[list[Cell]] = [[source, *(defined_or(*of_codec[source]) for of_codec in found)] for source in sources]
    there = [{source for source, rate in of_codec.items() if not rate.reason} for of_codec in found]
    shared = set.intersection(*there)

    def means(chosen: Sequence[set[str]], clips: int, bold: bool) -> list[Cell]:
        both = zip(found, chosen, strict=True)
        values = [[of_codec[source].percent for source in some] for of_codec, some in both]
        return [MeanCell(mean_defined(some), len(some), clips, bold) for some in values]

    rows.append([Bold(f"mean over clips ({len(sources)})"), *means(there, len(sources), bold=True)])
    of_shared = means([shared] * len(found), len(shared), bold=False)
    rows.append([Bold(f"mean over the clips that all codecs have ({len(shared)})"), *of_shared])
    return Table(["clip", *(Column(codec, "+.1f") for codec in rates)], 1, rows)


def points_table(curves: Curves, codecs: Sequence[str]) -> Table:
    """Return the bits and the PSNR-Y of each clip at each QP, codec by codec."""
    columns: list[str | Column] = ["clip", "codec", "QP", "frames", Column("kbit per frame", ".2f", EXACT)]
    columns += [Column("baseline dB", ".3f", EXACT), Column("unfiltered dB", ".3f", EXACT)]
    columns.append(Column("unfiltered, kbit per frame", ".2f", NO_BITS))
    points: list[list[Cell]] = [
        [
            *(p.source, p.codec, p.qp, p.frames, p.kbit_per_frame),
            *(p.psnr_y, p.psnr_y_unfiltered, p.kbit_per_frame_unfiltered),
        ]
        for source in sorted(curves)
        for codec in codecs
        for p in curves[source].get(codec, [])
    ]
    return Table(columns, 2, points)


def settings_table(curves: Curves, codecs: Sequence[str]) -> Table:
    """Return how each codec was used: a row, or more where clips were coded with other QPs or parameters."""
    rows = []
    for codec in codecs:
        for points in (by_codec[codec] for by_codec in curves.values() if codec in by_codec):
            first, *_ = ordered = sorted(points, key=lambda point: point.qp)
            qps = ", ".join(str(point.qp) for point in ordered)
            filters = "; ".join(dict.fromkeys(point.in_loop_filters for point in ordered))
            rows.append((codec, first.version, first.preset, filters, qps, first.parameters))
    heads = ["codec", "version", "preset", "in-loop filters", "QP", "parameters at the first QP"]
    return Table(heads, len(heads), list(dict.fromkeys(rows)))
