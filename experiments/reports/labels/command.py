"""report-labels: how far the labels by Hadamard SATD and by DCT SATD agree, and what each costs in bits and error.

The Hadamard transform is fast, but a network that learns its labels cannot be better than they are. Labels by the exact
DCT may be closer to real coding costs. Measures on a labelled dataset how often the two labels agree, the regret of
each under the other's measure, and the regret of both under a rate-distortion cost. Saves report.md, results.json,
agreement.png, regrets.png and histograms.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from codecnn.dataset.reader import open_folder
from command_line.arguments import count, path
from command_line.parser import run_command
from experiments.reports.labels.dataset import check, describe
from experiments.reports.labels.means import by_size_and_qp, interval
from experiments.reports.labels.measure import measure_all
from experiments.reports.labels.page import COST_STATISTICS, STATISTICS, page
from experiments.reports.labels.plots import plot_agreement, plot_histograms, plot_regrets
from experiments.reports.shared.arguments import report_parser
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.provenance import provenance


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = report_parser("report-labels", __doc__)
    add = parser.add_argument
    add("data", type=path, help="a dataset folder of build-dataset, with labels")
    add("--samples", type=count, default=1 << 18, help="luma samples on which the rate-distortion cost is measured, "
        "in whole blocks, for each size and file; 0 leaves it out")  # fmt: skip
    add("--seed", type=count, default=0, help="seed of the random choice of those blocks")
    return run_command("report-labels", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    shards = open_folder(args.data)
    check(shards, args.samples)
    rows = measure_all(shards, args.samples, args.seed)
    about = describe(shards, args.samples, args.seed) | provenance(args, shards)
    statistics = STATISTICS + (COST_STATISTICS if args.samples else ())
    means = [
        {"size": size, "qp": qp, **{name: interval(chosen, name)._asdict() for name in statistics}}
        for size, qp, chosen in by_size_and_qp(rows)
    ]
    tables: dict[str, Sequence[Any]] = {"means": means, "rows": rows}
    plots = {
        "agreement.png": partial(plot_agreement, rows),
        "regrets.png": partial(plot_regrets, rows),
        "histograms.png": partial(plot_histograms, rows),
    }
    finish(args.out, page(rows, shards[0].info, about, args.samples), results("labels", about, tables), plots)


if __name__ == "__main__":
    sys.exit(main())
