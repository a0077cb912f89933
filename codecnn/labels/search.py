"""Find the best intra modes of every block of a picture, by Hadamard SATD and by DCT SATD."""

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
from codecnn.labels.mode_sets import MODE_SETS, ModeSet, count_of, largest_ctu, mode_table, reference_lines_of, sizes_of
from codecnn.labels.numba_engine.costs import best_modes
from codecnn.labels.numba_engine.costs import block_costs as numba_block_costs
from codecnn.labels.numba_engine.references import empty_references
from codecnn.labels.torch_engine.costs import block_costs as torch_block_costs
from codecnn.labels.torch_engine.stencils import stencils_of
from codecnn.vectors import LANES

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

    @cached_property
    def tensors(self) -> tuple[Tensor, Tensor]:
        """Return original and reference on the device."""
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
) -> dict[BlockSize, SizeLabels]:
    """Find the modes with the least SATD for every block of every size.

    original, reference: (H, W) luma planes, uint8 or uint16, 0..2^bit_depth - 1: the picture to predict, and the
    picture to predict from (the unfiltered reconstruction, or the original itself). sizes: block sizes that the modes
    predict. ctu_size: a power of 2, at least the longest side. best: how many modes to find for each block. tables:
    whether to return the costs of all modes too. threads: does not change the result; the GIL is released. device:
    compute on it with torch instead of numba; predictions and Hadamard costs are the same, DCT costs differ by float32
    rounding. The lowest mode wins a tie. DCT costs within one part in a million are a tie, as they are in float32.
    Raises ValueError for planes of different shapes or other types, samples beyond the bit depth, and other sizes.
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
    job = _Job(original, reference, bit_depth, ctu_size, modes, best, device)
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
    modes, costs = np.full((2, *grid, job.best), NO_LABEL, np.uint8), np.full((2, *grid, job.best), np.nan, np.float32)
    table = np.full((2, *grid, count_of(job.modes)), np.nan, np.float32) if with_tables else None

    starts = range(0, len(blocks), _CHUNK)
    found = pool.map(lambda start: _label_blocks(job, size, blocks[start : start + _CHUNK], with_tables), starts)
    for start, parts in zip(starts, found, strict=True):
        row, column = np.divmod(np.arange(start, min(start + _CHUNK, len(blocks))), inside[1])
        for whole, part in zip((modes, costs, table), parts, strict=True):
            if whole is not None and part is not None:
                whole[:, row, column] = part
    if job.best == 1:
        modes, costs = modes[..., 0], costs[..., 0]
    return SizeLabels(modes[0], costs[0], modes[1], costs[1], None if table is None else CostTables(*table))


def _label_blocks(
    job: _Job, size: BlockSize, blocks: np.ndarray, with_tables: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the best modes and their costs, (2, N, best) each, and the costs of all modes, (2, N, modes).

    Index 0 is for the Hadamard SATD, 1 for the DCT SATD. The costs of all modes are None if they are not asked for.
    """
    batches = -(-len(blocks) // LANES)
    shape = (batches, count_of(job.modes), LANES)
    hadamard, dct = np.full(shape, np.iinfo(np.int32).max, np.int32), np.full(shape, np.inf, np.float32)
    strong = job.modes == "hevc-35"
    for reference_line in range(reference_lines_of(job.modes)):
        if job.device is None:
            table = mode_table(job.modes, size, reference_line)
            references = empty_references(*size, job.bit_depth, reference_line, strong)
            numba_block_costs(job.original, job.reference, blocks, tuple(size), table, references, hadamard, dct)
        else:
            stencils = stencils_of(job.modes, size, reference_line, job.device)
            torch_block_costs(job.tensors, blocks, size, stencils, job.bit_depth, reference_line, strong, hadamard, dct)
    if job.modes == "vvc-67-mrl":  # the upper edge of a CTU has only reference line 0 (H.266 7.3.11.5)
        first_row = np.resize(blocks[:, 1] % job.ctu_size == 0, batches * LANES).reshape(batches, LANES)
        for costs in (hadamard, dct):
            np.copyto(costs[:, count_of("vvc-67") :], _highest(costs), where=first_row[:, None])
    found_modes = np.empty((2, len(blocks), job.best), np.uint8)
    found_costs = np.empty((2, len(blocks), job.best), np.float32)
    best_modes(hadamard, _highest(hadamard), 1, found_modes[0], found_costs[0])
    best_modes(dct, _highest(dct), _TIE, found_modes[1], found_costs[1])
    scales = np.array([2 / min(*size, 8), 2 / np.sqrt(size.width * size.height)], np.float32).reshape(2, 1, 1)
    found_costs *= scales
    if not with_tables:
        return found_modes, found_costs, None
    tables = np.stack([hadamard.astype(np.float32), dct])
    tables[0, hadamard == _highest(hadamard)] = np.inf
    tables = tables.swapaxes(2, 3).reshape(2, batches * LANES, -1)[:, : len(blocks)]
    return found_modes, found_costs, tables * scales


def _highest(costs: np.ndarray) -> np.int32 | np.float32:
    return np.float32(np.inf) if costs.dtype == np.float32 else np.int32(np.iinfo(np.int32).max)


def blocks_of(grid: tuple[int, int], size: BlockSize, shape: tuple[int, int], ctu_size: int) -> np.ndarray:
    """Return the blocks of a grid in the form that `gather_references` needs: (N, 4).

    The samples above right of a block belong to one block of the same size. So all of them that are inside the picture
    are decoded before the block, or none. The same is true below left.
    """
    y, x = np.ogrid[: grid[0] * size.height : size.height, : grid[1] * size.width : size.width]
    block = x, y, max(size)
    right = available(x + size.width, y - 1, *block, shape, ctu_size)
    below = available(x - 1, y + size.height, *block, shape, ctu_size)
    right = np.where(right, np.minimum(size.width, shape[1] - x - size.width), 0)
    below = np.where(below, np.minimum(size.height, shape[0] - y - size.height), 0)
    return np.stack(np.broadcast_arrays(x, y, right, below), axis=-1).reshape(-1, 4)
