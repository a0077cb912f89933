"""Test reading of the format from the names of raw files, with their length and their samples."""

import re
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codecnn.errors import InputError, InputWarning
from codecnn.video.clip import Clip, open_clip
from codecnn.video.file_names import read_name
from codecnn.video.format_options import FormatOptions
from codecnn.video.frames import frame_from_picture
from codecnn.video.layouts import LAYOUTS
from codecnn.video.raw import write_raw
from tests.pictures import photograph


def make(folder: Path, name: str, width: int, height: int, pixel_format: str, frames: int = 1) -> Path:
    """Write a raw file of a layout, with samples that fill the range of its bit depth."""
    layout = LAYOUTS[pixel_format]
    count = frames * layout.frame_bytes(width, height) // layout.dtype.itemsize
    samples = np.linspace(16, (1 << layout.bit_depth) - 1, count).astype(layout.dtype.newbyteorder("="))
    (samples << layout.shift).astype(layout.dtype).tofile(folder / name)
    return folder / name


def opened(path: Path, options: FormatOptions | None = None) -> Clip:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return open_clip(path, options or FormatOptions())


# Name, then the format that is in the file: width, height, rate, and FFmpeg's name of its layout.
NAMES = [
    ("BasketballDrive_1920x1080_50.yuv", 1920, 1080, "50", "yuv420p"),
    ("BasketballDrive_1920x1080_50_8bit_420.yuv", 1920, 1080, "50", "yuv420p"),
    ("Tango2_3840x2160_60fps_10bit_420.yuv", 3840, 2160, "60", "yuv420p10le"),
    ("RitualDance_1920x1080_60fps_10bit_420.yuv", 1920, 1080, "60", "yuv420p10le"),
    ("CatRobot_3840x2160_60fps_10bit_420_jvet.yuv", 3840, 2160, "60", "yuv420p10le"),
    ("Campfire_3840x2160_30fps_10bit_bt709_420_videoRange.yuv", 3840, 2160, "30", "yuv420p10le"),
    ("Traffic_2560x1600_30_crop.yuv", 2560, 1600, "30", "yuv420p"),
    ("NebutaFestival_2560x1600_60_10bit_crop.yuv", 2560, 1600, "60", "yuv420p10le"),
    ("Market3Clip4000r2_1920x1080p_50_10b_pq_709_ct2020_420_rev1.yuv", 1920, 1080, "50", "yuv420p10le"),
    ("FireEaterClip4000r1_1920x1080p_25_12_P3_ct2020_444_rev1.yuv", 1920, 1080, "25", "yuv444p12le"),
    ("SunsetBeach_3840x2160_60fps_HLG10_420.yuv", 3840, 2160, "60", "yuv420p10le"),
    ("sc_desktop_1920x1080_60_8bit_444.yuv", 1920, 1080, "60", "yuv444p"),
    ("Bubbles_416x240_50_8bit_400.yuv", 416, 240, "50", "gray"),
    ("Kimono1_1920x1080_24.yuv", 1920, 1080, "24", "yuv420p"),
    ("KITTIgray_1240x376_10_8bit_420.yuv", 1240, 376, "10", "yuv420p"),
    ("flower_1128x752_1_10bit_420.yuv", 1128, 752, "1", "yuv420p10le"),
    ("Beauty_1920x1080_120fps_420_8bit_YUV_RAW.yuv", 1920, 1080, "120", "yuv420p"),
    ("x_416x240_30fps_8bit_P420.yuv", 416, 240, "30", "yuv420p"),
    ("x_1920x1080_60_10bit_420p.yuv", 1920, 1080, "60", "yuv420p10le"),
    ("a_1920x1080_59.94_8bit.yuv", 1920, 1080, "59.94", "yuv420p"),
    ("a_1920x1080_23.976fps.yuv", 1920, 1080, "23.976", "yuv420p"),
    ("RushFieldCuts_1920x1080_2997.yuv", 1920, 1080, "29.97", "yuv420p"),
    ("BoxingPractice_3840x2160_5994fps_10bit_420.yuv", 3840, 2160, "59.94", "yuv420p10le"),
    ("CatRobot1_3840x2160p60_10bit.yuv", 3840, 2160, "60", "yuv420p10le"),
    ("foreman_hd720.yuv", 1280, 720, "30", "yuv420p"),
    ("foreman_1920x1080_hd.yuv", 1920, 1080, "30", "yuv420p"),
    ("foreman_cif.yuv", 352, 288, "30", "yuv420p"),
    ("akiyo_qcif.yuv", 176, 144, "30", "yuv420p"),
    ("stefan_sif.yuv", 352, 240, "30", "yuv420p"),
    ("football_422_cif.yuv", 352, 288, "30", "yuv422p"),
    ("CREW_4CIF_60fps.yuv", 704, 576, "60", "yuv420p"),
    ("park_joy_420_720p50.yuv", 1280, 720, "50", "yuv420p"),
    ("720p5994_stockholm_ter.yuv", 1280, 720, "59.94", "yuv420p"),
    ("crowd_run_2160p50.yuv", 3840, 2160, "50", "yuv420p"),
    ("vidyo1_720p_60fps.yuv", 1280, 720, "60", "yuv420p"),
    ("BasketballDrive.1920x1080.50.yuv", 1920, 1080, "50", "yuv420p"),
    ("bus_cif_15fps.yuv", 352, 288, "15", "yuv420p"),
    ("a_64x64_p50_4:2:2_8b.yuv", 64, 64, "50", "yuv422p"),
    ("a_64x64_fps25.yuv", 64, 64, "25", "yuv420p"),
    ("a_64x64_fps_25.yuv", 64, 64, "25", "yuv420p"),
    ("a_64x64_59.94_fps.yuv", 64, 64, "59.94", "yuv420p"),
    ("a_64x64_420_10_50fps.yuv", 64, 64, "50", "yuv420p10le"),
    ("BQMall_832x480_60_rec_qp37.yuv", 832, 480, "60", "yuv420p"),
    ("BQMall_832x480_x264_crf23_2000kbps.yuv", 832, 480, "30", "yuv420p"),
    ("BQMall_832x480_60_x265_lossless.yuv", 832, 480, "60", "yuv420p"),
    ("BQMall_832x480_60_AI_HM16.20_q22_rec.yuv", 832, 480, "60", "yuv420p"),
    ("a_64x64_25_10.yuv", 64, 64, "25", "yuv420p10le"),
    ("a_64x64_10_25.yuv", 64, 64, "25", "yuv420p10le"),
    ("a_64x64_25_8.yuv", 64, 64, "25", "yuv420p"),
    ("a_64x64_25_8b.yuv", 64, 64, "25", "yuv420p"),
    ("a_64x64_25Hz_10.yuv", 64, 64, "25", "yuv420p10le"),
    ("a_64x64_10.yuv", 64, 64, "30", "yuv420p10le"),
    ("a_64x64_8-Bit.yuv", 64, 64, "30", "yuv420p"),
    ("a_64x64_10-Bit_60-fps.yuv", 64, 64, "60", "yuv420p10le"),
    ("a 64x64 10 bits 25 Hz.yuv", 64, 64, "25", "yuv420p10le"),
    ("a_64 x 64_10b.yuv", 64, 64, "30", "yuv420p10le"),
    ("A_64X64_10LE.YUV", 64, 64, "30", "yuv420p10le"),
    ("a_64x64_60fps10bit420.yuv", 64, 64, "60", "yuv420p10le"),
    ("a-64x64-yuv420p10le.yuv", 64, 64, "30", "yuv420p10le"),
    ("a.b_64x64_30_yuv422p12le.yuv", 64, 64, "30", "yuv422p12le"),
    ("a_64x64_yuv420p10be.yuv", 64, 64, "30", "yuv420p10be"),
    ("a_64x64_yuv420p_10bit_be.yuv", 64, 64, "30", "yuv420p10be"),
    ("a_64x64_yuvj444p.yuv", 64, 64, "30", "yuv444p"),
    ("a_64x64_i444_10le.yuv", 64, 64, "30", "yuv444p10le"),
    ("a_64x64_i420.yuv", 64, 64, "30", "yuv420p"),
    ("a_64x64_IYUV.yuv", 64, 64, "30", "yuv420p"),
    ("a_64x64_i010.yuv", 64, 64, "30", "yuv420p10le"),
    ("yuv420p_a_64x64.yuv", 64, 64, "30", "yuv420p"),
    ("64x64_park_joy_25.yuv", 64, 64, "25", "yuv420p"),
    ("park_joy_2_64x64_25.yuv", 64, 64, "25", "yuv420p"),
    ("a_64x64_30_gray.yuv", 64, 64, "30", "gray"),
    ("gray12le_64x64.yuv", 64, 64, "30", "gray12le"),
    ("a_64x64_y8.yuv", 64, 64, "30", "gray"),
    ("a_64x64_Y800.yuv", 64, 64, "30", "gray"),
    ("a_64x64_mono10.yuv", 64, 64, "30", "gray10le"),
    ("lena_gray_64x64.yuv", 64, 64, "30", "gray"),  # 4:2:0 does not fit its length
    ("gray_wolf_64x64.yuv", 64, 64, "30", "yuv420p"),
    ("basketball_rgb_toys_64x64.yuv", 64, 64, "30", "yuv420p"),
    ("a_64x64_nv12.yuv", 64, 64, "30", "nv12"),
    ("nv21_a_64x64_25fps.yuv", 64, 64, "25", "nv21"),
    ("a_64x64_25_yuv420sp.yuv", 64, 64, "25", "nv12"),
    ("a_64x64_yuv420_semi-planar.yuv", 64, 64, "30", "nv12"),
    ("a_64x64_yvu420sp.yuv", 64, 64, "30", "nv21"),
    ("a_64x64_422_sp.yuv", 64, 64, "30", "nv16"),
    ("frame_64x64.nv12", 64, 64, "30", "nv12"),
    ("a_64x64_p010.yuv", 64, 64, "30", "p010le"),
    ("a_64x64_P010LE_10bit.yuv", 64, 64, "30", "p010le"),
    ("a_64x64_p210.yuv", 64, 64, "30", "p210le"),
    ("a_64x64_yv12.yuv", 64, 64, "30", "yv12"),
    ("a_64x64_yuyv422.yuv", 64, 64, "30", "yuyv422"),
    ("a_64x64_YUY2.yuv", 64, 64, "30", "yuyv422"),
    ("a_64x64_uyvy_8bit_422.yuv", 64, 64, "30", "uyvy422"),
    ("a_64x64_y210.yuv", 64, 64, "30", "y210le"),
    ("a_64x64_ayuv.yuv", 64, 64, "30", "ayuv"),
    ("a_64x64_rgb24.raw", 64, 64, "30", "rgb24"),
    ("a_64x64.bgra", 64, 64, "30", "bgra"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "width", "height", "rate", "pixel_format"), NAMES)
