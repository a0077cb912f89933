"""What is read around a CTU is that part of the whole picture, whose edges are repeated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codecnn.dataset.around import Ends, read_around
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.dataset.writer import ShardWriter
from codecnn.video.picture import SCALES
from tests.dataset.test_shard import INFO
from tests.pictures import photograph

FAR = 140  # samples beyond the picture
HEIGHT, WIDTH = 75, 91


def write(folder: Path, chroma: str) -> Shard:
    """Two frames of odd size in CTUs of 32, each signal another picture."""
    info = replace(INFO, chroma=chroma, width=WIDTH, height=HEIGHT, label_sizes="", ctu_size=32)
    path = folder / f"{chroma}.h5"
    with ShardWriter(path, info) as writer:
        for names in (("astronaut", "chelsea", "coffee"), ("coffee", "astronaut", "chelsea")):
            pictures = (photograph(name, HEIGHT, WIDTH, chroma=chroma) for name in names)
            writer.append(dict(zip(SIGNALS, pictures, strict=True)), 1, 32)
    return Shard(path)


@pytest.mark.parametrize("chroma", SCALES)
def test_any_rectangle(tmp_path: Path, chroma: str) -> None:
    shard = write(tmp_path, chroma)
    ends: list[Ends] = [(-2, 34), (0, 8), (-10, 20), (6, 40), (-50, 90), (-130, 4)]
    for row, here in enumerate(shard.ctus):
        signal = SIGNALS[row % 3]
        whole = shard.picture(signal, int(here["frame"]))
        for rows, columns in zip(ends, [*ends[2:], *ends[:2]], strict=True):
            found = read_around(shard, signal, row, rows, columns)
            luma_only = read_around(shard, signal, row, rows, columns, luma_only=True)
            assert len(found.planes) == len(whole.planes)
            assert len(luma_only.planes) == 1
            for number, (down, across) in enumerate(SCALES[chroma]):
                far = FAR // down, FAR // across
                padded = np.pad(whole.planes[number], ((far[0],) * 2, (far[1],) * 2), mode="edge")
                y, x = (int(here[name]) + FAR for name in ("y", "x"))
                expected = padded[
                    (y + rows[0]) // down : (y + rows[1]) // down,
                    (x + columns[0]) // across : (x + columns[1]) // across,
                ]
                np.testing.assert_array_equal(found.planes[number], expected)
            np.testing.assert_array_equal(luma_only.y, found.y)
