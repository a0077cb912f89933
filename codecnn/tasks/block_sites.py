"""Read blocks from whole frames, with their references as a decoder has them at that moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, get_args

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.dataset.surroundings import read_surroundings
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import ModeSet
from codecnn.labels.rate_distortion import Coding, lagrange_multiplier
from codecnn.labels.search import blocks_at
from codecnn.labels.tables import lagrangian_table, satd_tables
from codecnn.labels.torch_engine.costs import gather_references
from codecnn.models.blocks import Blocks

Measure = Literal["hadamard", "dct", "rd"]
MEASURES: tuple[Measure, ...] = get_args(Measure)


def lagrangian_of(shard: Shard) -> float:
    """Return the lambda of a shard's codec and QP in the scale of 8 bit; InputError for a codec without a known one."""
    try:
        return lagrange_multiplier(shard.info.codec, shard.info.qp, bit_depth=8)
    except ValueError as error:
        raise InputError(f"{shard.path}: {error}") from error


@dataclass(frozen=True)
class Site:
    """Hold some blocks of one CTU, in planes that hold what is decoded around it."""

    shard: Shard
    original: NDArray  # (H, W) uint16 luma at the decoder's bit depth; only the CTU is filled
    reference: NDArray  # (H, W) uint16: the unfiltered luma
    blocks: NDArray  # (n, 4) as `blocks_at` gives them, in these planes
    size: BlockSize
    bit_depth: int
    ctu_size: int

    @cached_property
    def originals(self) -> NDArray:
        """Return the original samples of the blocks: (n, N, N) uint16."""
        x, y, steps = self.blocks[:, 0, None, None], self.blocks[:, 1, None, None], np.arange(self.size.width)
        return self.original[y + steps[:, None], x + steps]

    @cached_property
    def samples(self) -> Blocks[NDArray]:
        """Return the blocks with their references, as networks for modes take them."""
        x, y, right, below = self.blocks.T
        plane, side = torch.from_numpy(self.reference.astype(np.int32)), self.size.width
        references = gather_references(plane, torch.from_numpy(self.blocks), self.size, self.bit_depth)
        available = np.stack((x > 0, below / side, y > 0, right / side), 1)
        return Blocks(
            self.originals,
            references.numpy().astype(np.uint16),
            available.astype(np.float32),
            np.full(len(x), self.shard.info.hevc_qp, np.float32),
            np.full(len(x), (1 << self.bit_depth) - 1, np.float32),
        )

    def satd_tables(self, modes: ModeSet) -> NDArray:
        """Return the Hadamard SATD and the DCT SATD of all modes, in the scale of 8 bit: (2, n, modes) float32."""
        planes = self.original, self.reference
        costs = satd_tables(*planes, self.blocks, self.size, self.bit_depth, modes, self.ctu_size)
        return costs / np.float32(1 << (self.bit_depth - 8))

    def samples_with_costs(self, modes: ModeSet) -> Blocks[NDArray]:
        """Return the samples with the SATDs of all modes, for networks that take them."""
        return self.samples._replace(costs=self.satd_tables(modes).swapaxes(0, 1))

    def rate_distortion_table(self, modes: ModeSet) -> NDArray:
        """Return J = SSE + lambda * bits of all modes, in the scale of 8 bit squared: (n, modes) float32.

        InputError if no lambda is known for the codec.
        """
        lagrangian_of(self.shard)  # refuses a codec without a known one
        planes, coding = (self.original, self.reference), Coding(self.shard.info.codec, self.shard.info.qp)
        table = lagrangian_table(*planes, self.blocks, self.size, self.bit_depth, modes, self.ctu_size, coding)
        return table / np.float32(4 ** (self.bit_depth - 8))

    def costs(self, measure: Measure, modes: ModeSet) -> NDArray:
        """Return the costs of all modes under a measure: (n, modes) float32."""
        if measure == "rd":
            return self.rate_distortion_table(modes)
        costs: NDArray = self.satd_tables(modes)[MEASURES.index(measure)]
        return costs


class Sites:
    """List the CTUs of shards that hold a block of a size, and read blocks; InputError if there is none."""

    def __init__(self, shards: Sequence[Shard], size: int) -> None:
        self.shards, self.size = shards, BlockSize(size, size)
        if small := [shard for shard in shards if size > shard.info.ctu_size]:
            raise InputError(f"{small[0].path}: CTUs of {small[0].info.ctu_size} hold no blocks of {size}")
        rows = [np.flatnonzero((s.ctus["width"] >= size) & (s.ctus["height"] >= size)) for s in shards]
        self.rows = np.concatenate(rows)
        self.ends = np.cumsum([len(of_shard) for of_shard in rows])
        if not len(self.rows):
            raise InputError(f"{shards[0].path.parent}: no picture holds a block of {size}x{size}")

    def __len__(self) -> int:
        return len(self.rows)

    def spread(self, each: int) -> list[int]:
        """Return the numbers of so many CTUs of each shard, spread evenly."""
        bounds = zip([0, *self.ends[:-1]], self.ends, strict=True)
        chosen = [np.linspace(first, end - 1, min(each, end - first)).round() for first, end in bounds]
        return [int(number) for number in np.concatenate(chosen)]

    def read(self, number: int, most: int | None = None, rng: Generator | None = None) -> Site:
        """Return the blocks of a CTU in raster order, or at most so many of them, drawn by `rng`."""
        shard = self.shards[int(np.searchsorted(self.ends, number, side="right"))]
        row, info, side = int(self.rows[number]), shard.info, self.size.width
        left, top, columns, lines = (int(shard.ctus[row][name]) for name in ("x", "y", "width", "height"))
        chosen = np.arange((columns // side) * (lines // side))
        if rng is not None:
            chosen = rng.permutation(chosen)[:most]
        ctu_blocks = _blocks_of_ctu(
            left, top, columns // side, lines // side, self.size, info.height, info.width, info.ctu_size
        )
        blocks = ctu_blocks[chosen]

        around = read_surroundings(shard, "unfiltered", row)
        left, top = left - around.x, top - around.y
        blocks[:, :2] -= (around.x, around.y)
        bit_depth = info.bit_depth_of("unfiltered")
        original = np.zeros(around.luma.shape, np.uint16)
        inside = slice(info.margin, info.margin + lines), slice(info.margin, info.margin + columns)
        ctu = shard.luma("original", row)[inside].astype(np.uint16) << (bit_depth - info.bit_depth)
        original[top : top + lines, left : left + columns] = ctu
        reference = around.luma.astype(np.uint16)
        return Site(shard, original, reference, blocks, self.size, bit_depth, info.ctu_size)


@lru_cache(maxsize=4096)  # of each epoch the same ones again, and it takes as long as reading a CTU
def _blocks_of_ctu(
    left: int, top: int, columns: int, rows: int, size: BlockSize, height: int, width: int, ctu_size: int
) -> NDArray:
    """Return the blocks of a CTU in raster order, as `blocks_at` does; not to be changed."""
    down, across = np.divmod(np.arange(columns * rows), columns)
    return blocks_at(left + across * size.width, top + down * size.height, size, (height, width), ctu_size)
