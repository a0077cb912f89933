"""report-training: what trainings gained, and in what time; saves report.md, results.json and curve.png.

The hours of a run that went on from other weights include those of the stages before.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codecnn.errors import InputError
from codecnn.models.costs import kmac_per_sample
from codecnn.models.in_loop_filter import FilterNetwork
from codecnn.models.weights import read_weights
from codecnn.tasks.registry import TASKS
from codecnn.training.metrics_log import Validation, read_rows, validations
from command_line.parser import Parser, run_command
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import cell
from experiments.reports.shared.page import Page, Table, results, save

GAIN = (
    "PSNR-Y over the baseline in dB, of pictures held out of the training, filtered CTU by CTU and rounded, mean over "
    "the QPs, at the last validation"
)
SETTINGS = {"optimiser.name": "optimiser", "optimiser.lr": "lr", "loss": "loss", "batch": "batch", "patch": "patch"}


@dataclass(frozen=True)
class Training:
    """Hold a run, as far as it has come."""

    name: str
    figure: str  # the one that its task decides by
    kmac: float  # per luma sample; NaN for a network that is no in-loop filter
    settings: dict[str, Any]  # of the recipe
    stages: int  # before it
    validations: list[Validation]
    hours: list[float]  # at these, of this stage and those before; NaN where a stage before tells no time

    @property
    def last(self) -> Validation:
        """Return the last validation."""
        return self.validations[-1]


def read(folder: Path) -> Training:
    """Return the training in a run folder; InputError if it is none, or was never validated."""
    weights, file = folder / "last.safetensors", folder / "metrics.jsonl"
    network, task, notes = read_weights(weights)
    recipe = notes.get("recipe") or {}
    if missing := set(SETTINGS) - recipe.keys():
        raise InputError(f"{weights}: its notes do not tell {', '.join(sorted(missing))}")
    decides, rows = TASKS[task].decides, read_rows(file)
    found = validations(file, rows, decides)
    times = {row["step"]: row["seconds"] for row in rows if "seconds" in row}
    if "step" in notes and "seconds" in notes:
        times[notes["step"]] = notes["seconds"]  # of the last step; the log may end before it
    if not times:
        raise InputError(f"{file}: tells no time")
    stages = notes.get("stages", [])
    before = sum(math.nan if stage.get("seconds") is None else stage["seconds"] for stage in stages)
    steps = sorted(times)
    seconds = np.interp([validation.step for validation in found], steps, [times[step] for step in steps])
    settings = {name: recipe[name] for name in SETTINGS}
    hours = [(before + second) / 3600 for second in seconds.tolist()]
    kmac = kmac_per_sample(network) if isinstance(network, FilterNetwork) else math.nan
    return Training(folder.name, decides, kmac, settings, len(stages), found, hours)


def page(trainings: Sequence[Training]) -> Page:
    """Return the report."""
    qps = sorted({qp for training in trainings for qp in training.last.by_qp(training.figure)})
    figures = list(dict.fromkeys(training.figure for training in trainings))
    heads = ["run", "kMAC/px", *SETTINGS.values(), "stages before", "steps", "hours", " or ".join(figures)]
    about = {figure: GAIN if figure == "gain" else "at the last validation" for figure in figures}
    about["hours"] = "on the machine of the training, with the stages before; empty if one of them does not tell"
    rows = []
    for t in trainings:
        by_qp = t.last.by_qp(t.figure)
        cells = [t.name, cell(t.kmac, ".1f"), *map(str, t.settings.values()), f"{t.stages}", f"{t.last.step:,}"]
        cells += [cell(t.hours[-1], ".2f"), cell(t.last.figures[t.figure], "+.3f")]
        rows.append(cells + [cell(by_qp.get(qp, math.nan), "+.3f") for qp in qps])
    return Page("Training", about, [Table([*heads, *(f"QP {qp}" for qp in qps)], 1, rows)])


def plot(trainings: Sequence[Training]) -> bytes:
    """Plot the figure that decides against hours as PNG."""
    figure, axis = pyplot.subplots(figsize=(8, 5))
    for number, training in enumerate(trainings):
        values = [validation.figures[training.figure] for validation in training.validations]
        size = "" if math.isnan(training.kmac) else f", {training.kmac:.0f} kMAC/px"
        label = f"{training.name}{size}: {values[-1]:+.3f}"
        marker = "osD^vPX"[number % 7] + "-"
        axis.plot(training.hours, values, marker, markersize=4, color=f"C{number % 10}", label=label)
    axis.set_xscale("log")
    axis.set_xlabel("hours of training")
    axis.set_ylabel("gain in PSNR-Y (dB)" if {t.figure for t in trainings} == {"gain"} else "figure that decides")
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    return to_png(figure)


def as_row(training: Training) -> dict[str, Any]:
    """Return all numbers of a training, for JSON."""
    return vars(training) | {"validations": [{"step": v.step, **v.figures} for v in training.validations]}


def run(args: argparse.Namespace) -> None:
    """Read the runs, print the report and save it; InputError as `read`."""
    trainings = [read(folder) for folder in args.runs]
    report = page(trainings)
    text = report.markdown()
    print(text)
    numbers = results("training", report.about, {"trainings": [as_row(training) for training in trainings]})
    save(args.out, {"report.md": text.encode(), "results.json": numbers, "curve.png": plot(trainings)})


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser(prog="report-training", description="What trainings reached, and in what time.")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of train-filter or another training command")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    return run_command("report-training", run, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
