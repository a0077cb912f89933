"""report-complexity: what networks cost in parameters, multiply-accumulates, memory and time.

Gives each figure by its closed form and as measured, and the table that JVET asks for neural tools (the reporting sheet
of the NNVC common test conditions). Saves report.md, results.json and memory.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import re
import sys
from dataclasses import asdict
from functools import partial

from codecnn.training.device import choose_device
from command_line.parser import run_command
from command_line.progress import Progress
from experiments.reports.complexity.measure import STEPS, cost_of, find_network
from experiments.reports.complexity.page import page
from experiments.reports.complexity.plots import plot_memory
from experiments.reports.shared.arguments import add_device, report_parser
from experiments.reports.shared.names import names_of
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.provenance import provenance


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = report_parser("report-complexity", __doc__)
    parser.add_argument("weights", nargs="+", help="weights files, run folders of train-filter, names of weights that "
        "come with the project such as rdn_s, or configurations (.yaml)")  # fmt: skip
    parser.add_argument("--memory", type=size, default="8GiB", help="memory that the largest batch has to fit into")
    add_device(parser)
    return run_command("report-complexity", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    device = choose_device(args.device)
    networks = [find_network(word, name) for word, name in zip(args.weights, names_of(args.weights), strict=True)]
    with Progress(total=STEPS * len(networks), unit="step", desc="measuring") as bar:
        costs = [cost_of(network, args.memory, device, bar.update) for network in networks]
    report = page(costs, args.memory).made_by(provenance(args))
    rows = [asdict(cost) | {"sheet": dict(cost.sheet)} for cost in costs]
    numbers = results("complexity", report.about, {"networks": rows}, memory=args.memory)
    formed = [cost for cost in costs if cost.needs]
    finish(args.out, report, numbers, {"memory.png": partial(plot_memory, formed)} if formed else {})


def size(text: str) -> int:
    """Read an argument of bytes, as in 8GiB, 512MiB or 1000000."""
    found = re.fullmatch(r"(\d{1,18}(?:\.\d+)?)\s*([KMGT]iB)?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is no size such as 8GiB or 512MiB")
    return int(float(found[1]) * 1024 ** (1 + "KMGT".index(found[2][0]) if found[2] else 0))


if __name__ == "__main__":
    sys.exit(main())
