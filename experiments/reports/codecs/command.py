"""report-codecs: rate-distortion curves of the codecs of a dataset, and their BD-rates against one of them.

Reads the baselines of dataset files that build-dataset made in one folder with several codecs. Reports how many bits
each codec needs for the same PSNR-Y, all-intra at constant QP, with its in-loop filters. Saves report.md,
results.json and rd.png.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from codecnn.dataset.reader import open_folder
from codecnn.io.files import write_whole
from command_line.arguments import path
from command_line.parser import run_command
from command_line.progress import Progress
from experiments.reports.codecs.measure import bd_rates, curves_of, measure, points_of
from experiments.reports.codecs.page import page
from experiments.reports.codecs.plots import plot_curves
from experiments.reports.shared.arguments import report_parser
from experiments.reports.shared.cautions import filters_off, warn
from experiments.reports.shared.csv_file import to_csv
from experiments.reports.shared.one_comparison import check_comparable
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.provenance import provenance


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = report_parser("report-codecs", __doc__)
    parser.add_argument("data", type=path, help="folder of dataset files of several codecs")
    parser.add_argument("--anchor", default="x265", help="the codec that the others are compared with")
    return run_command("report-codecs", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    shards = open_folder(args.data)
    check_comparable(shards)
    found = filters_off(shards)
    warn("report-codecs", found)
    points = points_of(shards, [measure(shard) for shard in Progress(shards, unit="file")])
    curves = curves_of(points)
    rates = bd_rates(curves, args.anchor)
    report = page(curves, rates, args.anchor, found).made_by(provenance(args, shards))
    rows = [
        {"codec": codec, "source": source, "bd_rate": rate.percent, "bd_rate_reason": rate.reason}
        for codec, by_source in rates.items()
        for source, rate in by_source.items()
    ]
    tables: dict[str, Sequence[Any]] = {"points": points, "bd_rates": rows}
    numbers = results("codecs", {"anchor": args.anchor, **report.about}, tables)
    args.out.mkdir(parents=True, exist_ok=True)
    write_whole(args.out / "points.csv", to_csv(points))
    finish(args.out, report, numbers, {"rd.png": partial(plot_curves, curves)}, printed_until="## ")


if __name__ == "__main__":
    sys.exit(main())
