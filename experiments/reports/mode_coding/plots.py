"""Plot how prices of modes change the whole cost, as PNG."""

from collections.abc import Sequence

from experiments.reports.mode_coding.means import Mean
from experiments.reports.shared.block_networks import Case
from experiments.reports.shared.figures import pyplot, to_png


def plot_changes(means: Sequence[Mean]) -> bytes:
    """Plot how prices change the whole cost against the QP, with the intervals; a panel for each size."""
    cases = list(dict.fromkeys(Case(mean.size, mean.modes) for mean in means))
    figure, panels = pyplot.subplots(1, len(cases), figsize=(1 + 3.2 * len(cases), 3.6), squeeze=False, sharey=True)
    for case, axis in zip(cases, panels[0], strict=True):
        its = [mean for mean in means if Case(mean.size, mean.modes) == case and mean.change]
        for number, price in enumerate(dict.fromkeys(mean.price for mean in its)):
            found = {mean.qp: mean.change for mean in its if mean.price == price and mean.change}
            halves = [interval.half or 0 for interval in found.values()]
            values = [interval.mean for interval in found.values()]
            axis.errorbar(
                [*found], values, halves, marker="o", markersize=3, capsize=3, label=f" {price}", color=f"C{number}"
            )
        axis.set(xlabel="QP", title=str(case))
        axis.set_xticks(sorted({mean.qp for mean in its}))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    panels[0][0].set_ylabel("change of the whole cost (%)")
    return to_png(figure)
