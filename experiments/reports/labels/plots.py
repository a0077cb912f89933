"""Plot how labels agree and what they cost, as PNG."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from codecnn.labels.mode_sets import count_of
from experiments.reports.labels.means import interval
from experiments.reports.labels.measure import Row
from experiments.reports.shared.figures import pyplot, to_png

# What is on the y-axis, and the statistics with their labels.
_REGRETS = (
    (
        "regret, SATD, %",
        (("hadamard_regret", "Hadamard label, by DCT SATD"), ("dct_regret", "DCT label, by Hadamard SATD")),
    ),
    (
        "regret, J, %",
        (
            ("rd.hadamard_regret", "Hadamard label"),
            ("rd.dct_regret", "DCT label"),
            ("rd.hadamard_top3_regret", "best of Hadamard's 3"),
            ("rd.dct_top3_regret", "best of DCT's 3"),
        ),
    ),
    ("Hadamard - DCT label, %", (("rd.difference", "J"), ("rd.top3_difference", "J, best of 3"))),
    ("Hadamard - DCT label, %", (("rd.sse_difference", "SSE"), ("rd.bits_difference", "bits"))),
)
_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown")


def plot_agreement(rows: Sequence[Row]) -> bytes:
    """Plot top 1, top 3 and within one step against the block size, a line for each QP."""
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4), sharey=True)
    panels = ("top1", "same mode"), ("top3", "DCT label in Hadamard's best 3"), ("one_step", "within one step")
    qps = sorted({row.qp for row in rows})
    for axis, (name, title) in zip(axes, panels, strict=True):
        for number, qp in enumerate(qps):
            _line(axis, [row for row in rows if row.qp == qp], name, f"QP {qp}", number, len(qps))
        axis.set_title(title, fontsize=10)
        axis.set_ylim(0, 100)
    axes[0].set_ylabel("% of the blocks")
    axes[0].legend(fontsize=8, loc="lower left")
    return to_png(figure)


def plot_regrets(rows: Sequence[Row]) -> bytes:
    """Plot regrets against the block size: a column of panels for each QP, a row of panels for each measure."""
    panels = _REGRETS if rows[0].rd else _REGRETS[:1]
    qps = sorted({row.qp for row in rows})
    shape = len(panels), len(qps)
    figure, axes = pyplot.subplots(
        *shape, figsize=(1.5 + 3.4 * shape[1], 2.8 * shape[0]), sharex=True, sharey="row", squeeze=False
    )
    for panel_row, (unit, statistics) in zip(axes, panels, strict=True):
        for axis, qp in zip(panel_row, qps, strict=True):
            chosen = [row for row in rows if row.qp == qp]
            for number, (name, label) in enumerate(statistics):
                _line(axis, chosen, name, label, number, len(statistics))
            axis.axhline(0, color="0.4", linewidth=0.8)
            axis.set_title(f"QP {qp}", fontsize=9)
        panel_row[0].set_ylabel(unit)
        panel_row[0].legend(fontsize=7)
    return to_png(figure)


def plot_histograms(rows: Sequence[Row]) -> bytes:
    """Plot the share of blocks with each mode, mean over sequences and QPs, a panel for each size."""
    sizes = list(dict.fromkeys(row.size for row in rows))
    columns = 1 if len(sizes) <= 5 else 3
    panel_rows = -(-len(sizes) // columns)
    figure, axes = pyplot.subplots(
        panel_rows, columns, figsize=(12 if columns == 1 else 18, 2.3 * panel_rows), squeeze=False
    )
    for axis in axes.flat[len(sizes) :]:
        axis.set_visible(False)
    for axis, size in zip(axes.flat, sizes, strict=False):
        chosen = [row for row in rows if row.size == size]
        for name, label, color in (("hadamard_modes", "Hadamard", _COLOURS[0]), ("dct_modes", "DCT", _COLOURS[1])):
            shares = 100 * np.array([getattr(row, name) for row in chosen]).mean(0)
            axis.step(np.arange(len(shares)), shares, where="mid", label=label, color=color)
        axis.set_yscale("log")
        axis.set_ylabel("% of the blocks")
        axis.set_title(f"blocks of {size}", fontsize=9)
        axis.set_xticks(_marked_modes(len(shares)))
        axis.set_xlim(-1, len(shares))
        axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("mode: 0 planar, 1 DC, 2 and more angular")
    return to_png(figure)


def _marked_modes(modes: int) -> list[int]:
    """Return planar, the two ends, horizontal, diagonal and vertical of each reference line."""
    angular = (2, 10, 18, 26, 34) if modes == count_of("hevc-35") else (2, 18, 34, 50, 66)
    return [line + mode for line in range(0, modes, count_of("vvc-67")) for mode in (0, *angular)]


def _line(axis: Axes, rows: Sequence[Row], statistic: str, label: str, number: int, count: int) -> None:
    """Draw one statistic in percent against the block size, with its interval; lines are set a little apart."""
    sizes = list(dict.fromkeys(row.size for row in rows))
    found = [interval([row for row in rows if row.size == size], statistic) for size in sizes]
    where = np.arange(len(sizes)) + 0.12 * (number - (count - 1) / 2)
    means, halves = [100 * part.mean for part in found], [100 * (part.half or 0) for part in found]
    axis.errorbar(where, means, halves, marker="o", markersize=3, capsize=2, linewidth=1, label=label,
                  color=_COLOURS[number % len(_COLOURS)])  # fmt: skip
    axis.set_xticks(range(len(sizes)), sizes, rotation=90 if len(sizes) > 5 else 0, fontsize=8)
    axis.tick_params(labelbottom=True)
    axis.set_xlabel("block size", fontsize=8)
    axis.grid(alpha=0.3)
