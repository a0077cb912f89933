"""What a training step sees: a batch that is a pure function of the seed and the step."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codecnn.dataset.store import CtuDataset, Shard
from codecnn.errors import InputError
from codecnn.models.rdn.network import RdnConfig, Yuv
from codecnn.video.picture import Picture, Plane


class Batch(NamedTuple):
    """B patches of P x P luma samples, and around the network's input its margin on each side."""

    picture: Yuv  # y (B, P + 2 margin, P + 2 margin) integers: the picture that is filtered
    unfiltered_y: Tensor | None  # like y, for the input "both"
    original: Tensor  # (B, P, P) integers
    valid: Tensor  # (B, P, P) bool: inside of the picture
    qp: Tensor  # (B,)
    peak: Tensor  # (B,) 2^bit_depth - 1

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device; the copy runs beside the computation where the memory is pinned."""
        picture = Yuv(*(plane.to(device, non_blocking=True) for plane in self.picture))
        unfiltered_y = None if self.unfiltered_y is None else self.unfiltered_y.to(device, non_blocking=True)
        return Batch(picture, unfiltered_y, *(t.to(device, non_blocking=True) for t in self[2:]))


class Batches(torch.utils.data.Dataset[Batch]):
    """The batch of every step; item k is the slice of process `rank` of the `world` that share step k.

    Every epoch is a permutation of all windows; crop and flip are drawn anew each time. No state is kept, so that
    training can begin at any step, on any number of worker processes. Chroma is as stored; where the shards differ in
    its format, and at 4:2:2, which a transpose does not keep, it is brought to luma size, as make_planes would do.
    InputError if the shards do not fit together, the network or the patch.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        model: RdnConfig,
        patch: int,
        batch: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        kinds = {(shard.info.ctu_size, shard.info.margin) for shard in shards}
        if len(kinds) > 1:
            raise InputError(f"the data mix CTU sizes and margins: {sorted(kinds)}")
        ctu_size, self.file_margin = kinds.pop()
        if model.margin > self.file_margin:
            raise InputError(f"model.margin is {model.margin}, but the data have a margin of {self.file_margin}")
        if patch > ctu_size:
            raise InputError(f"patch is {patch}, but the data have CTUs of {ctu_size}")
        self.windows = CtuDataset(shards)
        formats = {shard.info.chroma for shard in shards}
        self.chroma_at_luma_size = len(formats) > 1 or formats == {"422"}
        self.chroma_scale = 2 if formats == {"420"} else 1
        self.model, self.patch, self.batch, self.seed = model, patch, batch, seed
        self.positions = range(batch * rank // world, batch * (rank + 1) // world)

    def __getitem__(self, step: int) -> Batch:
        y, u, v, unfiltered_y, original, valid, qp, peak = zip(
            *(self._patch(step, position) for position in self.positions), strict=True
        )
        return Batch(
            Yuv(_stack(y), _stack(u), _stack(v)),
            _stack(unfiltered_y) if self.model.input == "both" else None,
            _stack(original),
            _stack(valid),
            torch.tensor(qp, dtype=torch.float32),
            torch.tensor(peak, dtype=torch.float32),
        )

    def _patch(self, step: int, position: int) -> tuple[Plane, Plane, Plane, Plane, Plane, NDArray[np.bool_], int, int]:
        epoch, place = divmod(step * self.batch + position, len(self.windows))
        window = self.windows[int(_permutation(self.seed, epoch, len(self.windows))[place])]
        picture = window.unfiltered if self.model.input == "unfiltered" else window.baseline
        draw = np.random.default_rng((self.seed, step, 1 + position))
        # The crop begins at an even sample, for chroma, and stays within the valid part where that is large enough.
        top, left = (
            2 * int(draw.integers(max(0, extent - self.patch) // 2 + 1))
            for extent in (window.valid_height, window.valid_width)
        )
        turn = int(draw.integers(8))
        u, v = picture.u, picture.v
        if self.chroma_at_luma_size:
            u, v = (_at_luma_size(plane, picture) for plane in (u, v))

        def cut(plane: NDArray, skip: int, side: int, scale: int = 1) -> NDArray:
            y, x = (top + skip) // scale, (left + skip) // scale
            return _turn(plane[y : y + side // scale, x : x + side // scale], turn)

        skip, side = self.file_margin - self.model.margin, self.patch + 2 * self.model.margin
        rows, cols = np.ogrid[top : top + self.patch, left : left + self.patch]
        valid = (rows < window.valid_height) & (cols < window.valid_width)
        return (
            cut(picture.y, skip, side),
            cut(u, skip, side, self.chroma_scale),
            cut(v, skip, side, self.chroma_scale),
            cut(window.unfiltered.y, skip, side),
            cut(window.original.y, self.file_margin, self.patch),
            _turn(valid, turn),
            window.qp,
            (1 << picture.bit_depth) - 1,
        )


def _at_luma_size(chroma: Plane, picture: Picture) -> Plane:
    if not chroma.size:
        return np.full_like(picture.y, 1 << (picture.bit_depth - 1))
    down, across = (luma // own for luma, own in zip(picture.y.shape, chroma.shape, strict=True))
    return chroma.repeat(down, axis=0).repeat(across, axis=1)


def _stack(planes: Sequence[NDArray]) -> Tensor:
    return torch.from_numpy(np.stack(planes))


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch, 0)).permutation(count)


def _turn(plane: NDArray, turn: int) -> NDArray:
    """One of the 8 flips and transposes of a square, by number."""
    if turn & 4:
        plane = plane.T
    return plane[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]


def split_by_source(shards: Sequence[Shard], share: float) -> tuple[list[Shard], list[Shard]]:
    """Training shards, and those of the `share` of the sources that is held out: all QPs of a source go together.

    The sources are taken in the order of their SHA-256, which is chance enough and knows no file names.
    """
    sources = sorted({shard.info.source_sha256 for shard in shards})
    held_out = set(sources[: max(1, round(share * len(sources)))])
    if len(held_out) == len(sources):
        raise InputError(f"{len(sources)} source(s) cannot be split into training and a held-out share of {share}")
    return (
        [shard for shard in shards if shard.info.source_sha256 not in held_out],
        [shard for shard in shards if shard.info.source_sha256 in held_out],
    )
