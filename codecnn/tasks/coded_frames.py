"""Read whole frames: the blocks of one size in decoding order, with what a decoder knows of each, and their costs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from codecnn.dataset.ctu import untile
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import Signal
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.labels.block_grid import BlockGrid, block_grid
from codecnn.labels.mode_price import Priced
from codecnn.labels.mode_sets import ModeSet, largest_ctu
from codecnn.labels.rate_distortion import Coding, lagrange_multiplier
from codecnn.labels.tables import lagrangian_table
from codecnn.labels.torch_engine.costs import gather_references
from codecnn.models.mode_context import Context
from codecnn.tasks.block_sites import lagrangian_of

REFERENCE_LINES = 3


@dataclass(frozen=True)
class CodedFrame:
    """Hold the luma of a frame, and its blocks."""

    shard: Shard
    original: NDArray  # (H, W) uint16 at the decoder's bit depth
    reference: NDArray  # (H, W) uint16: the unfiltered luma
    size: BlockSize
    modes: ModeSet
    ctu_size: int
    grid: BlockGrid

    def costs(self, chosen: NDArray | slice = slice(None)) -> NDArray:
        """Return J / lambda of all modes for some blocks, or all, in bits: (n, modes) float32."""
        planes, blocks, info = (self.original, self.reference), self.grid.blocks[chosen], self.shard.info
        bit_depth, coding = info.bit_depth_of("unfiltered"), Coding(info.codec, info.qp)
        table = lagrangian_table(*planes, blocks, self.size, bit_depth, self.modes, self.ctu_size, coding)
        costs: NDArray = table / np.float32(lagrange_multiplier(info.codec, info.qp, bit_depth))
        return costs

    def priced(self) -> Priced:
        """Return what the modes are decided on with the lists of most probable modes."""
        costs = self.costs()
        return Priced(self.grid, costs, np.zeros(costs.shape, np.uint8))

    def context(self, neighbours: NDArray, chosen: NDArray | slice = slice(None)) -> Context[NDArray]:
        """Return what a decoder knows of some blocks, or all; neighbours: their `modes`."""
        info, side = self.shard.info, self.size.width
        blocks, bit_depth = self.grid.blocks[chosen], info.bit_depth_of("unfiltered")
        plane, places = torch.from_numpy(self.reference.astype(np.int32)), torch.from_numpy(blocks)
        lines = [gather_references(plane, places, self.size, bit_depth, line) for line in range(REFERENCE_LINES)]
        x, y, right, below = blocks.T
        available = np.stack((x > 0, below / side, y > 0, right / side), 1)
        return Context(
            torch.cat(lines, 1).numpy().astype(np.uint16),
            available.astype(np.float32),
            neighbours,
            np.full(len(blocks), info.hevc_qp, np.float32),
            np.full(len(blocks), (1 << bit_depth) - 1, np.float32),
        )


class Frames:
    """List the frames of shards that hold a block of a size, and read them; InputError if there is none."""

    def __init__(self, shards: Sequence[Shard], size: int, modes: ModeSet) -> None:
        self.size, self.modes = BlockSize(size, size), modes
        for shard in shards:
            lagrangian_of(shard)  # refuses one without a known lambda
            if size > shard.info.ctu_size:
                raise InputError(f"{shard.path}: CTUs of {shard.info.ctu_size} hold no blocks of {size}")
        large = [shard for shard in shards if min(shard.info.width, shard.info.height) >= size]
        self.places = [(shard, frame) for shard in large for frame in range(shard.frames)]
        if not self.places:
            raise InputError(f"{shards[0].path.parent}: no picture holds a block of {size}x{size}")

    def __len__(self) -> int:
        return len(self.places)

    def spread(self, most: int) -> dict[int, list[int]]:
        """Return the numbers of at most so many frames of each QP, spread evenly, by QP."""
        return {qp: _spread(numbers, most) for qp, numbers in self._grouped(range(len(self))).items()}

    def spread_in_files(self, most: int) -> dict[int, list[int]]:
        """Return the numbers of at most so many frames of each file, spread evenly, by QP."""
        of_files = [[*numbers] for _, numbers in groupby(range(len(self)), key=lambda number: self.places[number][0])]
        return self._grouped([number for numbers in of_files for number in _spread(numbers, most)])

    def _grouped(self, numbers: Iterable[int]) -> dict[int, list[int]]:
        by_qp: dict[int, list[int]] = {}
        for number in numbers:
            by_qp.setdefault(self.places[number][0].info.qp, []).append(number)
        return dict(sorted(by_qp.items()))

    def read(self, number: int) -> CodedFrame:
        """Return a frame."""
        shard, frame = self.places[number]
        info = shard.info
        ctu_size = min(info.ctu_size, largest_ctu(self.modes))
        original, reference = (_luma(shard, signal, frame) for signal in ("original", "unfiltered"))
        original <<= info.bit_depth_of("unfiltered") - info.bit_depth
        grid = block_grid(self.size, (info.height, info.width), ctu_size)
        return CodedFrame(shard, original, reference, self.size, self.modes, ctu_size, grid)


def _spread(numbers: Sequence[int], most: int) -> list[int]:
    places = np.linspace(0, len(numbers) - 1, min(most, len(numbers))).round()
    return [numbers[int(place)] for place in places]


def _luma(shard: Shard, signal: Signal, frame: int) -> NDArray:
    count = len(shard.ctus) // shard.frames
    windows = np.stack([shard.luma(signal, row) for row in range(frame * count, (frame + 1) * count)])
    return untile(windows, shard.info.height, shard.info.width, shard.info.margin).astype(np.uint16)
