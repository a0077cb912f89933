"""Test pictures and their formats."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codecnn.errors import InputError
from codecnn.video.picture import SCALES, Picture, VideoFormat


def random_picture(width: int, height: int, bit_depth: int, seed: int, chroma: str = "420") -> Picture:
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    shapes = VideoFormat(width, height, chroma=chroma).plane_shapes
    return Picture.of((rng.integers(0, 1 << bit_depth, shape, dtype) for shape in shapes), bit_depth)


@pytest.mark.parametrize(("chroma", "samples"), [("400", 323), ("420", 503), ("422", 665), ("444", 969)])
def test_chroma_of_odd_sizes_is_rounded_up(chroma: str, samples: int) -> None:
    for bit_depth in (8, 12):
        assert VideoFormat(17, 19, bit_depth, chroma=chroma).frame_bytes == samples * (1 if bit_depth == 8 else 2)
    assert random_picture(17, 19, 8, 0, chroma).chroma == chroma


def test_planes_of_no_chroma_format_are_an_error() -> None:
    plane = np.zeros((16, 16), np.uint8)
    with pytest.raises(ValueError, match=r"\(16, 4\).* no chroma format"):
        _ = Picture(plane, plane[:, ::4], plane[:, ::4], 8).chroma


@pytest.mark.parametrize("chroma", SCALES)
def test_pad_and_crop_are_inverse(chroma: str) -> None:
    picture = random_picture(17, 19, 8, 0, chroma)
    padded = picture.pad(64, 64)
    assert padded.chroma == chroma
    assert padded.y.shape == (64, 64)
    for plane, small in zip(padded.planes, picture.planes, strict=True):
        height, width = small.shape
        assert (plane[height:] == plane[height - 1]).all()
        assert (plane[:, width:] == plane[:, width - 1 : width]).all()
    for a, b in zip(padded.crop(19, 17).planes, picture.planes, strict=True):
        np.testing.assert_array_equal(a, b)


def test_unsupported_formats_are_refused() -> None:
    for fmt in (
        VideoFormat(16, 16, 8, Fraction(25), "411"),
        VideoFormat(16, 16, 9),
        VideoFormat(16, 16, 16),
        VideoFormat(8, 16),
        VideoFormat(16, 1 << 20),
    ):
        with pytest.raises(InputError, match=r"^x\.yuv: .* (not supported|outside)"):
            fmt.check(Path("x.yuv"))
