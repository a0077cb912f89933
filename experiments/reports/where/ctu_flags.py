"""Choose a flag for each CTU that switches the filter on or off, and estimate the bits of the flags.

The bits are an estimate: -log2 of the probability that a context of H.266's arithmetic coder gives to each flag, with
the state of 9.3.4.3.2.2 at the rates of shiftIdx 0, which the luma flags of ALF have as well:

    p0 += (1023 flag >> 2) - (p0 >> 2),  p1 += (16383 flag >> 5) - (p1 >> 5),  P(flag = 1) = (16 p0 + p1) / 2^15

There are three contexts, by how many of the left and the upper CTU are on (9.3.4.2.2, as for ALF). All of them start
at 1/2 with every picture: the initial values of the flags of ALF were trained for ALF.
"""

import math

import numpy as np
from numpy.typing import NDArray

from codecnn.video.picture import Plane

Flags = NDArray[np.bool_]  # (rows, columns) of CTUs


def choose(baseline: NDArray, filtered: NDArray) -> Flags:
    """Switch the filter on where it lowers the squared error of a CTU; an encoder can do so, as it has the original.

    Both errors and the flags are (rows, columns). The choice does not count the bits of the flags.
    """
    on: Flags = filtered < baseline
    return on


def switch(on: Flags, baseline: Plane, filtered: Plane, ctu_size: int) -> Plane:
    """Return the filtered plane (H, W) in the CTUs that are on, the baseline in the others."""
    height, width = baseline.shape
    chosen: Plane = np.where(on.repeat(ctu_size, 0).repeat(ctu_size, 1)[:height, :width], filtered, baseline)
    return chosen


def flag_bits(on: Flags) -> float:
    """Estimate the bits of the flags of one picture, in raster order."""
    states = [(512, 8192)] * 3
    bits = 0.0
    for row, column in np.ndindex(on.shape):
        flag = int(on[row, column])
        left, above = column > 0 and on[row, column - 1], row > 0 and on[row - 1, column]
        context = int(left) + int(above)
        p0, p1 = states[context]
        one = (16 * p0 + p1) / (1 << 15)
        bits -= math.log2(one if flag else 1 - one)
        states[context] = p0 - (p0 >> 2) + ((1023 * flag) >> 2), p1 - (p1 >> 5) + ((16383 * flag) >> 5)
    return bits
