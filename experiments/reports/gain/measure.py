"""Measure what a filter gains over the baseline of each clip, in luma PSNR, SSIM and BD-rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from codecnn.dataset.reader import Shard
from codecnn.inference.filtering import Way, filter_picture
from codecnn.metrics import BdRate, bd_rate_or_reason, kept_frames, psnr, ssim
from codecnn.models.in_loop_filter import AnyFilter
from experiments.reports.shared.frames import EXACT, NO_BITS, bits_of, read_frame
from experiments.reports.shared.means import count_defined, grouped, mean_defined


@dataclass(frozen=True)
class Frame:
    """Hold one frame of a clip at one QP; PSNR-Y in dB, infinite for a picture without error, SSIM up to 1."""

    psnr_unfiltered: float
    psnr_baseline: float
    psnr_filtered: float
    ssim_baseline: float
    ssim_filtered: float

    @property
    def gain(self) -> float:
        """Return PSNR-Y(filtered) - PSNR-Y(baseline)."""
        return self.psnr_filtered - self.psnr_baseline

    @property
    def exact(self) -> bool:
        """Return whether one of the pictures is the original."""
        return math.inf in (self.psnr_unfiltered, self.psnr_baseline, self.psnr_filtered)


@dataclass(frozen=True)
class Row:
    """Hold one clip at one QP: bits, and means over its frames. NaN where no frame is left."""

    source: str
    codec: str
    qp: int
    frames: int  # in the means
    lossless: int  # left out at all QPs, with their bits: at one of the QPs a picture is the original
    broken: int  # of those, coded without error at this QP, but not after the filter
    bits: int  # of the frames in the means
    bits_unfiltered: int | None  # of the stream that the unfiltered pictures are decoded from, None: not known
    kbps: float
    psnr_unfiltered: float
    psnr_baseline: float
    psnr_filtered: float
    gain: float  # mean over frames of PSNR-Y(filtered) - PSNR-Y(baseline)
    ssim_baseline: float
    ssim_filtered: float


@dataclass(frozen=True)
class Summary:
    """Hold one clip of one codec over its QPs; BD-rates are against the baseline, in percent, NaN with a reason."""

    source: str
    codec: str
    gain: float
    bd_rate: float
    bd_rate_reason: str  # "" where it is defined
    bd_rate_unfiltered: float  # the codec without its in-loop filters
    bd_rate_unfiltered_reason: str


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


def measure(network: AnyFilter, shard: Shard, way: Way) -> list[Frame]:
    """Filter all frames of a shard and compare them with the original, in the bit depth of the decoder."""
    frames = []
    for index in range(shard.frames):
        original, baseline, unfiltered = read_frame(shard, index)
        filtered = filter_picture(network, baseline, unfiltered, shard.info.qp, shard.info.ctu_size, way)
        quality = [psnr(original, luma, baseline.bit_depth) for luma in (unfiltered.y, baseline.y, filtered)]
        similarity = [ssim(original, luma, baseline.bit_depth) for luma in (baseline.y, filtered)]
        frames.append(Frame(*quality, *similarity))
    return frames


def average_frames(shards: Sequence[Shard], measured: Sequence[Sequence[Frame]]) -> list[Row]:
    """Return the row of each shard, in the order of sources, codecs and QPs, from what was measured of its frames.

    A frame in which a picture is the original has an infinite PSNR. It is left out at all QPs of its clip.
    """
    clips = [(shard.info.source, shard.info.codec) for shard in shards]
    all_kept = kept_frames(clips, [[frame.exact for frame in frames] for frames in measured])
    rows = []
    for shard, frames, kept in zip(shards, measured, all_kept, strict=True):
        info = shard.info
        chosen = [frames[index] for index in kept]
        bits, bits_unfiltered = bits_of(shard, kept)
        rows.append(
            Row(
                source=info.source,
                codec=info.codec,
                qp=info.qp,
                frames=len(kept),
                lossless=len(frames) - len(kept),
                broken=sum(f.psnr_baseline == math.inf != f.psnr_filtered for f in frames),
                bits=bits,
                bits_unfiltered=bits_unfiltered,
                kbps=bits / len(kept) * float(Fraction(info.fps)) / 1000 if kept else math.nan,
                **{name: mean_defined(getattr(frame, name) for frame in chosen) for name in MEANS},
            )
        )
    return sorted(rows, key=lambda r: (r.source, r.codec, r.qp))


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Summarise the rows of each clip and codec over its QPs."""
    summaries = []
    for (source, codec), points in grouped(rows, "source", "codec"):
        filtered = _against_baseline(points, "bits", "psnr_filtered")
        unfiltered = _against_baseline(points, "bits_unfiltered", "psnr_unfiltered")
        summaries.append(Summary(source, codec, mean_defined(p.gain for p in points), *filtered, *unfiltered))
    return summaries


def _against_baseline(points: Sequence[Row], bits: str, psnr_y: str) -> BdRate:
    if not all(point.frames for point in points):
        return BdRate(math.nan, EXACT)
    if any(getattr(point, bits) is None for point in points):
        return BdRate(math.nan, NO_BITS)
    curve = [getattr(point, bits) for point in points], [getattr(point, psnr_y) for point in points]
    return bd_rate_or_reason([p.bits for p in points], [p.psnr_baseline for p in points], *curve)


def average(summaries: Sequence[Summary]) -> list[Mean]:
    """Average each codec over its clips."""
    means = []
    for (codec,), clips in sorted(grouped(summaries, "codec"), key=lambda group: group[0]):
        figures = {n: [getattr(s, n) for s in clips] for n in ("gain", "bd_rate", "bd_rate_unfiltered")}
        defined = {name: count_defined(values) for name, values in figures.items()}
        means.append(Mean(codec, len(clips), defined, *map(mean_defined, figures.values())))
    return means
