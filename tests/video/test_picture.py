from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codecnn.errors import InputError
from codecnn.video.file_names import format_from_name
from codecnn.video.picture import SCALES, Picture, VideoFormat, read_raw, write_raw
from tests.pictures import FORMATS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BasketballDrive_1920x1080_50.yuv", {"width": 1920, "height": 1080, "fps": 50}),
        (
            "BasketballDrive_1920x1080_50_8bit_420.yuv",
            {"width": 1920, "height": 1080, "fps": 50, "bit_depth": 8, "chroma": "420"},
        ),
        (
            "Tango2_3840x2160_60fps_10bit_420.yuv",
            {"width": 3840, "height": 2160, "fps": 60, "bit_depth": 10, "chroma": "420"},
        ),
        ("foreman_cif.yuv", {"width": 352, "height": 288}),
        ("akiyo_qcif.yuv", {"width": 176, "height": 144}),
        ("BQTerrace_1920x1080_60_10b_422.yuv",
         {"width": 1920, "height": 1080, "fps": 60, "bit_depth": 10, "chroma": "422"}),
        ("a_1920x1080_420.yuv", {"width": 1920, "height": 1080, "chroma": "420"}),
        ("a_1920x1080_59.94_8bit.yuv", {"width": 1920, "height": 1080, "fps": Fraction("59.94"), "bit_depth": 8}),
        ("a_1920x1080_23.976fps.yuv", {"width": 1920, "height": 1080, "fps": Fraction("23.976")}),
        ("a.b_64x64_30_yuv420p10le.yuv", {"width": 64, "height": 64, "fps": 30, "chroma": "420", "bit_depth": 10}),
        ("a_64x64_30_yuv422p12le.yuv", {"width": 64, "height": 64, "fps": 30, "chroma": "422", "bit_depth": 12}),
        ("a_64x64_yuvj444p.yuv", {"width": 64, "height": 64, "chroma": "444"}),
        ("a_64x64_i444_10le.yuv", {"width": 64, "height": 64, "chroma": "444", "bit_depth": 10}),
        ("a_64x64_30_gray.yuv", {"width": 64, "height": 64, "fps": 30, "chroma": "400"}),
        ("gray12le_64x64.yuv", {"width": 64, "height": 64, "chroma": "400", "bit_depth": 12}),
        ("gray_wolf_64x64.yuv", {"width": 64, "height": 64}),
        ("a_64x64_yuv411p.yuv", {"width": 64, "height": 64, "chroma": "411"}),
        ("a_64x64_yuv420p9le.yuv", {"width": 64, "height": 64, "chroma": "420", "bit_depth": 9}),
        ("CatRobot1_3840x2160p60_10bit.yuv", {"width": 3840, "height": 2160, "fps": 60, "bit_depth": 10}),
        ("park_joy_420_720p50.yuv", {"chroma": "420"}),
        ("holiday.yuv", {}),
    ],
)  # fmt: skip
def test_geometry_in_file_names(name: str, expected: dict[str, object]) -> None:
    assert format_from_name(Path(name)) == expected


@pytest.mark.parametrize(
    "layout", ["nv12", "nv16", "p010", "p010le", "p210le", "yuv420p10be", "gray10be", "yuyv422", "uyvy", "v210", "yv12"]
)
def test_layouts_that_are_not_planar_and_little_endian_are_refused(layout: str) -> None:
    with pytest.raises(InputError, match=f"layout {layout} is not supported"):
        format_from_name(Path(f"a_64x64_{layout}.yuv"))


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


def test_formats_outside_of_what_is_handled() -> None:
    for fmt in (
        VideoFormat(16, 16, 8, Fraction(25), "411"),
        VideoFormat(16, 16, 9),
        VideoFormat(16, 16, 16),
        VideoFormat(8, 16),
        VideoFormat(16, 1 << 20),
    ):
        with pytest.raises(InputError, match=r"^x\.yuv: .* (not supported|outside)"):
            fmt.check(Path("x.yuv"))
