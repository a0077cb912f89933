"""Read what is decoded around a CTU: the window of a CTU has too small a margin for the references of its blocks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.ctu import grid
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import Signal

_BEFORE = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0))  # the CTUs that are decoded before one and touch it, and itself


class Surroundings(NamedTuple):
    """Hold the luma of a CTU and of the CTUs decoded before it that touch it; it ends where the picture ends."""

    luma: NDArray  # (H, W); what lies right of the CTU is not decoded and is 0
    x: int  # the place of its upper left sample in the picture
    y: int


def read_surroundings(shard: Shard, signal: Signal, row: int) -> Surroundings:
    """Read a signal around the CTU in a row of a shard."""
    info, ctu_size, margin = shard.info, shard.info.ctu_size, shard.info.margin
    rows, columns = grid(info.height, info.width, ctu_size, ctu_size)
    first, (down, across) = row - row % (rows * columns), divmod(row % (rows * columns), columns)
    top, left = max(down - 1, 0), max(across - 1, 0)
    height = min((down + 1) * ctu_size, info.height) - top * ctu_size
    width = min((across + 2) * ctu_size, info.width) - left * ctu_size
    luma = np.zeros((height, width), info.format_of(signal).dtype)
    for y, x in ((down + dy, across + dx) for dy, dx in _BEFORE):
        if y >= top and left <= x < columns:
            there = luma[(y - top) * ctu_size : (y - top + 1) * ctu_size, (x - left) * ctu_size :][:, :ctu_size]
            window = shard.luma(signal, first + y * columns + x)
            there[:] = window[margin : margin + there.shape[0], margin : margin + there.shape[1]]
    return Surroundings(luma, left * ctu_size, top * ctu_size)
