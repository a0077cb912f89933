"""report-modes: how well networks rank intra modes, beside other rankings of the same blocks.

Reads the blocks of a dataset, which needs no labels. Judges the rankings of networks, and those by the costs of all
modes, by gradients, and by chance: by what the best of the first modes costs under the Hadamard SATD, the DCT SATD and
the estimated rate-distortion cost J. Networks for several sizes of blocks are reported size by size. Saves report.md,
results.json, regrets.png and confusion.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.models.blocks import ModeNetwork
from codecnn.tasks.block_sites import MEASURES, Measure, Sites, lagrangian_of
from command_line.arguments import count
from command_line.parser import run_command
from experiments.reports.modes.found import Found, tables_of
from experiments.reports.modes.means import by_class, means_of
from experiments.reports.modes.measure import measure_all
from experiments.reports.modes.networks import Costs
from experiments.reports.modes.page import page
from experiments.reports.modes.plots import plot_confusion, plot_regrets
from experiments.reports.modes.rankings import MEASURE_NAMES, rankings_of
from experiments.reports.modes.speed import times_of
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
    parser = report_parser("report-modes", __doc__)
    add = parser.add_argument
    add("weights", nargs="+", help="run folders of train-modes, weights files, or names of weights that come with the "
        "project, such as modes_8")  # fmt: skip
    add_data(parser)
    add("--ctus", type=count, default=0, help="CTUs of each file, spread evenly; 0 for all")
    add("--labels", choices=MEASURES, default="hadamard", help="the labels of the tables by class and of the confusion")
    return run_command("report-modes", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    chosen = sorted(load_networks(args.weights, ModeNetwork, "ranking intra modes"), key=_case)
    shards = open_folder(args.data)
    told = check_data("report-modes", [each.notes for each in chosen], shards)
    measures, reason = measures_of(shards)
    if args.labels not in measures:
        raise InputError(reason)
    cases = {case: Sites(shards, case.size) for case in dict.fromkeys(map(_case, chosen))}

    found = Found([Costs.of(each) for each in chosen], [], [], [], [], {})
    for case, sites in cases.items():
        networks = [(each.name, each.network) for each in chosen if _case(each) == case]
        rows, sums = measure_all(sites, args.ctus, case, rankings_of(networks, measures, case.modes), measures)
        place = measures.index(args.labels)
        found.rows.extend(rows)
        found.means.extend(means_of(rows))
        found.classes.extend(row for name, its in sums.items() for row in by_class(case, name, its, place))
        found.times.extend(times_of(sites, case, networks, measures))
        found.firsts.update({(case, name): sums[name].firsts[place] for name, _ in networks})
    further = {
        "blocks": f"of {args.ctus} CTUs of each file, spread evenly" if args.ctus else "all that lie in their picture",
        "labels of the tables by class": MEASURE_NAMES[args.labels],
        "time": one_thread_of_this_machine(),
        **({"J": f"left out: {reason}"} if reason else {}),
    }
    about = describe({each.name: each.file for each in chosen}, shards, told, further)
    about |= provenance(args, shards)
    plots = {
        "regrets.png": partial(plot_regrets, found.means),
        "confusion.png": partial(plot_confusion, found.firsts),
    }
    finish(args.out, page(found, args.labels, about), results("modes", about, tables_of(found)), plots)


def _case(chosen: Chosen[ModeNetwork]) -> Case:
    return case_of(chosen.network.config)


def measures_of(shards: Sequence[Shard]) -> tuple[tuple[Measure, ...], str]:
    """Return the measures that can be computed, and why one cannot; J needs the lambda of the codec."""
    try:
        for shard in shards:
            lagrangian_of(shard)
    except InputError as error:
        return tuple(measure for measure in MEASURES if measure != "rd"), str(error)
    return MEASURES, ""


if __name__ == "__main__":
    sys.exit(main())
