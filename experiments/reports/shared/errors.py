"""Compute squared errors, and sum them over CTUs."""

import numpy as np
from numpy.typing import NDArray

from codecnn.video.picture import Plane


def squared_error(original: Plane, other: Plane) -> NDArray[np.int64]:
    """Return the squared error of each sample: (H, W)."""
    difference: NDArray[np.int64] = original.astype(np.int64) - other
    return difference * difference


def ctu_sums(values: NDArray, ctu_size: int) -> NDArray:
    """Sum values (H, W) over the CTUs, or the parts of them that are inside the picture: (rows, columns)."""
    starts = (range(0, length, ctu_size) for length in values.shape)
    sums: NDArray = np.add.reduceat(np.add.reduceat(values, next(starts), axis=0), next(starts), axis=1)
    return sums
