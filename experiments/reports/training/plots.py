"""Plot the figures of trainings against their time and their steps: as PNG, and for the HTML file."""

import math
from collections.abc import Iterator, Mapping, Sequence

from codecnn.training.metrics_log import HELD_OUT
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.training.measure import Training
from html_pages.curves import Line, Panel, Plot


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


def plot_learning(trainings: Sequence[Training]) -> bytes:
    """Plot the figures of training batches and of held-out ones against steps as PNG, an axis for each figure.

    The figure that decides is on an axis as well if it is measured on whole frames only.
    """
    names = [name for training in trainings for row in training.learning for name in row if name != "step"]
    figures = list(dict.fromkeys([*names, *(training.figure for training in trainings)]))
    figure, axes = pyplot.subplots(len(figures), 1, figsize=(8, 3 * len(figures)), sharex=True, squeeze=False)
    for axis, name in zip(axes[:, 0], figures, strict=True):
        for number, training in enumerate(trainings):
            trained, validated = _found(training, name)
            colour, label = f"C{number % 10}", f" {training.name}, "
            if trained:
                axis.plot(*_columns(trained), color=colour, alpha=0.4, linewidth=1, label=f"{label}training")
            if validated:
                axis.plot(*_columns(validated), "o-", color=colour, markersize=3, label=f"{label}validation")
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    axes[-1, 0].set_xlabel("steps")
    return to_png(figure)


def _columns(values: Mapping[int, float] | Mapping[float, float]) -> tuple[list[float], list[float]]:
    return list(values), list(values.values())


def curves(trainings: Sequence[Training]) -> dict[str, list[Plot]]:
    """Return the same for the HTML file, by the names of the PNG files."""
    decides = [
        Line(t.name, list(zip(t.hours, [v.figures[t.figure] for v in t.validations], strict=True)), number % 8)
        for number, t in enumerate(trainings)
    ]
    of_time = Plot("The figure that decides", [Panel("hours of training", "gain (dB) or figure", decides)])
    names = [name for t in trainings for row in t.learning for name in row if name != "step"]
    figures = list(dict.fromkeys([*names, *(t.figure for t in trainings)]))
    learning = [Plot(name, [Panel("step", name, [*_lines(trainings, name)])]) for name in figures]
    return {"curve.png": [of_time], "learning.png": learning}


def _lines(trainings: Sequence[Training], name: str) -> Iterator[Line]:
    for number, t in enumerate(trainings):
        trained, validated = _found(t, name)
        if trained:
            yield Line(f"{t.name}, training", list(trained.items()), number % 8, dashed=True, marks=False)
        if validated:
            yield Line(f"{t.name}, validation", list(validated.items()), number % 8)


def _found(training: Training, name: str) -> tuple[dict[float, float], dict[int, float]]:
    """Return a figure of training batches and of held-out ones by step."""
    trained = {row["step"]: row[name] for row in training.learning if name in row}
    key = f"{HELD_OUT}{name}" if trained else name
    return trained, {v.step: v.figures[key] for v in training.validations if key in v.figures}
