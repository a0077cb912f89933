"""Measure what a filter gains over the baseline of each clip, in luma PSNR, SSIM and BD-rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.inference.filtering import Way, filter_picture
from codecnn.metrics import bd_rate, psnr, psnr_gain, ssim
from codecnn.models.in_loop_filter import AnyFilter
from experiments.reports.shared.means import count_defined, grouped, mean_defined


@dataclass(frozen=True)
class Row:
    """Hold one clip at one QP; PSNR-Y and SSIM are means over its frames, in dB and 0..1."""

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
    """Hold one clip of one codec over its QPs; BD-rates are against the baseline, in percent, NaN where not defined."""

    source: str
    codec: str
    gain: float
    bd_rate: float
    bd_rate_unfiltered: float  # the codec without its in-loop filters


@dataclass(frozen=True)
class Mean:
    """Hold the means of one codec over its clips, of the figures that are defined."""

    codec: str
    clips: int
    defined: dict[str, int]  # how many clips each mean is of
    gain: float
    bd_rate: float
    bd_rate_unfiltered: float


MEANS = ("gain", "psnr_unfiltered", "psnr_baseline", "psnr_filtered", "ssim_baseline", "ssim_filtered")


def measure(network: AnyFilter, shard: Shard, way: Way) -> Row:
    """Filter all frames of a shard and compare them with the baseline."""
    info, depth = shard.info, shard.info.bit_depth
    frames: dict[str, list[float]] = {name: [] for name in MEANS}
    lossless = 0
    for frame in range(shard.frames):
        original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
        filtered = filter_picture(network, baseline, unfiltered, info.qp, info.ctu_size, way)
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


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Summarise the rows of each clip and codec over its QPs."""
    summaries = []
    for (source, codec), points in grouped(rows, "source", "codec"):
        bits = [p.bits for p in points]
        anchor = [p.psnr_baseline for p in points]
        rate = bd_rate(bits, anchor, bits, [p.psnr_filtered for p in points])
        unfiltered = bd_rate(bits, anchor, bits, [p.psnr_unfiltered for p in points])
        summaries.append(Summary(source, codec, mean_defined(p.gain for p in points), rate, unfiltered))
    return summaries


def average(summaries: Sequence[Summary]) -> list[Mean]:
    """Average each codec over its clips."""
    means = []
    for (codec,), clips in sorted(grouped(summaries, "codec"), key=lambda group: group[0]):
        figures = {n: [getattr(s, n) for s in clips] for n in ("gain", "bd_rate", "bd_rate_unfiltered")}
        defined = {name: count_defined(values) for name, values in figures.items()}
        means.append(Mean(codec, len(clips), defined, *map(mean_defined, figures.values())))
    return means
