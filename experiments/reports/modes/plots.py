"""Plot regrets of rankings, and what networks confuse, as PNG."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from experiments.reports.modes.classes import classes_of
from experiments.reports.modes.means import Mean
from experiments.reports.modes.rankings import MEASURE_NAMES
from experiments.reports.shared.block_networks import Case
from experiments.reports.shared.figures import pyplot, to_png

LEAST = 1e-3  # share of the labels of a mode below which a confusion is not shown


def plot_regrets(means: Sequence[Mean]) -> bytes:
    """Plot regret against the number of modes that are tested: a row for each size, a column for each measure."""
    means = [mean for mean in means if mean.qp == means[-1].qp]
    cases, measures = (list(dict.fromkeys(getattr(mean, name) for mean in means)) for name in ("case", "measure"))
    shape = len(cases), len(measures)
    figure, panels = pyplot.subplots(*shape, figsize=(0.5 + 3.3 * shape[1], 2.7 * shape[0]), squeeze=False)
    for case, row in zip(cases, panels, strict=True):
        for measure, axis in zip(measures, row, strict=True):
            shown = [m for m in means if (m.case, m.measure) == (case, measure) and len(m.regrets) > 1]
            for number, mean in enumerate(shown):
                positive = np.flatnonzero(mean.regrets > 0)
                axis.plot(positive + 1, 100 * mean.regrets[positive], label=f" {mean.ranking}", color=f"C{number % 10}")
            axis.set(xscale="log", yscale="log", xlabel="modes tested")
            axis.set_ylabel(f"regret, {MEASURE_NAMES[measure]}, %", fontsize=8)
            axis.set_ylim(bottom=0.01)
            axis.set_xticks(ticks := [1, 2, 3, 5, 8, 16, 32, 64], [str(tick) for tick in ticks])
            axis.minorticks_off()
            axis.set_title(str(case), fontsize=9)
            axis.grid(alpha=0.3)
        row[0].legend(fontsize=6)
    return to_png(figure)


def plot_confusion(firsts: Mapping[tuple[Case, str], NDArray]) -> bytes:
    """Plot how often each mode is ranked first for the labels of each mode: (modes, modes) for a size and a network."""
    columns = min(3, len(firsts))
    lines = -(-len(firsts) // columns)
    figure, panels = pyplot.subplots(lines, columns, figsize=(4.3 * columns, 3.7 * lines), squeeze=False)
    for axis in panels.flat[len(firsts) :]:
        axis.set_visible(False)
    for axis, ((case, name), counts) in zip(panels.flat, firsts.items(), strict=False):
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        image = axis.imshow(np.maximum(shares, LEAST), norm=LogNorm(LEAST, 1), cmap="viridis", interpolation="nearest")
        for each in classes_of(case.modes)[1:]:
            axis.axhline(each.first - 0.5, color="w", linewidth=0.3)
            axis.axvline(each.first - 0.5, color="w", linewidth=0.3)
        axis.set(xlabel="first mode of the network", ylabel="label")
        axis.set_title(f"{name}: {case}", fontsize=9)
        figure.colorbar(image, ax=axis, label="share of the label's blocks")
    return to_png(figure)
