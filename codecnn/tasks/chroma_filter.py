"""Train in-loop filters of chroma: from windows of coded U, V and luma, restore the original U and V."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from torch import nn

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.around import read_around
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS, Signal
from codecnn.errors import InputError
from codecnn.inference.chroma import filter_chroma
from codecnn.losses import LOSSES
from codecnn.metrics import psnr_gain
from codecnn.models.chroma_rdn import CHROMA, ChromaRdn, ChromaRdnConfig
from codecnn.models.in_loop_filter import Windows
from codecnn.models.network import Network
from codecnn.models.rdn.network import crop
from codecnn.models.registry import check_kind
from codecnn.tasks.gains import Gains, gains_by_qp
from codecnn.tasks.in_loop_filter import Batch, InLoopFilter, Patches, corner, turned
from codecnn.tasks.task import Sums
from codecnn.video.picture import Picture


@dataclass(frozen=True)
class ChromaFilter(InLoopFilter):
    """Restore U and V of 4:2:0 from a decoder's output; the fields are those of the filter of luma.

    The loss counts both planes alike. A patch has `patch` luma samples on each side, and half as many of U and V.
    """

    name: ClassVar[str] = "chroma-filter"
    network: ClassVar[str] = "chroma_rdn"

    def draws(self, shards: Sequence[Shard], config: ChromaRdnConfig) -> "ChromaPatches":  # type: ignore[override]
        """Return an object that draws patches; InputError if windows, patch and network do not fit together."""
        check_kind(config, ChromaRdn, "a chroma filter")
        check_format(shards)
        return ChromaPatches(shards, config, self.patch, self.neighbourhood)

    def sums(self, network: nn.Module, batch: Batch) -> Sums:
        """Return the loss over the valid samples of both planes."""
        filtered = network(batch.windows).float()  # (B, 2, h, w): with the neighbourhood of the patch, if it has one
        filtered = crop(filtered, (filtered.shape[-1] - batch.original.shape[-1]) // 2)
        original = batch.original / batch.windows.peak.view(-1, 1, 1, 1)
        return {"loss": LOSSES[self.loss](filtered, original, batch.valid)}

    def validate(self, network: Network, shards: Sequence[Shard]) -> dict[str, float]:
        """Return the PSNR gain in dB of U and V: "gain_<QP>" over both planes for each QP, and "gain" as their mean.

        Also "gain_u" and "gain_v" over all QPs. Pictures are filtered as by the filter of luma, and rounded. A plane
        that is coded without error in a frame, such as one that is flat, is left out there at all QPs; InputError if
        there is no other.
        """
        assert isinstance(network, ChromaRdn)
        check_format(shards)
        found: dict[str, list[Gains]] = {"u": [], "v": []}
        for shard in shards:
            gains: dict[str, dict[int, float]] = {"u": {}, "v": {}}
            for frame in range(0, shard.frames, math.ceil(shard.frames / self.validate_frames)):
                original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
                original, depth = convert_bit_depth(original, baseline.bit_depth), baseline.bit_depth
                filtered = filter_chroma(
                    network, baseline, unfiltered, shard.info.hevc_qp, shard.info.ctu_size, self.neighbourhood
                )
                gains["u"][frame] = psnr_gain(original.u, baseline.u, filtered[0], depth)
                gains["v"][frame] = psnr_gain(original.v, baseline.v, filtered[1], depth)
            for plane, its in gains.items():
                found[plane].append(Gains((shard.info.source_sha256, plane), shard.info.qp, its))
        both = gains_by_qp([*found["u"], *found["v"]], str(shards[0].path))
        planes = {f"gain_{plane}": its for plane, its in found.items() if not _all_exact(its)}
        return both | {name: gains_by_qp(its, str(shards[0].path))["gain"] for name, its in planes.items()}


def _all_exact(measured: Sequence[Gains]) -> bool:
    return all(math.isnan(gain) for one in measured for gain in one.frames.values())


def check_format(shards: Sequence[Shard]) -> None:
    """Raise InputError for a shard that is not 4:2:0."""
    for shard in shards:
        if shard.info.chroma != CHROMA:
            raise InputError(f"{shard.path}: chroma format {shard.info.chroma}; chroma filters take {CHROMA} only")


class ChromaPatches(Patches):
    """Draw a patch, at a random place in a CTU window and in one of 8 orientations."""

    def draw(self, unit: int, step: Generator, own: Generator) -> Batch:
        """Return one patch of a CTU window: U and V of the original are (1, 2, P / 2, P / 2)."""
        shard, row = self.windows.place(unit)
        info, here, patch = shard.info, shard.ctus[row], self.patch
        inside = int(here["height"]), int(here["width"])
        top, left = corner(own, *inside, patch)
        turn = int(own.integers(8))

        def read(signal: Signal, around: int) -> Picture:
            rows, columns = ((start - around, start + patch + around) for start in (top, left))
            picture = read_around(shard, signal, row, rows, columns)
            return Picture.of((turned(plane, turn) for plane in picture.planes), picture.bit_depth)

        picture = read("unfiltered" if self.config.input == "unfiltered" else "baseline", self.around)
        extra = read("unfiltered", self.around) if self.config.input == "both" else None
        original = convert_bit_depth(read("original", 0), picture.bit_depth)
        rows, cols = np.ogrid[top : top + patch : 2, left : left + patch : 2]
        valid = turned((rows < inside[0]) & (cols < inside[1]), turn)
        windows = Windows(
            picture.y[None],
            picture.u[None],
            picture.v[None],
            extra.y[None] if extra else None,
            np.array([info.hevc_qp], np.float32),
            np.array([(1 << picture.bit_depth) - 1], np.float32),
            extra.u[None] if extra else None,
            extra.v[None] if extra else None,
        )
        return Batch(windows, np.stack((original.u, original.v))[None], np.stack((valid, valid))[None])
