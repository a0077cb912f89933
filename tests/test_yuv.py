from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codecnn.errors import InputError
from codecnn.yuv import Picture, VideoFormat, format_from_name, read_raw, write_raw


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
        ("CatRobot1_3840x2160p60_10bit.yuv", {"width": 3840, "height": 2160, "fps": 60, "bit_depth": 10}),
        ("park_joy_420_720p50.yuv", {"chroma": "420"}),
        ("holiday.yuv", {}),
    ],
)  # fmt: skip
def test_geometry_in_file_names(name: str, expected: dict[str, object]) -> None:
    assert format_from_name(Path(name)) == expected


@pytest.mark.parametrize("layout", ["nv12", "p010", "p010le", "yuv420p10be", "yuyv422"])
def test_layouts_that_are_not_planar_and_little_endian_are_refused(layout: str) -> None:
    with pytest.raises(InputError, match=f"layout {layout} is not supported"):
        format_from_name(Path(f"a_64x64_{layout}.yuv"))


def random_picture(width: int, height: int, bit_depth: int, seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    shapes = VideoFormat(width, height).plane_shapes
    return Picture.of((rng.integers(0, 1 << bit_depth, shape, dtype) for shape in shapes), bit_depth)


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("size", [(16, 16), (17, 19), (352, 288)])
def test_raw_round_trip(tmp_path: Path, size: tuple[int, int], bit_depth: int) -> None:
    pictures = [random_picture(*size, bit_depth, seed) for seed in range(3)]
    path = tmp_path / "clip.yuv"
    write_raw(path, pictures)
    fmt = VideoFormat(*size, bit_depth)
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


def test_pad_and_crop_are_inverse() -> None:
    picture = random_picture(17, 19, 8, 0)
    padded = picture.pad(64, 64)
    assert (padded.y.shape, padded.u.shape) == ((64, 64), (32, 32))
    assert (padded.y[19:] == padded.y[18]).all()
    for a, b in zip(padded.crop(19, 17).planes, picture.planes, strict=True):
        np.testing.assert_array_equal(a, b)


def test_formats_outside_of_what_is_handled() -> None:
    for fmt in (
        VideoFormat(16, 16, 8, Fraction(25), "444"),
        VideoFormat(16, 16, 12),
        VideoFormat(8, 16),
        VideoFormat(16, 1 << 20),
    ):
        with pytest.raises(InputError, match=r"^x\.yuv: .* (not supported|outside)"):
            fmt.check(Path("x.yuv"))
