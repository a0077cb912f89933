"""What a filter gains over the baseline of each clip, in luma PSNR, SSIM and BD-rate."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from codecnn.dataset.schema import SIGNALS
from codecnn.dataset.store import Shard
from codecnn.inference.filtering import Way, filter_picture
from codecnn.metrics import bd_rate, psnr, psnr_gain, ssim
from codecnn.models.rdn.integer import IntegerRdn
from codecnn.models.rdn.network import Rdn
from experiments.reports.shared.cells import count_defined, mean_defined


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
    """One clip of one codec over its QPs; BD-rates are against the baseline, in percent, NaN where not defined."""

    source: str
    codec: str
    gain: float
    bd_rate: float
    bd_rate_unfiltered: float  # the codec without its in-loop filters


@dataclass(frozen=True)
class Mean:
    """One codec over its clips; of the figures that are defined."""

    codec: str
    clips: int
    defined: dict[str, int]  # those that each of the figures is of
    gain: float
    bd_rate: float
    bd_rate_unfiltered: float


MEANS = ("gain", "psnr_unfiltered", "psnr_baseline", "psnr_filtered", "ssim_baseline", "ssim_filtered")


def measure(model: Rdn | IntegerRdn, shard: Shard, way: Way) -> Row:
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


def summarise(rows: Sequence[Row]) -> list[Summary]:
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
        summaries.append(Summary(source, codec, mean_defined(p.gain for p in points), rate, plain))
    return summaries


def average(summaries: Sequence[Summary]) -> list[Mean]:
    """Each codec over its clips."""
    means = []
    for codec in sorted({s.codec for s in summaries}):
        clips = [s for s in summaries if s.codec == codec]
        figures = {n: [getattr(s, n) for s in clips] for n in ("gain", "bd_rate", "bd_rate_unfiltered")}
        defined = {name: count_defined(values) for name, values in figures.items()}
        means.append(Mean(codec, len(clips), defined, *map(mean_defined, figures.values())))
    return means
