"""Derive the most probable modes (MPM) of a luma block from the modes of its left and its upper neighbour.

The neighbours are the block left of the lower left sample and the block above the upper right sample in H.266, left of
and above the upper left sample in H.265. One that is not available, that is not coded in an intra mode, or that lies
above in another CTU, counts as the mode `VVC_ABSENT` or `HEVC_ABSENT`.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from codecnn.intra import hevc, vvc_modes
from codecnn.intra.vvc_modes import DC, HORIZONTAL, PLANAR, VERTICAL

VVC_ABSENT, HEVC_ABSENT = PLANAR, hevc.DC


def vvc_mpms(left: int, above: int) -> tuple[int, ...]:
    """Return the six most probable modes in their order: planar, then candModeList (H.266 8.4.2).

    left, above: 0..66, for a block with neither MIP nor sub-partitions on reference line 0.
    """

    def near(mode: int, steps: int) -> int:
        """Return the angular mode that is some steps further on the circle of 2..65."""
        return 2 + (mode - 2 + steps) % 64

    low, high = sorted((left, above))
    if high <= DC:
        return PLANAR, DC, VERTICAL, HORIZONTAL, VERTICAL - 4, VERTICAL + 4
    if low <= DC or low == high:
        return PLANAR, high, near(high, -1), near(high, 1), near(high, -2), near(high, 2)
    if high - low == 1:
        return PLANAR, left, above, near(low, -1), near(high, 1), near(low, -2)
    if high - low >= 62:
        return PLANAR, left, above, near(low, 1), near(high, -1), near(low, 2)
    if high - low == 2:
        return PLANAR, left, above, near(low, 1), near(low, -1), near(high, 1)
    return PLANAR, left, above, near(low, -1), near(low, 1), near(high, -1)


def hevc_mpms(left: int, above: int) -> tuple[int, ...]:
    """Return the three most probable modes in their order, candModeList (H.265 8.4.2). left, above: 0..34."""
    if left != above:
        third = next(mode for mode in (hevc.PLANAR, hevc.DC, hevc.VERTICAL) if mode not in (left, above))
        return left, above, third
    if left <= hevc.DC:
        return hevc.PLANAR, hevc.DC, hevc.VERTICAL
    return left, 2 + (left + 29) % 32, 2 + (left - 1) % 32


@cache
def vvc_table() -> NDArray[np.int64]:
    """Return `vvc_mpms` of all pairs of modes: (67, 67, 6), by left and above. The array must not be changed."""
    modes = range(vvc_modes.MODES)
    return np.array([[vvc_mpms(left, above) for above in modes] for left in modes])


@cache
def hevc_table() -> NDArray[np.int64]:
    """Return `hevc_mpms` of all pairs of modes: (35, 35, 3), by left and above. The array must not be changed."""
    modes = range(hevc.MODES)
    return np.array([[hevc_mpms(left, above) for above in modes] for left in modes])
