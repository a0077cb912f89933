"""Measure what a filter gains over the baseline of each clip, in luma PSNR, SSIM and BD-rate."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from codecnn.dataset.reader import Shard
from codecnn.inference.filtering import Way, filter_picture
from codecnn.metrics import BdRate, bd_rate_or_reason, kept_frames, psnr, ssim
from codecnn.models.in_loop_filter import AnyFilter
from codecnn.video.picture import Plane
from experiments.reports.gain.points import BASELINE, SIGNALLED, UNFILTERED, Meter
from experiments.reports.gain.signalling import Signalling
from experiments.reports.shared.frames import EXACT, NO_BITS, FrameSignals, bits_of, read_frame
from experiments.reports.shared.means import count_defined, grouped, mean_defined


@dataclass(frozen=True)
class FrameFigures:
    """Hold one frame of a clip at one QP; PSNR-Y in dB, infinite for a picture without error, SSIM up to 1."""

    psnr_unfiltered: float
    psnr_baseline: float
    psnr_filtered: float
    ssim_baseline: float
    ssim_filtered: float
    psnr_signalled: float | None = None  # with what the encoder signals; None if it is not measured
    signalled_bits: int = 0  # of what begins with this frame

    @property
    def gain(self) -> float:
        """Return PSNR-Y(filtered) - PSNR-Y(baseline)."""
        return self.psnr_filtered - self.psnr_baseline

    @property
    def gain_signalled(self) -> float | None:
        """Return PSNR-Y(signalled) - PSNR-Y(baseline)."""
        return None if self.psnr_signalled is None else self.psnr_signalled - self.psnr_baseline

    @property
    def exact(self) -> bool:
        """Return whether one of the pictures is the original."""
        return math.inf in (self.psnr_unfiltered, self.psnr_baseline, self.psnr_filtered, self.psnr_signalled)


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
    psnr_signalled: float | None = None  # with what the encoder signals; None if it is not measured, here and below
    gain_signalled: float | None = None
    bits_signalled: int | None = None  # bits, and those of what is signalled for luma


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
    gain_signalled: float | None = None
    bd_rate_signalled: float | None = None  # with the bits of what is signalled
    bd_rate_signalled_reason: str = ""


@dataclass(frozen=True)
class Mean:
    """Hold the means of one codec over its clips, of the figures that are defined."""

    codec: str
    clips: int
    defined: dict[str, int]  # how many clips each mean is of
    gain: float
    bd_rate: float
    bd_rate_unfiltered: float
    gain_signalled: float | None = None
    bd_rate_signalled: float | None = None


MEANS = ("gain", "psnr_unfiltered", "psnr_baseline", "psnr_filtered", "ssim_baseline", "ssim_filtered")


def warm_up(network: AnyFilter, shards: Sequence[Shard], way: Way) -> None:
    """Filter a frame of each QP untimed: at the first one a network does what it need not do again."""
    for shard in {shard.info.hevc_qp: shard for shard in shards}.values():  # a filter may have a network for each QP
        _, baseline, unfiltered = read_frame(shard, 0)
        filter_picture(network, baseline, unfiltered, shard.info.hevc_qp, shard.info.ctu_size, way)


def measure(
    network: AnyFilter, shard: Shard, way: Way, signalling: Signalling | None = None, meter: Meter | None = None
) -> list[FrameFigures]:
    """Filter all frames of a shard and compare them with the original, in the bit depth of the decoder.

    meter: measures more of each picture.
    """
    info, size, frames = shard.info, signalling.frames if signalling else 1, []
    with meter or Meter(shard) as meter:
        for start in range(0, shard.frames, size):
            pictures = [read_frame(shard, index) for index in range(start, min(start + size, shard.frames))]
            filtered: list[tuple[Plane, Plane | None]]
            if signalling:
                found = signalling.filter(shard, pictures, way)
                filtered, bits = list(zip(found.plain, found.signalled, strict=True)), len(found.bits)
            else:
                begin = time.perf_counter()
                plain = [
                    filter_picture(network, p.baseline, p.unfiltered, info.hevc_qp, info.ctu_size, way)
                    for p in pictures
                ]
                meter.seconds += time.perf_counter() - begin
                filtered, bits = [(luma, None) for luma in plain], 0
            for place, (picture, (luma, signalled)) in enumerate(zip(pictures, filtered, strict=True)):
                frame = _compare(picture, luma, signalled, 0 if place else bits)
                frames.append(frame)
                shown = {
                    UNFILTERED: picture.unfiltered,
                    BASELINE: picture.baseline,
                    meter.name: replace(picture.baseline, y=luma),
                }
                known = {
                    UNFILTERED: {"psnr_y": frame.psnr_unfiltered},
                    BASELINE: {"psnr_y": frame.psnr_baseline, "ssim": frame.ssim_baseline},
                    meter.name: {"psnr_y": frame.psnr_filtered, "ssim": frame.ssim_filtered},
                }
                if signalled is not None and frame.psnr_signalled is not None:
                    shown[SIGNALLED] = replace(picture.baseline, y=signalled)
                    known[SIGNALLED] = {"psnr_y": frame.psnr_signalled}
                meter.add(start + place, shown, known)
        meter.finish()
    return frames


def _compare(picture: FrameSignals, filtered: Plane, signalled: Plane | None, signalled_bits: int) -> FrameFigures:
    original, baseline, unfiltered = picture
    bit_depth = baseline.bit_depth
    return FrameFigures(
        psnr_unfiltered=psnr(original, unfiltered.y, bit_depth),
        psnr_baseline=psnr(original, baseline.y, bit_depth),
        psnr_filtered=psnr(original, filtered, bit_depth),
        ssim_baseline=ssim(original, baseline.y, bit_depth),
        ssim_filtered=ssim(original, filtered, bit_depth),
        psnr_signalled=None if signalled is None else psnr(original, signalled, bit_depth),
        signalled_bits=signalled_bits,
    )


def exact_frames(*of_filters: Sequence[Sequence[FrameFigures]]) -> list[list[bool]]:
    """Return for each frame of each shard whether a picture is the original, by any of the filters."""
    by_shard = zip(*of_filters, strict=True)
    return [[any(frame.exact for frame in each) for each in zip(*shard, strict=True)] for shard in by_shard]


def average_frames(
    shards: Sequence[Shard], measured: Sequence[Sequence[FrameFigures]], exact: Sequence[Sequence[bool]]
) -> list[Row]:
    """Return the row of each shard, in the order of sources, codecs and QPs, from what was measured of its frames.

    A frame that is `exact` has an infinite PSNR. It is left out at all QPs of its clip. What is signalled for it
    is counted even so.
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
        if frames[0].psnr_signalled is not None:
            row = replace(
                row,
                psnr_signalled=mean_defined(f.psnr_signalled for f in chosen if f.psnr_signalled is not None),
                gain_signalled=mean_defined(f.gain_signalled for f in chosen if f.gain_signalled is not None),
                bits_signalled=bits + sum(frame.signalled_bits for frame in frames),
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
        gains = [p.gain_signalled for p in points if p.gain_signalled is not None]
        if gains:
            bd_rate, reason = _against_baseline(points, "bits_signalled", "psnr_signalled")
            summary = replace(
                summary,
                gain_signalled=mean_defined(gains),
                bd_rate_signalled=bd_rate,
                bd_rate_signalled_reason=reason,
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
        signalled = () if clips[0].gain_signalled is None else ("gain_signalled", "bd_rate_signalled")
        names = ("gain", "bd_rate", "bd_rate_unfiltered", *signalled)
        figures = {name: [getattr(s, name) for s in clips] for name in names}
        defined = {name: count_defined(values) for name, values in figures.items()}
        means.append(Mean(codec, len(clips), defined, **{name: mean_defined(figures[name]) for name in names}))
    return means
