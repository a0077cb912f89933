"""report-predictor: what learned prediction of blocks costs, and what it gains as one more mode of an encoder.

Measures the residuals of predictors beside those of the 67 modes of H.266: Hadamard SATD, DCT SATD, MSE, and the
rate-distortion cost J. Measures what J over all blocks gains if an encoder may choose a predictor in place of a mode,
with the bits of this choice; and as a control the same for the matrices of H.266 (MIP) and for reference lines 1 and 2.
Saves report.md, results.json and gains.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from codecnn.dataset.reader import open_folder
from command_line.arguments import count
from command_line.parser import run_command
from experiments.reports.predictor.losses import compare_losses
from experiments.reports.predictor.measure import measure
from experiments.reports.predictor.networks import find_predictors
from experiments.reports.predictor.page import page
from experiments.reports.predictor.plots import plot_gains
from experiments.reports.shared.arguments import add_data, report_parser
from experiments.reports.shared.block_networks import check_data, describe
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.provenance import provenance


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = report_parser("report-predictor", __doc__)
    add = parser.add_argument
    add("weights", nargs="+", help="run folders of train-predictor, weights files, or names of weights that come with "
        "the project, such as predictor_8")  # fmt: skip
    add_data(parser)
    add("--ctus", type=count, default=0, help="CTUs of each file, spread evenly; 0 for all")
    return run_command("report-predictor", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    chosen, shards = find_predictors(args.weights), open_folder(args.data)
    told = check_data("report-predictor", [named.notes for named in chosen], shards)
    residuals, gains = measure(chosen, shards, args.ctus)
    losses = compare_losses(chosen, residuals, gains)
    blocks = f"of {args.ctus} CTUs of each file, spread evenly" if args.ctus else "all that lie inside of the pictures"
    about = describe({named.name: named.file for named in chosen}, shards, told, {"blocks": blocks})
    about |= provenance(args, shards)
    networks = [
        {"name": named.name, "loss": named.loss, "size": named.size, "lines": named.network.config.lines,
         "predictions": named.network.config.predictions, "parameters": named.parameters, "kmac_per_sample": named.kmac}
        for named in chosen
    ]  # fmt: skip
    tables: dict[str, Sequence[Any]] = {"networks": networks, "residuals": residuals, "gains": gains, "losses": losses}
    report = page(chosen, residuals, gains, losses, about)
    finish(args.out, report, results("predictor", about, tables), {"gains.png": partial(plot_gains, gains)})


if __name__ == "__main__":
    sys.exit(main())