def test_names(tmp_path: Path, name: str, width: int, height: int, rate: str, pixel_format: str) -> None:
    clip = opened(make(tmp_path, name, width, height, pixel_format))
    assert (clip.format.width, clip.format.height, clip.format.fps) == (width, height, Fraction(rate))
    assert clip.pixel_format == pixel_format


# Name, layout of the file and frames, and the reason for which it is refused.
REFUSED = [
    ("a_64x64_25_10.yuv", "yuv420p", 2, "the name says 10 bit, but the samples are of 8 bit"),
    ("a_64x64_25_8.yuv", "yuv420p10le", 1, "the name says 8 bit, but the samples are of 10 bit"),
    ("a_64x64_8bit.yuv", "yuv420p10le", 1, "the name says 8 bit, but"),
    ("a_64x64_10bit.yuv", "yuv420p", 2, "the name says 10 bit, but"),
    ("a_64x64_10bit.yuv", "yuv420p12le", 2, "the name says 10 bit, but the samples are of 12 bit"),
    ("a_64x64_10bit.yuv", "yuv420p10be", 1, "seem to be big-endian"),
    ("a_64x64.yuv", "yuv420p10be", 1, "seem to be big-endian"),
    ("a_64x64.yuv", "p010le", 1, "seem to lie in the upper bits"),
    ("a_64x64_16bit.yuv", "yuv420p", 2, "16 bits per sample are not supported"),
    ("a_64x64_25_16.yuv", "yuv420p", 2, "16 bits per sample are not supported"),
    ("a_64x64_16.yuv", "yuv420p", 2, "16 bits per sample are not supported"),
    ("a_64x64_" + "_".join("1" * 60) + ".yuv", "yuv420p", 2, "the numbers in the name are not understood"),
    ("a_64x64_9le.yuv", "yuv420p", 2, "9 bits per sample are not supported"),
    ("a_64x64_yuv411p.yuv", "yuv420p", 1, "chroma format 411 is not supported"),
    ("a_64x64_400.yuv", "yuv420p", 2, "'400' in the name may be the chroma format or not"),
    ("a_64x64_30_400.yuv", "yuv420p", 2, "'400' in the name may be the chroma format or not"),
    ("lena_gray_64x64.yuv", "gray", 3, "'gray' in the name may be the chroma format or not"),
    ("a_64x64_30_50.yuv", "yuv420p", 2, "50 in the name is not understood, the file has 2 frames"),
    ("a_64x64_night.yuv", "yuv420p", 2, "'night' in the name is not understood"),
    ("a_64x64_yuv420sp9.yuv", "yuv420p", 2, "'yuv420sp9' in the name is not understood"),
    ("a_64x64_12bpp.yuv", "yuv420p", 2, "'12bpp' in the name is not understood"),
    ("a_64x64_007.yuv", "yuv420p", 2, "'007' in the name is not understood"),
    ("yuv420sp9_a_64x64.yuv", "yuv420p", 2, "'yuv420sp9' in the name is not understood"),
    ("a_64x64_v210.yuv", "yuv420p", 2, "layout v210 is not supported"),
    ("a_64x64_p016.yuv", "yuv420p", 2, "layout p016 is not supported"),
    ("a_64x64_rgb.yuv", "yuv444p", 1, "layout rgb is not supported"),
    ("a_rgb_64x64.yuv", "rgb24", 2, "'rgb' in the name is not understood"),
    ("a_packed_64x64.yuv", "yuyv422", 3, "'packed' in the name is not understood"),
    ("a_64x64_packed_422.yuv", "yuyv422", 1, "layout packed is not supported"),
    ("a_64x64_gbrp10le.yuv", "yuv444p10le", 1, "layout gbrp10le is not supported"),
    ("a_64x64_nv12_10bit.yuv", "nv12", 2, "the name says both nv12 and 10"),
    ("a_64x64_yuv420_sp_10bit.yuv", "yuv420p10le", 2, "semi-planar of 420 at 10 bit is not clear"),
    ("a_64x64_8bit_10bit.yuv", "yuv420p", 2, "the name says both 8 and 10"),
    ("a_64x64_32x32.yuv", "yuv420p", 2, "the name says both 64 and 32"),
    ("holiday.yuv", "yuv420p", 2, "no width and height"),
    ("holiday_hd.yuv", "yuv420p", 225, "no width and height"),
    ("park_joy_480p24.yuv", "yuv420p", 2, "no width and height"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "pixel_format", "frames", "reason"), REFUSED)
