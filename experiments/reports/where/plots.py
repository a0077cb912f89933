"""Plot where a filter gains: as PNG, and for the HTML file."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import grouped
from experiments.reports.where.bins import BLOCK, FARTHEST
from experiments.reports.where.means import Decile, QpMean
from experiments.reports.where.measure import WAYS
from experiments.reports.where.page import NAMES, losses
from html_pages.curves import Line, Panel, Plot

COLOURS = {"ctu": "tab:red", "picture": "tab:blue", "ensemble": "tab:green"}
At = tuple[str, int]  # codec and QP: a column of panels


def _panels(columns: Sequence[At], rows: int) -> tuple[Figure, list[list[Axes]]]:
    figure, axes = pyplot.subplots(
        rows, len(columns), figsize=(1 + 2.7 * len(columns), 0.4 + 2.8 * rows), squeeze=False, sharex=True, sharey="row"
    )
    for axis, (codec, qp) in zip(axes[0], columns, strict=True):
        axis.set_title(f"{codec}, QP {qp}", fontsize=10)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    return figure, axes.tolist()


def plot_edge(points: Sequence[QpMean]) -> bytes:
    """Plot pooled gain by distance from the CTU edge, a column for each codec and QP; below it the edge's cost."""
    columns: list[At] = list(dict.fromkeys((m.point.codec, m.point.qp) for m in points))
    figure, (gains, differences) = _panels(columns, 2)
    for m in points:
        axis = gains[columns.index((m.point.codec, m.point.qp))]
        axis.plot(range(FARTHEST + 1), m.by_distance, ".-", color=COLOURS[m.point.way], label=NAMES[m.point.way])
        axis.set_xticks(range(0, FARTHEST + 1, 8), [*map(str, range(0, FARTHEST, 8)), f"{FARTHEST}+"])
    for point, loss in losses(points):
        differences[columns.index((point.codec, point.qp))].plot(range(FARTHEST + 1), loss, ".-", color="0.3")
    gains[0].set_ylabel("pooled gain (dB)")
    gains[0].legend(fontsize=8)
    differences[0].set_ylabel("CTU by CTU - at once (dB)")
    figure.supxlabel("luma samples to the nearest CTU edge", fontsize=10)
    return to_png(figure)


def plot_activity(deciles: Sequence[Decile]) -> bytes:
    """Plot pooled gain and share of the reduction by decile of activity, a column for each codec and QP."""
    columns: list[At] = list(dict.fromkeys((d.point.codec, d.point.qp) for d in deciles))
    figure, (gains, shares) = _panels(columns, 2)
    for gain, share, at in zip(gains, shares, columns, strict=True):
        of_column = [d for d in deciles if (d.point.codec, d.point.qp) == at]
        for way in WAYS:
            chosen = [d for d in of_column if d.point.way == way]
            places = [d.decile + 1 for d in chosen]
            gain.plot(places, [d.gain for d in chosen], ".-", color=COLOURS[way], label=NAMES[way])
            share.plot(places, [100 * d.reduction for d in chosen], ".-", color=COLOURS[way])
            if way == WAYS[0]:
                share.bar(places, [100 * d.error for d in chosen], color="0.85", label="share of the baseline's error")
        share.set_xticks(range(1, 11))
    gains[0].set_ylabel("pooled gain (dB)")
    shares[0].set_ylabel("share of the reduction (%)")
    gains[0].legend(fontsize=8)
    shares[0].legend(fontsize=8)
    figure.supxlabel(f"decile of activity, {BLOCK}x{BLOCK} blocks", fontsize=10)
    return to_png(figure)


def plot_flags(points: Sequence[QpMean]) -> bytes:
    """Plot the gain, what flags add to it, and the share of CTUs that they switch off, a row for each codec."""
    codecs = list(dict.fromkeys(m.point.codec for m in points))
    figure, axes = pyplot.subplots(len(codecs), 3, figsize=(13, 0.4 + 3 * len(codecs)), squeeze=False)
    width = 0.8 / len(WAYS)
    for codec, (gain, added, off) in zip(codecs, axes, strict=True):
        qps = list(dict.fromkeys(m.point.qp for m in points if m.point.codec == codec))
        for offset, way in enumerate(WAYS):
            chosen = [m for m in points if (m.point.codec, m.point.way) == (codec, way)]
            places = np.array([qps.index(m.point.qp) for m in chosen]) + (offset - (len(WAYS) - 1) / 2) * width
            gain.bar(places, [m.gain for m in chosen], width, color=COLOURS[way], label=NAMES[way])
            added.bar(places, [m.gain_flagged - m.gain for m in chosen], width, color=COLOURS[way])
            off.bar(places, [100 * m.off for m in chosen], width, color=COLOURS[way])
        gain.set_ylabel("gain in PSNR-Y without flags (dB)", fontsize=9)
        added.set_ylabel("added by flags (dB)", fontsize=9)
        off.set_ylabel("CTUs switched off (%)", fontsize=9)
        for axis in (gain, added, off):
            axis.set_xticks(range(len(qps)), [f"QP {qp}" for qp in qps])
            axis.set_title(codec, fontsize=10)
            axis.grid(axis="y", alpha=0.3)
    axes[0][0].legend(fontsize=8)
    return to_png(figure)


def edge_curves(points: Sequence[QpMean]) -> list[Plot]:
    """Return a plot of pooled gain by distance for each codec and QP, and below it the edge's cost."""
    plots = []
    for (codec, qp), ways in grouped(points, "point.codec", "point.qp"):
        gains = [Line(NAMES[m.point.way], [*enumerate(m.by_distance)], WAYS.index(m.point.way)) for m in ways]
        cost = [Line("CTU by CTU - at once", [*enumerate(loss)], 7) for _, loss in losses(ways)]
        x = f"luma samples to the nearest CTU edge ({FARTHEST}: and more)"
        panels = [Panel(x, "pooled gain (dB)", gains), Panel(x, "difference (dB)", cost)]
        plots.append(Plot(f"{codec}, QP {qp}, by distance from the CTU edge", panels))
    return plots


def activity_curves(deciles: Sequence[Decile]) -> list[Plot]:
    """Return a plot of pooled gain and share of the reduction by decile of activity for each codec and QP."""
    plots = []
    for (codec, qp), of_point in grouped(deciles, "point.codec", "point.qp"):
        gains, shares = [], []
        for way in dict.fromkeys(d.point.way for d in of_point):
            chosen = [d for d in of_point if d.point.way == way]
            gains.append(Line(NAMES[way], [(d.decile + 1, d.gain) for d in chosen], WAYS.index(way)))
            reduced = [(d.decile + 1, 100 * d.reduction) for d in chosen]
            shares.append(Line(NAMES[way], reduced, WAYS.index(way)))
        errors = [(d.decile + 1, 100 * d.error) for d in chosen]
        shares.append(Line("share of the baseline's error", errors, 7, dashed=True))
        x = f"decile of activity, {BLOCK}x{BLOCK} blocks"
        panels = [Panel(x, "pooled gain (dB)", gains), Panel(x, "of the reduction (%)", shares)]
        plots.append(Plot(f"{codec}, QP {qp}, by activity", panels))
    return plots
