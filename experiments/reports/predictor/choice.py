"""Choose between kinds of candidates by J, with the price of the choice."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

ROUNDS = 20  # at most: prices follow from the choice, and the choice from the prices


class Choice(NamedTuple):
    """Hold what was chosen in the blocks of a picture."""

    shares: NDArray  # (kinds,) of the blocks
    j: float  # sum over the blocks, with the bits of the choices


def choose(costs: NDArray, lagrangian: float) -> Choice:
    """Choose one of several kinds of candidates for each block of a picture, by J.

    costs: (n, kinds), J of the best candidate of each kind, without the bits that say which kind it is. These are an
    adaptive code over the picture, with one context: a kind that was chosen c times in m blocks takes
    -log2((c + 1) / (m + kinds)) bits. For two kinds this is a flag. The blocks are chosen by the prices that the
    counts of the whole picture give.
    """
    blocks, kinds = costs.shape
    best, counts = Choice(np.zeros(kinds), np.inf), np.full(kinds, blocks / kinds)
    for _ in range(ROUNDS):
        prices = -np.log2((counts + 1) / (blocks + kinds))
        chosen = (costs + lagrangian * prices).argmin(1)
        former, counts = counts, np.bincount(chosen, minlength=kinds).astype(float)
        total = np.take_along_axis(costs, chosen[:, None], 1).sum(dtype=np.float64)
        total += lagrangian * adaptive_bits(counts)
        best = min(best, Choice(counts / blocks, float(total)), key=lambda choice: choice.j)
        if np.array_equal(former, counts):
            break
    return best


def adaptive_bits(counts: NDArray) -> float:
    """Return the bits of the adaptive code of a sequence with these counts (kinds,); the order does not matter.

    The product of (c + 1) / (m + kinds) over the sequence is (kinds - 1)! c_1! c_2! .. / (m + kinds - 1)!.
    """
    kinds = len(counts)
    nats = gammaln(counts.sum() + kinds) - gammaln(kinds) - gammaln(counts + 1).sum()
    return float(nats / np.log(2))
