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
from importlib.metadata import version

import torch

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.tasks.block_sites import MEASURES, Measure, Sites, lagrangian_of
from codecnn.training.device import hardware
from codecnn.training.provenance import codecs_of
from command_line.arguments import count
from command_line.parser import run_command
from experiments.reports.modes.found import Found, tables_of
from experiments.reports.modes.means import by_class, means_of
from experiments.reports.modes.measure import measure_all
from experiments.reports.modes.networks import Chosen, Costs, load_networks
from experiments.reports.modes.page import page
from experiments.reports.modes.plots import plot_confusion, plot_regrets
from experiments.reports.modes.rankings import MEASURE_NAMES, rankings_of
from experiments.reports.modes.speed import times_of
from experiments.reports.shared.arguments import add_data, report_parser
from experiments.reports.shared.cautions import cautions, warn
from experiments.reports.shared.one_comparison import check_comparable, check_equal
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.timing import one_thread


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
    chosen, shards = load_networks(args.weights), open_folder(args.data)
    check_comparable(shards)
    for shard in shards:
        check_equal(shard, shards[0], ("codec",))
    measures, reason = measures_of(shards)
    if args.labels not in measures:
        raise InputError(reason)
    cases = {case: Sites(shards, case.size) for case in dict.fromkeys(each.case for each in chosen)}
    told = list(dict.fromkeys(text for each in chosen for text in cautions(each.notes, shards)))
    warn("report-modes", told)

    found = Found([Costs.of(each) for each in chosen], [], [], [], [], {})
    for case, sites in cases.items():
        networks = [(each.name, each.network) for each in chosen if each.case == case]
        rows, sums = measure_all(sites, args.ctus, case, rankings_of(networks, measures, case.modes), measures)
        place = measures.index(args.labels)
        found.rows.extend(rows)
        found.means.extend(means_of(rows))
        found.classes.extend(row for name, its in sums.items() for row in by_class(case, name, its, place))
        found.times.extend(times_of(sites, case, networks, measures))
        found.firsts.update({(case, name): sums[name].firsts[place] for name, _ in networks})
    about = describe(chosen, shards, args, reason, told)
    plots = {
        "regrets.png": partial(plot_regrets, found.means),
        "confusion.png": partial(plot_confusion, found.firsts),
    }
    finish(args.out, page(found, args.labels, about), results("modes", about, tables_of(found)), plots)


def measures_of(shards: Sequence[Shard]) -> tuple[tuple[Measure, ...], str]:
    """Return the measures that can be computed, and why one cannot; J needs the lambda of the codec."""
    try:
        for shard in shards:
            lagrangian_of(shard)
    except InputError as error:
        return tuple(measure for measure in MEASURES if measure != "rd"), str(error)
    return MEASURES, ""


def describe(
    chosen: Sequence[Chosen], shards: Sequence[Shard], args: argparse.Namespace, reason: str, told: Sequence[str]
) -> dict[str, str]:
    """Describe what the numbers of a report were measured on."""
    sources = list(dict.fromkeys(shard.info.source for shard in shards))
    qps = ", ".join(map(str, sorted({shard.info.qp for shard in shards})))
    with one_thread():
        machine = hardware(torch.device("cpu"))
    return {
        "weights": ", ".join(f"{each.name} ({each.file})" for each in chosen),
        "data": f"{len(shards)} files, {len(sources)} sources: {', '.join(sources)}",
        "codec": f"{'; '.join(codecs_of(shard.info for shard in shards))}; all-intra, QP {qps}",
        "blocks": f"of {args.ctus} CTUs of each file, spread evenly" if args.ctus else "all that lie in their picture",
        "labels of the tables by class": MEASURE_NAMES[args.labels],
        "time": f"on one thread of {machine}",
        **({"J": f"left out: {reason}"} if reason else {}),
        **({"caution": "; ".join(told)} if told else {}),
        "package": f"codecnn {version('codecnn')}",
    }


if __name__ == "__main__":
    sys.exit(main())
