"""Measure the rate-distortion curves of codecs, and their BD-rates against one of them."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.metrics import bd_rate, psnr


@dataclass(frozen=True)
class Point:
    """Hold one clip, coded at one QP in the codec's own scale."""

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
    """Group the points by clip and codec, in the order of the bits."""
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
