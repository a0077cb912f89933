"""report-mode-coding: what the modes of blocks cost in bits, at the prices of networks and of most probable modes.

Decides the modes of all blocks of a dataset, which needs no labels, in decoding order. Compares the prices that mode
coders give them with those of HEVC's or VVC's most probable modes, of these with gradients (DIMD) and template costs
(TIMD) of the decoder's side, and with the own entropy of the modes: in bits a mode, and by the whole cost
J + lambda * bits when each price leads to its own decisions. Saves report.md, results.json and changes.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from codecnn.dataset.reader import open_folder
from codecnn.models.mode_context import ModeCoder
from codecnn.tasks.coded_frames import Frames
from command_line.arguments import positive
from command_line.parser import run_command
from experiments.reports.mode_coding.means import means_of
from experiments.reports.mode_coding.measure import Row, measure_all
from experiments.reports.mode_coding.networks import Costs
from experiments.reports.mode_coding.page import page
from experiments.reports.mode_coding.plots import plot_changes
from experiments.reports.mode_coding.speed import Time, times_of
from experiments.reports.shared.arguments import add_data, report_parser
from experiments.reports.shared.block_networks import (
    Case,
    Chosen,
    case_of,
    check_data,
    describe,
    load_networks,
)
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.provenance import provenance
from experiments.reports.shared.timing import one_thread_of_this_machine


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = report_parser("report-mode-coding", __doc__)
    add = parser.add_argument
    add("weights", nargs="+", help="run folders of train-mode-coding, weights files, or names of weights that come "
        "with the project, such as mode_coder_8")  # fmt: skip
    add_data(parser)
    add("--frames", type=positive, default=1, help="frames of each file, spread evenly")
    return run_command("report-mode-coding", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    chosen = sorted(load_networks(args.weights, ModeCoder, "mode coding"), key=_case)
    shards = open_folder(args.data)
    told = check_data("report-mode-coding", [each.notes for each in chosen], shards)
    cases = {case: Frames(shards, *case) for case in dict.fromkeys(map(_case, chosen))}

    rows: list[Row] = []
    times: list[Time] = []
    for case, frames in cases.items():
        networks = [each for each in chosen if _case(each) == case]
        rows += measure_all(frames, args.frames, case, networks)
        times += times_of(frames, case, networks)
    means, costs = means_of(rows), [Costs.of(each) for each in chosen]
    further = {
        "frames": f"at most {args.frames} of each file, spread evenly",
        "time": one_thread_of_this_machine(),
    }
    about = describe({each.name: each.file for each in chosen}, shards, told, further)
    about |= provenance(args, shards)
    tables: dict[str, Sequence[object]] = {
        "networks": costs,
        "means": [vars(mean) | {"change": mean.change and mean.change._asdict()} for mean in means],
        "rows": rows,
        "times": times,
    }
    report = page(means, costs, times, about)
    finish(args.out, report, results("mode-coding", about, tables), {"changes.png": partial(plot_changes, means)})


def _case(chosen: Chosen[ModeCoder]) -> Case:
    return case_of(chosen.network.config)


if __name__ == "__main__":
    sys.exit(main())