def test_names_that_are_refused(tmp_path: Path, name: str, pixel_format: str, frames: int, reason: str) -> None:
    path = make(tmp_path, name, 64, 64, pixel_format, frames)
    with pytest.raises(InputError) as error:
        opened(path)
    assert str(error.value).startswith(f"{path}: ")
    assert reason in str(error.value)
    # It is read if the user says what it is.
    stated = FormatOptions(width=64, height=64, pixel_format=pixel_format)
    assert opened(path, stated).pixel_format == pixel_format


@pytest.mark.parametrize(("name", "frames"), [("foreman_64x64_400.yuv", 400), ("foreman_64x64_30_64.yuv", 64)])
def test_a_number_that_counts_the_frames(tmp_path: Path, name: str, frames: int) -> None:
    clip = opened(make(tmp_path, name, 64, 64, "yuv420p", frames))
    assert (clip.pixel_format, clip.format.fps) == ("yuv420p", Fraction(30))


@pytest.mark.parametrize(("name", "warning"), [
    ("akiyo_64x64_300frames.yuv", "the name says 300 frames, the file has 2"),
    ("akiyo_64x64_30_300.yuv", "the name says 300 frames, the file has 2"),
    ("akiyo_64x64_600.yuv", "the name says 600 frames, the file has 2"),
])  # fmt: skip
def test_other_frames_than_the_name_says(tmp_path: Path, name: str, warning: str) -> None:
    path = make(tmp_path, name, 64, 64, "yuv420p", 2)
    with pytest.warns(InputWarning, match=warning):
        clip = open_clip(path)
    assert (clip.pixel_format, clip.format.fps) == ("yuv420p", Fraction(30))


