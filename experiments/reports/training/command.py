"""report-training: what trainings reached, and in what time.

If a run began with the weights of other trainings, its hours include theirs. Saves report.md, results.json, curve.png
with the figure that decides by hours, and learning.png with the figures of training and validation by steps.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from functools import partial

from command_line.arguments import path
from command_line.parser import run_command
from experiments.reports.shared.arguments import report_parser
from experiments.reports.shared.names import names_of
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.provenance import provenance
from experiments.reports.training.measure import as_row, read
from experiments.reports.training.page import page
from experiments.reports.training.plots import plot_curve, plot_learning


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = report_parser("report-training", __doc__)
    parser.add_argument("runs", nargs="+", type=path, help="folders of train-filter or another training command")
    return run_command("report-training", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Read the runs, print the report and save it; InputError as `names_of` and `read`."""
    names = names_of([str(folder) for folder in args.runs])
    trainings = [read(folder, name) for folder, name in zip(args.runs, names, strict=True)]
    report = page(trainings).made_by(provenance(args))
    numbers = results("training", report.about, {"trainings": [as_row(training) for training in trainings]})
    plots = {"curve.png": partial(plot_curve, trainings), "learning.png": partial(plot_learning, trainings)}
    finish(args.out, report, numbers, plots)


if __name__ == "__main__":
    sys.exit(main())
