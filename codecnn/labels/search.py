"""Find the best intra modes of every block of a picture, by Hadamard SATD, DCT SATD and rate-distortion cost."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from codecnn.intra.block_size import SQUARES, BlockSize
from codecnn.intra.references import available
from codecnn.labels.label import NO_LABEL, CostTables, SizeLabels
from codecnn.labels.mode_sets import MODE_SETS, ModeSet, count_of, largest_ctu, sizes_of
from codecnn.labels.numba_engine.costs import best_modes
from codecnn.labels.rate_distortion import Coding
from codecnn.labels.tables import by_block, highest, in_rows, lane_costs, lane_lagrangian_costs, scales_of

_TIE = 1 + 2.0**-20  # rounding to float32 makes equal DCT costs differ, mostly for a block and its transpose
_CHUNK = 4096  # blocks that a thread labels at a time


@dataclass(frozen=True)
class _Job:
    """Hold the planes and settings that all blocks of a picture share."""

    original: np.ndarray
    reference: np.ndarray
    bit_depth: int
    ctu_size: int
    modes: ModeSet
    best: int
    device: torch.device | None
    coding: Coding | None

    @cached_property
    def planes(self) -> tuple[Tensor, Tensor] | tuple[np.ndarray, np.ndarray]:
        """Return original and reference: tensors on the device where there is one."""
        if self.device is None:
            return self.original, self.reference
        original, reference = (
            torch.from_numpy(p.astype(np.int32)).to(self.device) for p in (self.original, self.reference)
        )
        return original, reference


def label_picture(
    original: np.ndarray,
    reference: np.ndarray,
    bit_depth: int,
    sizes: Sequence[BlockSize] = SQUARES,
    ctu_size: int = 128,
    modes: ModeSet = "vvc-67",
    best: int = 1,
    tables: bool = False,
    threads: int = 1,
    device: torch.device | None = None,
    coding: Coding | None = None,
) -> dict[BlockSize, SizeLabels]:
    """Find the modes with the least costs for every block of every size.

    original, reference: (H, W) luma planes, uint8 or uint16, 0..2^bit_depth - 1: the picture to predict, and the
    picture to predict from (the unfiltered reconstruction, or the original itself). sizes: block sizes that the modes
    predict. ctu_size: a power of 2, at least the longest side. best: how many modes to find for each block. tables:
    whether to return the costs of all modes too. threads: does not change the result; the GIL is released. device:
    compute on it with torch instead of numba; predictions and Hadamard costs are the same, DCT costs differ by float32
    rounding. coding: where it is given, the modes with the least rate-distortion cost are found as well, by numba. The
    lowest mode wins a tie. DCT and rate-distortion costs within one part in a million are a tie, as they are in
    float32. Raises ValueError for planes of different shapes or other types, samples beyond the bit depth, other sizes,
    and a codec without a known lambda.
    """
    if original.shape != reference.shape or original.ndim != 2:
        raise ValueError(f"original {original.shape} and reference {reference.shape} must be planes of one shape")
    if {original.dtype, reference.dtype} - {np.dtype(np.uint8), np.dtype(np.uint16)} or not 8 <= bit_depth <= 16:
        raise ValueError(
            f"{original.dtype} and {reference.dtype} of {bit_depth} bits: uint8, uint16 with 8 to 16 are known"
        )
    if (largest := max(original.max(), reference.max())) >> bit_depth:
        raise ValueError(f"a sample of {largest} does not fit {bit_depth} bits")
    if modes not in MODE_SETS or not 1 <= best <= 35:
        raise ValueError(f"{best} best modes of {modes!r}: 1 to 35 of {', '.join(MODE_SETS)} can be found")
    if ctu_size > largest_ctu(modes):
        raise ValueError(f"{modes} with CTU {ctu_size}: the largest is {largest_ctu(modes)}")
    known = sizes_of(modes)
    if not set(sizes) <= set(known) or ctu_size < max(map(max, sizes), default=0) or ctu_size & (ctu_size - 1):
        raise ValueError(
            f"sizes {' '.join(map(str, sizes))} with CTU {ctu_size}: "
            f"{modes} has {' '.join(map(str, known))}, no larger than the CTU"
        )
    original, reference = (np.ascontiguousarray(plane, np.uint16) for plane in (original, reference))
    job = _Job(original, reference, bit_depth, ctu_size, modes, best, device, coding)
    with ThreadPoolExecutor(threads) as pool:
        return {size: _label_size(job, size, tables, pool) for size in sizes}


def _label_size(job: _Job, size: BlockSize, with_tables: bool, pool: ThreadPoolExecutor) -> SizeLabels:
    height, width = job.original.shape
    grid = tuple(
        -(-length // job.ctu_size) * job.ctu_size // side
        for length, side in ((height, size.height), (width, size.width))
    )
    inside = height // size.height, width // size.width
    blocks = blocks_of(inside, size, job.original.shape, job.ctu_size)
    kinds = 2 if job.coding is None else 3
    modes = np.full((kinds, *grid, job.best), NO_LABEL, np.uint8)
    costs = np.full((kinds, *grid, job.best), np.nan, np.float32)
    table = np.full((kinds, *grid, count_of(job.modes)), np.nan, np.float32) if with_tables else None

    starts = range(0, len(blocks), _CHUNK)
    found = pool.map(lambda start: _label_blocks(job, size, blocks[start : start + _CHUNK], with_tables), starts)
    for start, parts in zip(starts, found, strict=True):
        row, column = np.divmod(np.arange(start, min(start + _CHUNK, len(blocks))), inside[1])
        for whole, part in zip((modes, costs, table), parts, strict=True):
            if whole is not None and part is not None:
                whole[:, row, column] = part
    if job.best == 1:
        modes, costs = modes[..., 0], costs[..., 0]
    of_kinds = [part for kind in zip(modes, costs, strict=True) for part in kind]
    return SizeLabels(*of_kinds, tables=None if table is None else CostTables(*table))


def _label_blocks(
    job: _Job, size: BlockSize, blocks: np.ndarray, with_tables: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the best modes and their costs, (kinds, N, best) each, and the costs of all modes, (kinds, N, modes).

    The kinds are Hadamard SATD, DCT SATD and, if there is a coding, rate-distortion cost. The costs of all modes are
    None if they are not asked for.
    """
    original, reference = job.planes
    hadamard, dct = lane_costs(original, reference, blocks, size, job.bit_depth, job.modes, job.ctu_size)
    kinds = [hadamard, dct]
    if job.coding is not None:
        planes = job.original, job.reference
        kinds.append(lane_lagrangian_costs(*planes, blocks, size, job.bit_depth, job.modes, job.ctu_size, job.coding))
    found_modes = np.empty((len(kinds), len(blocks), job.best), np.uint8)
    found_costs = np.empty((len(kinds), len(blocks), job.best), np.float32)
    for costs, modes_of, costs_of in zip(kinds, found_modes, found_costs, strict=True):
        best_modes(costs, highest(costs), 1 if costs is hadamard else _TIE, modes_of, costs_of)
    found_costs[:2] *= scales_of(size)
    if not with_tables:
        return found_modes, found_costs, None
    tables = [by_block(hadamard, dct, size, len(blocks)), *(in_rows(costs, len(blocks))[None] for costs in kinds[2:])]
    return found_modes, found_costs, np.concatenate(tables)


