"""report-codecs: rate-distortion curves of the codecs of a dataset, and their BD-rates against one of them.

Reads the baselines of a folder of dataset files, as `build-dataset` makes them with one --codec after the other, and
says how many bits each codec takes for the same PSNR-Y, all-intra at constant QP, all of its in-loop filters on.
"""

import argparse
import math
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from matplotlib import ticker
from tqdm import tqdm

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.metrics import bd_rate, psnr
from command_line.parser import Parser, run_command
from experiments.reports.shared.figures import pyplot, to_png
from experiments.reports.shared.means import cell, mean_defined
from experiments.reports.shared.one_comparison import check_comparable
from experiments.reports.shared.page import Page, Table, results, save


@dataclass(frozen=True)
class Point:
    """Hold one clip, coded at one QP of its codec's own scale."""

    source: str
    codec: str
    version: str
    preset: str
    parameters: str  # at this QP
    qp: int
    kbit_per_frame: float
    psnr_y: float  # of the baseline, dB, mean over frames
    psnr_y_unfiltered: float


Curves = dict[str, dict[str, list[Point]]]  # by source, then by codec, in the order of the bits
Rates = dict[str, dict[str, float]]  # BD-rates in percent by codec, then by source


def measure(shard: Shard) -> Point:
    """Measure the bits and the quality of the pictures of a shard."""
    info, depth = shard.info, shard.info.bit_depth
    qualities = []
    for frame in range(shard.frames):
        original, *coded = (shard.picture(signal, frame) for signal in ("original", "baseline", "unfiltered"))
        qualities.append([psnr(original.y, picture.y, depth) for picture in coded])
    baseline, unfiltered = (fmean(values) for values in zip(*qualities, strict=True))
    return Point(
        source=info.source,
        codec=info.codec,
        version=info.codec_version,
        preset=info.preset,
        parameters=info.codec_parameters,
        qp=info.qp,
        kbit_per_frame=shard.bits.mean() / 1000,
        psnr_y=baseline,
        psnr_y_unfiltered=unfiltered,
    )


def curves_of(points: list[Point]) -> Curves:
    """Sort the points by clip and codec, in the order of the bits."""
    curves: Curves = defaultdict(lambda: defaultdict(list))
    for point in sorted(points, key=lambda point: point.kbit_per_frame):
        curves[point.source][point.codec].append(point)
    return curves


def rate_against(anchor: list[Point], test: list[Point]) -> float:
    """Return the BD-rate of a curve against another one in percent, NaN where it is not defined."""
    rates = [[point.kbit_per_frame for point in curve] for curve in (anchor, test)]
    return bd_rate(rates[0], [p.psnr_y for p in anchor], rates[1], [p.psnr_y for p in test])


def bd_rates(curves: Curves, anchor: str) -> Rates:
    """Return the BD-rates of all codecs; InputError for a clip that the anchor did not code."""
    found: Rates = defaultdict(dict)
    for source, codecs in curves.items():
        if anchor not in codecs:
            raise InputError(f"{source}: not coded by {anchor}, only by {', '.join(sorted(codecs))}")
        for codec, points in codecs.items():
            found[codec][source] = rate_against(codecs[anchor], points)
    return found


def defined(rates: Rates) -> dict[str, set[str]]:
    """Return the sources for which each codec has a BD-rate."""
    return {codec: {s for s, rate in of_codec.items() if not math.isnan(rate)} for codec, of_codec in rates.items()}


def rates_table(rates: Rates) -> Table:
    """Return the BD-rates and their means."""
    sources, there = sorted({source for of_codec in rates.values() for source in of_codec}), defined(rates)
    rows = [
        [source, *(cell(of_codec.get(source, math.nan), "+.1f") for of_codec in rates.values())] for source in sources
    ]
    means = (f"{cell(mean_defined(rates[codec].values()), '+.1f', bold=True)} ({len(there[codec])})" for codec in rates)
    rows.append(["**mean over clips (so many)**", *means])
    shared = set.intersection(*there.values())
    means = (cell(mean_defined(of_codec[source] for source in shared), "+.1f") for of_codec in rates.values())
    rows.append([f"mean over the clips that all codecs have ({len(shared)})", *means])
    return Table(["clip", *rates], 1, rows)


def settings(codec: str, curves: Curves) -> list[str]:
    """Describe how a codec was used: one line, or more where clips were coded with other QPs or parameters."""
    lines = []
    for points in (by_codec[codec] for by_codec in curves.values() if codec in by_codec):
        first, *others = sorted(points, key=lambda point: point.qp)
        preset = f", preset {first.preset}" if first.preset else ""
        qps = ", ".join(str(point.qp) for point in (first, *others))
        lines.append(f"- {codec}: {first.version}{preset}; QP {qps}; at QP {first.qp}: `{first.parameters}`")
    return list(dict.fromkeys(lines))


def page(curves: Curves, rates: Rates, anchor: str) -> Page:
    """Return the report."""
    means = {codec: mean_defined(of_codec.values()) for codec, of_codec in rates.items()}
    codecs = sorted(rates, key=lambda codec: (math.isnan(means[codec]), means[codec]))
    about = {
        "BD-rate": f"of PSNR-Y against {anchor} in percent, PCHIP, per clip, then averaged; below 0: fewer bits",
        "baselines": "with all in-loop filters on",
    }
    points = [
        [p.source, p.codec, str(p.qp), f"{p.kbit_per_frame:.2f}", f"{p.psnr_y:.3f}", f"{p.psnr_y_unfiltered:.3f}"]
        for source in sorted(curves)
        for codec in codecs
        for p in curves[source].get(codec, [])
    ]
    heads = ["clip", "codec", "QP", "kbit per frame", "baseline dB", "unfiltered dB"]
    used = "\n".join(line for codec in codecs for line in settings(codec, curves))
    blocks: list[str | Table] = [rates_table({codec: rates[codec] for codec in codecs})]
    blocks += ["## Points", Table(heads, 2, points), "## Settings", used]
    return Page("Codecs, all-intra", about, blocks)


def plot(curves: Curves) -> bytes:
    """Plot rate-distortion curves as PNG, one panel a clip."""
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
    return to_png(figure)


def run(args: argparse.Namespace) -> None:
    """Measure, print and save."""
    shards = open_folder(args.data)
    check_comparable(shards)
    points = [measure(shard) for shard in tqdm(shards, unit="file", disable=None)]
    curves = curves_of(points)
    rates = bd_rates(curves, args.anchor)
    report = page(curves, rates, args.anchor)
    text = report.markdown()
    print(text.split("\n## ")[0])
    rate_rows = [
        {"codec": codec, "source": source, "bd_rate": rate}
        for codec, of in rates.items()
        for source, rate in of.items()
    ]
    tables = {"points": [asdict(point) for point in points], "bd_rates": rate_rows}
    numbers = results("codecs", {"anchor": args.anchor, **report.about}, tables)
    save(args.out, {"report.md": text.encode(), "results.json": numbers, "rd.png": plot(curves)})


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser(prog="report-codecs", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of dataset files of several codecs")
    parser.add_argument("--anchor", default="x265", help="the codec that the others are compared with")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.md, results.json and rd.png")
    return run_command("report-codecs", run, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
