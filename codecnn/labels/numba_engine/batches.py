"""Gather LANES blocks of one size and their references, one block in each lane of a vector."""

import numpy as np
from numba import njit

from codecnn.labels.numba_engine.references import References, gather_references, prepare_references
from codecnn.vectors import LANES, load, store


@njit(nogil=True)
def gather_batch(
    references: References,
    original: np.ndarray,
    reference: np.ndarray,
    blocks: np.ndarray,
    number: int,
    size: tuple[int, int],
    batch: np.ndarray,
) -> None:
    """Fill the references and the samples of a batch; the last one repeats the last block.

    original, reference: planes. blocks: (N, 4) as for `gather_references`. batch: (2, width * height * LANES), the
    blocks of the original and the same transposed.
    """
    width, height = size
    for lane in range(LANES):
        block = blocks[min(number * LANES + lane, len(blocks) - 1)]
        gather_references(references, lane, reference, block, width, height)
        for y in range(height):
            for x in range(width):
                batch[0, np.uintp((y * width + x) * LANES + lane)] = original[block[1] + y, block[0] + x]
    for y in range(height):
        for x in range(width):
            store(batch[1], x * height + y, load(batch[0], y * width + x))
    prepare_references(references, width, height)
