"""Measure where a filter gains: squared errors by distance from the CTU edge and by activity, and flags of CTUs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS, ShardInfo
from codecnn.inference.ensemble import filter_ensemble
from codecnn.inference.filtering import filter_picture
from codecnn.metrics import psnr, psnr_gain
from codecnn.models.in_loop_filter import AnyFilter
from codecnn.video.picture import Picture, Plane
from experiments.reports.shared.means import mean_defined
from experiments.reports.where.bins import (
    ACTIVITIES,
    NO_EDGE,
    Bins,
    activities,
    activity_bins,
    block_sums,
    ctu_sums,
    distance_bins,
    squared_error,
)
from experiments.reports.where.ctu_flags import choose, flag_bits, switch

WAYS = ("ctu", "picture", "ensemble")
FIGURES = ("psnr_baseline", "psnr_filtered", "psnr_flagged", "gain", "gain_flagged")


@dataclass(frozen=True)
class Row:
    """Hold one clip at one QP, filtered in one way; PSNR-Y and gains in dB are means over its frames."""

    source: str
    codec: str
    qp: int
    way: str
    frames: int
    lossless: int  # frames coded or filtered without any error: not in the means, NaN if there are no others
    bits: int  # of all frames, without the flags
    flag_bits: float  # of all frames
    ctus: int
    ctus_off: int
    psnr_baseline: float
    psnr_filtered: float
    psnr_flagged: float
    gain: float
    gain_flagged: float

    @property
    def off(self) -> float:
        """Return the share of the CTUs that are switched off."""
        return self.ctus_off / self.ctus

    @property
    def flag_cost(self) -> float:
        """Return the bits of the flags as a share of all other bits."""
        return self.flag_bits / self.bits


@dataclass(frozen=True)
class Measured:
    """Hold a row and its sums by bin, (3, bins): count, squared error of the baseline, squared error of filtered."""

    row: Row
    distance: NDArray[np.float64]  # of samples
    activity: NDArray[np.float64]  # of blocks, errors in the scale of 8 bit


class Tally:
    """Sum over the frames of one clip at one QP, filtered in one way."""

    def __init__(self, info: ShardInfo) -> None:
        self.info = info
        self.places = distance_bins(info.height, info.width, info.ctu_size)
        self.distance, self.activity = np.zeros((3, NO_EDGE + 1)), np.zeros((3, ACTIVITIES))
        self.figures: dict[str, list[float]] = {name: [] for name in FIGURES}
        self.frames = self.ctus = self.ctus_off = 0
        self.flag_bits = 0.0

    def add(self, original: Plane, baseline: Plane, filtered: Plane) -> None:
        """Add the luma of one frame, (H, W) each."""
        size, depth = self.info.ctu_size, self.info.bit_depth
        errors = [squared_error(original, plane) for plane in (baseline, filtered)]
        _sum_by(self.distance, self.places, errors)
        in_8_bit = [block_sums(error) / 4 ** (depth - 8) for error in errors]
        _sum_by(self.activity, activity_bins(activities(baseline, depth)), in_8_bit)
        on = choose(*(ctu_sums(error, size) for error in errors))
        flagged = switch(on, baseline, filtered, size)
        self.frames += 1
        self.ctus += on.size
        self.ctus_off += int(np.count_nonzero(~on))
        self.flag_bits += flag_bits(on)
        figures = {
            "psnr_baseline": psnr(original, baseline, depth),
            "psnr_filtered": psnr(original, filtered, depth),
            "psnr_flagged": psnr(original, flagged, depth),
            "gain": psnr_gain(original, baseline, filtered, depth),
            "gain_flagged": psnr_gain(original, baseline, flagged, depth),
        }
        if all(map(math.isfinite, figures.values())):
            for name, value in figures.items():
                self.figures[name].append(value)

    def result(self, way: str, bits: int) -> Measured:
        """Return the row and the sums of the frames so far. bits: of these frames in the bitstream."""
        info, means = self.info, {name: mean_defined(values) for name, values in self.figures.items()}
        row = Row(
            source=info.source,
            codec=info.codec,
            qp=info.qp,
            way=way,
            frames=self.frames,
            lossless=self.frames - len(self.figures["gain"]),
            bits=bits,
            flag_bits=self.flag_bits,
            ctus=self.ctus,
            ctus_off=self.ctus_off,
            **means,
        )
        return Measured(row, self.distance[:, :NO_EDGE], self.activity)


def _sum_by(sums: NDArray[np.float64], bins: Bins, errors: list[NDArray]) -> None:
    where = bins.ravel()
    sums[0] += np.bincount(where, minlength=sums.shape[1])
    for row, error in enumerate(errors, start=1):
        sums[row] += np.bincount(where, error.ravel(), sums.shape[1])


def _filtered(
    network: AnyFilter, baseline: Picture, unfiltered: Picture, info: ShardInfo
) -> Iterator[tuple[str, Plane]]:
    yield "ctu", filter_picture(network, baseline, unfiltered, info.qp, info.ctu_size, "ctu")
    yield "picture", filter_picture(network, baseline, unfiltered, info.qp, info.ctu_size, "picture")
    yield "ensemble", filter_ensemble(network, baseline, unfiltered, info.qp)


def measure(network: AnyFilter, shard: Shard) -> list[Measured]:
    """Filter all frames of a shard in each of the WAYS."""
    tallies = {way: Tally(shard.info) for way in WAYS}
    for frame in range(shard.frames):
        original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
        for way, filtered in _filtered(network, baseline, unfiltered, shard.info):
            tallies[way].add(original.y, baseline.y, filtered)
    bits = int(shard.bits.sum())
    return [tally.result(way, bits) for way, tally in tallies.items()]
