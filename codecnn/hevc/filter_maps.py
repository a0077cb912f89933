"""Lay out by CTU and by block what the in-loop filters have to know (H.265 8.7)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecnn.hevc.slice_header import SliceHeader

BLOCK = 8  # side of the grid on which edges are filtered; no coding unit is smaller


@dataclass(frozen=True, eq=False)
class FilterMaps:
    """Hold maps of a coded picture, one value for each CTU or for each block of 8x8 luma samples.

    Args:
        slices: headers in decoding order, without those of dependent slice segments.
        slice: which of them each CTU belongs to. tile: of each CTU.
        unit: number of the transform unit that covers a block, or of the PCM unit. If it is split further than 8x8, of
            one of its parts: only edges between blocks are filtered.
        qp: QpY of each block, int64.
        kept: whether the filters leave a block as it is: lossless, or PCM with pcm_loop_filter_disabled_flag.
    """

    slices: Sequence[SliceHeader]
    slice: np.ndarray
    tile: np.ndarray
    unit: np.ndarray
    qp: np.ndarray
    kept: np.ndarray

    def by_ctu(self, name: str) -> np.ndarray:
        """Return the value of a field of the slice header for each CTU."""
        return np.array([getattr(header, name) for header in self.slices])[self.slice]

    def by_block(self, values: np.ndarray) -> np.ndarray:
        """Return for each block what is known of its CTU."""
        blocks = (1 << self.slices[0].sps.ctb_bits) // BLOCK
        return np.repeat(np.repeat(values, blocks, 0), blocks, 1)[: self.qp.shape[0], : self.qp.shape[1]]

    def are_joined(self, down: int, across: int) -> np.ndarray:
        """Tell for each CTU whether filters may cross to the CTU that is -1..1 CTUs down and -1..1 across.

        They never leave the picture. Between two slices the later one decides, by its
        slice_loop_filter_across_slices_enabled_flag, between two tiles loop_filter_across_tiles_enabled_flag.
        """
        rows, columns = self.slice.shape
        there = np.s_[1 + down : 1 + down + rows, 1 + across : 1 + across + columns]
        slices, tiles = (np.pad(own, 1, constant_values=-1)[there] for own in (self.slice, self.tile))
        across_slices = np.array([header.filter_across for header in self.slices])
        joined = (slices == self.slice) | across_slices[np.maximum(slices, self.slice)]
        tiling = self.slices[0].pps.tiles
        if tiling is not None and not tiling.filter_across:
            joined &= tiles == self.tile
        return joined & (slices >= 0)


def make_maps(
    slices: Sequence[SliceHeader], ctus: np.ndarray, coding_units: np.ndarray, transform_units: np.ndarray
) -> FilterMaps:
    """Return the maps of a picture from its slices and units, see `codecnn.hevc.picture.CodedPicture`."""
    sps = slices[0].sps
    slices = [header for header in slices if not header.dependent]
    number = np.zeros(ctus.size, np.int64)
    number[[header.address for header in slices]] = np.arange(len(slices))
    shape = sps.ctus_down, sps.ctus_across
    unit, qp = (np.zeros((sps.height // BLOCK, sps.width // BLOCK), np.int64) for _ in range(2))
    kept = np.zeros(qp.shape, bool)
    _fill(unit, coding_units, -1 - np.arange(coding_units.size))
    _fill(unit, transform_units, np.arange(transform_units.size))
    _fill(qp, coding_units, coding_units["qp"])
    keeps_pcm = sps.pcm is not None and sps.pcm.filter_disabled
    _fill(kept, coding_units, coding_units["bypass"] | (coding_units["pcm"] & keeps_pcm))
    return FilterMaps(slices, number[ctus["slice"]].reshape(shape), ctus["tile"].reshape(shape), unit, qp, kept)


def _fill(blocks: np.ndarray, units: np.ndarray, values: np.ndarray) -> None:
    """Set the blocks that each unit covers."""
    for size in np.unique(units["size"]):
        chosen = units["size"] == size
        steps = np.arange(max(size // BLOCK, 1))
        rows = units["y"][chosen, None, None] // BLOCK + steps[:, None]
        columns = units["x"][chosen, None, None] // BLOCK + steps
        blocks[rows, columns] = values[chosen, None, None]
