"""Compile the functions of this package."""

from typing import Any

import numpy as np
from numba import njit

compiled = njit(nogil=True, error_model="numpy")

wide: Any = np.int64  # what small integers of arrays are converted to: in plain Python their types can overflow
