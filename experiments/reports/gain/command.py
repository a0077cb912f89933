"""report-gain: what a trained filter gains in luma PSNR and BD-rate over the codec's own output.

Filters every picture of a dataset, rounds and clips it to integers at its bit depth, and compares it with the baseline
(the decoder's output, with the codec's in-loop filters) at the same bits. Saves report.md, results.json and rd.png, and
all of it as report.html with pictures to compare; and every rate-distortion point as points.csv and points.xlsx.

With --chroma-weights a second filter restores U and V, and PSNR-U, PSNR-V and PSNR-YUV (6:1:1) are reported as well;
the figures of luma stay as they are.

With --compare several filters are measured side by side: per clip and QP, with paired differences and 95 % intervals
over clips. Saves report.md, results.json, report.html, points.csv and points.xlsx, and, where
two are known, work.png: BD-rate over the multiply-accumulates of each filter.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.schema import ShardInfo
from codecnn.inference.chroma import filter_chroma
from codecnn.inference.filtering import Way, filter_picture
from codecnn.inference.load import load_chroma_filter
from codecnn.io.files import naming, write_whole
from codecnn.metrics import kept_frames
from codecnn.models.chroma_rdn import ChromaRdn
from codecnn.models.in_loop_filter import AnyFilter
from codecnn.training.device import choose_device
from codecnn.training.provenance import codecs_of, trained_on
from codecnn.video.picture import Picture, Plane
from command_line.arguments import path, positive
from command_line.encoding import ENCODING, add_codec, add_encoding, add_formats
from command_line.parser import run_command
from command_line.progress import Progress, say
from command_line.terminal import printable
from experiments.reports.gain import chroma, compare
from experiments.reports.gain.compare_page import page as compared_page
from experiments.reports.gain.guiding import check as check_guiding
from experiments.reports.gain.guiding import load_guiding
from experiments.reports.gain.measure import (
    FrameFigures,
    average,
    average_frames,
    exact_frames,
    measure,
    summarise,
    warm_up,
)
from experiments.reports.gain.page import page
from experiments.reports.gain.plots import known_work, plot_curves, plot_work
from experiments.reports.gain.points import METRICS, NOT_FILTERS, Meter, Point, without_repeats
from experiments.reports.gain.refitting import load_refitting
from experiments.reports.gain.signalling import Signalling
from experiments.reports.gain.spreadsheet import to_spreadsheet
from experiments.reports.gain.vmaf import find_vmaf
from experiments.reports.shared.arguments import add_chroma_weights, add_data, add_device, add_weights, report_parser
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
from experiments.reports.shared.csv_file import to_csv
from experiments.reports.shared.encode import encode
from experiments.reports.shared.frames import FrameSignals, read_frame
from experiments.reports.shared.means import grouped, mean_defined
from experiments.reports.shared.one_comparison import check_comparable
from experiments.reports.shared.page import finish, results
from experiments.reports.shared.pictures import add_pictures, picture_sections, pictures_of
from experiments.reports.shared.provenance import provenance


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = parse(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: no encoder goes on
    return run_command("report-gain", run, args)


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    if "vmaf" in args.metrics:
        find_vmaf()  # before anything is measured in vain
    if args.compare:
        return run_comparison(args)
    chosen = choose_filter(args.weights, args.device)
    chosen_chroma = load_chroma_filter(args.chroma_weights, choose_device(args.device)) if args.chroma_weights else None
    shards = shards_of(args)
    shown = pictures_of(args, shards)
    found = check_shards(chosen, shards)
    guide_unit = args.guide_unit if args.guide_chroma else None
    if guide_unit:
        check_guiding(guide_unit, shards)
    of_chroma = [text for text in chroma.check(chosen_chroma, shards) if text not in found] if chosen_chroma else []
    refitting = load_refitting(chosen, args.refit_frames) if args.refit else None
    signalling: Signalling | None = load_guiding(chosen, args.guide_unit, shards) if args.guide else refitting
    if refitting and (known := trained_on(refitting.notes, [shard.info for shard in shards])):
        found.append(f"the basis of the refit was made from {len(known)} of these clips: {', '.join(known)}")
    warn("report-gain", [*found, *(f"chroma: {text}" for text in of_chroma)])
    way = way_of(chosen, args.way)
    meters = [Meter(shard, args.metrics) for shard in shards]
    if not signalling:  # else no time is measured
        warm_up(chosen.network, shards, way)
    frames = [
        measure(chosen.network, meter.shard, way, signalling, meter)
        for meter in Progress(meters, unit="file", desc="filtering")
    ]
    rows = average_frames(shards, frames, exact_frames(frames))
    clips = summarise(rows)
    means = average(clips)
    ways = {"ctu": f"CTU by CTU ({ctu_sizes(shards)} + margin)", "picture": "whole pictures at once"}
    about = describe(chosen, shards, ways[way], found) | ({"signalled": signalling.describe()} if signalling else {})
    tables: dict[str, Sequence[Any]] = {"rows": rows, "clips": clips, "means": means}
    in_chroma = None
    if chosen_chroma:
        both = Progress([*zip(meters, frames, strict=True)], unit="file", desc="filtering chroma")
        in_chroma = chroma.tables(chosen_chroma.network, both, way, guide_unit)
        about |= chroma.describe(chosen_chroma, shards, of_chroma, guide_unit)
        tables |= {f"chroma_{name}": its for name, its in in_chroma._asdict().items()}
    points = points_of(meters, frames, exact_frames(frames))
    tables |= {"points": points, "frames": [row for meter in meters for row in meter.frames()]}
    about |= provenance(args, shards)
    save_points(args.out, points, about, shards)
    numbers = results("gain", about, tables, notes=chosen.notes)
    described = page(rows, clips, means, about, in_chroma)
    gains = {(row.source, row.codec, row.qp): row.gain for row in rows}
    filters = {"filtered": partial(_filtered, chosen.network, way)}
    filters |= {"signalled": partial(_signalled, signalling, way)} if signalling else {}
    of_uv = partial(_filtered_chroma, chosen_chroma.network, way) if chosen_chroma else None
    more = partial(picture_sections, shards, gains, filters, shown, of_uv)
    return finish(args.out, described, numbers, {"rd.png": partial(plot_curves, rows)}, more=more)


def _filtered(network: AnyFilter, way: Way, frame: FrameSignals, shard: Shard) -> Plane:
    return filter_picture(network, frame.baseline, frame.unfiltered, shard.info.hevc_qp, shard.info.ctu_size, way)


def _signalled(signalling: Signalling, way: Way, frame: FrameSignals, shard: Shard) -> Plane:
    """Filter with what is signalled for the first frame and those that share it."""
    others = [read_frame(shard, number) for number in range(1, min(signalling.frames, shard.frames))]
    return signalling.filter(shard, [frame, *others], way).signalled[0]


def _filtered_chroma(
    network: ChromaRdn, way: Way, baseline: Picture, unfiltered: Picture, info: ShardInfo
) -> tuple[Plane, Plane]:
    return filter_chroma(network, baseline, unfiltered, info.hevc_qp, info.ctu_size, way)


def run_comparison(args: argparse.Namespace) -> None:
    """Measure several filters, print and save."""
    names: list[str] = args.compare
    loaded = {name: choose_filter(name, args.device) for name in names}
    shards = shards_of(args)
    shown = pictures_of(args, shards)
    found = {name: check_shards(one, shards) for name, one in loaded.items()}
    warn("report-gain", [f"{name}: {caution}" for name, cautions in found.items() for caution in cautions])
    ways = {name: way_of(one, args.way) for name, one in loaded.items()}
    meters = {name: [Meter(shard, args.metrics, name) for shard in shards] for name in names}
    frames: dict[str, list[list[FrameFigures]]] = {name: [] for name in names}
    for name, one in loaded.items():
        warm_up(one.network, shards, ways[name])
    places = [*product(range(len(shards)), names)]
    for place, name in Progress(places, unit="file", desc="filtering"):
        frames[name].append(measure(loaded[name].network, shards[place], ways[name], meter=meters[name][place]))
    exact = exact_frames(*frames.values())
    rows = {name: average_frames(shards, of_filter, exact) for name, of_filter in frames.items()}
    measured = {name: compare.Measured(of_filter, summarise(of_filter)) for name, of_filter in rows.items()}
    chosen = [
        compare.Chosen(name, in_words(one.network), kmacs(one.network), ways[name], "; ".join(found[name]))
        for name, one in loaded.items()
    ]
    means, changes = compare.means(measured), compare.differences(measured)
    about = conditions(shards, "rounded and clipped to integers at the bit depth, same bits as the baseline")
    about |= {"caution": told} if (told := compare.caution(found)) else {}
    about |= provenance(args, shards)
    points = without_repeats([p for name in names for p in points_of(meters[name], frames[name], exact)])
    tables: dict[str, Sequence[Any]] = {
        "filters": chosen,
        "rows": compare.filter_rows(measured),
        "clips": compare.filter_clips(measured),
        "means": means,
        "differences": changes,
        "points": points,
        "frames": [row for of_filter in meters.values() for meter in of_filter for row in meter.frames()],
    }
    rows_of_all = [row for of_filter in rows.values() for row in of_filter]
    gains = {key: mean_defined(r.gain for r in same) for key, same in grouped(rows_of_all, "source", "codec", "qp")}
    filters = {f"filtered by {name}": partial(_filtered, one.network, ways[name]) for name, one in loaded.items()}
    more = partial(picture_sections, shards, gains, filters, shown)
    save_points(args.out, points, about, shards)
    report = compared_page(chosen, measured, means, changes, about)
    plots = {"work.png": partial(plot_work, known)} if len(known := known_work(chosen, means)) > 1 else {}
    finish(args.out, report, results("comparison", about, tables), plots, more=more)


def points_of(
    meters: Sequence[Meter], frames: Sequence[Sequence[FrameFigures]], exact: Sequence[Sequence[bool]]
) -> list[Point]:
    """Return the points of all shards, means over the frames that are in the means of the other tables.

    Those of U, V and YUV are over fewer frames, if a chroma plane is exact in some.
    """
    clips = [(meter.shard.info.source, meter.shard.info.codec) for meter in meters]
    exact_chroma = [
        [any(frame) for frame in zip(its, meter.exact_chroma(), strict=True)]
        for meter, its in zip(meters, exact, strict=True)
    ]
    kept = zip(kept_frames(clips, exact), kept_frames(clips, exact_chroma), strict=True)
    of_shards = [
        meter.points(in_luma, in_chroma, sum(frame.signalled_bits for frame in measured))
        for meter, (in_luma, in_chroma), measured in zip(meters, kept, frames, strict=True)
    ]
    return without_repeats([point for of_shard in of_shards for point in of_shard])


def save_points(folder: Path, points: Sequence[Point], about: Mapping[str, str], shards: Sequence[Shard]) -> None:
    """Save points.csv and points.xlsx; the folder is made if there is none."""
    codecs = grouped([shard.info for shard in shards], "codec")
    encoders = {codec: "; ".join(codecs_of(its)) for (codec,), its in codecs}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "points.csv", to_csv(points))
    with naming(folder / "points.xlsx"):  # openpyxl makes files of its own, in the folder for temporary files
        write_whole(folder / "points.xlsx", to_spreadsheet(points, about, encoders))
    say(f"saved points.csv, points.xlsx in {printable(str(folder))}")


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
        "given, as it was trained, or as the contract of a foreign filter says")  # fmt: skip
    add_chroma_weights(parser)
    signalled = parser.add_mutually_exclusive_group()
    signalled.add_argument("--refit", action="store_true", help="measure as well what a coded correction of the last "
        "layer gains; needs the file of refit-basis beside the weights")  # fmt: skip
    signalled.add_argument("--guide", action="store_true", help="measure as well what coded weights of the residuals "
        "gain, for each unit of a picture")  # fmt: skip
    parser.add_argument("--guide-chroma", action="store_true", help="with --chroma-weights: the same for the residuals "
        "of U and V; besides --refit or --guide, or without them")  # fmt: skip
    parser.add_argument("--refit-frames", type=positive, metavar="N", help="with --refit: how many frames of a clip "
        "share a correction; 32 if not given")  # fmt: skip
    parser.add_argument("--guide-unit", type=positive, metavar="SIDE", help="with --guide or --guide-chroma: luma "
        "samples of a unit on each side, whole CTUs; 128 if not given")  # fmt: skip
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=[], help="measure more for the points: "
        "ms-ssim, and vmaf where an ffmpeg with libvmaf is at hand (the extra vvc brings one)")  # fmt: skip
    add_device(parser)
    add_pictures(parser)
    encoding = parser.add_argument_group("sequences", "how --sequences are encoded, as by build-dataset")
    add_codec(encoding, None)
    add_encoding(encoding)
    add_formats(parser)
    args = parser.parse_args(argv)
    if args.compare and len(set(args.compare)) < max(2, len(args.compare)):
        parser.error("--compare: takes two or more filters, each once")
    for name in args.compare or ():
        if name in NOT_FILTERS:
            parser.error(f"--compare: {name}: in the tables this is another picture; if it is a file, write ./{name}")
    if args.refit_frames and not args.refit:
        parser.error("--refit-frames: needs --refit")
    if args.guide_unit and not (args.guide or args.guide_chroma):
        parser.error("--guide-unit: needs --guide or --guide-chroma")
    args.refit_frames, args.guide_unit = args.refit_frames or 32, args.guide_unit or 128
    if args.guide_chroma and not args.chroma_weights:
        parser.error("--guide-chroma: needs --chroma-weights")
    for name in ("refit", "guide", "chroma_weights"):
        if args.compare and getattr(args, name):
            parser.error(f"--{name.replace('_', '-')}: only for a single filter")
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
