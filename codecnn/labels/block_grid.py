"""List the blocks of one size of a picture in decoding order, with the neighbours that are decoded before each."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.intra.block_size import BlockSize
from codecnn.intra.references import decoding_order
from codecnn.labels.search import blocks_of

LEFT, ABOVE, ABOVE_LEFT, ABOVE_RIGHT, BELOW_LEFT = range(5)
NEIGHBOURS = 5
_STEPS = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (1, -1))  # rows and columns to the neighbours
TRANSPOSED = [ABOVE, LEFT, ABOVE_LEFT, BELOW_LEFT, ABOVE_RIGHT]  # the neighbours of a picture that is transposed


class BlockGrid(NamedTuple):
    """Hold the N whole blocks of a picture, numbered in decoding order; -1 is a block that is not decoded before."""

    blocks: NDArray  # (N, 4) as `blocks_of` gives them
    neighbours: NDArray  # (N, NEIGHBOURS) int64: numbers of the neighbours
    for_mpm: NDArray  # (N, 2) int64: the left one, and the upper one if it is in the same CTU
    waves: tuple[NDArray, ...]  # numbers of blocks; those of one wave depend on earlier waves only


@lru_cache(maxsize=64)
def block_grid(size: BlockSize, shape: tuple[int, int], ctu_size: int) -> BlockGrid:
    """Return the square blocks of a size that lie wholly in a picture, (height, width). Must not be changed."""
    rows, columns = shape[0] // size.height, shape[1] // size.width
    in_raster = blocks_of((rows, columns), size, shape, ctu_size)
    order = np.argsort(decoding_order(in_raster[:, 0], in_raster[:, 1], shape[1], ctu_size), kind="stable")
    blocks = in_raster[order]
    numbers = np.full((rows + 2, columns + 2), -1)  # with a border
    row, column = blocks[:, 1] // size.height + 1, blocks[:, 0] // size.width + 1
    numbers[row, column] = np.arange(len(blocks))
    around = np.stack([numbers[row + down, column + across] for down, across in _STEPS], axis=1)
    neighbours = np.where(around < np.arange(len(blocks))[:, None], around, -1)
    for_mpm = neighbours[:, [LEFT, ABOVE]]
    for_mpm[blocks[:, 1] % ctu_size == 0, 1] = -1
    return BlockGrid(blocks, neighbours, for_mpm, _waves(neighbours))


def _waves(neighbours: NDArray) -> tuple[NDArray, ...]:
    waves: list[int] = []
    for own in neighbours.tolist():
        waves.append(1 + max((waves[number] for number in own if number >= 0), default=-1))
    order = np.argsort(waves, kind="stable")
    return tuple(np.split(order, np.cumsum(np.bincount(waves))[:-1]))
