"""report-gain: what a trained filter gains in luma PSNR and BD-rate over the codec's own output.

Filters every picture of a dataset, rounds and clips it to integers at its bit depth, and compares it with the baseline
(the decoder's output, all its in-loop filters on) at the same bits. Saves report.md, results.json and rd.png.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from codecnn.dataset.store import Shard, open_folder
from codecnn.io.files import write_whole
from codecnn.models.pretrained import find_weights
from codecnn.models.rdn.integer import IntegerRdn
from codecnn.models.rdn.integer_weights import load_filter
from codecnn.models.rdn.macs import kmac_per_sample, parameter_count
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights import Notes
from codecnn.training.device import choose_device
from codecnn.training.provenance import codec_caution, codecs_of, trained_on
from command_line.parser import Parser, count, run_command
from experiments.reports.gain.measure import average, measure, summarise
from experiments.reports.gain.page import markdown, plot
from experiments.reports.shared.cells import to_json
from experiments.reports.shared.curves import check_comparable
from experiments.reports.shared.encode import encode

RAW = ("width", "height", "bit-depth", "fps", "chroma")
ENCODING = ("codec", "preset", "qp", "frames", *RAW)  # what build-dataset is told of --sequences


def describe(model: Rdn | IntegerRdn, notes: Notes, weights: Path, shards: Sequence[Shard], way: str) -> dict[str, str]:
    """What the numbers of a report were measured with, and a caution where the weights were trained on some of it."""
    infos = [shard.info for shard in shards]
    known = trained_on(notes, infos)
    caution = {"caution": f"trained on {len(known)} of these clips: {', '.join(known)}"} if known else {}
    sizes = " or ".join(map(str, sorted({info.ctu_size for info in infos})))
    ways = {"ctu": f"CTU by CTU ({sizes} + margin)", "picture": "whole pictures at once"}
    return {
        "weights": str(weights),
        "network": f"{parameter_count(Rdn(model.config)):,} parameters, {kmac_per_sample(model.config):.1f} kMAC/px, "
        f"input {model.config.input}" + (", in 16-bit integers" if isinstance(model, IntegerRdn) else ""),
        "baseline": f"{'; '.join(codecs_of(infos))}; all-intra, constant QP, all in-loop filters on",
        "filtered": f"{ways[way]}, rounded and clipped to integers at the bit depth, same bits as the baseline",
        "measures": "PSNR-Y with peak 2^bit depth - 1, mean over frames; BD-rate with PCHIP, per clip, then averaged "
        "for each codec",
        **caution,
    }


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = Parser(prog="report-gain", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("weights", help="a run folder of train-filter (its best.safetensors is taken), a weights file, or the name of "
        "weights that come with the project, such as rdn_s")  # fmt: skip
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="a dataset folder of build-dataset")
    source.add_argument("--sequences", type=Path, nargs="+", metavar="FILE", help="sequences to encode for this report "
        "by build-dataset; what is made of them stays in the folder data of --out")  # fmt: skip
    add("--out", type=Path, required=True, help="folder for report.md, results.json and rd.png")
    add("--way", choices=("ctu", "picture"), default="ctu", help="filter CTU by CTU, or a picture at once")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="integer weights run on the CPU")
    add = parser.add_argument_group("sequences", "options of build-dataset, which checks them").add_argument
    add("--codec", default=argparse.SUPPRESS, help="the encoder")
    add("--preset", default=argparse.SUPPRESS, help="the encoder's")
    add("--qp", type=int, nargs="+", default=argparse.SUPPRESS, help="in the encoder's own scale")
    add("--frames", type=count, default=argparse.SUPPRESS, help="take the first N frames alone; 0: all")
    for name in RAW:
        add(
            f"--{name}",
            default=argparse.SUPPRESS,
            help="of raw files, where the name does not say it, or says it wrongly",
        )
    args = parser.parse_args(argv)
    if args.data and (given := [f"--{name}" for name in encoding(args)]):
        parser.error(f"{', '.join(given)}: of --sequences alone; --data is encoded already")
    return args


def encoding(args: argparse.Namespace) -> dict[str, list[str]]:
    """The options of build-dataset that are given, with their values."""
    given = {name: value for name in ENCODING if (value := getattr(args, name.replace("-", "_"), None)) is not None}
    return {
        name: [*map(str, sorted(set(value)))] if isinstance(value, list) else [str(value)]
        for name, value in given.items()
    }


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    file = find_weights(args.weights)
    model, notes = load_filter(file)
    device = choose_device(args.device)
    if isinstance(model, Rdn):
        model.to(device)
    shards = encode(args.sequences, args.out / "data", encoding(args)) if args.sequences else open_folder(args.data)
    check_comparable(shards)
    infos = [shard.info for shard in shards]
    if caution := codec_caution(notes, infos):
        print(f"report-gain: {caution}", file=sys.stderr)
    rows = [measure(model, shard, args.way) for shard in tqdm(shards, unit="file", desc="filtering")]
    rows.sort(key=lambda r: (r.source, r.codec, r.qp))
    summaries = summarise(rows)
    means = average(summaries)
    about = describe(model, notes, file, shards, args.way)
    text = markdown(rows, summaries, means, about)
    results = {
        "about": about,
        "notes": notes,
        "rows": [asdict(row) for row in rows],
        "clips": [asdict(summary) for summary in summaries],
        "means": [asdict(mean) for mean in means],
    }
    files = {"report.md": text.encode(), "results.json": to_json(results), "rd.png": plot(rows)}
    args.out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(args.out / name, data)
    print(text)
    print(f"saved {', '.join(files)} in {args.out}")


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    args = parse(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: no encoder goes on
    return run_command("report-gain", run, args)


if __name__ == "__main__":
    sys.exit(main())
