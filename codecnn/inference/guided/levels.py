"""Define the levels that weights of residuals are coded as."""

import numpy as np
from numpy.typing import NDArray

MOST = 4  # the largest magnitude of a level
STEP = 1 / 4  # of the weights


def weights_of(levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weights of levels (..., R), -MOST to MOST.

    Levels of 0 are the weights 1, 0, .. 0: the filter as it is without signalling. -MOST, 0, .. 0 switches it off.
    """
    weights: NDArray[np.float64] = levels.astype(np.float64) * STEP
    weights[..., 0] += 1
    return weights