def blocks_of(grid: tuple[int, int], size: BlockSize, shape: tuple[int, int], ctu_size: int) -> np.ndarray:
    """Return the blocks of a grid from the upper left sample on, in raster order, as `blocks_at` does."""
    y, x = np.ogrid[: grid[0] * size.height : size.height, : grid[1] * size.width : size.width]
    return blocks_at(x, y, size, shape, ctu_size).reshape(-1, 4)


def blocks_at(x: np.ndarray, y: np.ndarray, size: BlockSize, shape: tuple[int, int], ctu_size: int) -> np.ndarray:
    """Return blocks in the form that `gather_references` needs: (..., 4).

    x, y: multiples of width and height that broadcast together. shape: (height, width) of the picture. Columns: x, y,
    and how many samples above right and below left are available. The samples above right of a block belong to one
    block of the same size. So all of them that are inside the picture are decoded before the block, or none.
    The same is true below left.
    """
    block = x, y, max(size)
    right = available(x + size.width, y - 1, *block, shape, ctu_size)
    below = available(x - 1, y + size.height, *block, shape, ctu_size)
    right = np.where(right, np.minimum(size.width, shape[1] - x - size.width), 0)
    below = np.where(below, np.minimum(size.height, shape[0] - y - size.height), 0)
    return np.stack(np.broadcast_arrays(x, y, right, below), axis=-1)
