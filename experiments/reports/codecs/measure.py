"""Measure the rate-distortion curves of codecs, and their BD-rates against one of them."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import join_filters
from codecnn.errors import InputError
from codecnn.metrics import BdRate, bd_rate_or_reason, kept_frames, psnr
from experiments.reports.shared.frames import EXACT, bits_of, read_frame
from experiments.reports.shared.means import mean_defined


@dataclass(frozen=True)
class Point:
    """Hold one clip, coded at one QP in the codec's own scale. NaN where no frame is left."""

    source: str
    codec: str
    version: str
    preset: str
    parameters: str  # at this QP
    in_loop_filters: str  # which were on
    qp: int
    frames: int  # in the means
    lossless: int  # left out for all codecs and QPs: one of them codes the frame without error
    kbit_per_frame: float
    kbit_per_frame_unfiltered: float  # of the stream that the unfiltered picture is decoded from
    psnr_y: float  # of the baseline, dB, mean over frames
    psnr_y_unfiltered: float


Curves = dict[str, dict[str, list[Point]]]  # by source, then by codec, in the order of the bits
Rates = dict[str, dict[str, BdRate]]  # by codec, then by source


def measure(shard: Shard) -> list[tuple[float, float]]:
    """Return PSNR-Y of the baseline and the unfiltered picture of each frame in dB.

    The samples have the precision of the decoder and the scale of the original, so that the peak is the same for codecs
    of different bit depths.
    """
    depth = shard.info.bit_depth
    scale = 2 ** (shard.info.bit_depth_of("baseline") - depth)
    frames = (read_frame(shard, index) for index in range(shard.frames))
    return [
        (psnr(f.original / scale, f.baseline.y / scale, depth), psnr(f.original / scale, f.unfiltered.y / scale, depth))
        for f in frames
    ]


def points_of(shards: Sequence[Shard], measured: Sequence[Sequence[tuple[float, float]]]) -> list[Point]:
    """Return the point of each shard from what was measured of its frames."""
    exact = [[math.inf in frame for frame in frames] for frames in measured]
    all_kept = kept_frames([shard.info.source for shard in shards], exact)
    points = []
    for shard, frames, kept in zip(shards, measured, all_kept, strict=True):
        info = shard.info
        bits, unfiltered_bits = bits_of(shard, kept)
        point = Point(
            source=info.source,
            codec=info.codec,
            version=info.codec_version,
            preset=info.preset,
            parameters=info.codec_parameters,
            in_loop_filters=join_filters(shard.in_loop_filters),
            qp=info.qp,
            frames=len(kept),
            lossless=len(frames) - len(kept),
            kbit_per_frame=bits / len(kept) / 1000 if kept else math.nan,
            kbit_per_frame_unfiltered=unfiltered_bits / len(kept) / 1000 if kept and unfiltered_bits else math.nan,
            psnr_y=mean_defined(frames[number][0] for number in kept),
            psnr_y_unfiltered=mean_defined(frames[number][1] for number in kept),
        )
        points.append(point)
    return points


def curves_of(points: list[Point]) -> Curves:
    """Group the points by clip and codec, in the order of the bits."""
    curves: Curves = defaultdict(lambda: defaultdict(list))
    for point in sorted(points, key=lambda point: (point.kbit_per_frame, point.qp)):
        curves[point.source][point.codec].append(point)
    return curves


def rate_against(anchor: list[Point], test: list[Point]) -> BdRate:
    """Return the BD-rate of a curve against another one."""
    if not all(point.frames for point in (*anchor, *test)):
        return BdRate(math.nan, EXACT)
    rates = [[point.kbit_per_frame for point in curve] for curve in (anchor, test)]
    return bd_rate_or_reason(rates[0], [p.psnr_y for p in anchor], rates[1], [p.psnr_y for p in test])


def bd_rates(curves: Curves, anchor: str) -> Rates:
    """Return the BD-rates of all codecs; InputError for a clip that the anchor did not code."""
    found: Rates = defaultdict(dict)
    for source, codecs in curves.items():
        if anchor not in codecs:
            raise InputError(f"{source}: not coded by {anchor}, only by {', '.join(sorted(codecs))}")
        for codec, points in codecs.items():
            found[codec][source] = rate_against(codecs[anchor], points)
    return found
