"""Measure rankings of intra modes by the costs of all modes."""

import numpy as np


def regret(costs: np.ndarray, ranked: np.ndarray) -> float:
    """Return how much more the best of some modes cost than the best of all: a ratio of sums over blocks, minus 1.

    costs: (N, modes); ranked: (N, k) modes. 0 where all costs are 0.
    """
    least = costs.min(1).sum(dtype=np.float64)
    found = np.take_along_axis(costs, ranked, 1).min(1).sum(dtype=np.float64)
    return float(found / least - 1) if least else 0.0


def modes_to_test(costs: np.ndarray, ranked: np.ndarray, share: float, anchor: int = 0) -> int:
    """Return how many modes of a ranking give a share of what the best of all modes gains over one mode, planar.

    costs: (N, modes); ranked: (N, modes), a permutation for each block.
    """
    ordered = np.take_along_axis(costs, ranked, 1)
    sums = np.minimum.accumulate(ordered, 1).sum(0, dtype=np.float64)  # (modes,): with the first k + 1 modes
    start = costs[:, anchor].sum(dtype=np.float64)
    enough = start - sums >= share * (start - sums[-1])
    return int(np.argmax(enough)) + 1
