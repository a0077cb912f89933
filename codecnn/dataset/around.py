"""Read any part of a frame around a CTU, over the borders of CTUs: what a decoder has of an all-intra picture."""

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.ctu import grid
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import Signal
from codecnn.video.picture import SCALES, Picture

Ends = tuple[int, int]  # the first row or column, and the one after the last


def read_around(shard: Shard, signal: Signal, row: int, rows: Ends, columns: Ends, luma_only: bool = False) -> Picture:
    """Read a rectangle of the frame that the CTU in a row of a shard is of; beyond the picture, samples are repeated.

    rows, columns: luma samples from the upper left one of this CTU, which is 0; multiples of the scale of chroma. The
    rectangle may be larger than a CTU and lie anywhere, but has to hold a part of the picture.
    """
    scales = SCALES[shard.info.chroma][: 1 if luma_only else None]
    found = (
        _plane(shard, signal, number, row, (rows[0] // s, rows[1] // s), (columns[0] // t, columns[1] // t))
        for number, (s, t) in enumerate(scales)
    )
    return Picture.of(found, shard.info.bit_depth_of(signal))


def _plane(shard: Shard, signal: Signal, number: int, row: int, rows: Ends, columns: Ends) -> NDArray:
    info, name = shard.info, shard.info.planes[number]
    (height, width), (down, across) = info.format.plane_shapes[number], SCALES[info.chroma][number]
    high, wide = info.ctu_size // down, info.ctu_size // across
    above, beside = info.margin // down, info.margin // across

    def part(at: int, rows: Ends, columns: Ends) -> NDArray:
        """Return a part of one window; rows and columns from the upper left sample of its CTU."""
        inside = np.s_[above + rows[0] : above + rows[1], beside + columns[0] : beside + columns[1]]
        return shard.part(signal, name, at, inside)

    if -above <= rows[0] and rows[1] <= high + above and -beside <= columns[0] and columns[1] <= wide + beside:
        return part(row, rows, columns)
    here, (_, across_ctus) = shard.ctus[row], grid(height, width, high, wide)
    y, x = int(here["y"]) // down, int(here["x"]) // across
    first = row - y // high * across_ctus - x // wide  # of the frame
    (top, bottom), (left, right) = (
        np.clip(np.add(ends, start), (0, 1), (extent - 1, extent)).tolist()  # what the picture has of it
        for ends, start, extent in ((rows, y, height), (columns, x, width))
    )
    luma = np.empty((bottom - top, right - left), info.format_of(signal).dtype)
    for ctu_y in range(top // high * high, bottom, high):
        for ctu_x in range(left // wide * wide, right, wide):
            y0, y1, x0, x1 = max(top, ctu_y), min(bottom, ctu_y + high), max(left, ctu_x), min(right, ctu_x + wide)
            at = first + ctu_y // high * across_ctus + ctu_x // wide
            its = part(at, (y0 - ctu_y, y1 - ctu_y), (x0 - ctu_x, x1 - ctu_x))
            luma[y0 - top : y1 - top, x0 - left : x1 - left] = its
    beyond = (top - rows[0] - y, rows[1] + y - bottom), (left - columns[0] - x, columns[1] + x - right)
    return np.pad(luma, beyond, mode="edge")
