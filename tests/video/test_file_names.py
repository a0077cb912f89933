"""Test reading of the format from the names of raw files."""

from fractions import Fraction
from pathlib import Path

import pytest

from codecnn.errors import InputError
from codecnn.video.file_names import format_from_name


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
