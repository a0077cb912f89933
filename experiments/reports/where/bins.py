"""Sort squared errors into bins: by the distance from the CTU edges, and by the activity of blocks."""

import numpy as np
from numpy.typing import NDArray

from codecnn.video.picture import Plane

FARTHEST = 32  # the last bin of distances: as far, or farther
NO_EDGE = FARTHEST + 1  # the bin of a picture that is one CTU
BLOCK = 16  # width and height of the blocks, luma samples
PER_OCTAVE = 256  # bins of activity a in one octave of 1 + a
ACTIVITIES = 8 * PER_OCTAVE
Bins = NDArray[np.int64]


def distance_bins(height: int, width: int, ctu_size: int) -> Bins:
    """Count the samples between each sample and the nearest edge between two CTUs: (H, W), 0 beside the edge.

    The borders of the picture are not edges in this sense. FARTHEST stands for this distance and more, NO_EDGE for all
    samples of a picture that is one CTU.
    """
    rows, columns = _distances(height, ctu_size), _distances(width, ctu_size)
    nearest: Bins = np.minimum(rows[:, None], columns)
    return nearest


def _distances(length: int, ctu_size: int) -> Bins:
    at = np.arange(length)
    before, after = at % ctu_size, ctu_size - 1 - at % ctu_size  # samples between this one and the CTU's two edges
    last = (length - 1) // ctu_size
    none = np.iinfo(np.int64).max
    nearest = np.minimum(np.where(at < ctu_size, none, before), np.where(at // ctu_size == last, none, after))
    return np.where(nearest == none, NO_EDGE, np.minimum(nearest, FARTHEST))


def block_sums(values: NDArray) -> NDArray:
    """Sum values (H, W) over the blocks that are wholly inside: (H // BLOCK, W // BLOCK)."""
    rows, columns = values.shape[0] // BLOCK, values.shape[1] // BLOCK
    inside = values[: rows * BLOCK, : columns * BLOCK]
    sums: NDArray = inside.reshape(rows, BLOCK, columns, BLOCK).sum((1, 3))
    return sums


def activities(luma: Plane, bit_depth: int) -> NDArray[np.float64]:
    """Return the standard deviation of the samples of each block wholly inside, in the scale of 8 bit: 0..128."""
    wide = luma.astype(np.int64)
    area = BLOCK * BLOCK
    deviations: NDArray[np.float64] = np.sqrt(area * block_sums(wide * wide) - block_sums(wide) ** 2) / area
    return deviations / (1 << (bit_depth - 8))


def activity_bins(activity: NDArray[np.float64]) -> Bins:
    """Return the bin of each activity: PER_OCTAVE log2(1 + activity), rounded down."""
    bins: Bins = (PER_OCTAVE * np.log2(1 + activity)).astype(np.int64)
    return np.minimum(bins, ACTIVITIES - 1)  # of samples above the peak, in a forged file


def activity_at(place: NDArray | int) -> NDArray[np.float64]:
    """Return the least activity in a bin: the inverse of activity_bins."""
    return np.exp2(np.asarray(place) / PER_OCTAVE) - 1


def deciles(counts: NDArray) -> Bins:
    """Return the decile 0..9 of each activity bin, from the number of blocks in each bin.

    A bin belongs to the decile of its middle block and is never split. So all blocks without activity, which may be
    many, are in one decile.
    """
    middles = np.cumsum(counts) - counts / 2
    decile_of: Bins = np.minimum(10 * middles // max(counts.sum(), 1), 9).astype(np.int64)
    return decile_of
