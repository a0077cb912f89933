"""Choose the levels of units by their rate-distortion cost, in the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from codecnn.inference.guided.code import Counts, Levels, decisions, neighbours, prices
from codecnn.inference.guided.levels import MOST, STEP


@dataclass(frozen=True)
class UnitSums:
    """Hold what the squared error of a unit depends on: energy - 2 moment c + c gram c for changes c of the weights.

    Changes are from the weights of the levels 0.
    """

    gram: NDArray[np.float64]  # (R, R): residuals by residuals
    moment: NDArray[np.float64]  # (R,): residuals by errors of the levels 0

    @staticmethod
    def of(residuals: NDArray[np.float64], error: NDArray[np.float64]) -> UnitSums:
        """Return the sums of residuals (R, h, w) and an error (h, w), in units of the peak."""
        rows = residuals.reshape(len(residuals), -1)
        return UnitSums(rows @ rows.T, rows @ error.ravel())


def choose(sums: list[list[UnitSums]], multiplier: float) -> Levels | None:
    """Return the levels of all units, rows by columns, or None if they do not pay.

    Each unit in turn takes the levels of least squared error + multiplier * bits of all there are, at the prices that
    the units before it leave. multiplier: lambda for errors in units of the peak. The error is that of the filtered
    picture before it is rounded.
    """
    residuals = len(sums[0][0].moment)
    candidates = np.array([*product(range(-MOST, MOST + 1), repeat=residuals)])  # (9^R, R)
    levels, counts, total = np.zeros((len(sums), len(sums[0]), residuals), np.int64), Counts(), 0.0
    for row, column in np.ndindex(*levels.shape[:2]):
        costs = _changes(sums[row][column], candidates * STEP)
        for residual in range(residuals):
            bits = prices(counts, residual, *neighbours(levels, row, column, residual))
            costs += multiplier * bits[candidates[:, residual] + MOST]
        best = int(costs.argmin())
        levels[row, column], total = candidates[best], total + costs[best]
        for residual, level in enumerate(candidates[best].tolist()):
            for context, decision in decisions(level, residual, *neighbours(levels, row, column, residual)):
                counts.add(context, decision)
    return levels if total < 0 else None


def _changes(sums: UnitSums, changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what changes (N, R) of the weights add to the squared error: (N,)."""
    squares: NDArray[np.float64] = ((changes @ sums.gram) * changes).sum(1)
    return squares - 2 * changes @ sums.moment
