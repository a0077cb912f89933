"""report-training: what trainings gained, and in what time; saves report.md, results.json and curve.png.

The hours of a run that went on from other weights include those of the stages before.
"""

import experiments.before_torch  # noqa: F401

# isort: split

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codecnn.complexity import kmac_per_sample
from codecnn.errors import InputError
from codecnn.files import write_whole
from codecnn.weights import load
from experiments.figures import pyplot, to_png
from experiments.parser import Parser, run_command
from experiments.undefined import to_json

SETTINGS = ("optimiser.name", "optimiser.lr", "loss", "batch", "patch")


@dataclass(frozen=True)
class Training:
    """A run, as far as it has come."""

    name: str
    kmac: float  # per luma sample
    settings: dict[str, Any]  # of the recipe
    stages: int  # before it
    steps: list[int]  # of its validations
    hours: list[float]  # at these, of this stage and those before
    gains: list[float]  # mean over the QPs, dB
    by_qp: dict[int, float]  # at the last validation


def read(folder: Path) -> Training:
    """The training in a run folder; InputError if it is none, or was never validated."""
    model, notes = load(folder / "last.safetensors")
    file = folder / "metrics.jsonl"
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        times = {line["step"]: line["seconds"] for line in lines if "seconds" in line}
        checks = [line for line in lines if "gain" in line]
        by_qp = {int(name[5:]): gain for name, gain in checks[-1].items() if name.startswith("gain_")} if checks else {}
        before = sum(stage["seconds"] or 0 for stage in notes.get("stages", []))
        steps, gains = [check["step"] for check in checks], [check["gain"] for check in checks]
        settings = {name: notes["recipe"][name] for name in SETTINGS}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{file}: not readable as the log of a training ({error!r:.80})") from error
    if not (checks and times):
        raise InputError(f"{file}: the training was never validated")
    seconds = np.interp(steps, list(times), list(times.values()))
    hours = [(before + second) / 3600 for second in seconds.tolist()]
    kmac = kmac_per_sample(model.config)
    return Training(folder.name, kmac, settings, len(notes.get("stages", [])), steps, hours, gains, by_qp)


def markdown(trainings: Sequence[Training]) -> str:
    """The report as Markdown."""
    qps = sorted({qp for training in trainings for qp in training.by_qp})
    heads = ["run", "kMAC/px", "optimiser", "lr", "loss", "stages before", "steps", "hours", "gain"]
    heads += [f"QP {qp}" for qp in qps]
    lines = [
        "# Training",
        "",
        "- gain: PSNR-Y over the baseline in dB, of pictures held out of the training, filtered CTU by CTU and "
        "rounded, mean over the QPs, at the last validation",
        "- hours: on the machine that it was trained on, with all stages before and validation",
        "",
        f"| {' | '.join(heads)} |",
        "|---" + "|---:" * (len(heads) - 1) + "|",
    ]
    for t in trainings:
        cells = [t.name, f"{t.kmac:.1f}", *(f"{t.settings[name]}" for name in SETTINGS[:3]), f"{t.stages}"]
        cells += [f"{t.steps[-1]:,} of {t.settings['batch']} patches", f"{t.hours[-1]:.2f}", f"{t.gains[-1]:+.3f}"]
        cells += [f"{t.by_qp[qp]:+.3f}" if qp in t.by_qp else "" for qp in qps]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(trainings: Sequence[Training]) -> bytes:
    """Gain against hours as PNG."""
    figure, axis = pyplot.subplots(figsize=(8, 5))
    for number, training in enumerate(trainings):
        label = f"{training.name}, {training.kmac:.0f} kMAC/px: {training.gains[-1]:+.3f}"
        marker = "osD^vPX"[number % 7] + "-"
        axis.plot(training.hours, training.gains, marker, markersize=4, color=f"C{number % 10}", label=label)
    axis.set_xscale("log")
    axis.set_xlabel("hours of training")
    axis.set_ylabel("gain in PSNR-Y (dB)")
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    return to_png(figure)


def run(args: argparse.Namespace) -> None:
    """Read the runs, print the report and save it; InputError as `read`."""
    trainings = [read(folder) for folder in args.runs]
    text = markdown(trainings)
    files = {
        "report.md": text.encode(),
        "results.json": to_json([asdict(training) for training in trainings]),
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
