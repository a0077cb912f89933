"""Plot the figures of trainings against their time."""

import math
from collections.abc import Sequence

from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.training.measure import Training


def plot_curve(trainings: Sequence[Training]) -> bytes:
    """Plot the figure that decides against hours as PNG."""
    figure, axis = pyplot.subplots(figsize=(8, 5))
    for number, training in enumerate(trainings):
        values = [validation.figures[training.figure] for validation in training.validations]
        size = "" if math.isnan(training.kmac) else f", {training.kmac:.0f} kMAC/px"
        label = f" {training.name}{size}: {values[-1]:+.3f}"  # what begins with _ would be left out of the legend
        marker = "osD^vPX"[number % 7] + "-"
        axis.plot(training.hours, values, marker, markersize=4, color=f"C{number % 10}", label=label)
    axis.set_xscale("log")
    axis.set_xlabel("hours of training")
    axis.set_ylabel("gain in PSNR-Y (dB)" if {t.figure for t in trainings} == {"gain"} else "figure that decides")
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    return to_png(figure)
