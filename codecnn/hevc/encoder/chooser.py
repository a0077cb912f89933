"""Say what is tried for a block: the protocol of an encoder's decisions, and choosers that follow it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from codecnn.hevc.encoder.block_view import Block
from codecnn.hevc.encoder.scratch import BY_COST, ROUNDED
from codecnn.intra.hevc import DC, HORIZONTAL, PLANAR, VERTICAL

DERIVED = -1  # the chroma mode that is that of luma
CHROMA_MODES = (DERIVED, PLANAR, VERTICAL, HORIZONTAL, DC)
MAX_DEPTH = 2  # of transform trees that a search tries


class Chooser(Protocol):
    """Answer for each block what the encoder tries; of several answers it takes the one of least rate-distortion cost.

    Every answer has at least one entry. The cost is the squared error of luma, plus that of chroma with its weight,
    plus lambda times the bits that the syntax takes with the present context variables.
    """

    @property
    def quantiser(self) -> int:
        """Return how levels are chosen, ROUNDED or BY_COST."""

    @property
    def transform_depth(self) -> int:
        """Return how often a transform unit can be split again, 0 to 3; both ways are tried wherever it can."""

    def splits(self, block: Block) -> Sequence[bool]:
        """Return whether the coding unit is split; of the smallest one, whether its luma is predicted in four parts."""

    def luma_modes(self, block: Block) -> Sequence[int]:
        """Return luma modes, 0..34, of a prediction block."""

    def chroma_modes(self, block: Block) -> Sequence[int]:
        """Return chroma modes of a coding unit, of CHROMA_MODES."""


@dataclass(frozen=True)
class Fixed:
    """Choose without a search: coding units of one size, one luma mode, chroma as luma, rounded levels.

    Args:
        size: of coding units, 8..64; smaller ones only where the picture ends.
        mode: the luma mode, 0..34.
    """

    size: int = 16
    mode: int = PLANAR
    quantiser: int = ROUNDED
    transform_depth: int = 0

    def splits(self, block: Block) -> Sequence[bool]:
        """Split what is larger."""
        return (block.size > self.size,)

    def luma_modes(self, block: Block) -> Sequence[int]:
        """Return the one mode."""
        return (self.mode,)

    def chroma_modes(self, block: Block) -> Sequence[int]:
        """Return the mode of luma."""
        return (DERIVED,)


@dataclass(frozen=True)
class Full:
    """Try every split, the best luma modes by Hadamard SATD with their bits, all chroma modes and transform trees.

    The candidates are those of the HM reference software: so many of each size, and the first two most probable modes.

    Args:
        candidates: luma modes that are tried, by size of the block.
    """

    candidates: Mapping[int, int]
    most_probable: int = 2
    quantiser: int = BY_COST
    transform_depth: int = MAX_DEPTH

    def splits(self, block: Block) -> Sequence[bool]:
        """Return both answers."""
        return (False, True)

    def luma_modes(self, block: Block) -> Sequence[int]:
        """Return the modes of least SATD + sqrt(lambda) / 2 * bits, and the first most probable modes."""
        distortions, bits = block.rank_modes()
        costs = distortions + 0.5 * np.sqrt(block.lagrangian) * bits
        modes = np.argsort(costs, kind="stable")[: self.candidates[block.size]].tolist()
        return [*modes, *(mode for mode in block.most_probable_modes[: self.most_probable] if mode not in modes)]

    def chroma_modes(self, block: Block) -> Sequence[int]:
        """Return all five modes."""
        return CHROMA_MODES


def full() -> Full:
    """Return the chooser that searches like HM."""
    return Full({4: 8, 8: 8, 16: 3, 32: 3, 64: 3})
