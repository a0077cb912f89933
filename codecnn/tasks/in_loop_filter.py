"""Train in-loop filters: from windows of coded luma, restore the original."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from torch import nn

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import CtuDataset, Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.errors import InputError
from codecnn.inference.filtering import filter_picture
from codecnn.losses import LOSSES, LossName
from codecnn.metrics import kept_frames, psnr_gain
from codecnn.models.in_loop_filter import FilterConfig, FilterNetwork, Windows
from codecnn.models.network import Network
from codecnn.models.registry import check_kind
from codecnn.tasks.task import Sums
from codecnn.video.picture import Picture, Plane


class Batch(NamedTuple):
    """Hold B patches of P x P luma samples: arrays as they are drawn, tensors in training."""

    windows: Windows[Any]  # the patch with the margin of the network on each side
    original: Any  # (B, P, P) integers
    valid: Any  # (B, P, P) bool: inside the picture


@dataclass(frozen=True)
class InLoopFilter:
    """Restore luma from a decoder's output.

    Args:
        loss: the loss over the valid samples: mse, the logarithm of the mse of each patch, charbonnier, or the SATD of
            8x8 tiles under the Hadamard transform or the DCT-II.
        patch: luma samples of a patch on each side, even, at most a CTU.
        validate_frames: number of frames of each held-out clip to validate on, spread evenly.
    """

    name: ClassVar[str] = "in-loop-filter"
    decides: ClassVar[str] = "gain"
    larger_is_better: ClassVar[bool] = True
    network: ClassVar[str] = "rdn"

    loss: LossName = "log_mse"
    patch: int = 64
    validate_frames: int = 2

    def __post_init__(self) -> None:
        for name in ("patch", "validate_frames"):
            if not 1 <= (value := getattr(self, name)) < 1 << 31:
                raise ValueError(f"{name} must be from 1 to 2^31 - 1, not {value!s:.40}")
        if self.patch % 2:
            raise ValueError(f"patch must be even, not {self.patch}")

    def draws(self, shards: Sequence[Shard], config: FilterConfig) -> "Patches":
        """Return an object that draws patches; InputError if windows, patch and network do not fit together."""
        check_kind(config, FilterNetwork, "an in-loop filter")
        return Patches(shards, config, self.patch)

    def sums(self, network: nn.Module, batch: Batch) -> Sums:
        """Return the loss over the valid samples."""
        filtered = network(batch.windows)[:, 0].float()
        original = batch.original / batch.windows.peak.view(-1, 1, 1)
        return {"loss": LOSSES[self.loss](filtered, original, batch.valid)}

    def validate(self, network: Network, shards: Sequence[Shard]) -> dict[str, float]:
        """Return the PSNR gain in dB, "gain_<QP>" for each QP and "gain" as their mean.

        Pictures are filtered CTU by CTU and rounded. A frame coded without any error is left out at all QPs; InputError
        if there is no other.
        """
        assert isinstance(network, FilterNetwork)
        found: list[dict[int, float]] = [{} for _ in shards]  # by frame
        for shard, its in zip(shards, found, strict=True):
            for frame in range(0, shard.frames, math.ceil(shard.frames / self.validate_frames)):
                original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
                original = convert_bit_depth(original, baseline.bit_depth)  # measured at the decoder's
                filtered = filter_picture(network, baseline, unfiltered, shard.info.qp, shard.info.ctu_size)
                its[frame] = psnr_gain(original.y, baseline.y, filtered, original.bit_depth)
        exact = [[math.isnan(its.get(n, 0)) for n in range(s.frames)] for s, its in zip(shards, found, strict=True)]
        kept = kept_frames([shard.info.source_sha256 for shard in shards], exact)
        gains: dict[int, list[float]] = defaultdict(list)
        for shard, its, frames in zip(shards, found, kept, strict=True):
            gains[shard.info.qp] += [its[frame] for frame in frames if frame in its]
        if not any(gains.values()):
            raise InputError(
                f"{shards[0].path}: nothing to gain in it, nor in other files held out: coded without error"
            )
        means = {qp: sum(values) / len(values) for qp, values in sorted(gains.items()) if values}
        return {"gain": sum(means.values()) / len(means)} | {f"gain_{qp}": mean for qp, mean in means.items()}

    def notes(self, shards: Sequence[Shard]) -> dict[str, Any]:
        """Return how many CTU windows were trained on."""
        return {"windows": sum(map(len, shards))}


class Patches:
    """Draw a patch, at a random place in a CTU window and in one of 8 orientations.

    Chroma is as stored. Where the shards differ in its format, and at 4:2:2, which a transpose does not keep, it is
    brought to luma size by repeating samples, as the networks do themselves.
    """

    def __init__(self, shards: Sequence[Shard], config: FilterConfig, patch: int) -> None:
        kinds = {(shard.info.ctu_size, shard.info.margin) for shard in shards}
        if len(kinds) > 1:
            raise InputError(f"the data mix CTU sizes and margins: {sorted(kinds)}")
        ctu_size, self.file_margin = kinds.pop()
        if config.margin > self.file_margin:
            raise InputError(f"model.margin is {config.margin}, but the data have a margin of {self.file_margin}")
        if patch > ctu_size:
            raise InputError(f"patch is {patch}, but the data have CTUs of {ctu_size}")
        formats = {shard.info.chroma for shard in shards}
        self.chroma_at_luma_size = len(formats) > 1 or formats == {"422"}
        self.chroma_scale = 2 if formats == {"420"} else 1
        self.windows, self.config, self.patch = CtuDataset(shards), config, patch

    @property
    def units(self) -> int:
        """Count the CTU windows."""
        return len(self.windows)

    def draw(self, unit: int, step: Generator, own: Generator) -> Batch:
        """Return one patch of a CTU window."""
        window = self.windows[unit]
        picture = window.unfiltered if self.config.input == "unfiltered" else window.baseline
        original = convert_bit_depth(window.original, picture.bit_depth)
        top, left = _corner(own, window.valid_height, window.valid_width, self.patch)
        turn = int(own.integers(8))
        u, v = picture.u, picture.v
        if self.chroma_at_luma_size:
            u, v = (_at_luma_size(plane, picture) for plane in (u, v))

        def cut(plane: NDArray, skip: int, side: int, scale: int = 1) -> NDArray:
            y, x = (top + skip) // scale, (left + skip) // scale
            return _turned(plane[y : y + side // scale, x : x + side // scale], turn)[None]

        skip, side = self.file_margin - self.config.margin, self.patch + 2 * self.config.margin
        rows, cols = np.ogrid[top : top + self.patch, left : left + self.patch]
        valid = (rows < window.valid_height) & (cols < window.valid_width)
        windows = Windows(
            cut(picture.y, skip, side),
            cut(u, skip, side, self.chroma_scale),
            cut(v, skip, side, self.chroma_scale),
            cut(window.unfiltered.y, skip, side) if self.config.input == "both" else None,
            np.array([window.qp], np.float32),
            np.array([(1 << picture.bit_depth) - 1], np.float32),
        )
        return Batch(windows, cut(original.y, self.file_margin, self.patch), _turned(valid, turn)[None])


def _corner(own: Generator, height: int, width: int, patch: int) -> tuple[int, int]:
    """Draw where a patch begins: at even samples, for chroma, and within the valid part where that is large enough."""
    top, left = (2 * int(own.integers(max(0, extent - patch) // 2 + 1)) for extent in (height, width))
    return top, left


def _at_luma_size(chroma: Plane, picture: Picture) -> Plane:
    if not chroma.size:
        return np.full_like(picture.y, 1 << (picture.bit_depth - 1))
    down, across = (luma // own for luma, own in zip(picture.y.shape, chroma.shape, strict=True))
    return chroma.repeat(down, axis=0).repeat(across, axis=1)


def _turned(plane: NDArray, turn: int) -> NDArray:
    """Return one of the 8 flips and transposes of a square, by number."""
    if turn & 4:
        plane = plane.T
    return plane[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]
