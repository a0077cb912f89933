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

from codecnn.io.files import write_whole
from codecnn.training.device import choose_device
from command_line.parser import Parser, run_command
from experiments.reports.complexity.measure import HD, HEIGHT, PATCHES, WIDTH, Cost, cost_of, ctus, find_network
from experiments.reports.shared.cells import to_json
from experiments.reports.shared.figures import pyplot, to_png

LARGER = ((480, 832), HD)  # whose speed follows from the number of their CTUs
MIB = 2**20


def size(text: str) -> int:
    """The type of an argument: bytes, as in 8GiB, 512MiB or 1000000."""
    found = re.fullmatch(r"(\d{1,18}(?:\.\d+)?)\s*([KMGT]iB)?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is no size such as 8GiB or 512MiB")
    return int(float(found[1]) * 1024 ** (1 + "KMGT".index(found[2][0]) if found[2] else 0))


def markdown(costs: Sequence[Cost], memory: int) -> str:
    """The report as Markdown."""
    lines = ["# What the networks cost", "", "| network | parameters | kMAC/px by closed form | as counted |"]
    lines += ["|---|---:|---:|---:|"]
    lines += [f"| {c.name} | {c.parameters:,} | {c.kmac:.2f} | {c.kmac_measured:.2f} |" for c in costs]
    lines += ["", "## Frames a second, CTU by CTU", ""]
    lines += [f"{WIDTH}x{HEIGHT} is measured, the others follow from the number of their CTUs.", ""]
    lines += ["| network | by | " + " | ".join(f"{w}x{h}" for h, w in ((HEIGHT, WIDTH), *LARGER)) + " |"]
    lines += ["|---|---|" + "---:|" * (1 + len(LARGER))]
    for cost in costs:
        for name, speed in cost.frames_per_s.items():
            others = [speed * ctus(HEIGHT, WIDTH) / ctus(*shape) for shape in LARGER]
            lines.append(f"| {cost.name} | {name} | " + " | ".join(f"{s:.2f}" for s in (speed, *others)) + " |")
    lines += ["", f"## Largest batch that trains in {memory / 2**30:g} GiB", ""]
    lines += [
        "By the closed form, bf16 and Muon, of the tensors alone: a process was seen to take 1.5 times as much, with"
    ]
    lines += ["the convolutions' own workspace, so leave room for that and the program.", ""]
    lines += [
        "| network | " + " | ".join(f"patches of {p}x{p}" for p in PATCHES) + " |",
        "|---|" + "---:|" * len(PATCHES),
    ]
    lines += [f"| {c.name} | " + " | ".join(str(c.largest[p]) for p in PATCHES) + " |" for c in costs]
    lines += ["", "## Peak memory, MiB", ""]
    lines += ["All tensors, by the closed form and as measured. What is measured has the convolutions' workspace in it"]
    lines += ["where they take it from PyTorch, so that in small batches it is more than the closed form says."]
    lines += ["Training in bf16 with Muon and a moving average of the weights, inference in float32.", ""]
    lines += ["| network | patch | batch | training | measured | inference | measured |", "|---|" + "---:|" * 6]
    for cost in costs:
        for n in cost.needs:
            values = (n.training, n.training_measured, n.inference, n.inference_measured)
            cells = " | ".join(f"{value / MIB:.1f}" for value in values)
            lines.append(f"| {cost.name} | {n.patch} | {n.batch} | {cells} |")
    lines += ["", "## Reporting sheet (JVET NNVC)", ""]
    lines += ["| | " + " | ".join(c.name for c in costs) + " |", "|---|" + "---|" * len(costs)]
    for row in zip(*(cost.sheet for cost in costs), strict=True):
        lines.append(f"| {row[0][0]} | " + " | ".join(value for _, value in row) + " |")
    return "\n".join(lines) + "\n"


def plot(costs: Sequence[Cost]) -> bytes:
    """Peak memory over the batch as PNG, a row for each network: lines by closed form, points as measured."""
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
    text = markdown(costs, args.memory)
    results = {"memory": args.memory, "networks": [asdict(cost) | {"sheet": dict(cost.sheet)} for cost in costs]}
    files = {"report.md": text.encode(), "results.json": to_json(results), "memory.png": plot(costs)}
    args.out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(args.out / name, data)
    print(text)
    print(f"saved {', '.join(files)} in {args.out}")


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
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
