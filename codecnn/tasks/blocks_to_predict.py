"""Draw blocks that are to be predicted, with the decoded samples around them."""

from collections.abc import Sequence
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.intra.vvc_modes import DC, MODES
from codecnn.labels.mode_sets import exchanged_modes
from codecnn.models.predictors.neighbourhood import Neighbourhood, PredictorConfig
from codecnn.models.predictors.refinement import HORIZONTAL_MODES
from codecnn.tasks.block_sites import Measure, Sites
from codecnn.tasks.neighbourhoods import neighbourhood_of, transposed


class Batch(NamedTuple):
    """Hold B blocks: what is decoded around them, and the blocks themselves, which are to be predicted."""

    around: Neighbourhood[Any]
    original: Any  # (B, N, N)
    least: Any = None  # (B,) float32: the SATD of the best of the 67 modes in the scale of 8 bit, for `beside`
    modes: Any = None  # (B, K) int64: what a network that refines modes is to give


class BlocksToPredict:
    """Draw blocks of a CTU at random, in one half of the draws transposed.

    most: blocks of a draw. measure: of the best mode, which the draw tells; None for none.
    """

    def __init__(self, shards: Sequence[Shard], config: PredictorConfig, most: int, measure: Measure | None) -> None:
        self.sites, self.lines, self.most, self.measure = Sites(shards, config.size), config.lines, most, measure

    @property
    def units(self) -> int:
        """Count the CTUs that hold a block."""
        return len(self.sites)

    def draw(self, unit: int, step: Generator, own: Generator) -> Batch:
        """Return blocks of one CTU."""
        site = self.sites.read(unit, self.most, own)
        least = None if self.measure is None else site.costs(self.measure, "vvc-67").min(1)
        which = own.integers(2, size=1) == 1
        return Batch(*_turned(neighbourhood_of(site, self.lines), site.originals, which), least)


class ModesToRefine(BlocksToPredict):
    """Draw blocks of a CTU at random, transposed where a vertical mode is the best one, with their best modes.

    tried: modes of each block; the last one is drawn at random. Where planar or DC is the best one, a block is
    transposed in one half of all cases.
    """

    def __init__(
        self, shards: Sequence[Shard], config: PredictorConfig, most: int, measure: Measure, tried: int
    ) -> None:
        super().__init__(shards, config, most, measure)
        self.cost, self.tried = measure, tried

    def draw(self, unit: int, step: Generator, own: Generator) -> Batch:
        """Return blocks of one CTU."""
        site = self.sites.read(unit, self.most, own)
        costs = site.costs(self.cost, "vvc-67")
        best = costs.argmin(1)
        vertical = np.where(best <= DC, own.integers(2, size=len(best)) == 1, best >= HORIZONTAL_MODES)
        costs = np.where(vertical[:, None], costs[:, exchanged_modes(MODES)], costs)[:, :HORIZONTAL_MODES]
        modes = costs.argsort(1, kind="stable")[:, : self.tried]
        modes[:, -1] = own.integers(HORIZONTAL_MODES, size=len(best))
        return Batch(*_turned(neighbourhood_of(site, self.lines), site.originals, vertical), costs.min(1), modes)


def _turned(
    around: Neighbourhood[NDArray], original: NDArray, which: NDArray
) -> tuple[Neighbourhood[NDArray], NDArray]:
    """Transpose some of the blocks: which, (n,) or (1,) bool."""

    def chosen(straight: NDArray, other: NDArray) -> NDArray:
        return np.where(which.reshape(-1, *[1] * (straight.ndim - 1)), other, straight)

    fields: Any = zip(around, transposed(around), strict=True)
    return Neighbourhood(*starmap(chosen, fields)), chosen(original, original.swapaxes(1, 2))
