"""Choose among candidates by J, with the price of the choice."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

ROUNDS = 20  # at most: prices follow from the choice, and the choice from the prices


class Choice(NamedTuple):
    """Hold what was chosen in the blocks of a picture."""

    shares: NDArray  # (kinds,) of the blocks
    j: float  # sum over the blocks, with the bits of the choices


def choose(costs: Sequence[NDArray], lagrangian: float) -> Choice:
    """Choose a candidate for each block of a picture, by J with the bits that say which one it is.

    costs: for each kind of candidates (n, candidates), without these bits; infinite for a candidate that a block cannot
    have. They are two adaptive codes over the picture with one context each, of the kind and of the candidate within
    its kind: a symbol that was there c times among m symbols of an alphabet of k takes -log2((c + 1) / (m + k)) bits.
    For two kinds the first one is a flag. The candidates are chosen by the prices that the counts of the whole picture
    give. They depend on where the search begins: it begins once with all kinds, and once with what is best of the first
    kind only, so that a further kind costs no more than a flag that is never set.
    """
    sizes = [kind.shape[1] for kind in costs]
    blocks, together = len(costs[0]), np.concatenate(costs, 1).astype(np.float64)
    best = _settled(together, sizes, np.repeat(blocks / len(sizes) / np.array(sizes), sizes), lagrangian)
    if len(costs) > 1:
        only = _settled(together[:, : sizes[0]], sizes[:1], np.full(sizes[0], blocks / sizes[0]), lagrangian)
        first = _counted(together, sizes, only.chosen, lagrangian)
        best = min(best, first, _settled(together, sizes, first.counts, lagrangian), key=lambda found: found.j)
    return Choice(_of_kinds(best.counts, sizes) / blocks, best.j)


class _Found(NamedTuple):
    j: float
    counts: NDArray  # (candidates,): how often each is chosen
    chosen: NDArray  # (n,)


def _settled(together: NDArray, sizes: Sequence[int], counts: NDArray, lagrangian: float) -> _Found:
    """Return the best choice on the way from some counts to counts that give themselves."""
    found = []
    for _ in range(ROUNDS):
        found.append(_counted(together, sizes, _chosen(together, sizes, counts, lagrangian), lagrangian))
        former, counts = counts, found[-1].counts
        if np.array_equal(former, counts):
            break
    return min(found, key=lambda each: each.j)


def _chosen(together: NDArray, sizes: Sequence[int], counts: NDArray, lagrangian: float) -> NDArray:
    """Return the best candidate of each block, (n,), at the prices of some counts."""
    parts = np.split(counts, np.cumsum(sizes)[:-1])
    prices = np.repeat(_prices(_of_kinds(counts, sizes)), sizes) + np.concatenate([_prices(part) for part in parts])
    chosen: NDArray = (together + lagrangian * prices).argmin(1)
    return chosen


def _counted(together: NDArray, sizes: Sequence[int], chosen: NDArray, lagrangian: float) -> _Found:
    """Return the cost of a choice, with its bits, and its counts."""
    counts = np.bincount(chosen, minlength=together.shape[1]).astype(float)
    bits = adaptive_bits(_of_kinds(counts, sizes)) + sum(map(adaptive_bits, np.split(counts, np.cumsum(sizes)[:-1])))
    return _Found(float(np.take_along_axis(together, chosen[:, None], 1).sum() + lagrangian * bits), counts, chosen)


def _of_kinds(counts: NDArray, sizes: Sequence[int]) -> NDArray:
    of_kinds: NDArray = np.add.reduceat(counts, [0, *np.cumsum(sizes)[:-1]])
    return of_kinds


def adaptive_bits(counts: NDArray) -> float:
    """Return the bits of the adaptive code of a sequence with these counts (k,); the order does not matter.

    The product of (c + 1) / (m + k) over the sequence is (k - 1)! c_1! c_2! .. / (m + k - 1)!.
    """
    nats = gammaln(counts.sum() + len(counts)) - gammaln(len(counts)) - gammaln(counts + 1).sum()
    return float(nats / np.log(2))


def _prices(counts: NDArray) -> NDArray:
    prices: NDArray = -np.log2((counts + 1) / (counts.sum() + len(counts)))
    return prices
