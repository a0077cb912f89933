"""Describe the page of report-codecs: BD-rates, points and settings."""

import math
from collections.abc import Sequence

from experiments.reports.codecs.measure import Curves, Rates
from experiments.reports.shared.means import cell, mean_defined
from experiments.reports.shared.page import Cell, Column, Page, Table


def page(curves: Curves, rates: Rates, anchor: str) -> Page:
    """Return the report."""
    means = {codec: mean_defined(of_codec.values()) for codec, of_codec in rates.items()}
    codecs = sorted(rates, key=lambda codec: (math.isnan(means[codec]), means[codec]))
    about = {
        "BD-rate": f"of PSNR-Y against {anchor} in percent, PCHIP, per clip, then averaged; below 0: fewer bits",
        "baselines": "with all in-loop filters on",
    }
    used = "\n".join(line for codec in codecs for line in settings(codec, curves))
    blocks: list[str | Table] = [rates_table({codec: rates[codec] for codec in codecs})]
    blocks += ["## Points", points_table(curves, codecs), "## Settings", used]
    return Page("Codecs, all-intra", about, blocks)


def rates_table(rates: Rates) -> Table:
    """Return the BD-rates and their means."""
    sources, there = sorted({source for of_codec in rates.values() for source in of_codec}), defined(rates)
    rows: list[list[Cell]] = [
        [source, *(of_codec.get(source, math.nan) for of_codec in rates.values())] for source in sources
    ]
    means = (f"{cell(mean_defined(rates[codec].values()), '+.1f', bold=True)} ({len(there[codec])})" for codec in rates)
    rows.append(["**mean over clips (so many)**", *means])
    shared = set.intersection(*there.values())
    of_shared = (mean_defined(of_codec[source] for source in shared) for of_codec in rates.values())
    rows.append([f"mean over the clips that all codecs have ({len(shared)})", *of_shared])
    return Table(["clip", *(Column(codec, "+.1f") for codec in rates)], 1, rows)


def points_table(curves: Curves, codecs: Sequence[str]) -> Table:
    """Return the bits and the PSNR-Y of each clip at each QP, codec by codec."""
    columns: list[str | Column] = ["clip", "codec", "QP", Column("kbit per frame", ".2f"), Column("baseline dB", ".3f")]
    points: list[list[Cell]] = [
        [p.source, p.codec, p.qp, p.kbit_per_frame, p.psnr_y, p.psnr_y_unfiltered]
        for source in sorted(curves)
        for codec in codecs
        for p in curves[source].get(codec, [])
    ]
    return Table([*columns, Column("unfiltered dB", ".3f")], 2, points)


def defined(rates: Rates) -> dict[str, set[str]]:
    """Return the sources for which each codec has a BD-rate."""
    return {codec: {s for s, rate in of_codec.items() if not math.isnan(rate)} for codec, of_codec in rates.items()}


def settings(codec: str, curves: Curves) -> list[str]:
    """Describe how a codec was used: one line, or more where clips were coded with other QPs or parameters."""
    lines = []
    for points in (by_codec[codec] for by_codec in curves.values() if codec in by_codec):
        first, *others = sorted(points, key=lambda point: point.qp)
        preset = f", preset {first.preset}" if first.preset else ""
        qps = ", ".join(str(point.qp) for point in (first, *others))
        lines.append(f"- {codec}: {first.version}{preset}; QP {qps}; at QP {first.qp}: `{first.parameters}`")
    return list(dict.fromkeys(lines))
