"""Cut the decoded samples around blocks out of a plane."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from codecnn.models.predictors.neighbourhood import Neighbourhood
from codecnn.tasks.block_sites import Site


def neighbourhood_of(site: Site, lines: int) -> Neighbourhood[NDArray]:
    """Return the samples around the blocks of a site; what is not decoded before a block is 0.

    lines: 1 to the side of the blocks. So each of the areas above left, above, above right, left and below left belongs
    to one block of the same size, and is decoded as a whole or not at all, apart from what is outside of the picture.
    """
    side = site.size.width
    x, y, right, below = site.blocks.T
    columns, rows = np.arange(-lines, 2 * side), np.arange(2 * side)
    above_known = (y > 0)[:, None] & (columns < (side + right)[:, None]) & ((x > 0)[:, None] | (columns >= 0))
    left_known = (x > 0)[:, None] & (rows < (side + below)[:, None])
    padded = np.pad(site.reference, ((lines, side), (lines, side)))  # (x, y) is at (x + lines, y + lines)
    above = sliding_window_view(padded, (lines, lines + 2 * side))[y, x]
    left = sliding_window_view(padded, (2 * side, lines))[y + lines, x]
    return Neighbourhood(
        above * above_known[:, None],
        left * left_known[..., None],
        above_known,
        left_known,
        np.full(len(x), site.shard.info.hevc_qp, np.float32),
        np.full(len(x), (1 << site.bit_depth) - 1, np.float32),
    )


def transposed(blocks: Neighbourhood[NDArray]) -> Neighbourhood[NDArray]:
    """Return what is around the transposed blocks: what was left of a block is above it."""
    lines = blocks.left.shape[-1]
    corner, above = blocks.above[..., :lines], blocks.above[..., lines:]
    corner_known, above_known = blocks.above_known[:, :lines], blocks.above_known[:, lines:]
    return blocks._replace(
        above=np.concatenate((corner.swapaxes(1, 2), blocks.left.swapaxes(1, 2)), 2),
        left=np.ascontiguousarray(above.swapaxes(1, 2)),
        above_known=np.concatenate((corner_known, blocks.left_known), 1),
        left_known=np.ascontiguousarray(above_known),
    )
