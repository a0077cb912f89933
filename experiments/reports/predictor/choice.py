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
    give.
    """
    together = np.concatenate(costs, 1).astype(np.float64)
    blocks, sizes = len(together), np.array([kind.shape[1] for kind in costs])
    ends = np.cumsum(sizes)[:-1]
    best, counts = Choice(np.zeros(len(sizes)), np.inf), np.repeat(blocks / len(sizes) / sizes, sizes)
    for _ in range(ROUNDS):
        of_kinds, parts = np.add.reduceat(counts, [0, *ends]), np.split(counts, ends)
        prices = np.repeat(_prices(of_kinds), sizes) + np.concatenate([_prices(part) for part in parts])
        chosen = (together + lagrangian * prices).argmin(1)
        former, counts = counts, np.bincount(chosen, minlength=len(prices)).astype(float)
        of_kinds, parts = np.add.reduceat(counts, [0, *ends]), np.split(counts, ends)
        bits = adaptive_bits(of_kinds) + sum(map(adaptive_bits, parts))
        total = np.take_along_axis(together, chosen[:, None], 1).sum() + lagrangian * bits
        best = min(best, Choice(of_kinds / blocks, float(total)), key=lambda choice: choice.j)
        if np.array_equal(former, counts):
            break
    return best


def adaptive_bits(counts: NDArray) -> float:
    """Return the bits of the adaptive code of a sequence with these counts (k,); the order does not matter.

    The product of (c + 1) / (m + k) over the sequence is (k - 1)! c_1! c_2! .. / (m + k - 1)!.
    """
    nats = gammaln(counts.sum() + len(counts)) - gammaln(len(counts)) - gammaln(counts + 1).sum()
    return float(nats / np.log(2))


def _prices(counts: NDArray) -> NDArray:
    prices: NDArray = -np.log2((counts + 1) / (counts.sum() + len(counts)))
    return prices
