"""Plot what predictors gain as one more mode, as PNG."""

from collections.abc import Sequence

import numpy as np

from experiments.reports.predictor.measure import PRICES, Gain
from experiments.reports.predictor.page import over_pictures
from experiments.reports.shared.figures import pyplot, to_png


def plot_gains(gains: Sequence[Gain]) -> bytes:
    """Plot the change of J against the QP, a row of panels for each size and a column for each price."""
    sizes, qps = sorted({gain.size for gain in gains}), sorted({gain.qp for gain in gains})
    prices = [price for price in PRICES if any(gain.price == price for gain in gains)]
    shape = len(sizes), len(prices)
    figure, axes = pyplot.subplots(*shape, figsize=(5 * shape[1], 0.6 + 3.2 * shape[0]), sharex=True, squeeze=False)
    for panels, size in zip(axes, sizes, strict=True):
        for axis, price in zip(panels, prices, strict=True):
            shown = [gain for gain in gains if gain.size == size and gain.price == price]
            names = list(dict.fromkeys(gain.candidates for gain in shown))
            for number, name in enumerate(names):
                its = [[gain for gain in shown if gain.candidates == name and gain.qp == qp] for qp in qps]
                found = [over_pictures(rows, "change") for rows in its]
                means, halves = [100 * mean.mean for mean in found], [100 * (mean.half or 0) for mean in found]
                where = np.array(qps) + 0.3 * (number - (len(names) - 1) / 2)
                axis.errorbar(where, means, halves, marker="o", markersize=3, capsize=2, linewidth=1, label=name)
            axis.set_title(f"blocks of {size}, price: {price}", fontsize=9)
            axis.set_xticks(qps)
            axis.axhline(0, color="0.6", linewidth=1)
            axis.grid(alpha=0.3)
        panels[0].set_ylabel("change of J, %")
    axes[0, 0].legend(fontsize=7)
    for axis in axes[-1]:
        axis.set_xlabel("QP")
    return to_png(figure)
