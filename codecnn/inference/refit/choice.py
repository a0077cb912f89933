"""Choose the levels of a correction by their rate-distortion cost, in the encoder."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from codecnn.inference.refit.basis import UNIT, Basis
from codecnn.inference.refit.code import MOST, PRIOR_BITS, STEP_BITS, Correction, costs, step_size
from codecnn.inference.refit.statistics import Statistics

STARTS = (4, 8)  # priors to begin with
ROUNDS = 8  # of choosing all levels again, at most


def choose(basis: Basis, statistics: Statistics, multiplier: float) -> Correction | None:
    """Return the correction of least squared error + multiplier * bits that is found, or None if none is better.

    multiplier: lambda for errors in units of the peak. The error is that of the filtered picture before it is rounded.
    The step is about the one at which, for Laplace coefficients, a finer one costs as much as it saves.
    """
    floats = basis.floats
    gram, moment = floats.T @ statistics.gram @ floats, floats.T @ statistics.moment
    ideal = UNIT * math.sqrt(6 * multiplier / (math.log(2) * statistics.samples))
    nearest = round(2 * (1 - math.log2(ideal)))
    steps = sorted({min(max(nearest + more, 0), (1 << STEP_BITS) - 1) for more in (-1, 0, 1)})
    best, least = None, -multiplier  # what is saved by sending nothing: all bits but one
    for step in steps:
        mantissa, shift = step_size(step)
        size = math.ldexp(mantissa, -shift)
        scaled = gram * size**2, moment * size
        for start in STARTS:
            found = Correction(step, start, (0,) * len(moment))
            for _ in range(ROUNDS):
                before = found
                levels = _levels(*scaled, costs(basis, found.prior) * multiplier, found.levels)
                prior = min(range(1 << PRIOR_BITS), key=lambda prior: _bits(basis, prior, levels))
                found = replace(found, prior=prior, levels=tuple(levels.tolist()))
                if found == before:
                    break
            bits = _bits(basis, found.prior, levels) + 1 + STEP_BITS + PRIOR_BITS
            change = float(levels @ scaled[0] @ levels - 2 * scaled[1] @ levels) + multiplier * bits
            if change < 0 and (best is None or change < least):
                best, least = found, change
    return best


def _bits(basis: Basis, prior: int, levels: NDArray[np.int64]) -> float:
    zero, first, more = costs(basis, prior).T
    magnitudes = np.abs(levels)
    return float(np.where(levels == 0, zero, first + more * (magnitudes - 1)).sum())


def _levels(
    gram: NDArray[np.float64], moment: NDArray[np.float64], prices: NDArray[np.float64], start: tuple[int, ...]
) -> NDArray[np.int64]:
    """Return levels of less cost: each in turn takes its best value beside the others, until none changes."""
    levels = np.array(start, np.int64)
    slope = moment - gram @ levels
    for _ in range(ROUNDS):
        changed = False
        for place, now in enumerate(start):
            bend = float(gram[place, place])
            pull = float(slope[place]) + bend * now  # of the errors without this level
            nearest = min(max(math.floor(pull / bend), -MOST), MOST - 1) if bend > 0 else 0
            candidates = (now, 0, nearest, nearest + 1)
            values = [bend * level * level - 2 * pull * level + _price(prices[place], level) for level in candidates]
            wanted = candidates[values.index(min(values))]
            if wanted != now:
                slope -= gram[:, place] * (wanted - now)
                levels[place], changed = wanted, True
        start = tuple(levels.tolist())
        if not changed:
            break
    return levels


def _price(prices: NDArray[np.float64], level: int) -> float:
    return float(prices[1] + prices[2] * (abs(level) - 1) if level else prices[0])
