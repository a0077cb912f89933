"""report-gain: what a trained filter gains in luma PSNR and BD-rate over the codec's own output.

Filters every picture of a dataset, rounds and clips it to integers at its bit depth, and compares it with the baseline
(the decoder's output, with the codec's in-loop filters) at the same bits. Saves report.md, results.json and rd.png.

With --compare several filters are measured side by side: per clip and QP, with paired differences and 95 % intervals
over clips. Saves report.md and results.json.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import signal
import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

from codecnn.dataset.reader import Shard, open_folder
from codecnn.training.provenance import trained_on
from command_line.arguments import path, positive
from command_line.encoding import ENCODING, add_codec, add_encoding, add_formats
from command_line.parser import run_command
from command_line.progress import Progress
from experiments.reports.gain import compare
from experiments.reports.gain.compare_page import page as compared_page
from experiments.reports.gain.measure import Frame, average, average_frames, exact_frames, measure, summarise
from experiments.reports.gain.page import page
from experiments.reports.gain.plots import plot_curves
from experiments.reports.gain.refitting import load_refitting
from experiments.reports.shared.arguments import add_data, add_device, add_weights, report_parser
from experiments.reports.shared.cautions import warn
from experiments.reports.shared.chosen_filter import (
    check_shards,
    choose_filter,
    conditions,
    ctu_sizes,
    describe,
    in_words,
    kmacs,
    way_of,
)
from experiments.reports.shared.encode import encode
from experiments.reports.shared.one_comparison import check_comparable
from experiments.reports.shared.page import finish, results


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = parse(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: no encoder goes on
    return run_command("report-gain", run, args)


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    if args.compare:
        return run_comparison(args)
    chosen = choose_filter(args.weights, args.device)
    shards = shards_of(args)
    found = check_shards(chosen, shards)
    refitting = load_refitting(chosen, args.refit_frames) if args.refit else None
    if refitting and (known := trained_on(refitting.notes, [shard.info for shard in shards])):
        found.append(f"the basis of the refit was made from {len(known)} of these clips: {', '.join(known)}")
    warn("report-gain", found)
    way = way_of(chosen, args.way)
    frames = [
        measure(chosen.network, shard, way, refitting) for shard in Progress(shards, unit="file", desc="filtering")
    ]
    rows = average_frames(shards, frames, exact_frames(frames))
    clips = summarise(rows)
    means = average(clips)
    ways = {"ctu": f"CTU by CTU ({ctu_sizes(shards)} + margin)", "picture": "whole pictures at once"}
    about = describe(chosen, shards, ways[way], found) | ({"refitted": refitting.describe()} if refitting else {})
    numbers = results("gain", about, {"rows": rows, "clips": clips, "means": means}, notes=chosen.notes)
    return finish(args.out, page(rows, clips, means, about), numbers, {"rd.png": partial(plot_curves, rows)})


def run_comparison(args: argparse.Namespace) -> None:
    """Measure several filters, print and save."""
    names: list[str] = args.compare
    loaded = {name: choose_filter(name, args.device) for name in names}
    shards = shards_of(args)
    found = {name: check_shards(one, shards) for name, one in loaded.items()}
    warn("report-gain", [f"{name}: {caution}" for name, cautions in found.items() for caution in cautions])
    ways = {name: way_of(one, args.way) for name, one in loaded.items()}
    bar = Progress(total=len(shards) * len(names), unit="file", desc="filtering")
    frames: dict[str, list[list[Frame]]] = {name: [] for name in names}
    for shard, name in product(shards, names):
        frames[name].append(measure(loaded[name].network, shard, ways[name]))
        bar.update()
    bar.close()
    exact = exact_frames(*frames.values())
    rows = {name: average_frames(shards, of_filter, exact) for name, of_filter in frames.items()}
    measured = {name: compare.Measured(of_filter, summarise(of_filter)) for name, of_filter in rows.items()}
    chosen = [
        compare.Chosen(name, in_words(one.network), kmacs(one.network), ways[name], "; ".join(found[name]))
        for name, one in loaded.items()
    ]
    means, changes = compare.means(measured), compare.differences(measured)
    about = conditions(shards, "rounded and clipped to integers at the bit depth, same bits as the baseline")
    tables: dict[str, Sequence[Any]] = {
        "filters": chosen,
        "rows": compare.filter_rows(measured),
        "clips": compare.filter_clips(measured),
        "means": means,
        "differences": changes,
    }
    finish(args.out, compared_page(chosen, measured, means, changes, about), results("comparison", about, tables), {})


def shards_of(args: argparse.Namespace) -> list[Shard]:
    """Return the shards to measure on, encoded if sequences are given; InputError if they cannot be compared."""
    shards = encode(args.sequences, args.out / "data", given(args)) if args.sequences else open_folder(args.data)
    check_comparable(shards)
    return shards


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = report_parser("report-gain", __doc__)
    filters = parser.add_mutually_exclusive_group(required=True)
    add_weights(filters, required=False)
    filters.add_argument("--compare", nargs="+", metavar="WEIGHTS", help="two or more filters, each as WEIGHTS")
    source = parser.add_mutually_exclusive_group(required=True)
    add_data(source, required=False)
    source.add_argument("--sequences", type=path, nargs="+", metavar="FILE", help="sequences to encode for this report "
        "as build-dataset does; their files stay in the folder data of --out")  # fmt: skip
    parser.add_argument("--way", choices=("ctu", "picture"), help="filter CTU by CTU, or whole pictures; if not "
        "given, CTU by CTU, or as the contract of a foreign filter says")  # fmt: skip
    parser.add_argument("--refit", action="store_true", help="measure as well what a coded correction of the last "
        "layer gains; needs the file of refit-basis beside the weights")  # fmt: skip
    parser.add_argument("--refit-frames", type=positive, default=32, metavar="N", help="how many frames of a clip "
        "share a correction")  # fmt: skip
    add_device(parser)
    encoding = parser.add_argument_group("sequences", "how --sequences are encoded, as by build-dataset")
    add_codec(encoding, None)
    add_encoding(encoding)
    add_formats(parser)
    args = parser.parse_args(argv)
    if args.compare and len(set(args.compare)) < max(2, len(args.compare)):
        parser.error("--compare: takes two or more filters, each once")
    if args.compare and args.refit:
        parser.error("--refit: only for a single filter")
    if args.data and (options := given(args)):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in options)
        parser.error(f"{names}: only for --sequences; --data is encoded already")
    return args


def given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of encoding that are given."""
    options = {name: value for name in ENCODING if (value := getattr(args, name)) is not None}
    return options | ({"qp": sorted(set(options["qp"]))} if "qp" in options else {})


if __name__ == "__main__":
    sys.exit(main())
