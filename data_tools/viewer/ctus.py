"""Read CTUs to be shown: their signals, the modes of their blocks, and what these modes predict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import CODING_MAPS, LABEL_KINDS
from codecnn.dataset.surroundings import read_surroundings
from codecnn.errors import InputError
from codecnn.intra.block_size import SQUARES, BlockSize
from codecnn.labels.mode_sets import ModeSet, largest_ctu, sizes_of
from codecnn.labels.residuals import residuals_of
from codecnn.labels.search import blocks_at
from codecnn.labels.tables import satd_tables
from codecnn.models.blocks import ModeNetwork, to_tensors
from codecnn.tasks.block_sites import Sites
from codecnn.video.picture import Plane

SEARCHED: ModeSet = "vvc-67"  # where no labels are stored
NAMES = {"hadamard": "Hadamard SATD", "dct": "DCT SATD", "rd": "rate-distortion cost"}


class Modes(NamedTuple):
    """Hold the modes that one measure, or a network, chooses for the blocks of a CTU."""

    numbers: NDArray[np.int64]  # (rows, columns), of the blocks that are wholly inside the picture
    costs: NDArray[np.float64] | None  # of these modes; None: not known
    prediction: Plane  # (H, W) of the valid part of the CTU; 0 where there is no whole block


@dataclass(frozen=True)
class ShownCtu:
    """Hold a CTU: the valid part of its signals in the bit depth of the decoder, and the modes of its blocks."""

    shard: Shard
    row: int
    signals: dict[str, Plane]
    modes: ModeSet | None  # None: nothing is known of its blocks
    blocks: dict[BlockSize, dict[str, Modes]] = field(default_factory=dict)

    @property
    def decided(self) -> list[tuple[int, int, int, int, int]]:
        """Return the prediction blocks of the encoder: x and y in the CTU, side, luma mode and QP; none if not stored.

        A block that is larger than the CTU begins outside of it.
        """
        if not set(CODING_MAPS) <= set(self.shard.info.maps.split()):
            return []
        _, left, top, width, height = self.place
        maps = _maps(self.shard, BlockSize(4, 4))
        found = []
        for row, column in np.ndindex(height // 4, width // 4):
            here = {name: int(maps[name][self.row, row, column]) for name in CODING_MAPS}
            side, x, y = here["prediction_block_size"], left + 4 * column, top + 4 * row
            found.append((x - x % side - left, y - y % side - top, side, here["luma_mode"], here["qp"]))
        return [*dict.fromkeys(found)]

    @property
    def place(self) -> tuple[int, int, int, int, int]:
        """Return frame, x, y, width and height."""
        frame, x, y, width, height = (int(value) for value in self.shard.ctus[self.row])
        return frame, x, y, width, height

    @property
    def bit_depth(self) -> int:
        """Return the bit depth of the signals."""
        return self.shard.info.bit_depth_of("baseline")


def spread(shards: Sequence[Shard], most: int, row: int | None) -> Iterator[tuple[Shard, int]]:
    """Yield at most so many CTUs, spread evenly over all; or the CTU of a row, in at most so many files.

    InputError if no file has this row.
    """
    if row is not None:
        having = [shard for shard in shards if row < len(shard)]
        if not having:
            raise InputError(f"{shards[0].path}: has {len(shards[0])} CTUs, none of the number {row}")
        for place in np.linspace(0, len(having) - 1, min(most, len(having))).round():
            yield having[int(place)], row
        return
    ends = np.cumsum([len(shard) for shard in shards])
    for place in np.unique(np.linspace(0, ends[-1] - 1, min(most, int(ends[-1]))).round().astype(int)):
        number = int(np.searchsorted(ends, place, side="right"))
        yield shards[number], int(place - ends[number] + len(shards[number]))


def read_ctu(shard: Shard, row: int, networks: Mapping[str, ModeNetwork], search: bool) -> ShownCtu:
    """Read a CTU with the labels that are stored, or searched for where there are none, and the choices of networks."""
    info = shard.info
    _, _, _, width, height = shard.ctus[row]
    inside = np.s_[info.margin : info.margin + height, info.margin : info.margin + width]
    depth = info.bit_depth_of("baseline")
    signals = {name: shard.luma(name, row)[inside] for name in info.signal_names}
    signals["original"] = (signals["original"].astype(np.uint16) << (depth - info.bit_depth)).astype(
        signals["baseline"].dtype
    )
    sets: set[ModeSet] = {network.config.modes for network in networks.values()}
    sets |= {info.mode_set} if info.blocks else {SEARCHED} if search else set()
    if len(sets) > 1:
        raise InputError(f"{shard.path}: {' and '.join(sorted(sets))} cannot be shown together")
    if not sets:
        return ShownCtu(shard, row, signals, None)
    shown = ShownCtu(shard, row, signals, next(iter(sets)))
    assert shown.modes
    if info.ctu_size > largest_ctu(shown.modes):
        raise InputError(f"{shard.path}: {shown.modes} cannot be with CTUs of {info.ctu_size}")
    sizes = info.blocks or [s for s in SQUARES if s in sizes_of(shown.modes) and s.width <= info.ctu_size] * search
    for size in sizes:
        here = Around(shown, size)
        found = here.stored() if info.blocks else here.searched()
        shown.blocks[size] = {NAMES.get(name, name): here.modes(*of_name) for name, of_name in found.items()}
    for name, network in networks.items():
        size = BlockSize(network.config.size, network.config.size)
        if max(size) <= min(info.ctu_size, width, height):
            here = Around(shown, size)
            shown.blocks.setdefault(size, {})[name] = here.modes(here.chosen_by(network), None)
    return shown


class Around:
    """Hold the blocks of one size of a CTU, in planes that hold what is decoded around it."""

    def __init__(self, shown: ShownCtu, size: BlockSize) -> None:
        self.shown, self.size, info = shown, size, shown.shard.info
        _, x, y, width, height = shown.place
        self.grid = height // size.height, width // size.width
        down, across = (each.ravel() for each in np.mgrid[: self.grid[0], : self.grid[1]])
        signal = info.label_references if info.blocks else "unfiltered"
        around = read_surroundings(shown.shard, signal, shown.row)
        shift = shown.bit_depth - info.bit_depth_of(signal)
        self.reference = around.luma.astype(np.uint16) << shift
        self.original = np.zeros_like(self.reference)
        self.original[y - around.y :, x - around.x :][:height, :width] = shown.signals["original"]
        places = x + across * size.width, y + down * size.height
        self.blocks = blocks_at(*places, size, (info.height, info.width), info.ctu_size)
        self.blocks[:, :2] -= (around.x, around.y)

    def stored(self) -> dict[str, tuple[NDArray, NDArray | None]]:
        """Return modes and costs by the names of their measures, as they are in the file."""
        maps, (rows, columns) = _maps(self.shown.shard, self.size), self.grid
        here = {name: values[self.shown.row][:rows, :columns] for name, values in maps.items()}
        kinds = (kind for kind in LABEL_KINDS if f"{kind}_mode" in here)
        return {kind: (here[f"{kind}_mode"], here.get(f"{kind}_cost")) for kind in kinds}

    def searched(self) -> dict[str, tuple[NDArray, NDArray | None]]:
        """Search the modes with the least SATDs, as labels are."""
        if not len(self.blocks):
            return {name: (np.zeros(self.grid, np.uint8), None) for name in ("hadamard", "dct")}
        info, planes = self.shown.shard.info, (self.original, self.reference)
        tables = satd_tables(*planes, self.blocks, self.size, self.shown.bit_depth, SEARCHED, info.ctu_size)
        return {
            name: (table.argmin(1).reshape(self.grid), table.min(1).reshape(self.grid))
            for name, table in zip(("hadamard", "dct"), tables, strict=True)
        }

    def chosen_by(self, network: ModeNetwork) -> NDArray:
        """Return the modes that a network puts first."""
        sites = Sites([self.shown.shard], self.size.width)
        site, modes = sites.read(int(np.searchsorted(sites.rows, self.shown.row))), network.config.modes
        samples = site.samples_with_costs(modes) if network.takes_costs else site.samples
        with torch.inference_mode():
            first: NDArray = network(to_tensors(samples)).argmax(1).numpy()
        return first.reshape(self.grid)

    def modes(self, numbers: NDArray, costs: NDArray | None) -> Modes:
        """Return modes with their predictions."""
        assert self.shown.modes
        (rows, columns), size = self.grid, self.size
        predicted = np.zeros_like(self.shown.signals["baseline"])
        if len(self.blocks):
            nothing = np.zeros_like(self.original)  # so that residuals are predictions with the other sign
            planes = nothing, self.reference
            depth, modes = self.shown.bit_depth, self.shown.modes
            residuals = residuals_of(*planes, self.blocks, size, depth, modes, numbers.ravel())
            tiled = -residuals.reshape(rows, columns, size.height, size.width).swapaxes(1, 2)
            predicted[: rows * size.height, : columns * size.width] = tiled.reshape(rows * size.height, -1)
        return Modes(numbers.astype(np.int64), None if costs is None else costs.astype(np.float64), predicted)


@lru_cache(maxsize=64)
def _maps(shard: Shard, size: BlockSize) -> dict[str, NDArray]:
    return shard.maps(size)
