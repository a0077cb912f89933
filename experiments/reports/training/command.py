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
from codecnn.io.files import write_whole
from codecnn.models.rdn.macs import kmac_per_sample
from codecnn.models.weights import load
from codecnn.training.metrics_log import Validation, read_rows, validations
from command_line.parser import Parser, run_command
from experiments.reports.shared.cells import cell, to_json
from experiments.reports.shared.figures import pyplot, to_png

SETTINGS = {"optimiser.name": "optimiser", "optimiser.lr": "lr", "loss": "loss", "batch": "batch", "patch": "patch"}


@dataclass(frozen=True)
class Training:
    """A run, as far as it has come."""

    name: str
    kmac: float  # per luma sample
    settings: dict[str, Any]  # of the recipe
    stages: int  # before it
    validations: list[Validation]
    hours: list[float]  # at these, of this stage and those before; NaN where a stage before tells no time


def read(folder: Path) -> Training:
    """The training in a run folder; InputError if it is none, or was never validated."""
    weights, file = folder / "last.safetensors", folder / "metrics.jsonl"
    model, notes = load(weights)
    recipe = notes.get("recipe") or {}
    if missing := set(SETTINGS) - recipe.keys():
        raise InputError(f"{weights}: its notes do not tell {', '.join(sorted(missing))}")
    rows = read_rows(file)
    checks = validations(file, rows)
    times = {row["step"]: row["seconds"] for row in rows if "seconds" in row}
    if "step" in notes and "seconds" in notes:
        times[notes["step"]] = notes["seconds"]  # of the last step; the log may end before it
    if not times:
        raise InputError(f"{file}: tells no time")
    stages = notes.get("stages", [])
    before = sum(math.nan if stage.get("seconds") is None else stage["seconds"] for stage in stages)
    steps = sorted(times)
    seconds = np.interp([check.step for check in checks], steps, [times[step] for step in steps])
    settings = {name: recipe[name] for name in SETTINGS}
    hours = [(before + second) / 3600 for second in seconds.tolist()]
    return Training(folder.name, kmac_per_sample(model.config), settings, len(stages), checks, hours)


def markdown(trainings: Sequence[Training]) -> str:
    """The report as Markdown."""
    qps = sorted({qp for training in trainings for qp in training.validations[-1].by_qp})
    heads = [
        "run",
        "kMAC/px",
        *SETTINGS.values(),
        "stages before",
        "steps",
        "hours",
    ]
    heads += ["gain", *(f"QP {qp}" for qp in qps)]
    lines = [
        "# Training",
        "",
        "- gain: PSNR-Y over the baseline in dB, of pictures held out of the training, filtered CTU by CTU and "
        "rounded, mean over the QPs, at the last validation",
        "- hours: on the machine it was trained on, those of the stages before included; empty if one does not tell",
        "",
        f"| {' | '.join(heads)} |",
        "|---" + "|---:" * (len(heads) - 1) + "|",
    ]
    for t in trainings:
        last = t.validations[-1]
        cells = [t.name, f"{t.kmac:.1f}", *map(str, t.settings.values()), f"{t.stages}", f"{last.step:,}"]
        cells += [cell(t.hours[-1], ".2f"), cell(last.gain, "+.3f")]
        cells += [cell(last.by_qp.get(qp, math.nan), "+.3f") for qp in qps]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(trainings: Sequence[Training]) -> bytes:
    """Gain against hours as PNG."""
    figure, axis = pyplot.subplots(figsize=(8, 5))
    for number, training in enumerate(trainings):
        gains = [check.gain for check in training.validations]
        label = f"{training.name}, {training.kmac:.0f} kMAC/px: {gains[-1]:+.3f}"
        marker = "osD^vPX"[number % 7] + "-"
        axis.plot(training.hours, gains, marker, markersize=4, color=f"C{number % 10}", label=label)
    axis.set_xscale("log")
    axis.set_xlabel("hours of training")
    axis.set_ylabel("gain in PSNR-Y (dB)")
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    return to_png(figure)


def as_dict(training: Training) -> dict[str, Any]:
    """All numbers of a training, for JSON."""
    return vars(training) | {"validations": [check._asdict() for check in training.validations]}


def run(args: argparse.Namespace) -> None:
    """Read the runs, print the report and save it; InputError as `read`."""
    trainings = [read(folder) for folder in args.runs]
    text = markdown(trainings)
    files = {
        "report.md": text.encode(),
        "results.json": to_json([as_dict(training) for training in trainings]),
        "curve.png": plot(trainings),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(args.out / name, content)
    print(text)


def main(argv: list[str] | None = None) -> int:
    """Report as the command line says: 0 when done, 2 if it cannot be."""
    parser = Parser(prog="report-training", description="What trainings gained, and in what time.")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of train-filter")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    return run_command("report-training", run, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
