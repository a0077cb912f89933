"""Say what is tried for a block: the protocol of an encoder's decisions, and choosers that follow it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from codecnn.hevc.encoder.block_view import Block
from codecnn.hevc.encoder.scratch import BY_COST, ROUNDED
from codecnn.hevc.picture import CodedPicture
from codecnn.intra.hevc import DC, HORIZONTAL, MODES, PLANAR, VERTICAL

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


def by_hadamard(block: Block) -> NDArray[np.float64]:
    """Return for every luma mode its Hadamard SATD + sqrt(lambda) / 2 * bits of the mode, the measure of HM."""
    distortions, bits = block.rank_modes()
    return distortions + 0.5 * np.sqrt(block.lagrangian) * bits


def by_dct(block: Block) -> NDArray[np.float64]:
    """Return the same with the SATD of the exact DCT of the whole block."""
    distortions, bits = block.rank_modes(uses_dct=True)
    return distortions + 0.5 * np.sqrt(block.lagrangian) * bits


def _as_in_hm() -> dict[int, int]:
    return {4: 8, 8: 8, 16: 3, 32: 3, 64: 3}


@dataclass(frozen=True)
class Full:
    """Try every split, the luma modes of least cost by a quick measure, all chroma modes and all transform trees.

    The default is the search of the HM reference software.

    Args:
        candidates: how many luma modes are tried, by size of the block.
        most_probable: how many most probable modes are tried beside them, 0..3.
        measure: the quick one, of all 35 modes.
    """

    candidates: Mapping[int, int] = field(default_factory=_as_in_hm)
    most_probable: int = 2
    measure: Callable[[Block], NDArray[np.float64]] = by_hadamard
    quantiser: int = BY_COST
    transform_depth: int = MAX_DEPTH

    def splits(self, block: Block) -> Sequence[bool]:
        """Return both answers."""
        return (False, True)

    def luma_modes(self, block: Block) -> Sequence[int]:
        """Return the modes of least cost, and the first most probable modes."""
        modes = np.argsort(self.measure(block), kind="stable")[: self.candidates[block.size]].tolist()
        return [*modes, *(mode for mode in block.most_probable_modes[: self.most_probable] if mode not in modes)]

    def chroma_modes(self, block: Block) -> Sequence[int]:
        """Return all five modes."""
        return CHROMA_MODES


class _AsOthers:
    """Answer everything as another chooser does."""

    others: Chooser

    @property
    def quantiser(self) -> int:
        """Return that of the other chooser."""
        return self.others.quantiser

    @property
    def transform_depth(self) -> int:
        """Return that of the other chooser."""
        return self.others.transform_depth

    def splits(self, block: Block) -> Sequence[bool]:
        """Return what the other chooser does."""
        return self.others.splits(block)

    def luma_modes(self, block: Block) -> Sequence[int]:
        """Return what the other chooser does."""
        return self.others.luma_modes(block)

    def chroma_modes(self, block: Block) -> Sequence[int]:
        """Return what the other chooser does."""
        return self.others.chroma_modes(block)


@dataclass(frozen=True)
class Labels(_AsOthers):
    """Take the luma mode of every block from labels, and every other answer from another chooser.

    Args:
        modes: by size of the block, the label of each block of this size: (rows, columns) of the picture, such as the
            maps of `codecnn.labels`. Blocks of a size that is not there, or whose label is not in 0..34, get what the
            other chooser answers.
        others: the other chooser.
    """

    modes: Mapping[int, NDArray]
    others: Chooser

    def luma_modes(self, block: Block) -> Sequence[int]:
        """Return the label."""
        if block.size in self.modes:
            labels, row, column = self.modes[block.size], block.y // block.size, block.x // block.size
            if row < labels.shape[0] and column < labels.shape[1] and 0 <= labels[row, column] < MODES:
                return (int(labels[row, column]),)
        return self.others.luma_modes(block)


@dataclass(frozen=True)
class Partition(_AsOthers):
    """Split as a picture that is coded already, and take every other answer from another chooser.

    Args:
        sizes: of the coding unit at each 8x8 block, from `Partition.of`; 4 where it has four parts of luma.
        others: the other chooser.
    """

    sizes: NDArray
    others: Chooser

    @classmethod
    def of(cls, picture: CodedPicture, others: Chooser) -> "Partition":
        """Return the chooser that splits as a picture, whose smallest coding units are 8x8."""
        sizes = np.zeros((picture.sps.height >> 3, picture.sps.width >> 3), np.uint8)
        for unit in picture.coding_units:
            x, y, blocks = unit["x"] >> 3, unit["y"] >> 3, unit["size"] >> 3
            sizes[y : y + blocks, x : x + blocks] = 4 if unit["parts"] == 4 else unit["size"]
        return cls(sizes, others)

    def splits(self, block: Block) -> Sequence[bool]:
        """Split where the unit of the picture is smaller."""
        return (bool(self.sizes[block.y >> 3, block.x >> 3] < block.size),)
