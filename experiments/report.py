"""report-gain: what a trained filter gains in luma PSNR and BD-rate over the codec's own output.

Filters every picture of a dataset, rounds and clips it to integers at its bit depth, and compares it with the baseline
(the decoder's output, all its in-loop filters on) at the same bits. Saves report.md, results.json and rd.png.
"""

import experiments.openmp  # noqa: F401  # before torch

# isort: split

import argparse
import json
import math
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from tqdm import tqdm

from codecnn.complexity import kmac_per_sample, parameter_count
from codecnn.errors import InputError
from codecnn.files import write_whole
from codecnn.filtering import Way, filter_picture
from codecnn.metrics import bd_rate, psnr, psnr_gain, ssim
from codecnn.models.rdn import Rdn
from codecnn.schema import SIGNALS
from codecnn.store import Shard, open_folder
from codecnn.weights import load
from experiments.device import choose_device
from experiments.inputs import encode, find_weights
from experiments.parser import Parser

mpl.use("Agg")
from matplotlib import pyplot  # after the backend is chosen


@dataclass(frozen=True)
class Row:
    """One clip at one QP; PSNR-Y and SSIM are means over its frames, in dB and 0..1."""

    source: str
    codec: str
    qp: int
    frames: int
    lossless: int  # frames coded or filtered without any error: not in the means, NaN if there are no others
    bits: int  # of all frames
    kbps: float
    psnr_unfiltered: float
    psnr_baseline: float
    psnr_filtered: float
    gain: float  # mean over frames of PSNR-Y(filtered) - PSNR-Y(baseline)
    ssim_baseline: float
    ssim_filtered: float


@dataclass(frozen=True)
class Summary:
    """One clip over its QPs; BD-rates are against the baseline, in percent, NaN where they are not defined."""

    source: str
    codec: str
    gain: float
    bd_rate: float
    bd_rate_unfiltered: float  # the codec without its in-loop filters


MEANS = ("gain", "psnr_unfiltered", "psnr_baseline", "psnr_filtered", "ssim_baseline", "ssim_filtered")


def measure(model: Rdn, shard: Shard, way: Way) -> Row:
    """Filter all frames of a shard and compare them with the baseline."""
    info, depth = shard.info, shard.info.bit_depth
    frames: dict[str, list[float]] = {name: [] for name in MEANS}
    lossless = 0
    for frame in range(shard.frames):
        original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
        filtered = filter_picture(model, baseline, unfiltered, info.qp, info.ctu_size, way)
        gain = psnr_gain(original.y, baseline.y, filtered, depth)
        if math.isnan(gain):
            lossless += 1
            continue
        frames["gain"].append(gain)
        frames["psnr_unfiltered"].append(psnr(original.y, unfiltered.y, depth))
        frames["psnr_baseline"].append(psnr(original.y, baseline.y, depth))
        frames["psnr_filtered"].append(psnr(original.y, filtered, depth))
        frames["ssim_baseline"].append(ssim(original.y, baseline.y, depth))
        frames["ssim_filtered"].append(ssim(original.y, filtered, depth))
    bits = int(shard.bits.sum())
    kbps = bits / shard.frames * float(Fraction(info.fps)) / 1000
    means = {name: mean_defined(values) for name, values in frames.items()}
    return Row(info.source, info.codec, info.qp, shard.frames, lossless, bits, kbps, **means)


def summarise(rows: list[Row]) -> list[Summary]:
    """The rows of each clip and codec over its QPs."""
    clips: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        clips[row.source, row.codec].append(row)
    summaries = []
    for (source, codec), points in clips.items():
        bits = [p.bits for p in points]
        anchor = [p.psnr_baseline for p in points]
        rate = bd_rate(bits, anchor, bits, [p.psnr_filtered for p in points])
        plain = bd_rate(bits, anchor, bits, [p.psnr_unfiltered for p in points])
        summaries.append(Summary(source, codec, mean_defined([p.gain for p in points]), rate, plain))
    return summaries


def mean_defined(values: list[float]) -> float:
    """Mean of the values that are not NaN."""
    defined = [value for value in values if not math.isnan(value)]
    return fmean(defined) if defined else math.nan


def markdown(rows: list[Row], summaries: list[Summary], about: dict[str, str]) -> str:
    """The report as Markdown."""
    lines = ["# PSNR-Y gain over the codec's own output", ""]
    lines += [f"- {name}: {value}" for name, value in about.items()]
    lines += ["", "## Per clip and QP", ""]
    lines += [
        "| clip | codec | QP | frames | bits | baseline dB | filtered dB | gain dB | SSIM baseline | SSIM filtered |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r.source} | {r.codec} | {r.qp} | {r.frames} | {r.bits} | {r.psnr_baseline:.3f} | {r.psnr_filtered:.3f} "
        f"| {r.gain:+.3f} | {r.ssim_baseline:.4f} | {r.ssim_filtered:.4f} |"
        for r in rows
    ]
    lines += ["", "## Per clip, over its QPs", ""]
    lines += [
        "| clip | codec | mean gain dB | BD-rate % | BD-rate % without in-loop filters |",
        "|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {s.source} | {s.codec} | {s.gain:+.3f} | {s.bd_rate:+.2f} | {s.bd_rate_unfiltered:+.2f} |"
        for s in summaries
    ]
    rates = [
        mean_defined([s.bd_rate for s in summaries]),
        mean_defined([s.bd_rate_unfiltered for s in summaries]),
    ]
    lines.append(f"| **mean over clips** | | **{mean_defined([s.gain for s in summaries]):+.3f}** | "
                 f"**{rates[0]:+.2f}** | {rates[1]:+.2f} |")  # fmt: skip
    lines += ["", "## Mean over clips, per QP", "", "| QP | clips | gain dB |", "|---:|---:|---:|"]
    for qp in sorted({r.qp for r in rows}):
        gains = [r.gain for r in rows if r.qp == qp]
        lines.append(f"| {qp} | {len(gains)} | {mean_defined(gains):+.3f} |")
    return "\n".join(lines) + "\n"


