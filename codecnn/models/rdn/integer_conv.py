"""Describe a convolution of 16-bit features by 16-bit weights in 32-bit integers.

Every IntegerConv is checked when it is made, so that no sum can overflow. Therefore the result does not depend on the
order of the sums, the instructions or the number of threads.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT = (1 << 15) - 1  # features saturate at -LIMIT and LIMIT
MAX_SHIFT = 30


def fits(weight: NDArray, bias: NDArray, shift: NDArray) -> NDArray[np.bool_]:
    """Tell for each output channel whether all weights are within LIMIT and no partial sum can leave int32.

    The bound is |any partial sum| <= LIMIT * sum |weight| + |bias| + 2^(shift - 1). Shapes are as in IntegerConv. The
    numbers are whole but of any type, so that they can be checked before they become integers.
    """
    magnitude = np.abs(weight.astype(np.float64))
    bound = LIMIT * magnitude.sum((1, 2, 3)) + np.abs(bias.astype(np.float64)) + 2.0 ** (shift.astype(np.float64) - 1)
    good: NDArray[np.bool_] = (magnitude.max((1, 2, 3)) <= LIMIT) & (bound < 1 << 31)
    return good


@dataclass(frozen=True, eq=False)
class IntegerConv:
    """Hold a convolution with the outputs (sum of weight * feature + bias + 2^(shift - 1)) >> shift, saturated.

    weight: (O, I, k, k) int16. bias: (O,) int32. shift: (O,) uint8, 0 to MAX_SHIFT; a shift of 0 does not round.
    ValueError for other shapes or types, or if features up to LIMIT could make a sum that does not fit int32.
    """

    weight: NDArray[np.int16]
    bias: NDArray[np.int32]
    shift: NDArray[np.uint8]

    def __post_init__(self) -> None:
        arrays = self.weight, self.bias, self.shift
        outputs = self.weight.shape[:1]
        if (self.weight.ndim, self.bias.shape, self.shift.shape) != (4, outputs, outputs):
            raise ValueError(f"weights, biases and shifts are {', '.join(str(array.shape) for array in arrays)}")
        if [array.dtype for array in arrays] != [np.int16, np.int32, np.uint8]:
            raise ValueError(f"weights, biases and shifts are {', '.join(str(array.dtype) for array in arrays)}")
        if self.shift.max() > MAX_SHIFT:
            raise ValueError(f"a shift of {self.shift.max()} is above {MAX_SHIFT}")
        if not fits(*arrays).all():
            raise ValueError("the weights are so large that a sum could overflow")
