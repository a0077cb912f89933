"""Measure where a filter gains: squared errors by distance from the CTU edge and by activity, and flags of CTUs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import ShardInfo
from codecnn.inference.ensemble import filter_ensemble
from codecnn.inference.filtering import filter_picture
from codecnn.metrics import psnr
from codecnn.models.in_loop_filter import AnyFilter
from codecnn.video.picture import Picture, Plane
from experiments.reports.shared.errors import ctu_sums, squared_error
from experiments.reports.shared.frames import read_frame
from experiments.reports.shared.means import grouped, mean_defined
from experiments.reports.where.bins import (
    ACTIVITIES,
    NO_EDGE,
    Bins,
    activities,
    activity_bins,
    block_sums,
    distance_bins,
)
from experiments.reports.where.ctu_flags import choose, flag_bits, switch

WAYS = ("ctu", "picture", "ensemble")


@dataclass(frozen=True)
class Row:
    """Hold one clip at one QP, filtered in one way: sums and means over its frames, PSNR-Y and gains in dB.

    NaN where no frame is left.
    """

    source: str
    codec: str
    qp: int
    way: str
    frames: int  # in the means
    lossless: int  # left out at all QPs, with their bits: at one of the QPs a picture is the original
    broken: int  # of those, coded without error at this QP, but not after the filter
    bits: int  # of the frames in the means, without the flags
    flag_bits: float
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
        return self.ctus_off / self.ctus if self.ctus else math.nan

    @property
    def bits_per_flag(self) -> float:
        """Return the mean of the bits of a flag."""
        return self.flag_bits / self.ctus if self.ctus else math.nan

    @property
    def flag_cost(self) -> float:
        """Return the bits of the flags as a share of all other bits."""
        return self.flag_bits / self.bits if self.bits > 0 else math.nan


@dataclass(frozen=True)
class Measured:
    """Hold a row and its sums by bin, (3, bins): count, squared error of the baseline, squared error of filtered.

    The sums are of the frames in the means.
    """

    row: Row
    distance: NDArray[np.float64]  # of samples
    activity: NDArray[np.float64]  # of blocks, errors in the scale of 8 bit


class FlaggedFrame(NamedTuple):
    """Hold one frame: PSNR-Y in dB, infinite for a picture without error, and its flags."""

    psnr_baseline: float
    psnr_filtered: float
    psnr_flagged: float
    flag_bits: float
    ctus: int
    ctus_off: int

    @property
    def exact(self) -> bool:
        """Return whether one of the pictures is the original."""
        return math.inf in self[:3]


class Compared(NamedTuple):
    """Hold what was measured of one frame, and its sums as in Measured."""

    frame: FlaggedFrame
    distance: NDArray[np.float64]
    activity: NDArray[np.float64]


class Tally:
    """Sum over the frames of one clip at one QP, filtered in one way."""

    def __init__(self, info: ShardInfo, way: str) -> None:
        self.info, self.way = info, way
        self.places = distance_bins(info.height, info.width, info.ctu_size)
        self.distance, self.activity = np.zeros((3, NO_EDGE + 1)), np.zeros((3, ACTIVITIES))
        self.frames: list[FlaggedFrame] = []
        self.kept: list[int] = []  # the numbers of the frames in the means

    def compare(self, original: Plane, baseline: Plane, filtered: Plane, depth: int) -> Compared:
        """Measure the luma of one frame, (H, W) each, of a bit depth."""
        size = self.info.ctu_size
        errors = [squared_error(original, plane) for plane in (baseline, filtered)]
        in_8_bit = [block_sums(error) / 4 ** (depth - 8) for error in errors]
        on = choose(*(ctu_sums(error, size) for error in errors))
        flagged = switch(on, baseline, filtered, size)
        frame = FlaggedFrame(
            psnr_baseline=psnr(original, baseline, depth),
            psnr_filtered=psnr(original, filtered, depth),
            psnr_flagged=psnr(original, flagged, depth),
            flag_bits=flag_bits(on),
            ctus=on.size,
            ctus_off=int(np.count_nonzero(~on)),
        )
        of_blocks = _sums_by(activity_bins(activities(baseline, depth)), in_8_bit, ACTIVITIES)
        return Compared(frame, _sums_by(self.places, errors, NO_EDGE + 1), of_blocks)

    def add(self, compared: Compared, keep: bool) -> None:
        """Add the next frame. keep: whether it is in the means and in the sums."""
        if keep:
            self.kept.append(len(self.frames))
            self.distance += compared.distance
            self.activity += compared.activity
        self.frames.append(compared.frame)

    def result(self, bits: NDArray[np.int64]) -> Measured:
        """Return the row and the sums; bits: of each frame in the bitstream."""
        frames = [self.frames[number] for number in self.kept]
        row = Row(
            source=self.info.source,
            codec=self.info.codec,
            qp=self.info.qp,
            way=self.way,
            frames=len(frames),
            lossless=len(self.frames) - len(frames),
            broken=sum(f.psnr_baseline == math.inf != f.psnr_filtered for f in self.frames),
            bits=int(bits[self.kept].sum()),
            flag_bits=sum(f.flag_bits for f in frames),
            ctus=sum(f.ctus for f in frames),
            ctus_off=sum(f.ctus_off for f in frames),
            psnr_baseline=mean_defined(f.psnr_baseline for f in frames),
            psnr_filtered=mean_defined(f.psnr_filtered for f in frames),
            psnr_flagged=mean_defined(f.psnr_flagged for f in frames),
            gain=mean_defined(f.psnr_filtered - f.psnr_baseline for f in frames),
            gain_flagged=mean_defined(f.psnr_flagged - f.psnr_baseline for f in frames),
        )
        return Measured(row, self.distance[:, :NO_EDGE], self.activity)


def _sums_by(bins: Bins, errors: Sequence[NDArray], count: int) -> NDArray[np.float64]:
    where = bins.ravel()
    sums = [np.bincount(where, minlength=count), *(np.bincount(where, error.ravel(), count) for error in errors)]
    return np.array(sums, np.float64)


def filtered(network: AnyFilter, baseline: Picture, unfiltered: Picture, info: ShardInfo, way: str) -> Plane:
    """Return the filtered luma of a frame in one of the WAYS."""
    if way == "ensemble":
        return filter_ensemble(network, baseline, unfiltered, info.hevc_qp)
    return filter_picture(
        network, baseline, unfiltered, info.hevc_qp, info.ctu_size, "ctu" if way == "ctu" else "picture"
    )


def measure(network: AnyFilter, shards: Sequence[Shard], step: Callable[[], object] = int) -> list[Measured]:
    """Filter all frames of shards in each of the WAYS, and compare them in the bit depth of the decoder.

    Returns what was measured in the order of sources, codecs and QPs. step: called after each frame of a shard.

    A frame in which a picture is the original in one of the ways is left out of means and sums in all ways at all QPs.
    So all QPs of a frame are measured before it is added: the sums of every frame by themselves would take too much
    memory.
    """
    found = []
    for _, of_clip in grouped(shards, "info.source", "info.codec"):
        tallies = {(shard, way): Tally(shard.info, way) for shard in of_clip for way in WAYS}
        for index in range(max(shard.frames for shard in of_clip)):
            compared = {}
            for shard in (each for each in of_clip if index < each.frames):  # a forged file may have fewer
                original, baseline, unfiltered = read_frame(shard, index)
                for way in WAYS:
                    luma = filtered(network, baseline, unfiltered, shard.info, way)
                    tally = tallies[shard, way]
                    compared[shard, way] = tally.compare(original, baseline.y, luma, baseline.bit_depth)
                step()
            keep = not any(one.frame.exact for one in compared.values())
            for place, one in compared.items():
                tallies[place].add(one, keep)
        found += [tally.result(shard.bits) for (shard, _), tally in tallies.items()]
    return sorted(found, key=lambda m: (m.row.source, m.row.codec, m.row.qp))