def plot(rows: list[Row]) -> bytes:
    """Rate-distortion curves as PNG, one panel a clip: baseline, filtered, and without in-loop filters."""
    clips = sorted({(r.source, r.codec) for r in rows})
    columns = min(4, len(clips))
    lines = -(-len(clips) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(4 * columns, 3.2 * lines), squeeze=False)
    for axis in axes.flat[len(clips) :]:
        axis.set_visible(False)
    for axis, (source, codec) in zip(axes.flat, clips, strict=False):
        points = sorted((r for r in rows if (r.source, r.codec) == (source, codec)), key=lambda r: r.bits)
        rate = [p.bits / p.frames / 1000 for p in points]
        axis.plot(rate, [p.psnr_filtered for p in points], "o-", label="filtered", color="tab:red")
        axis.plot(rate, [p.psnr_baseline for p in points], "s-", label=f"{codec} baseline", color="tab:blue")
        axis.plot(rate, [p.psnr_unfiltered for p in points], "--", label="no in-loop filters", color="0.6")
        axis.set_title(source if len(source) < 36 else source[:33] + "...", fontsize=9)
        axis.set_xlabel("kbit per frame")
        axis.set_ylabel("PSNR-Y (dB)")
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    figure.tight_layout()
    png = BytesIO()
    figure.savefig(png, format="png", dpi=110)
    pyplot.close(figure)
    return png.getvalue()


def describe(model: Rdn, weights: Path, shards: list[Shard], way: str) -> dict[str, str]:
    """What the numbers of a report were measured with."""
    info = shards[0].info
    versions = sorted({f"{s.info.codec_version}, {s.info.codec_parameters.split()[0]}" for s in shards})
    ways = {"ctu": f"CTU by CTU ({info.ctu_size} + margin)", "picture": "whole pictures at once"}
    return {
        "weights": str(weights),
        "network": f"{parameter_count(model):,} parameters, {kmac_per_sample(model.config):.1f} kMAC/px, "
        f"input {model.config.input}",
        "baseline": f"{'; '.join(versions)}; all-intra, constant QP, all in-loop filters on",
        "filtered": f"{ways[way]}, rounded and clipped to integers at the bit depth, same bits as the baseline",
        "measures": "PSNR-Y with peak 2^bit depth - 1, mean over frames; BD-rate with PCHIP, per clip, then averaged",
    }


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = Parser(prog="report-gain", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("weights", help="a run folder of train-filter (its best.safetensors is taken), a weights file, or the name of "
        "weights that come with the project, such as rdn_s")  # fmt: skip
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="a dataset folder of build-dataset")
    source.add_argument("--sequences", type=Path, nargs="+", metavar="FILE",
        help="sequences to encode for this report; what is made of them stays in the folder data of --out")  # fmt: skip
    add("--codec", default="x265", help="of --sequences, as all of the following")
    add("--preset", help="the encoder's; its default if not given")
    add("--qp", type=int, nargs="+", help="the codec's four if not given")
    add("--frames", type=int, default=0, help="take the first N frames alone; 0: all")
    add("--out", type=Path, required=True, help="folder for report.md, results.json and rd.png")
    add("--way", choices=("ctu", "picture"), default="ctu", help="filter CTU by CTU, or a picture at once")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    file = find_weights(args.weights)
    model, notes = load(file)
    model.to(choose_device(args.device)).eval()
    if args.sequences:
        options = ["--codec", args.codec, "--frames", str(args.frames)]
        options += ["--preset", args.preset] if args.preset else []
        options += ["--qp", *map(str, args.qp)] if args.qp else []
        encode(args.sequences, args.out / "data", options)
    shards = open_folder(args.data or args.out / "data")
    if args.sequences:  # others may be there of a former report
        names = {path.name for path in args.sequences}
        shards = [s for s in shards if s.info.source in names and s.info.codec == args.codec]
        shards = [s for s in shards if not args.qp or s.info.qp in args.qp]
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [measure(model, shard, args.way) for shard in tqdm(shards, unit="file", desc="filtering")]
    rows.sort(key=lambda r: (r.source, r.codec, r.qp))
    summaries = summarise(rows)
    about = describe(model, file, shards, args.way)
    if trained_on := sorted(set(notes.get("sources", ())) & {row.source for row in rows}):
        about["caution"] = f"trained on {len(trained_on)} of these clips: {', '.join(trained_on)}"
    text = markdown(rows, summaries, about)
    results = {
        "about": about,
        "notes": notes,
        "rows": [asdict(row) for row in rows],
        "clips": [asdict(summary) for summary in summaries],
        "mean_gain": mean_defined([s.gain for s in summaries]),
        "mean_bd_rate": mean_defined([s.bd_rate for s in summaries]),
    }
    picture = plot(rows)
    write_whole(args.out / "report.md", text.encode())
    write_whole(args.out / "results.json", (json.dumps(_without_nan(results), indent=1) + "\n").encode())
    write_whole(args.out / "rd.png", picture)
    print(text)
    print(f"saved {args.out / 'report.md'}, {args.out / 'results.json'} and {args.out / 'rd.png'}")


def _without_nan(value: object) -> object:
    """JSON has no NaN; null says that a figure is not defined."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    args = parse(argv)
    try:
        run(args)
    except (InputError, OSError) as error:
        print(f"report-gain: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
