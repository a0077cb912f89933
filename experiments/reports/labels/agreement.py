"""Label the blocks of a frame again, and compare the two labels of each block."""

import os
from typing import NamedTuple, cast

import numpy as np

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import LABEL_MAPS
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.labels.label import SizeLabels
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.labels.search import blocks_of, label_picture

_BEST = 3  # modes that are found of each block


class LabelledBlocks(NamedTuple):
    """Hold the blocks of one frame that lie wholly inside the picture, in raster order."""

    blocks: np.ndarray  # (N, 4) as `gather_references` takes them
    best: np.ndarray  # (2, N, _BEST) uint8, the best modes by Hadamard and by DCT SATD
    tables: np.ndarray  # (2, N, modes) float32, the costs of all modes


def label_frame(shard: Shard, stored: SizeLabels, size: BlockSize, frame: int) -> LabelledBlocks:
    """Label one frame again; raise InputError if other labels are stored."""
    info = shard.info
    names = "original", info.label_references
    depth = info.format_of("baseline").bit_depth  # labels are made at the decoder's
    original, reference = (convert_bit_depth(shard.picture(name, frame), depth).y for name in names)
    modes = cast(ModeSet, info.label_modes)
    common = depth, (size,), info.ctu_size, modes, _BEST
    found = label_picture(original, reference, *common, tables=True, threads=os.cpu_count() or 1)[size]
    if not _holds(shard, stored, frame, found):
        raise InputError(f"{shard.path}: labels of {size} that this version does not find; build the file again")
    assert found.tables is not None
    grid = info.height // size.height, info.width // size.width
    best, tables = (
        np.stack([part[: grid[0], : grid[1]].reshape(grid[0] * grid[1], -1) for part in parts])
        for parts in ((found.hadamard_mode, found.dct_mode), (found.tables.hadamard, found.tables.dct))
    )
    return LabelledBlocks(blocks_of(grid, size, original.shape, info.ctu_size), best, tables)


def compare(tables: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Compare both labels of every block: (N, 8) float64.

    tables: (2, N, modes), the costs of all modes by Hadamard and by DCT SATD; best: (2, N, 3), the best modes by each.
    Columns: same mode, DCT label among the three best by Hadamard, within one step, several modes with the least
    Hadamard cost (each 0 or 1); DCT cost of the Hadamard and of the DCT label, Hadamard cost of the DCT and of the
    Hadamard label.
    """
    hadamard, dct = (modes[:, 0].astype(int) for modes in best)
    angular = (hadamard % count_of("vvc-67") >= 2) & (dct % count_of("vvc-67") >= 2)
    block = np.arange(len(hadamard))
    columns = (
        hadamard == dct,
        (best[0] == dct[:, None]).any(1),
        (hadamard == dct) | (angular & (abs(hadamard - dct) <= 1)),  # two angular ones of different lines are further
        (tables[0] == tables[0].min(1, keepdims=True)).sum(1) > 1,
        tables[1, block, hadamard],
        tables[1, block, dct],
        tables[0, block, dct],
        tables[0, block, hadamard],
    )
    return np.stack([column.astype(np.float64) for column in columns], axis=1)


def _holds(shard: Shard, stored: SizeLabels, frame: int, found: SizeLabels) -> bool:
    """Return whether the stored labels of a frame, CTU by CTU, are the best modes found."""
    across, count = -(-shard.info.width // shard.info.ctu_size), len(shard) // shard.frames
    for name in LABEL_MAPS:
        ctus = getattr(stored, name)[frame * count : (frame + 1) * count]  # (CTUs, rows, columns)
        best = getattr(found, name)[..., 0]
        blocks = ctus.reshape(-1, across, *ctus.shape[1:]).swapaxes(1, 2).reshape(best.shape)
        if not np.array_equal(blocks, best, equal_nan=True):
            return False
    return True
