"""Train in-loop filters of chroma: from windows of coded U, V and luma, restore the original U and V."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from torch import nn

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import CtuDataset, Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.errors import InputError
from codecnn.inference.chroma import filter_chroma
from codecnn.losses import LOSSES
from codecnn.metrics import psnr_gain
from codecnn.models.chroma_rdn import CHROMA, ChromaRdn, ChromaRdnConfig
from codecnn.models.in_loop_filter import Windows
from codecnn.models.network import Network
from codecnn.models.registry import check_kind
from codecnn.tasks.gains import Gains, gains_by_qp
from codecnn.tasks.in_loop_filter import Batch, InLoopFilter, check_windows, corner, turned
from codecnn.tasks.task import Sums


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
        if self.neighbourhood != "ctu":
            raise InputError("neighbourhood must be ctu for a chroma filter")
        return ChromaPatches(shards, config, self.patch)

    def sums(self, network: nn.Module, batch: Batch) -> Sums:
        """Return the loss over the valid samples of both planes."""
        filtered = network(batch.windows).float()
        original = batch.original / batch.windows.peak.view(-1, 1, 1, 1)
        return {"loss": LOSSES[self.loss](filtered, original, batch.valid)}

    def validate(self, network: Network, shards: Sequence[Shard]) -> dict[str, float]:
        """Return the PSNR gain in dB of U and V: "gain_<QP>" over both planes for each QP, and "gain" as their mean.

        Also "gain_u" and "gain_v" over all QPs. Pictures are filtered CTU by CTU and rounded. A plane that is coded
        without error in a frame, such as one that is flat, is left out there at all QPs; InputError if there is no
        other.
        """
        assert isinstance(network, ChromaRdn)
        check_format(shards)
        found: dict[str, list[Gains]] = {"u": [], "v": []}
        for shard in shards:
            gains: dict[str, dict[int, float]] = {"u": {}, "v": {}}
            for frame in range(0, shard.frames, math.ceil(shard.frames / self.validate_frames)):
                original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
                original, depth = convert_bit_depth(original, baseline.bit_depth), baseline.bit_depth
                filtered = filter_chroma(network, baseline, unfiltered, shard.info.qp, shard.info.ctu_size)
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


class ChromaPatches:
    """Draw a patch, at a random place in a CTU window and in one of 8 orientations."""

    def __init__(self, shards: Sequence[Shard], config: ChromaRdnConfig, patch: int) -> None:
        check_format(shards)
        self.file_margin = check_windows(shards, config.margin, patch)
        self.windows, self.config, self.patch = CtuDataset(shards), config, patch

    @property
    def units(self) -> int:
        """Count the CTU windows."""
        return len(self.windows)

    def draw(self, unit: int, step: Generator, own: Generator) -> Batch:
        """Return one patch of a CTU window: U and V of the original are (1, 2, P / 2, P / 2)."""
        window, patch = self.windows[unit], self.patch
        picture = window.unfiltered if self.config.input == "unfiltered" else window.baseline
        extra = window.unfiltered if self.config.input == "both" else None
        original = convert_bit_depth(window.original, picture.bit_depth)
        top, left = corner(own, window.valid_height, window.valid_width, patch)
        turn, skip = int(own.integers(8)), self.file_margin - self.config.margin
        side = patch + 2 * self.config.margin

        def cut(plane: NDArray, skip: int, side: int) -> NDArray:  # skip and side are in luma samples
            scale = 1 if plane.shape == picture.y.shape else 2
            y, x, length = (top + skip) // scale, (left + skip) // scale, side // scale
            return turned(plane[y : y + length, x : x + length], turn)[None]

        rows, cols = np.ogrid[top : top + patch : 2, left : left + patch : 2]
        valid = np.broadcast_to((rows < window.valid_height) & (cols < window.valid_width), (2, patch // 2, patch // 2))
        windows = Windows(
            cut(picture.y, skip, side),
            cut(picture.u, skip, side),
            cut(picture.v, skip, side),
            cut(extra.y, skip, side) if extra else None,
            np.array([window.qp], np.float32),
            np.array([(1 << picture.bit_depth) - 1], np.float32),
            cut(extra.u, skip, side) if extra else None,
            cut(extra.v, skip, side) if extra else None,
        )
        originals = [cut(plane, self.file_margin, patch) for plane in (original.u, original.v)]
        return Batch(windows, np.stack(originals, 1), np.stack([turned(plane, turn) for plane in valid])[None])
