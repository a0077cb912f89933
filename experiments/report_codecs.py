"""report-codecs: rate-distortion curves of the codecs of a dataset, and their BD-rates against one of them.

Reads the baselines of a folder of dataset files, as `build-dataset` makes them with one --codec after the other, and
says how many bits each codec takes for the same PSNR-Y, all-intra at constant QP, all of its in-loop filters on.
"""

import argparse
import json
import math
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from tqdm import tqdm

from codecnn.errors import InputError
from codecnn.files import write_whole
from codecnn.metrics import bd_rate, psnr
from codecnn.store import Shard, open_folder
from experiments.parser import Parser

mpl.use("Agg")
from matplotlib import pyplot, ticker  # after the backend is chosen


@dataclass(frozen=True)
class Point:
    """One clip, coded at one QP of its codec's own scale."""

    source: str
    codec: str
    settings: str  # version and parameters
    qp: int
    kbit_per_frame: float
    psnr_y: float  # of the baseline, dB, mean over frames
    psnr_y_unfiltered: float


Curves = dict[str, dict[str, list[Point]]]  # by source, then by codec, in the order of the bits


def measure(shard: Shard) -> Point:
    """The bits and the quality of the pictures of a shard."""
    info, depth = shard.info, shard.info.bit_depth
    qualities = []
    for frame in range(shard.frames):
        original, *coded = (shard.picture(signal, frame) for signal in ("original", "baseline", "unfiltered"))
        qualities.append([psnr(original.y, picture.y, depth) for picture in coded])
    baseline, unfiltered = (fmean(values) for values in zip(*qualities, strict=True))
    settings = f"{info.codec_version}; {info.codec_parameters}"
    return Point(info.source, info.codec, settings, info.qp, shard.bits.mean() / 1000, baseline, unfiltered)


def curves_of(points: list[Point]) -> Curves:
    """The points of each clip and codec."""
    curves: Curves = defaultdict(lambda: defaultdict(list))
    for point in sorted(points, key=lambda point: point.kbit_per_frame):
        curves[point.source][point.codec].append(point)
    return curves


def rate_against(anchor: list[Point], test: list[Point]) -> float:
    """BD-rate of a curve against another one in percent, NaN where it is not defined."""
    rates = [[point.kbit_per_frame for point in curve] for curve in (anchor, test)]
    return bd_rate(rates[0], [p.psnr_y for p in anchor], rates[1], [p.psnr_y for p in test])


def bd_rates(curves: Curves, anchor: str) -> dict[str, dict[str, float]]:
    """By codec and source; InputError for a clip that the anchor did not code."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for source, codecs in curves.items():
        if anchor not in codecs:
            raise InputError(f"{source}: not coded by {anchor}, only by {', '.join(sorted(codecs))}")
        for codec, points in codecs.items():
            found[codec][source] = rate_against(codecs[anchor], points)
    return found


def mean_defined(values: list[float]) -> float:
    """Mean of the values that are not NaN."""
    defined = [value for value in values if not math.isnan(value)]
    return fmean(defined) if defined else math.nan


def markdown(curves: Curves, rates: dict[str, dict[str, float]], anchor: str) -> str:
    """The report as Markdown."""
    codecs = sorted(rates, key=lambda codec: mean_defined(list(rates[codec].values())))
    lines = [
        "# Codecs, all-intra",
        "",
        f"BD-rate of PSNR-Y against {anchor} in percent: PCHIP, per clip, then averaged.",
    ]
    lines += ["Baselines with all in-loop filters on; below 0 a codec takes fewer bits.", ""]
    lines += [f"| clip | {' | '.join(codecs)} |", "|---|" + "---:|" * len(codecs)]
    for source in sorted(curves):
        cells = (rates[codec].get(source, math.nan) for codec in codecs)
        lines.append(f"| {source} | " + " | ".join("" if math.isnan(c) else f"{c:+.1f}" for c in cells) + " |")
    means = (f"**{mean_defined(list(rates[codec].values())):+.1f}**" for codec in codecs)
    lines += [f"| **mean over clips** | {' | '.join(means)} |", "", "## Points", ""]
    lines += ["| clip | codec | QP | kbit per frame | baseline dB | unfiltered dB |", "|---|---|---:|---:|---:|---:|"]
    points = [point for source in sorted(curves) for codec in codecs for point in curves[source].get(codec, [])]
    lines += [
        f"| {p.source} | {p.codec} | {p.qp} | {p.kbit_per_frame:.2f} | {p.psnr_y:.3f} | {p.psnr_y_unfiltered:.3f} |"
        for p in points
    ]
    lines += ["", "## Settings", ""]
    lines += [f"- {codec}: {next(p.settings for p in points if p.codec == codec)}" for codec in codecs]
    return "\n".join(lines) + "\n"


def plot(curves: Curves) -> bytes:
    """Rate-distortion curves as PNG, one panel a clip."""
    codecs = sorted({codec for by_codec in curves.values() for codec in by_codec})
    columns = min(3, len(curves))
    lines = -(-len(curves) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(5 * columns, 3.8 * lines), squeeze=False)
    for axis in axes.flat[len(curves) :]:
        axis.set_visible(False)
    for axis, (source, by_codec) in zip(axes.flat, sorted(curves.items()), strict=False):
        for number, codec in enumerate(codecs):
            points = by_codec.get(codec, [])
            line = [p.kbit_per_frame for p in points], [p.psnr_y for p in points]
            axis.plot(*line, "osD^vPX"[number % 7] + "-", markersize=4, label=codec, color=f"C{number % 10}")
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        axis.set_title(source if len(source) < 46 else source[:43] + "...", fontsize=9)
        axis.set_xlabel("kbit per frame")
        axis.set_ylabel("PSNR-Y (dB)")
        axis.grid(alpha=0.3, which="both")
    axes.flat[0].legend(fontsize=9)
    figure.tight_layout()
    png = BytesIO()
    figure.savefig(png, format="png", dpi=110)
    pyplot.close(figure)
    return png.getvalue()


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = Parser(prog="report-codecs", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of dataset files of several codecs")
    parser.add_argument("--anchor", default="x265", help="the codec that the others are compared with")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.md, results.json and rd.png")
    args = parser.parse_args(argv)
    try:
        points = [measure(shard) for shard in tqdm(open_folder(args.data), unit="file", disable=None)]
        curves = curves_of(points)
        rates = bd_rates(curves, args.anchor)
        report = markdown(curves, rates, args.anchor)
        args.out.mkdir(parents=True, exist_ok=True)
        write_whole(args.out / "report.md", report.encode())
        results = {"points": [asdict(point) for point in points], "bd_rate": rates}
        write_whole(args.out / "results.json", json.dumps(results, indent=1).encode())
        write_whole(args.out / "rd.png", plot(curves))
    except (InputError, OSError) as error:
        print(f"report-codecs: {error}", file=sys.stderr)
        return 2
    print(report.split("\n## ")[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
