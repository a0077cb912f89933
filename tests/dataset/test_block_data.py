"""Test what a dataset stores of the encoder's decisions: against the units that its stream is read into."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from codecnn.codecs.x265 import X265
from codecnn.dataset.integrity import complaints
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import CODING_MAPS, LABEL_MAPS
from codecnn.hevc import CodedPicture, read
from codecnn.intra.block_size import BlockSize
from codecnn.video.format_options import FormatOptions
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from codecnn.video.sources import open_sources
from data_tools import build_dataset
from tests.pictures import photograph

FOUR = BlockSize(4, 4)
WIDTH, HEIGHT, QP = 90, 70, 27  # neither is a multiple of 4, and x265 pads both
OPTIONS = ["--qp", str(QP), "--ctu-size", "32", "--label-sizes", "4", "8", "--preset", "veryfast", "--block-data"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Datasets of two frames at 4:2:0 and 10 bit, and of one at 4:0:0."""
    folder = tmp_path_factory.mktemp("blocks")
    deep = [photograph(name, HEIGHT, WIDTH, 10) for name in ("coffee", "astronaut")]
    write_raw(folder / "deep_90x70_10bit.yuv", deep)
    write_raw(folder / "grey_90x70_400.yuv", [Picture.of([photograph("chelsea", HEIGHT, WIDTH).y], 8)])
    sources = [str(path) for path in sorted(folder.glob("*.yuv"))]
    assert build_dataset.main([*sources, "--out", str(folder), *OPTIONS]) == 0
    return folder


def pictures_of(folder: Path, shard: Shard) -> Iterator[CodedPicture]:
    (source,) = open_sources([folder / shard.info.source], FormatOptions())
    frames = X265("veryfast").encode(source.clip, QP)
    return read(b"".join(frame.packet for frame in frames))


def slow_map(units: np.ndarray, values: Iterable[int]) -> np.ndarray:
    """Give every block of 4x4 inside the picture the value of the unit that it is in, 0 if there is none."""
    found = np.zeros((HEIGHT // 4, WIDTH // 4), int)
    for row in range(HEIGHT // 4):
        for column in range(WIDTH // 4):
            for unit, value in zip(units, values, strict=True):
                right, below = 4 * column - int(unit["x"]), 4 * row - int(unit["y"])
                if 0 <= right < unit["size"] and 0 <= below < unit["size"]:
                    found[row, column] = value
    return found


def whole(stored: np.ndarray, frame: int) -> np.ndarray:
    """Put the maps of the 3x3 CTUs of a frame together."""
    of_frame = stored[9 * frame : 9 * frame + 9].reshape(3, 3, 8, 8)
    return of_frame.swapaxes(1, 2).reshape(24, 24).astype(int)


@pytest.mark.parametrize("clip", ["deep_90x70_10bit.yuv", "grey_90x70_400.yuv"])
def test_maps_and_prediction_are_those_of_the_stream(folder: Path, clip: str) -> None:
    shard = Shard(next(folder.glob(f"{clip.removesuffix('.yuv')}*.h5")))
    maps = shard.maps(FOUR)
    assert set(maps) == {*LABEL_MAPS, *CODING_MAPS}
    frames = 0
    for frame, picture in enumerate(pictures_of(folder, shard)):
        units, blocks, transforms = picture.coding_units, picture.prediction_blocks, picture.transform_units
        chroma = np.where(blocks["chroma_mode"] < 0, 35, blocks["chroma_mode"])
        expected = {
            "coding_unit_size": slow_map(units, units["size"]),
            "qp": slow_map(units, units["qp"]),
            "prediction_block_size": slow_map(blocks, blocks["size"]),
            "luma_mode": slow_map(blocks, blocks["luma_mode"]),
            "chroma_mode": slow_map(blocks, chroma),
            "transform_unit_size": slow_map(transforms, transforms["size"]),
            "cbf": slow_map(transforms, [t["cbf_y"] + 2 * t["cbf_cb"] + 4 * t["cbf_cr"] for t in transforms]),
            "transform_skip": slow_map(
                transforms, [t["skip_y"] + 2 * t["skip_cb"] + 4 * t["skip_cr"] for t in transforms]
            ),
        }
        for name, values in expected.items():
            np.testing.assert_array_equal(whole(maps[name], frame)[: HEIGHT // 4, : WIDTH // 4], values, name)
        assert len(np.unique(expected["luma_mode"])) > 3
        assert set(np.unique(expected["qp"])) == {QP}
        predicted = shard.picture("prediction", frame)
        for stored, plane in zip(predicted.planes, picture.prediction.planes, strict=True):
            np.testing.assert_array_equal(stored, plane[: stored.shape[0], : stored.shape[1]])
        frames += 1
    assert frames == shard.frames
    outside = maps["luma_mode"][8]  # of the last CTU, of which 26x6 samples are inside
    assert (outside[1:] == 255).all()
    assert (outside[0, 6:] == 255).all()


def test_a_wrong_value_is_found(folder: Path, tmp_path: Path) -> None:
    path = next(folder.glob("grey*.h5"))
    assert list(complaints(path)) == []
    (tmp_path / "a.h5").write_bytes(path.read_bytes())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["coding/4/luma_mode"][0, 0, 0] = 36
        file["coding/4/qp"][0, 0, 0] = 52
    found = list(complaints(tmp_path / "a.h5"))
    assert "coding/4/luma_mode: 1 blocks have a mode that cannot be, or not where the picture is" in found
    assert "coding/4/qp: 1 blocks have a QP out of range, or not where the picture is" in found


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--codec", "x264"], "read from HEVC streams, which x264 does not make"),
        (["--chroma", "444"], "read at 4:0:0 and 4:2:0 and up to 10 bit, not at 444 and 8 bit"),
    ],
)
def test_what_cannot_be_read_is_refused_before_anything_is_made(
    tmp_path: Path, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_raw(tmp_path / "a_64x64.yuv", [Picture.of([np.zeros((64, 64), np.uint8)] * 3, 8)])
    command = [str(tmp_path / "a_64x64.yuv"), "--out", str(tmp_path / "out"), "--block-data", *options]
    assert build_dataset.main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not list(tmp_path.glob("out/*"))
