"""The best intra modes of every block of a picture, under the Hadamard and under the DCT SATD."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from codecnn.intra.block_size import SQUARES, BlockSize
from codecnn.intra.references import available
from codecnn.labels.mode_sets import MODE_SETS, ModeSet, count_of, largest_ctu, lines_of, mode_table, sizes_of
from codecnn.labels.numba_engine import costs as kernel
from codecnn.labels.numba_engine.references import empty_references
from codecnn.labels.torch_engine import costs as batched
from codecnn.labels.torch_engine.stencils import stencils_of
from codecnn.vectors import LANES

NO_LABEL = 255
_TIE = 1 + 2.0**-20  # float32 rounds equal DCT costs apart, a transposed block's above all
_CHUNK = 4096  # blocks that a thread takes at a time


@dataclass(frozen=True)
class SizeLabels:
    """The labels of all blocks of one size, on the block grid of the picture padded to whole CTUs: (rows, columns).

    With more than one best mode (rows, columns, best), in the order of their costs. The modes are numbers in their
    mode set. A block that is not wholly inside the picture has NO_LABEL and NaN. The costs are in orthonormal scale.
    """

    hadamard_mode: np.ndarray  # uint8
    hadamard_cost: np.ndarray  # float32
    dct_mode: np.ndarray  # uint8
    dct_cost: np.ndarray  # float32
    tables: "CostTables | None" = None


@dataclass(frozen=True)
class CostTables:
    """The costs of all modes of a mode set for every block: (rows, columns, modes) float32, in orthonormal scale.

    A mode that a block cannot have (planar on lines 1 and 2, those lines at the upper edge of a CTU) costs infinitely
    much; a block that is not wholly inside the picture has NaN.
    """

    hadamard: np.ndarray
    dct: np.ndarray


@dataclass(frozen=True)
class _Job:
    """What all blocks of a picture have in common."""

    original: np.ndarray
    reference: np.ndarray
    bit_depth: int
    ctu_size: int
    modes: ModeSet
    best: int
    device: torch.device | None

    @cached_property
    def tensors(self) -> tuple[Tensor, Tensor]:
        """Original and reference on the device."""
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

    original, reference: (H, W) luma planes, uint8 or uint16, 0..2^bit_depth - 1; what is predicted and what it is
    predicted from (the unfiltered reconstruction, or the original itself). sizes: of those that the modes predict;
    ctu_size: a power of 2, at least the longest side. best: how many modes to find for each block. tables: whether
    to give the costs of all modes as well. The lowest mode wins a tie; DCT costs, rounded to float32 on the way, tie
    within one part in a million. Any number of threads finds the same; the GIL is released. device: where torch is
    to compute instead, on CUDA for one: the same predictions and Hadamard costs, and DCT costs to float32 rounding.
    Raises ValueError for planes that differ in shape or are of other types, samples beyond the bit depth, other sizes.
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
    """The best modes and their costs, (2, N, best) each, and the costs of all modes: (2, N, modes)."""
    batches = -(-len(blocks) // LANES)
    shape = (batches, count_of(job.modes), LANES)
    hadamard, dct = np.full(shape, np.iinfo(np.int32).max, np.int32), np.full(shape, np.inf, np.float32)
    strong = job.modes == "hevc-35"
    for line in range(lines_of(job.modes)):
        if job.device is None:
            table = mode_table(job.modes, size, line)
            references = empty_references(*size, job.bit_depth, line, strong)
            kernel.block_costs(job.original, job.reference, blocks, tuple(size), table, references, hadamard, dct)
        else:
            stencils = stencils_of(job.modes, size, line, job.device)
            batched.block_costs(job.tensors, blocks, size, stencils, job.bit_depth, line, strong, hadamard, dct)
    if job.modes == "vvc-67-mrl":  # at the upper edge of a CTU a decoder keeps one line alone (H.266 7.3.11.5)
        first_row = np.resize(blocks[:, 1] % job.ctu_size == 0, batches * LANES).reshape(batches, LANES)
        for costs in (hadamard, dct):
            np.copyto(costs[:, count_of("vvc-67") :], _highest(costs), where=first_row[:, None])
    found_modes = np.empty((2, len(blocks), job.best), np.uint8)
    found_costs = np.empty((2, len(blocks), job.best), np.float32)
    kernel.best_modes(hadamard, _highest(hadamard), 1, found_modes[0], found_costs[0])
    kernel.best_modes(dct, _highest(dct), _TIE, found_modes[1], found_costs[1])
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
    """The blocks of a grid as `gather_references` takes them: (N, 4).

    What is in the picture above right or below left of a block is decoded as a whole or not at all: it belongs to
    one block of the same size.
    """
    y, x = np.ogrid[: grid[0] * size.height : size.height, : grid[1] * size.width : size.width]
    block = x, y, max(size)
    right = available(x + size.width, y - 1, *block, shape, ctu_size)
    below = available(x - 1, y + size.height, *block, shape, ctu_size)
    right = np.where(right, np.minimum(size.width, shape[1] - x - size.width), 0)
    below = np.where(below, np.minimum(size.height, shape[0] - y - size.height), 0)
    return np.stack(np.broadcast_arrays(x, y, right, below), axis=-1).reshape(-1, 4)
