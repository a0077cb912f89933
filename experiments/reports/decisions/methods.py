"""Define how the luma mode of a block is chosen, where every other decision is that of the full search."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codecnn.hevc import Block, Full
from codecnn.hevc.encoder.chooser import by_dct, by_hadamard
from codecnn.intra.block_size import BlockSize
from codecnn.labels.rate_distortion import Coding
from codecnn.labels.search import blocks_at
from codecnn.labels.tables import lagrangian_table

CTU = 64
LARGEST = 32  # of a block that HEVC predicts at once
SIZES = (4, 8, 16, 32, 64)


def by_estimate(block: Block) -> NDArray[np.float64]:
    """Return for every luma mode the estimated J of labels + lambda * bits of the mode.

    J is that of `codecnn.labels.rate_distortion` with the lambda of HM. Units of 64x64 are measured by Hadamard SATD.
    """
    if block.size > LARGEST:
        return by_hadamard(block)
    # The CTUs that the references of the block can lie in.
    left, top = (max(place // CTU - 1, 0) * CTU for place in (block.x, block.y))
    window = np.s_[0, top : block.y // CTU * CTU + CTU, left : block.x // CTU * CTU + 2 * CTU]
    original = np.ascontiguousarray(block.task.original[window], np.uint16)
    reference = np.ascontiguousarray(block.task.arrays.samples[window], np.uint16)
    size, bit_depth = BlockSize(block.size, block.size), int(block.states["bit_depth"][0, 0])
    x, y = np.array([block.x - left]), np.array([block.y - top])
    blocks = blocks_at(x, y, size, original.shape, CTU)
    costs = lagrangian_table(original, reference, blocks, size, bit_depth, "hevc-35", CTU, Coding("hm", block.qp))
    _, bits = block.rank_modes()
    total: NDArray[np.float64] = costs[0] + block.lagrangian * bits
    return total


@dataclass(frozen=True)
class Method:
    """Hold a way to choose: the best of so many modes by rate-distortion cost, those of least cost by a measure."""

    name: str
    measure: Callable[[Block], NDArray[np.float64]]
    candidates: int = 1

    def chooser(self) -> Full:
        """Return the full search with these candidates."""
        return Full(dict.fromkeys(SIZES, self.candidates), 0, self.measure)


METHODS = (
    Method("Hadamard", by_hadamard),
    Method("DCT", by_dct),
    Method("estimated J", by_estimate),
    *(
        Method(f"best of {count}, {name}", measure, count)
        for count in (2, 3, 8)
        for name, measure in (("Hadamard", by_hadamard), ("DCT", by_dct))
    ),
)
PAIRS = (  # compared clip by clip; the second one is expected to be better
    *((f"{of}Hadamard", f"{of}DCT") for of in ("", *(f"best of {count}, " for count in (2, 3, 8)))),
    ("DCT", "estimated J"),
    ("DCT", "best of 2, Hadamard"),
)