def test_the_samples_decide_if_the_name_states_no_bit_depth(tmp_path: Path) -> None:
    """Of a name such as that of a JVET sequence without its bit depth."""
    for depth, largest in ((10, 943), (12, 3775)):
        path = tmp_path / f"Campfire_150x70_30fps_bt709_420_videoRange_v{depth}.yuv"
        write_raw(path, [photograph("coffee", 70, 150, depth)] * 2)
        words = np.fromfile(path, "<u2")
        with pytest.warns(InputWarning, match=f"16-bit words up to {words.max()}: read as {depth} bit"):
            assert open_clip(path).format.bit_depth == depth
        assert words.max() > largest // 2
    write_raw(tmp_path / "a_150x70_12.yuv", [photograph("coffee", 70, 150, 10)] * 2)
    with pytest.warns(InputWarning, match="read as 10 bit"):  # 12 is the rate
        assert open_clip(tmp_path / "a_150x70_12.yuv").format.bit_depth == 10
    write_raw(tmp_path / "a_150x70.yuv", [photograph("coffee", 70, 150)] * 2)
    assert opened(tmp_path / "a_150x70.yuv").format.bit_depth == 8


@pytest.mark.parametrize(
    "pixel_format", ["yuyv422", "uyvy422", "yuv420p16le", "yuv420p16be", "gray16le", "p010le", "vuyx"]
)
@pytest.mark.parametrize("words", ["", "_8bit_420"])
def test_samples_that_are_no_planes_of_8_bit(tmp_path: Path, words: str, pixel_format: str) -> None:
    path = tmp_path / f"a_96x64{words}.yuv"
    frame = frame_from_picture(photograph("coffee", 64, 96, 12, "444")).reformat(format=pixel_format)
    path.write_bytes(b"".join(bytes(plane) for plane in frame.planes) * 3)
    with pytest.raises(InputError, match=r"may be packed or of 16 bit|lie in the upper bits"):
        opened(path)


def test_words_that_state_no_layout_are_of_no_matter_if_the_user_states_it(tmp_path: Path) -> None:
    path = make(tmp_path, "a_64x64_night_25.yuv", 64, 64, "yuv422p")
    clip = opened(path, FormatOptions(chroma="422", bit_depth=8))
    assert (clip.pixel_format, clip.format.fps) == ("yuv422p", Fraction(25))


def test_the_words_of_the_documents_are_known() -> None:
    document = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
    table = document[document.index("| size |") : document.index("A number without")]
    for word in re.findall("`([^`]+)`", table):
        name = read_name(Path(f"a_64x64_{word}.yuv"))
        assert not name.unknown, word
        assert name.stated.get("layout", ["nv12"])[0] in LAYOUTS, word
