"""Price modes by the lists of most probable modes, under counts, and decide modes at this price.

The probability of a mode is in proportion to a weight for its place in the list of most probable modes of the block,
or for none, and for modes in no list to a second weight of the mode itself. The first weights depend on the class of
the two neighbours: none angular, one, two alike, near each other or not, and whether one is missing. They may depend as
well on the rank of the mode in a further ranking, such as that of a gradient histogram. All weights are counted, for
one block size and one QP, so that the price is one of adaptive contexts that have seen everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.intra import mpm
from codecnn.labels.block_grid import BlockGrid
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.labels.numba_engine.mode_prices import choose_modes

ROUNDS = 10  # of deciding and counting; each makes the whole cost less
NEAR = 4  # steps between two angular modes that are near each other, in modes of VVC
RANKS = (0, 1, 2, 3, 5, 8, 12, 20, 34)  # where the classes of ranks begin
_CLASSES = 6


class Decided(NamedTuple):
    """Hold the modes of blocks and their prices."""

    modes: NDArray  # (N,) int64
    bits: NDArray  # (N,) float64


class Priced(NamedTuple):
    """Hold what modes of a picture are decided on."""

    grid: BlockGrid
    # (N, modes) float32: J / lambda, in bits. Further columns are candidates without a mode. They are in no list, and
    # as neighbours they count as if they were missing.
    costs: NDArray
    ranks: NDArray  # as the costs, uint8: from `rank_classes`, or zeros


@dataclass(frozen=True)
class MpmPrice:
    """Hold the weights of the modes of a mode set."""

    modes: ModeSet
    weights: NDArray  # (classes, MPMs + 1, classes of ranks)
    rest: NDArray  # (modes and further candidates,)

    def decide(self, picture: Priced) -> Decided:
        """Return the modes of least J + lambda * price, each given those before it in decoding order."""
        return self._decide(picture)[0]

    def _decide(self, picture: Priced) -> tuple[Decided, NDArray, NDArray]:
        decided = Decided(np.empty(len(picture.costs), np.int64), np.empty(len(picture.costs)))
        counts, rest_counts = np.zeros((2, *self.weights.shape)), np.zeros((2, *self.rest.shape))
        absent, table = _list_of(self.modes)
        counted = np.append(np.arange(len(table)), np.full(len(self.rest) - len(table), absent))  # as neighbours
        pairs = counted[:, None], counted
        classes = np.stack([of_group[pairs] for of_group in neighbour_classes(self.modes)])
        choose_modes(
            picture.costs, picture.grid.for_mpm, absent, table[pairs], classes, picture.ranks,
            self.weights, self.rest, decided.modes, decided.bits, counts, rest_counts,
        )  # fmt: skip
        return decided, counts, rest_counts


def fit_price(
    modes: ModeSet, pictures: Sequence[Priced], rounds: int = ROUNDS, start: MpmPrice | None = None
) -> MpmPrice:
    """Return the price under which the modes of some pictures cost least, decisions and price found in turns.

    The weights are those of the largest likelihood, by generalised iterative scaling (Darroch and Ratcliff, 1972); half
    a count is added to each. start: a price to begin with.
    """
    price = start or _first_price(modes, pictures)
    for _ in range(rounds):
        found = [price._decide(picture) for picture in pictures]
        chosen, expected = np.sum([counts for _, counts, _ in found], axis=0) + 0.5
        price = MpmPrice(modes, price.weights * chosen / expected, price.rest)
        found = [price._decide(picture) for picture in pictures]
        chosen, expected = np.sum([counts for _, _, counts in found], axis=0) + 0.5
        price = MpmPrice(modes, price.weights, price.rest * chosen / expected)
    return price


def _first_price(modes: ModeSet, pictures: Sequence[Priced]) -> MpmPrice:
    """Return a price at which the modes of a list are together as likely as all other candidates together."""
    listed, count = _list_of(modes)[1].shape[2], pictures[0].costs.shape[1]
    ranks = 1 + max(int(picture.ranks.max()) for picture in pictures)
    weights, rest = np.ones((2 * _CLASSES, listed + 1, ranks)), np.ones(count)
    weights[:, :listed] = (count - listed) / listed
    return MpmPrice(modes, weights, rest)


def fixed(modes: NDArray, count: int) -> NDArray:
    """Return costs that leave no other choice than some modes: (N, count) float32, 0 or infinite."""
    costs = np.full((len(modes), count), np.inf, np.float32)
    costs[np.arange(len(modes)), modes] = 0
    return costs


def rank_classes(likeness: NDArray) -> NDArray:
    """Return the classes of the ranks of all modes, the largest value first: (N, modes) uint8."""
    ranks = np.argsort(np.argsort(-likeness, 1, kind="stable"), 1)
    classes: NDArray = (np.searchsorted(RANKS, ranks, side="right") - 1).astype(np.uint8)
    return classes


@cache
def neighbour_classes(modes: ModeSet) -> NDArray:
    """Return the class of two neighbours by their modes: (2, modes, modes), other classes where one is missing."""
    count = count_of(modes)
    left, above = np.mgrid[:count, :count]
    angular = (left > 1).astype(int) + (above > 1)
    apart = np.abs(left - above)
    near = NEAR if modes == "vvc-67" else NEAR // 2
    two = np.select([apart == 0, apart <= near], [3, 4], 5)
    classes = np.select([angular == 2, angular == 1, (left == 0) & (above == 0)], [two, 2, 0], 1)
    return np.stack((classes, classes + _CLASSES))


def _list_of(modes: ModeSet) -> tuple[int, NDArray]:
    """Return the mode that counts for a neighbour that is missing, and the lists of most probable modes."""
    if modes == "hevc-35":
        return mpm.HEVC_ABSENT, mpm.hevc_table()
    return mpm.VVC_ABSENT, mpm.vvc_table()
