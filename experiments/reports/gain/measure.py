"""Measure what a filter gains over the baseline of each clip, in luma PSNR, SSIM and BD-rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from codecnn.dataset.reader import Shard
from codecnn.inference.filtering import Way, filter_picture
from codecnn.inference.refit.correction import Conditions, refit
from codecnn.metrics import BdRate, bd_rate_or_reason, kept_frames, psnr, ssim
from codecnn.models.in_loop_filter import AnyFilter
from codecnn.tasks.block_sites import lagrangian_of
from codecnn.video.picture import Plane
from experiments.reports.gain.refitting import Refitting
from experiments.reports.shared.frames import EXACT, NO_BITS, bits_of, read_frame
from experiments.reports.shared.frames import Frame as Pictures
from experiments.reports.shared.means import count_defined, grouped, mean_defined


@dataclass(frozen=True)
class Frame:
    """Hold one frame of a clip at one QP; PSNR-Y in dB, infinite for a picture without error, SSIM up to 1."""

    psnr_unfiltered: float
    psnr_baseline: float
    psnr_filtered: float
    ssim_baseline: float
    ssim_filtered: float
    psnr_refitted: float | None = None  # with the last layer refitted; None if it is not measured
    refit_bits: int = 0  # of the correction that begins with this frame

    @property
    def gain(self) -> float:
        """Return PSNR-Y(filtered) - PSNR-Y(baseline)."""
        return self.psnr_filtered - self.psnr_baseline

    @property
    def gain_refitted(self) -> float | None:
        """Return PSNR-Y(refitted) - PSNR-Y(baseline)."""
        return None if self.psnr_refitted is None else self.psnr_refitted - self.psnr_baseline

    @property
    def exact(self) -> bool:
        """Return whether one of the pictures is the original."""
        return math.inf in (self.psnr_unfiltered, self.psnr_baseline, self.psnr_filtered, self.psnr_refitted)


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
    psnr_refitted: float | None = None  # with the last layer refitted; None if it is not measured, here and below
    gain_refitted: float | None = None
    bits_refitted: int | None = None  # bits, and those of all corrections


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
    gain_refitted: float | None = None
    bd_rate_refitted: float | None = None  # with the bits of the corrections
    bd_rate_refitted_reason: str = ""


@dataclass(frozen=True)
class Mean:
    """Hold the means of one codec over its clips, of the figures that are defined."""

    codec: str
    clips: int
    defined: dict[str, int]  # how many clips each mean is of
    gain: float
    bd_rate: float
    bd_rate_unfiltered: float
    gain_refitted: float | None = None
    bd_rate_refitted: float | None = None


MEANS = ("gain", "psnr_unfiltered", "psnr_baseline", "psnr_filtered", "ssim_baseline", "ssim_filtered")


def measure(network: AnyFilter, shard: Shard, way: Way, refitting: Refitting | None = None) -> list[Frame]:
    """Filter all frames of a shard and compare them with the original, in the bit depth of the decoder."""
    info, frames = shard.info, []
    multiplier = lagrangian_of(shard) / 255**2 if refitting else 0.0
    size = refitting.frames if refitting else 1
    for start in range(0, shard.frames, size):
        pictures = [read_frame(shard, index) for index in range(start, min(start + size, shard.frames))]
        filtered: list[tuple[Plane, Plane | None]]
        if refitting:
            conditions = Conditions(info.qp, info.ctu_size, way)
            found = refit(refitting.network, refitting.basis, pictures, conditions, multiplier)
            filtered, bits = list(zip(found.plain, found.corrected, strict=True)), len(found.bits)
        else:
            plain = [filter_picture(network, p.baseline, p.unfiltered, info.qp, info.ctu_size, way) for p in pictures]
            filtered, bits = [(luma, None) for luma in plain], 0
        for place, (picture, (luma, refitted)) in enumerate(zip(pictures, filtered, strict=True)):
            frames.append(_compare(picture, luma, refitted, 0 if place else bits))
    return frames


def _compare(picture: Pictures, filtered: Plane, refitted: Plane | None, refit_bits: int) -> Frame:
    original, baseline, unfiltered = picture
    bit_depth = baseline.bit_depth
    return Frame(
        psnr_unfiltered=psnr(original, unfiltered.y, bit_depth),
        psnr_baseline=psnr(original, baseline.y, bit_depth),
        psnr_filtered=psnr(original, filtered, bit_depth),
        ssim_baseline=ssim(original, baseline.y, bit_depth),
        ssim_filtered=ssim(original, filtered, bit_depth),
        psnr_refitted=None if refitted is None else psnr(original, refitted, bit_depth),
        refit_bits=refit_bits,
    )


def exact_frames(*of_filters: Sequence[Sequence[Frame]]) -> list[list[bool]]:
    """Return for each frame of each shard whether a picture is the original, by any of the filters."""
    by_shard = zip(*of_filters, strict=True)
    return [[any(frame.exact for frame in each) for each in zip(*shard, strict=True)] for shard in by_shard]


def average_frames(
    shards: Sequence[Shard], measured: Sequence[Sequence[Frame]], exact: Sequence[Sequence[bool]]
) -> list[Row]:
    """Return the row of each shard, in the order of sources, codecs and QPs, from what was measured of its frames.

    A frame that is `exact` has an infinite PSNR. It is left out at all QPs of its clip. The bits of corrections count
    even so.
    """
    clips = [(shard.info.source, shard.info.codec) for shard in shards]
    all_kept = kept_frames(clips, exact)
    rows = []
    for shard, frames, kept in zip(shards, measured, all_kept, strict=True):
        info = shard.info
        chosen = [frames[index] for index in kept]
        bits, bits_unfiltered = bits_of(shard, kept)
        means: dict[str, Any] = {name: mean_defined(getattr(frame, name) for frame in chosen) for name in MEANS}
        row = Row(
            source=info.source,
            codec=info.codec,
            qp=info.qp,
            frames=len(kept),
            lossless=len(frames) - len(kept),
            broken=sum(f.psnr_baseline == math.inf != f.psnr_filtered for f in frames),
            bits=bits,
            bits_unfiltered=bits_unfiltered,
            kbps=bits / len(kept) * float(Fraction(info.fps)) / 1000 if kept else math.nan,
            **means,
        )
        if frames[0].psnr_refitted is not None:
            row = replace(
                row,
                psnr_refitted=mean_defined(f.psnr_refitted for f in chosen if f.psnr_refitted is not None),
                gain_refitted=mean_defined(f.gain_refitted for f in chosen if f.gain_refitted is not None),
                bits_refitted=bits + sum(frame.refit_bits for frame in frames),
            )
        rows.append(row)
    return sorted(rows, key=lambda r: (r.source, r.codec, r.qp))


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Summarise the rows of each clip and codec over its QPs."""
    summaries = []
    for (source, codec), points in grouped(rows, "source", "codec"):
        filtered = _against_baseline(points, "bits", "psnr_filtered")
        unfiltered = _against_baseline(points, "bits_unfiltered", "psnr_unfiltered")
        summary = Summary(source, codec, mean_defined(p.gain for p in points), *filtered, *unfiltered)
        gains = [p.gain_refitted for p in points if p.gain_refitted is not None]
        if gains:
            bd_rate, reason = _against_baseline(points, "bits_refitted", "psnr_refitted")
            summary = replace(
                summary,
                gain_refitted=mean_defined(gains),
                bd_rate_refitted=bd_rate,
                bd_rate_refitted_reason=reason,
            )
        summaries.append(summary)
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
        refitted = () if clips[0].gain_refitted is None else ("gain_refitted", "bd_rate_refitted")
        names = ("gain", "bd_rate", "bd_rate_unfiltered", *refitted)
        figures = {name: [getattr(s, name) for s in clips] for name in names}
        defined = {name: count_defined(values) for name, values in figures.items()}
        means.append(Mean(codec, len(clips), defined, **{name: mean_defined(figures[name]) for name in names}))
    return means
