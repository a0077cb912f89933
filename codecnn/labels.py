"""The best intra mode of every block of a picture, under the Hadamard and under the DCT SATD."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecnn.engine.kernel import label_blocks
from codecnn.engine.prediction import empty_references, mode_table
from codecnn.intra.references import available

NO_LABEL = 255
SIZES = (4, 8, 16, 32, 64)


@dataclass(frozen=True)
class SizeLabels:
    """The labels of all blocks of one size, on the block grid of the picture padded to whole CTUs: (rows, columns).

    A block that is not wholly inside the picture has NO_LABEL and NaN. The costs are in orthonormal scale.
    """

    hadamard_mode: np.ndarray  # uint8
    hadamard_cost: np.ndarray  # float32
    dct_mode: np.ndarray  # uint8
    dct_cost: np.ndarray  # float32


def label_picture(
    original: np.ndarray, reference: np.ndarray, bit_depth: int, sizes: Sequence[int] = SIZES, ctu_size: int = 128
) -> dict[int, SizeLabels]:
    """Find the VVC mode (0..66) with the least SATD for every block of every size.

    original, reference: (H, W) luma planes, uint8 or uint16, 0..2^bit_depth - 1; what is predicted and what it is
    predicted from (the unfiltered reconstruction, or the original itself). sizes: of 4, 8, 16, 32, 64; ctu_size: a
    power of 2, at least the largest size. The lowest mode wins a tie; DCT costs, rounded to float32 on the
    way, tie within one part in a million. Runs on one thread and releases the GIL.
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
    if not set(sizes) <= set(SIZES) or ctu_size < max(sizes, default=0) or ctu_size & (ctu_size - 1):
        raise ValueError(f"sizes {tuple(sizes)} with CTU {ctu_size}: must be of {SIZES}, no larger than the CTU")
    original, reference = (np.ascontiguousarray(plane, np.uint16) for plane in (original, reference))
    return {size: _label_size(original, reference, bit_depth, size, ctu_size) for size in sizes}


def _label_size(original: np.ndarray, reference: np.ndarray, bit_depth: int, size: int, ctu_size: int) -> SizeLabels:
    shape = original.shape
    rows, columns = (-(-length // ctu_size) * ctu_size // size for length in shape)
    modes, costs = np.full((2, rows, columns), NO_LABEL, np.uint8), np.full((2, rows, columns), np.nan, np.float32)
    inside = shape[0] // size, shape[1] // size
    blocks = _blocks(inside, size, shape, ctu_size)
    found_modes, found_costs = np.empty((2, len(blocks)), np.uint8), np.empty((2, len(blocks)), np.float32)
    references = empty_references(size, size, bit_depth)
    label_blocks(original, reference, blocks, size, mode_table(size, size), references, found_modes, found_costs)
    modes[:, : inside[0], : inside[1]] = found_modes.reshape(2, *inside)
    costs[:, : inside[0], : inside[1]] = found_costs.reshape(2, *inside)
    return SizeLabels(modes[0], costs[0], modes[1], costs[1])


def _blocks(grid: tuple[int, int], size: int, shape: tuple[int, int], ctu_size: int) -> np.ndarray:
    """The blocks of a grid as `gather_references` takes them: (N, 4).

    What is in the picture above right or below left of a block is decoded as a whole or not at all: it belongs to
    one block of the same size.
    """
    y, x = (axis * size for axis in np.ogrid[: grid[0], : grid[1]])
    right = np.where(available(x + size, y - 1, x, y, shape, ctu_size), np.minimum(size, shape[1] - x - size), 0)
    below = np.where(available(x - 1, y + size, x, y, shape, ctu_size), np.minimum(size, shape[0] - y - size), 0)
    return np.stack(np.broadcast_arrays(x, y, right, below), axis=-1).reshape(-1, 4)
