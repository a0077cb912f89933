"""report-complexity: what networks cost in parameters, multiply-accumulates, memory and time.

Gives each figure by its closed form and as measured, and the table that JVET asks of neural tools (the reporting sheet
of the NNVC common test conditions). Saves report.md, results.json and memory.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib import ticker

from codecnn.training.device import choose_device
from command_line.parser import Parser, run_command
from experiments.reports.complexity.measure import CTU, HD, HEIGHT, PATCHES, WIDTH, Cost, cost_of, ctus, find_network
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import cell
from experiments.reports.shared.page import Page, Table, results, save

SHOWN = ((HEIGHT, WIDTH), (480, 832), HD)  # height and width; the first is measured
MIB = 2**20


def size(text: str) -> int:
    """Read an argument of bytes, as in 8GiB, 512MiB or 1000000."""
    found = re.fullmatch(r"(\d{1,18}(?:\.\d+)?)\s*([KMGT]iB)?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is no size such as 8GiB or 512MiB")
    return int(float(found[1]) * 1024 ** (1 + "KMGT".index(found[2][0]) if found[2] else 0))


def page(costs: Sequence[Cost], memory: int) -> Page:
    """Return the report."""
    figures = [[c.name, f"{c.parameters:,}", cell(c.kmac, ".2f"), f"{c.kmac_measured:.2f}"] for c in costs]
    speeds = [
        [c.name, way, *(f"{speed * ctus(HEIGHT, WIDTH) / ctus(*shape):.2f}" for shape in SHOWN)]
        for c in costs
        for way, speed in c.frames_per_s.items()
    ]
    formed = [c for c in costs if c.needs]
    largest = [[c.name, *(str(c.largest[patch]) for patch in PATCHES)] for c in formed]
    peaks = [
        [c.name, str(n.patch), str(n.batch)]
        + [f"{v / MIB:.1f}" for v in (n.training, n.training_measured, n.inference, n.inference_measured)]
        for c in formed
        for n in c.needs
    ]
    sheet = [[row[0][0], *(value for _, value in row)] for row in zip(*(c.sheet for c in costs), strict=True)]
    blocks: list[str | Table] = [
        "## Parameters and multiply-accumulates",
        Table(["network", "parameters", "kMAC/px by closed form", "as counted"], 1, figures),
        "## Frames a second, CTU by CTU",
        f"{WIDTH}x{HEIGHT} is measured, the others follow from the number of their CTUs.",
        Table(["network", "by", *(f"{w}x{h}" for h, w in SHOWN)], 2, speeds),
        f"## Largest batch that trains in {memory / 2**30:g} GiB",
        "By the closed form, bf16 and Muon, of the tensors only: a process took 1.5 times as much in a test, with the\n"
        "workspace of the convolutions, so leave room for that and the program.",
        Table(["network", *(f"patches of {p}x{p}" for p in PATCHES)], 1, largest),
        "## Peak memory, MiB",
        "All tensors, by the closed form and as measured. What is measured includes the workspace of the convolutions\n"
        "where they take it from PyTorch, so that in small batches it is more than the closed form says. Training in\n"
        "bf16 with Muon and a moving average of the weights, inference in float32.",
        Table(["network", "patch", "batch", "training", "measured", "inference", "measured"], 1, peaks),
        "## Reporting sheet (JVET NNVC)",
        Table(["", *(c.name for c in costs)], 1 + len(costs), sheet),
    ]
    return Page("What the networks cost", {"kMAC/px": f"at a CTU of {CTU}, counted by PyTorch"}, blocks)


def plot(costs: Sequence[Cost]) -> bytes:
    """Plot peak memory over the batch as PNG, a row for each network: lines by closed form, points as measured."""
    figure, axes = pyplot.subplots(len(costs), 2, figsize=(10, 3.6 * len(costs)), squeeze=False)
    for row, cost in zip(axes, costs, strict=True):
        for axis, kind in zip(row, ("training", "inference"), strict=True):
            for number, patch in enumerate(PATCHES):
                needs = [need for need in cost.needs if need.patch == patch]
                batches, color = [need.batch for need in needs], f"C{number}"
                axis.plot(batches, [getattr(n, kind) / MIB for n in needs], "-", color=color, label=f"{patch}x{patch}")
                axis.plot(batches, [getattr(n, f"{kind}_measured") / MIB for n in needs], "o", color=color)
            axis.set(xscale="log", yscale="log", xlabel="batch", ylabel="peak memory (MiB)", xticks=batches)
            axis.set_xticklabels(batches)
            axis.minorticks_off()
            axis.set_yscale("log", base=2)
            axis.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
            axis.set_title(f"{cost.name}, {kind} ({'bf16' if kind == 'training' else 'float32'})", fontsize=9)
            axis.grid(alpha=0.3)
    axes.flat[0].legend(
        fontsize=8,
        ncols=3,
        loc="lower left",
        bbox_to_anchor=(0, 1.1),
        title="lines: closed form, points: measured",
        title_fontsize=8,
    )
    return to_png(figure)


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    device = choose_device(args.device)
    costs = [cost_of(network, args.memory, device) for network in [find_network(name) for name in args.weights]]
    report = page(costs, args.memory)
    text = report.markdown()
    print(text)
    rows = [asdict(cost) | {"sheet": dict(cost.sheet)} for cost in costs]
    numbers = results("complexity", report.about, {"networks": rows}, memory=args.memory)
    files = {"report.md": text.encode(), "results.json": numbers}
    formed = [cost for cost in costs if cost.needs]
    save(args.out, files | ({"memory.png": plot(formed)} if formed else {}))


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser(
        prog="report-complexity", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("weights", nargs="+", help="weights files, run folders of train-filter, names of weights that "
        "come with the project such as rdn_s, or configurations (.yaml)")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for report.md, results.json and memory.png")
    parser.add_argument("--memory", type=size, default="8GiB", help="what the largest batch has to fit into")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return run_command("report-complexity", run, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
