"""Test the layouts of raw files against FFmpeg, which converts between them without loss."""

from pathlib import Path

import av
import numpy as np
import pytest

from codecnn.errors import InputError
from codecnn.video.clip import open_clip
from codecnn.video.colour import Conversion, rgb_to_picture
from codecnn.video.format_options import FormatOptions
from codecnn.video.frames import frame_from_picture
from codecnn.video.layouts import LAYOUTS, planar
from codecnn.video.picture import Picture
from tests.pictures import PHOTOGRAPHS, photograph

UNKNOWN_TO_FFMPEG = {"yv12", "yv16", "yv24", "nv61", "vyuy422"}


def write_by_ffmpeg(path: Path, frame: av.VideoFrame, pixel_format: str) -> None:
    """Let FFmpeg convert a frame and write it to a raw file.

    One thread: at odd widths it writes beyond the end of a row of packed samples, into the next row, which with several
    threads may be finished already.
    """
    with av.open(str(path), "w", format="rawvideo") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pixel_format
        container.mux(stream.encode(frame.reformat(format=pixel_format, threads=1)))
        container.mux(stream.encode(None))


def assert_same(ours: Picture, theirs: Picture) -> None:
    assert ours.bit_depth == theirs.bit_depth
    for a, b in zip(ours.planes, theirs.planes, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("width", [50, 53])
@pytest.mark.parametrize("pixel_format", [n for n in LAYOUTS if not LAYOUTS[n].is_rgb and n not in UNKNOWN_TO_FFMPEG])
def test_yuv_as_ffmpeg_writes_it(tmp_path: Path, pixel_format: str, width: int) -> None:
    if pixel_format == "p010le":
        width = 54  # at odd widths FFmpeg leaves the last chroma samples as they are in memory
    layout = LAYOUTS[pixel_format]
    picture = photograph("coffee", 37, width, layout.bit_depth, layout.chroma)
    path = tmp_path / f"a_{width}x37.yuv"
    write_by_ffmpeg(path, frame_from_picture(picture), pixel_format)
    assert path.stat().st_size == layout.frame_bytes(width, 37)
    clip = open_clip(path, FormatOptions(pixel_format=pixel_format))
    assert_same(next(clip.frames()), picture)
    stored_as = "" if layout == planar(layout.chroma, layout.bit_depth) else f" in {pixel_format}"
    assert clip.colour == f"YUV as stored{stored_as}, range not stated"


@pytest.mark.parametrize("pixel_format", [n for n, layout in LAYOUTS.items() if layout.is_rgb])
def test_rgb_as_ffmpeg_writes_it(tmp_path: Path, pixel_format: str) -> None:
    with av.open(str(PHOTOGRAPHS / "coffee.png")) as container:
        frame = next(container.decode(video=0)).reformat(width=53, height=37, format="rgb48le")
    rgb = frame.to_ndarray()
    if LAYOUTS[pixel_format].bit_depth == 8:
        rgb = frame.reformat(format="rgb24").to_ndarray()
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    path = tmp_path / f"a_53x37_{pixel_format}.raw"
    write_by_ffmpeg(path, frame, pixel_format)
    options = FormatOptions(matrix="bt2020", range="full", chroma="444")
    clip = open_clip(path, options)
    assert_same(next(clip.frames()), rgb_to_picture(rgb, clip.format.bit_depth, Conversion("bt2020", "full", "444")))
    assert clip.colour == "RGB by BT.2020 (non-constant luminance), full range; chroma at every sample"
    assert open_clip(path).colour.startswith("RGB by BT.709, limited range; chroma is the mean of 2x2")


@pytest.mark.parametrize(("pixel_format", "same"), [("yv12", "yuv420p"), ("yv16", "yuv422p"), ("yv24", "yuv444p"),
                                                    ("nv61", "nv16"), ("vyuy422", "uyvy422")])  # fmt: skip
def test_v_before_u(tmp_path: Path, pixel_format: str, same: str) -> None:
    """Of layouts without a name in FFmpeg: the one with U and V exchanged."""
    path = tmp_path / "a_52x37.yuv"
    path.write_bytes(np.random.default_rng(0).bytes(2 * LAYOUTS[same].frame_bytes(52, 37)))
    for a, b in zip(
        open_clip(path, FormatOptions(pixel_format=pixel_format)).frames(),
        open_clip(path, FormatOptions(pixel_format=same)).frames(),
        strict=True,
    ):
        assert_same(a, Picture(b.y, b.v, b.u, 8))


def test_bits_below_the_sample_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a_16x16_p010.yuv"
    np.full(16 * 24, 512 << 6, "<u2").tofile(path)
    assert next(open_clip(path).frames()).y.max() == 512
    np.full(16 * 24, 515, "<u2").tofile(path)
    with pytest.raises(InputError, match="frame 0 is not p010le: the low 6 bits of its words are not 0"):
        list(open_clip(path).frames())
