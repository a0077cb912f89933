"""Plot the peak memory of networks."""

from collections.abc import Sequence

from matplotlib import ticker

from experiments.reports.complexity.measure import PATCHES, Cost
from experiments.reports.complexity.page import MIB
from experiments.reports.shared.figures import pyplot, to_png


def plot_memory(costs: Sequence[Cost]) -> bytes:
    """Plot peak memory over the batch as PNG, a row for each network: lines by closed form, points as measured."""
    figure, axes = pyplot.subplots(len(costs), 2, figsize=(10, 3.6 * len(costs)), squeeze=False)
    for row, cost in zip(axes, costs, strict=True):
        for axis, kind in zip(row, ("training", "inference"), strict=True):
            for number, patch in enumerate(PATCHES):
                needs = [need for need in cost.needs if need.patch == patch]
                batches, color = [need.batch for need in needs], f"C{number}"
                axis.plot(batches, [getattr(n, kind) / MIB for n in needs], "-", color=color, label=f"{patch}x{patch}")
                axis.plot(batches, [getattr(n, f"{kind}_measured") / MIB for n in needs], "o", color=color)
            axis.set(xscale="log", yscale="log", xlabel="batch", ylabel="peak memory (MiB)", xticks=batches)
            axis.set_xticklabels(batches)
            axis.minorticks_off()
            axis.set_yscale("log", base=2)
            axis.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
            axis.set_title(f"{cost.name}, {kind} ({'bf16' if kind == 'training' else 'float32'})", fontsize=9)
            axis.grid(alpha=0.3)
    axes.flat[0].legend(
        fontsize=8,
        ncols=3,
        loc="lower left",
        bbox_to_anchor=(0, 1.1),
        title="lines: closed form, points: measured",
        title_fontsize=8,
    )
    return to_png(figure)
