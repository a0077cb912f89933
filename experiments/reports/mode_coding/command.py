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
from importlib.metadata import version

import torch

from codecnn.dataset.reader import Shard, open_folder
from codecnn.tasks.coded_frames import Frames
from codecnn.training.device import hardware
from codecnn.training.provenance import codecs_of
from command_line.arguments import positive
from command_line.parser import run_command
from experiments.reports.mode_coding.means import means_of
from experiments.reports.mode_coding.measure import Row, measure_all
from experiments.reports.mode_coding.networks import Chosen, Costs, load_coders
from experiments.reports.mode_coding.page import page
from experiments.reports.mode_coding.plots import plot_changes
from experiments.reports.mode_coding.speed import Time, times_of
from experiments.reports.shared.arguments import add_data, report_parser
from experiments.reports.shared.cautions import cautions, warn
from experiments.reports.shared.one_comparison import check_comparable, check_equal
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.timing import one_thread


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
    chosen, shards = load_coders(args.weights), open_folder(args.data)
    check_comparable(shards)
    for shard in shards:
        check_equal(shard, shards[0], ("codec",))
    cases = {case: Frames(shards, *case) for case in dict.fromkeys(each.case for each in chosen)}
    told = list(dict.fromkeys(text for each in chosen for text in cautions(each.notes, shards)))
    warn("report-mode-coding", told)

    rows: list[Row] = []
    times: list[Time] = []
    for case, frames in cases.items():
        networks = [each for each in chosen if each.case == case]
        rows += measure_all(frames, args.frames, case, networks)
        times += times_of(frames, case, networks)
    means, costs = means_of(rows), [Costs.of(each) for each in chosen]
    about = describe(chosen, shards, args.frames, told)
    tables: dict[str, Sequence[object]] = {
        "networks": costs,
        "means": [vars(mean) | {"change": mean.change and mean.change._asdict()} for mean in means],
        "rows": rows,
        "times": times,
    }
    report = page(means, costs, times, about)
    finish(args.out, report, results("mode-coding", about, tables), {"changes.png": partial(plot_changes, means)})


def describe(chosen: Sequence[Chosen], shards: Sequence[Shard], frames: int, told: Sequence[str]) -> dict[str, str]:
    """Describe what the numbers of a report were measured on."""
    sources = list(dict.fromkeys(shard.info.source for shard in shards))
    qps = ", ".join(map(str, sorted({shard.info.qp for shard in shards})))
    with one_thread():
        machine = hardware(torch.device("cpu"))
    return {
        "weights": ", ".join(f"{each.name} ({each.file})" for each in chosen),
        "data": f"{len(shards)} files, {len(sources)} sources, at most {frames} frames of each: {', '.join(sources)}",
        "codec": f"{'; '.join(codecs_of(shard.info for shard in shards))}; all-intra, QP {qps}",
        "time": f"on one thread of {machine}",
        **({"caution": "; ".join(told)} if told else {}),
        "package": f"codecnn {version('codecnn')}",
    }


if __name__ == "__main__":
    sys.exit(main())
