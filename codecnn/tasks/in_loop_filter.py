"""Train in-loop filters: from windows of coded luma, restore the original."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import nn

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.around import read_around
from codecnn.dataset.reader import CtuDataset, Shard
from codecnn.dataset.schema import SIGNALS, Signal
from codecnn.errors import InputError
from codecnn.inference.filtering import Way, filter_picture
from codecnn.losses import LOSSES, LossName
from codecnn.metrics import psnr_gain
from codecnn.models.in_loop_filter import FilterConfig, FilterNetwork, Windows
from codecnn.models.network import Network
from codecnn.models.rdn.network import crop
from codecnn.models.registry import check_kind
from codecnn.tasks.gains import Gains, gains_by_qp
from codecnn.tasks.guided import guided
from codecnn.tasks.task import Sums
from codecnn.video.picture import Picture, Plane


class Batch(NamedTuple):
    """Hold B patches of P x P luma samples: arrays as they are drawn, tensors in training."""

    windows: Windows[Any]  # the patch with the margin of the network on each side
    original: Any  # (B, P, P) integers; of chroma filters U and V, (B, 2, P / 2, P / 2)
    valid: Any  # of the same shape, bool: inside the picture


@dataclass(frozen=True)
class InLoopFilter:
    """Restore luma from a decoder's output.

    Args:
        loss: the loss over the valid samples: mse, the logarithm of the mse of each patch, charbonnier, or the SATD of
            8x8 tiles under the Hadamard transform or the DCT-II.
        patch: luma samples of a patch on each side, even, at most a CTU.
        plain: share of the loss without signalling in that of networks with several residuals; the rest is that of
            patches whose residuals are weighed by least squares.
        neighbourhood: what a patch is filtered with: ctu, its own samples and the margin of the network, as if the
            patch were a CTU; or picture, all decoded samples that the network can reach, over the borders of CTUs. It
            costs more, and is for filters of whole pictures, so validation filters these at once as well.
        validate_frames: number of frames of each held-out clip to validate on, spread evenly.
    """

    name: ClassVar[str] = "in-loop-filter"
    decides: ClassVar[str] = "gain"
    larger_is_better: ClassVar[bool] = True
    network: ClassVar[str] = "rdn"

    loss: LossName = "log_mse"
    patch: int = 64
    plain: float = 0.25
    neighbourhood: Way = "ctu"
    validate_frames: int = 2

    def __post_init__(self) -> None:
        for name in ("patch", "validate_frames"):
            if not 1 <= (value := getattr(self, name)) < 1 << 31:
                raise ValueError(f"{name} must be from 1 to 2^31 - 1, not {value!s:.40}")
        if not 0 <= self.plain <= 1:
            raise ValueError(f"plain must be from 0 to 1, not {self.plain}")
        if self.patch % 2:
            raise ValueError(f"patch must be even, not {self.patch}")

    def draws(self, shards: Sequence[Shard], config: FilterConfig) -> "Patches":
        """Return an object that draws patches; InputError if windows, patch and network do not fit together."""
        check_kind(config, FilterNetwork, "an in-loop filter")
        return Patches(shards, config, self.patch, self.neighbourhood)

    def sums(self, network: nn.Module, batch: Batch) -> Sums:
        """Return the loss over the valid samples; of networks with several residuals also its two parts."""
        restored = network(batch.windows).float()  # (B, R, H, W): with the neighbourhood of the patch, if it has one
        restored = crop(restored, (restored.shape[-1] - batch.original.shape[-1]) // 2)  # (B, R, P, P)
        peak = batch.windows.peak.view(-1, 1, 1)
        original = batch.original / peak
        plain, count = LOSSES[self.loss](restored[:, 0], original, batch.valid)
        if restored.shape[1] == 1:
            return {"loss": (plain, count)}
        luma = crop(batch.windows.y, (batch.windows.y.shape[-1] - restored.shape[-1]) // 2) / peak
        with torch.autocast(luma.device.type, enabled=False):
            weighed = guided(restored, luma, original, batch.valid)
        best, _ = LOSSES[self.loss](weighed, original, batch.valid)
        loss = self.plain * plain + (1 - self.plain) * best
        return {"loss": (loss, count), "plain": (plain.detach(), count), "guided": (best.detach(), count)}

    def validate(self, network: Network, shards: Sequence[Shard]) -> dict[str, float]:
        """Return the PSNR gain in dB, "gain_<QP>" for each QP and "gain" as their mean.

        Pictures are filtered CTU by CTU, or with the neighbourhood "picture" at once, and rounded. A frame coded
        without any error is left out at all QPs; InputError if there is no other.
        """
        assert isinstance(network, FilterNetwork)
        found = []
        for shard in shards:
            its: dict[int, float] = {}  # by frame
            for frame in range(0, shard.frames, math.ceil(shard.frames / self.validate_frames)):
                original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
                original = convert_bit_depth(original, baseline.bit_depth)  # measured at the decoder's
                filtered = filter_picture(
                    network, baseline, unfiltered, shard.info.hevc_qp, shard.info.ctu_size, self.neighbourhood
                )
                its[frame] = psnr_gain(original.y, baseline.y, filtered, original.bit_depth)
            found.append(Gains(shard.info.source_sha256, shard.info.qp, its))
        return gains_by_qp(found, str(shards[0].path))

    def notes(self, shards: Sequence[Shard]) -> dict[str, Any]:
        """Return how many CTU windows were trained on."""
        return {"windows": sum(map(len, shards))}


class Patches:
    """Draw a patch, at a random place in a CTU window and in one of 8 orientations.

    Chroma is as stored. Where the shards differ in its format, and at 4:2:2, which a transpose does not keep, it is
    brought to luma size by repeating samples, as the networks do themselves.
    """

    def __init__(self, shards: Sequence[Shard], config: FilterConfig, patch: int, neighbourhood: Way = "ctu") -> None:
        whole = neighbourhood == "picture"
        if whole and config.reach is None:
            raise InputError("neighbourhood picture needs a network whose reach is known")
        check_windows(shards, 0 if whole else config.margin, patch)
        reach = config.reach or 0
        self.around = config.margin + (reach + reach % 2 if whole else 0)  # luma samples around a patch
        formats = {shard.info.chroma for shard in shards}
        self.chroma_at_luma_size = len(formats) > 1 or formats == {"422"}
        self.windows, self.config, self.patch = CtuDataset(shards), config, patch

    @property
    def units(self) -> int:
        """Count the CTU windows."""
        return len(self.windows)

    def draw(self, unit: int, step: Generator, own: Generator) -> Batch:
        """Return one patch of a CTU window."""
        shard, row = self.windows.place(unit)
        info, here = shard.info, shard.ctus[row]
        inside = int(here["height"]), int(here["width"])
        top, left = corner(own, *inside, self.patch)
        turn = int(own.integers(8))

        def read(signal: Signal, around: int, luma_only: bool = False) -> Picture:
            rows, columns = ((start - around, start + self.patch + around) for start in (top, left))
            return read_around(shard, signal, row, rows, columns, luma_only)

        picture = read("unfiltered" if self.config.input == "unfiltered" else "baseline", self.around)
        second = read("unfiltered", self.around, luma_only=True) if self.config.input == "both" else None
        original = convert_bit_depth(read("original", 0, luma_only=True), picture.bit_depth)
        u, v = picture.u, picture.v
        if self.chroma_at_luma_size:
            u, v = (_at_luma_size(plane, picture) for plane in (u, v))
        rows, cols = np.ogrid[top : top + self.patch, left : left + self.patch]
        valid = (rows < inside[0]) & (cols < inside[1])
        windows = Windows(
            turned(picture.y, turn)[None],
            turned(u, turn)[None],
            turned(v, turn)[None],
            None if second is None else turned(second.y, turn)[None],
            np.array([info.hevc_qp], np.float32),
            np.array([(1 << picture.bit_depth) - 1], np.float32),
        )
        return Batch(windows, turned(original.y, turn)[None], turned(valid, turn)[None])


def check_windows(shards: Sequence[Shard], margin: int, patch: int) -> int:
    """Return the margin of the windows of shards; InputError if the margin of a network or its patch do not fit."""
    kinds = {(shard.info.ctu_size, shard.info.margin) for shard in shards}
    if len(kinds) > 1:
        raise InputError(f"the data mix CTU sizes and margins: {sorted(kinds)}")
    ctu_size, file_margin = kinds.pop()
    if margin > file_margin:
        raise InputError(f"model.margin is {margin}, but the data have a margin of {file_margin}")
    if patch > ctu_size:
        raise InputError(f"patch is {patch}, but the data have CTUs of {ctu_size}")
    return file_margin


def corner(own: Generator, height: int, width: int, patch: int) -> tuple[int, int]:
    """Draw where a patch begins: at even samples, for chroma, and within the valid part where that is large enough."""
    top, left = (2 * int(own.integers(max(0, extent - patch) // 2 + 1)) for extent in (height, width))
    return top, left


def _at_luma_size(chroma: Plane, picture: Picture) -> Plane:
    if not chroma.size:
        return np.full_like(picture.y, 1 << (picture.bit_depth - 1))
    down, across = (luma // own for luma, own in zip(picture.y.shape, chroma.shape, strict=True))
    return chroma.repeat(down, axis=0).repeat(across, axis=1)


def turned(plane: NDArray, turn: int) -> NDArray:
    """Return one of the 8 flips and transposes of a square, by number."""
    if turn & 4:
        plane = plane.T
    return plane[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]
