"""Test reading and writing of raw files."""

from pathlib import Path

import numpy as np
import pytest

from codecnn.errors import InputError
from codecnn.video.picture import Picture, VideoFormat
from codecnn.video.raw import read_raw, write_raw
from tests.pictures import FORMATS
from tests.video.test_picture import random_picture


@pytest.mark.parametrize(("chroma", "bit_depth"), FORMATS)
@pytest.mark.parametrize("size", [(16, 16), (17, 19), (352, 288)])
def test_raw_round_trip(tmp_path: Path, size: tuple[int, int], chroma: str, bit_depth: int) -> None:
    pictures = [random_picture(*size, bit_depth, seed, chroma) for seed in range(3)]
    path = tmp_path / "clip.yuv"
    write_raw(path, pictures)
    fmt = VideoFormat(*size, bit_depth, chroma=chroma)
    assert path.stat().st_size == 3 * fmt.frame_bytes
    for written, read in zip(pictures, read_raw(path, fmt), strict=True):
        for a, b in zip(written.planes, read.planes, strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype


def test_ten_bit_files_are_little_endian(tmp_path: Path) -> None:
    plane = np.full((16, 16), 0x0102, np.uint16)
    write_raw(tmp_path / "a.yuv", [Picture(plane, plane[::2, ::2], plane[::2, ::2], 10)])
    assert (tmp_path / "a.yuv").read_bytes()[:4] == b"\x02\x01\x02\x01"


def test_samples_above_the_bit_depth_are_an_error(tmp_path: Path) -> None:
    plane = np.full((16, 16), 1024, np.uint16)
    write_raw(tmp_path / "a.yuv", [Picture(plane, plane[::2, ::2], plane[::2, ::2], 10)])
    with pytest.raises(InputError, match=r"a\.yuv: frame 0 has a Y sample of 1024, above 1023"):
        list(read_raw(tmp_path / "a.yuv", VideoFormat(16, 16, 10)))
