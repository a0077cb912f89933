"""Test that what is read around a CTU is the part of the picture that is decoded before it."""

from pathlib import Path

import numpy as np

from codecnn.dataset.reader import Shard
from codecnn.dataset.surroundings import read_surroundings
from tests.small_data import CTU, write_shard


def test_the_surroundings_of_every_ctu(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", "coffee", 37, frames=2)
    shard = Shard(tmp_path / "a.h5")
    for row, here in enumerate(shard.ctus):
        found = read_surroundings(shard, "unfiltered", row)
        picture = shard.picture("unfiltered", int(here["frame"])).y
        x, y = int(here["x"]), int(here["y"])
        assert (found.x, found.y) == (max(x - CTU, 0), max(y - CTU, 0))
        there = picture[found.y : y + CTU, found.x : x + 2 * CTU].copy()
        there[y - found.y :, x - found.x + CTU :] = 0  # not decoded yet
        np.testing.assert_array_equal(found.luma, there)
