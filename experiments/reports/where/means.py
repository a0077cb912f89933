"""Average the measurements of clips over their QPs, and over the clips."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecnn.metrics import BdRate, bd_rate_or_reason
from experiments.reports.shared.frames import EXACT
from experiments.reports.shared.means import count_defined, grouped, mean_defined
from experiments.reports.where.bins import FARTHEST, activity_at, deciles
from experiments.reports.where.measure import Measured, Row


@dataclass(frozen=True)
class Point:
    """Hold a codec, a QP and a way of filtering; many clips share a point."""

    codec: str
    qp: int
    way: str


@dataclass(frozen=True)
class QpMean:
    """Hold the means of one point over its clips."""

    point: Point
    clips: int
    defined: int  # the clips with a gain
    gain: float
    gain_flagged: float
    off: float  # the share of the CTUs
    flag_cost: float  # the flags' bits as a share of all others
    bits_per_flag: float
    by_distance: tuple[float, ...]  # pooled gain in dB at 0, 1, ..., FARTHEST and more samples from the CTU edge


@dataclass(frozen=True)
class Decile:
    """Hold a tenth of the blocks of one point, by activity; shares refer to all blocks of all clips together."""

    point: Point
    decile: int  # 0 the least active
    least: float  # activity in the scale of 8 bit, and where the next decile starts
    most: float
    blocks: float  # a tenth, or close to it if many blocks have equal activity
    error: float  # the share of the baseline's squared error
    reduction: float  # the share of the whole reduction of the squared error; NaN if it is not reduced
    gain: float  # pooled gain in dB over the decile's blocks of a clip, mean over the clips


@dataclass(frozen=True)
class Summary:
    """Hold one clip of one codec, filtered in one way, over its QPs; BD-rates are against the baseline, in percent.

    A BD-rate that is not defined is NaN, and its reason says why.
    """

    source: str
    codec: str
    way: str
    gain: float
    gain_flagged: float
    bd_rate: float
    bd_rate_reason: str  # "" where it is defined
    bd_rate_flagged: float  # with the flags' bits
    bd_rate_flagged_reason: str


@dataclass(frozen=True)
class Mean:
    """Hold the means of one codec and way over its clips, of the figures that are defined."""

    codec: str
    way: str
    clips: int
    defined: dict[str, int]  # how many clips each mean is of
    gain: float
    gain_flagged: float
    bd_rate: float
    bd_rate_flagged: float


def pooled_gain(baseline: NDArray, filtered: NDArray) -> NDArray[np.float64]:
    """Return 10 log10 of the ratio of squared errors, in dB, NaN where one of them is 0.

    This is not the PSNR gain, which is a mean over frames: here the errors of all frames are added up first.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gain: NDArray[np.float64] = 10 * np.log10(baseline / filtered)
    return np.where(np.isfinite(gain), gain, np.nan)


def by_point(measured: Sequence[Measured]) -> dict[Point, list[Measured]]:
    """Return the clips of each point, in the order of codecs and QPs."""
    ordered = sorted(measured, key=lambda m: (m.row.codec, m.row.qp))
    return {Point(*key): clips for key, clips in grouped(ordered, "row.codec", "row.qp", "row.way")}


def qp_means(measured: Sequence[Measured]) -> list[QpMean]:
    """Average each point over its clips."""
    means = []
    for point, clips in by_point(measured).items():
        rows = [clip.row for clip in clips]
        distances = [pooled_gain(clip.distance[1], clip.distance[2]) for clip in clips]  # (FARTHEST + 1,) each
        means.append(
            QpMean(
                point,
                len(clips),
                count_defined(row.gain for row in rows),
                gain=mean_defined(row.gain for row in rows),
                gain_flagged=mean_defined(row.gain_flagged for row in rows),
                off=mean_defined(row.off for row in rows),
                flag_cost=mean_defined(row.flag_cost for row in rows),
                bits_per_flag=mean_defined(row.bits_per_flag for row in rows),
                by_distance=tuple(mean_defined(d[at] for d in distances) for at in range(FARTHEST + 1)),
            )
        )
    return means


def decile_means(measured: Sequence[Measured]) -> list[Decile]:
    """Return the deciles of each point that have blocks."""
    found = []
    for point, clips in by_point(measured).items():
        bins: NDArray[np.float64] = np.sum([clip.activity for clip in clips], axis=0)  # (3, bins)
        decile_of = deciles(bins[0])
        blocks, error, _ = bins.sum(1)
        reduction = bins[1] - bins[2]
        for decile in range(10):
            inside = (decile_of == decile) & (bins[0] > 0)
            if not inside.any():
                continue
            sums = [clip.activity[:, inside].sum(1) for clip in clips]  # (3,) each
            used = np.flatnonzero(inside)
            found.append(
                Decile(
                    point,
                    decile,
                    least=float(activity_at(used[0])),
                    most=float(activity_at(used[-1] + 1)),
                    blocks=float(bins[0][inside].sum() / blocks),
                    error=float(bins[1][inside].sum() / error) if error else np.nan,
                    reduction=float(reduction[inside].sum() / reduction.sum()) if reduction.sum() > 0 else np.nan,
                    gain=mean_defined(float(pooled_gain(s[1], s[2])) for s in sums),
                )
            )
    return found


def summarise(measured: Sequence[Measured]) -> list[Summary]:
    """Summarise each clip, codec and way over the QPs."""
    summaries = []
    for (source, codec, way), curve in grouped(measured, "row.source", "row.codec", "row.way"):
        rows = [one.row for one in curve]
        filtered = _against_baseline(rows, [row.bits for row in rows], [row.psnr_filtered for row in rows])
        flagged_bits = [row.bits + row.flag_bits for row in rows]
        flagged = _against_baseline(rows, flagged_bits, [row.psnr_flagged for row in rows])
        gain, gain_flagged = (mean_defined(getattr(row, name) for row in rows) for name in ("gain", "gain_flagged"))
        summaries.append(Summary(source, codec, way, gain, gain_flagged, *filtered, *flagged))
    return summaries


def _against_baseline(rows: Sequence[Row], bits: Sequence[float], psnrs: Sequence[float]) -> BdRate:
    if not all(row.frames for row in rows):
        return BdRate(math.nan, EXACT)
    return bd_rate_or_reason([row.bits for row in rows], [row.psnr_baseline for row in rows], bits, psnrs)


def average(summaries: Sequence[Summary]) -> list[Mean]:
    """Average each codec and way over its clips."""
    means = []
    for (codec, way), clips in grouped(sorted(summaries, key=lambda s: s.codec), "codec", "way"):
        names = ("gain", "gain_flagged", "bd_rate", "bd_rate_flagged")
        figures = {name: [getattr(clip, name) for clip in clips] for name in names}
        defined = {name: count_defined(values) for name, values in figures.items()}
        means.append(Mean(codec, way, len(clips), defined, *map(mean_defined, figures.values())))
    return means
