"""Measure rankings of intra modes by the costs of all modes."""

import numpy as np


def regret(costs: np.ndarray, ranked: np.ndarray) -> float:
    """Return how much more the best of some modes cost than the best of all: a ratio of sums over blocks, minus 1.

    costs: (N, modes); ranked: (N, k) modes. 0 where all costs are 0.
    """
    least = costs.min(1).sum(dtype=np.float64)
    found = np.take_along_axis(costs, ranked, 1).min(1).sum(dtype=np.float64)
    return float(found / least - 1) if least else 0.0
