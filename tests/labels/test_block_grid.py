"""Test the blocks of a picture in decoding order against the rule of availability."""

import numpy as np
import pytest
from numpy.typing import NDArray

from codecnn.intra.block_size import BlockSize
from codecnn.intra.references import available
from codecnn.labels.block_grid import ABOVE, LEFT, block_grid

STEPS = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (1, -1))


def at(place: tuple[int, int]) -> tuple[NDArray, NDArray]:
    return np.array(place[0]), np.array(place[1])


@pytest.mark.parametrize(("side", "shape", "ctu"), [(8, (76, 90), 32), (4, (33, 30), 16), (16, (70, 130), 64)])
def test_neighbours_are_those_that_are_available(side: int, shape: tuple[int, int], ctu: int) -> None:
    size = BlockSize(side, side)
    grid = block_grid(size, shape, ctu)
    number_of = {(x, y): number for number, (x, y) in enumerate(grid.blocks[:, :2].tolist())}
    assert len(number_of) == len(grid.blocks) == (shape[0] // side) * (shape[1] // side)
    for number, (x, y) in enumerate(grid.blocks[:, :2].tolist()):
        for found, (down, across) in zip(grid.neighbours[number], STEPS, strict=True):
            there = x + across * side, y + down * side
            # The sample of the neighbour that is next to the block; a sample left of a block or above it.
            sample = (x - 1 if across < 0 else there[0], y - 1 if down < 0 else there[1])
            is_there = bool(available(*at(sample), *at((x, y)), side, shape, ctu)) and there in number_of
            assert found == (number_of[there] if is_there else -1)
        left, above = grid.neighbours[number, [LEFT, ABOVE]]
        assert grid.for_mpm[number].tolist() == [left, -1 if y % ctu == 0 else above]


def test_waves_hold_every_block_once_after_its_neighbours() -> None:
    grid = block_grid(BlockSize(8, 8), (76, 90), 32)
    assert sorted(np.concatenate(grid.waves).tolist()) == list(range(len(grid.blocks)))
    done = {-1}
    for wave in grid.waves:
        assert {int(n) for n in grid.neighbours[wave].ravel()} <= done
        done |= set(wave.tolist())
    assert len(grid.waves) < len(grid.blocks) / 2
