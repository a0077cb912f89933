"""Test reading of Y4M, picture and video files against FFmpeg, which reads the same files."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from codecnn.errors import InputError, InputWarning
from codecnn.video.clip import open_clip
from codecnn.video.colour import Conversion, rgb_to_picture
from codecnn.video.format_options import FormatOptions
from codecnn.video.frames import frame_from_picture, picture_from_frame
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from codecnn.video.y4m import write_y4m
from tests.pictures import FORMATS, PHOTOGRAPHS, photograph


def same(a: Picture, b: Picture) -> None:
    assert a.bit_depth == b.bit_depth
    for p, q in zip(a.planes, b.planes, strict=True):
        np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize(("chroma", "bit_depth"), FORMATS)
@pytest.mark.parametrize("size", [(64, 96), (75, 53)])
def test_y4m_round_trip_and_reading_by_ffmpeg(
    tmp_path: Path, size: tuple[int, int], chroma: str, bit_depth: int
) -> None:
    pictures = [photograph(name, *size, bit_depth, chroma) for name in ("astronaut", "coffee")]
    path = tmp_path / "clip.y4m"
    write_y4m(path, pictures, Fraction(30000, 1001))
    clip = open_clip(path)
    assert clip.format.fps == Fraction(30000, 1001)
    assert (clip.format.height, clip.format.width, clip.format.bit_depth) == (*size, bit_depth)
    assert clip.format.chroma == chroma
    with av.open(str(path), options={"strict": "-1"}) as container:
        frames = list(container.decode(video=0))
    for written, read, frame in zip(pictures, clip.frames(), frames, strict=True):
        same(written, read)
        assert len(frame.planes) == len(written.planes)
        for plane, samples in zip(frame.planes, written.planes, strict=True):
            raw = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: len(samples)]
            there = np.ascontiguousarray(raw).view(samples.dtype)[:, : samples.shape[1]]
            np.testing.assert_array_equal(there, samples)


def write_video(path: Path, encoder: str, pix_fmt: str, frames: list[av.VideoFrame]) -> None:
    """Write frames with FFmpeg, without loss."""
    with av.open(str(path), "w", container_options={"strict": "-1"}) as container:
        stream = container.add_stream(encoder, rate=25, options={"strict": "-1"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, pix_fmt
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("chroma", "bit_depth"), FORMATS)
@pytest.mark.parametrize(("name", "encoder"), [("clip.mkv", "ffv1"), ("clip.y4m", "wrapped_avframe")])
@pytest.mark.parametrize("size", [(98, 134), (75, 53)])
def test_lossless_files_of_ffmpeg_read_back(
    tmp_path: Path, size: tuple[int, int], name: str, encoder: str, chroma: str, bit_depth: int
) -> None:
    pictures = [photograph(name, *size, bit_depth, chroma) for name in ("astronaut", "coffee", "chelsea")]
    pix_fmt = ("gray" if chroma == "400" else f"yuv{chroma}p") + ("" if bit_depth == 8 else f"{bit_depth}le")
    frames = [frame_from_picture(picture) for picture in pictures]
    assert {frame.format.name for frame in frames} == {pix_fmt}
    write_video(tmp_path / name, encoder, pix_fmt, frames)
    clip = open_clip(tmp_path / name)
    assert clip.format.fps == 25
    assert (clip.format.chroma, clip.format.bit_depth) == (chroma, bit_depth)
    assert clip.colour.startswith("YUV as stored, range ")
    for written, read in zip(pictures, clip.frames(), strict=True):
        same(written, read)


@pytest.mark.parametrize("chroma", ["420", "422", "444"])
def test_a_jpeg_is_read_without_conversion(tmp_path: Path, chroma: str) -> None:
    picture = photograph("coffee", 75, 53, 8, chroma)
    with av.open(str(tmp_path / "a.jpg"), "w", format="image2") as container:
        stream = container.add_stream("mjpeg", rate=1, options={"qscale": "1"})
        stream.width, stream.height, stream.pix_fmt = 53, 75, f"yuvj{chroma}p"
        frame = frame_from_picture(picture)
        frame.color_range = 2  # AVCOL_RANGE_JPEG
        container.mux(stream.encode(frame.reformat(format=f"yuvj{chroma}p")))
        container.mux(stream.encode(None))
    clip = open_clip(tmp_path / "a.jpg")
    assert clip.colour == "YUV as stored, range full"
    read = next(clip.frames())
    assert read.chroma == chroma
    for ours, written in zip(read.planes, picture.planes, strict=True):
        assert np.abs(ours.astype(int) - written).mean() < 2
    with av.open(str(tmp_path / "a.jpg")) as container:
        (frame,) = container.decode(video=0)
    for ours, plane in zip(read.planes, frame.planes, strict=True):
        raw = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        np.testing.assert_array_equal(ours, raw[: len(ours), : ours.shape[1]])


def test_rgb_is_converted_like_ffmpeg_with_the_matrix_of_bt709() -> None:
    path = PHOTOGRAPHS / "chelsea.png"
    clip = open_clip(path)
    picture = next(clip.frames())
    assert clip.colour == "RGB by BT.709, limited range; chroma is the mean of 2x2 samples (centre siting)"
    assert (picture.y.shape, picture.u.shape) == ((300, 451), (150, 226))
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    frame = frame.reformat(format="yuv444p", dst_colorspace="ITU709", src_color_range="JPEG", dst_color_range="MPEG")
    luma, blue, red = (
        np.frombuffer(memoryview(p), np.uint8).reshape(p.height, p.line_size)[:300, :450].astype(float)
        for p in frame.planes
    )
    assert np.abs(picture.y[:, :450] - luma).max() <= 1
    for ours, theirs in ((picture.u, blue), (picture.v, red)):
        mean = theirs.reshape(150, 2, 225, 2).mean(axis=(1, 3))
        assert np.abs(ours[:, :225] - mean).max() <= 1.5


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_extreme_colours(bit_depth: int) -> None:
    scale = 1 << (bit_depth - 8)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    peak = np.iinfo(dtype).max
    # ITU-R BT.709-6: black, white, and the chroma extremes at pure blue and red.
    for rgb, expected in (
        ((0, 0, 0), (16, 128, 128)),
        ((1, 1, 1), (235, 128, 128)),
        ((0, 0, 1), (None, 240, None)),
        ((1, 0, 0), (None, None, 240)),
    ):
        picture = rgb_to_picture(np.full((3, 3, 3), rgb, dtype) * peak, bit_depth)
        for plane, value in zip(picture.planes, expected, strict=True):
            assert value is None or (plane == value * scale).all()


def test_file_names_are_not_read_as_patterns_or_protocols(tmp_path: Path) -> None:
    (tmp_path / "pic001.png").write_bytes((PHOTOGRAPHS / "coffee.png").read_bytes())
    for name in ("pic%03d.png", "12:30.png", "-a b'c.png"):
        (tmp_path / name).write_bytes((PHOTOGRAPHS / "chelsea.png").read_bytes())
        same(next(open_clip(tmp_path / name).frames()), next(open_clip(PHOTOGRAPHS / "chelsea.png").frames()))


def test_damaged_video_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(12):
            container.mux(stream.encode(frame_from_picture(photograph("coffee", 96, 128 + 2 * index).crop(96, 128))))
        container.mux(stream.encode(None))
    assert len(list(open_clip(path).frames())) == 12
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + 1500
    data[middle : middle + 300] = bytes(300)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"clip\.mp4: "):
        list(open_clip(path).frames())


@pytest.mark.parametrize("pix_fmt", ["gray16le", "yuv411p", "yuv440p", "yuv420p9le", "yuv444p16le", "yuva420p"])
def test_other_pixel_formats_are_refused(tmp_path: Path, pix_fmt: str) -> None:
    path = tmp_path / "clip.mkv"
    frame = av.VideoFrame(64, 64, pix_fmt)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    write_video(path, "ffv1", pix_fmt, [frame])
    with pytest.raises(InputError, match=rf"clip\.mkv: pixel format {pix_fmt} is not supported"):
        open_clip(path)
    with pytest.raises(ValueError, match="pixel format nv12 is none of"):
        picture_from_frame(av.VideoFrame(64, 64, "nv12"))


def test_options_choose_the_conversion_of_rgb(tmp_path: Path) -> None:
    for name, pix_fmt, depth in (("deep.mkv", "gbrp10le", 10), ("shallow.mkv", "bgr0", 8)):
        frame = frame_from_picture(photograph("coffee", 75, 53, 8, "444")).reformat(format=pix_fmt)
        write_video(tmp_path / name, "ffv1", pix_fmt, [frame])
        rgb = frame.to_ndarray(
            format="rgb24" if depth == 8 else None
        )  # exact: FFmpeg's scaler would round 10 to 16 bit
        conversion = Conversion("bt2020", "full", "422")
        clip = open_clip(tmp_path / name, FormatOptions(chroma="422", matrix="bt2020", range="full"))
        assert (clip.format.chroma, clip.format.bit_depth, clip.colour) == ("422", depth, conversion.description)
        same(next(clip.frames()), rgb_to_picture(rgb, depth, conversion, depth))
        clip = open_clip(tmp_path / name, FormatOptions(bit_depth=12, chroma="400"))
        assert clip.colour == f"RGB by BT.709, limited range; only luma; {depth} bit scaled to 12"
        same(next(clip.frames()), rgb_to_picture(rgb, 12, Conversion(chroma="400"), depth))
        with pytest.raises(InputError, match="9 bits per sample are not supported"):
            open_clip(tmp_path / name, FormatOptions(bit_depth=9))


def test_frames_can_be_limited_and_skipped(tmp_path: Path) -> None:
    pictures = [photograph("coffee", 32, 32 + 2 * n).crop(32, 32) for n in range(10)]
    pictures = [Picture(p.y + np.uint8(n), p.u, p.v, 8) for n, p in enumerate(pictures)]
    write_raw(tmp_path / "c_32x32.yuv", pictures)
    taken = list(open_clip(tmp_path / "c_32x32.yuv", first_frames=8, every=3).frames())
    for read, index in zip(taken, (0, 3, 6), strict=True):
        same(read, pictures[index])


def test_options_override_the_name(tmp_path: Path) -> None:
    write_raw(tmp_path / "c_64x64_8bit.yuv", [photograph("coffee", 32, 48, 10)])
    clip = open_clip(tmp_path / "c_64x64_8bit.yuv", FormatOptions(width=48, height=32, bit_depth=10))
    same(next(clip.frames()), photograph("coffee", 32, 48, 10))


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Write every kind of bad source, and return each with a part of its error message."""
    frame = photograph("coffee", 32, 48)
    write_raw(folder / "short_48x32.yuv", [frame])
    (folder / "short_48x32.yuv").write_bytes((folder / "short_48x32.yuv").read_bytes()[:-1])
    write_raw(folder / "nameless.yuv", [frame])
    write_raw(folder / "deep_24x32_10bit.yuv", [frame])
    (folder / "empty_48x32.yuv").touch()
    (folder / "folder.yuv").mkdir()
    (folder / "text.png").write_text("no picture")
    write_y4m(folder / "cut.y4m", [frame, frame])
    (folder / "cut.y4m").write_bytes((folder / "cut.y4m").read_bytes()[:-10])
    (folder / "header.y4m").write_bytes(b"YUV4MPEG2 W48 H32 F30:1 C420\n")
    (folder / "wide.y4m").write_bytes(b"YUV4MPEG2 W48 H32 F30:1 C411\nFRAME\n")
    (folder / "deep.y4m").write_bytes(b"YUV4MPEG2 W48 H32 F30:1 C420p9\nFRAME\n")
    (folder / "alpha.y4m").write_bytes(b"YUV4MPEG2 W48 H32 F30:1 C444alpha\nFRAME\n")
    (folder / "huge.y4m").write_bytes(b"YUV4MPEG2 W99999999 H99999999 F30:1 C420\nFRAME\n")
    (folder / "sizeless.y4m").write_bytes(b"YUV4MPEG2 F30:1 C420\nFRAME\n")
    write_raw(folder / "c_48x32_411.yuv", [frame])
    write_raw(folder / "c_48x32_v210.yuv", [frame])
    return {
        "no whole number of frames": (
            folder / "short_48x32.yuv",
            "takes 2304 bytes a frame: 0 frames and 2303 bytes",
        ),
        "no geometry": (folder / "nameless.yuv", "no width and height"),
        "bit depth": (folder / "deep_24x32_10bit.yuv", "the name says 10 bit, but the samples are of 8 bit"),
        "empty": (folder / "empty_48x32.yuv", "the file is empty"),
        "directory": (folder / "folder.yuv", "not a file"),
        "missing": (folder / "missing_48x32.yuv", "no such file"),
        "no picture": (folder / "text.png", "not a picture or video"),
        "y4m cut short": (folder / "cut.y4m", "frame 1 has 2294 of 2304 bytes"),
        "y4m without frames": (folder / "header.y4m", "no frames"),
        "y4m 4:1:1": (folder / "wide.y4m", "chroma format 411 is not supported"),
        "y4m 9 bit": (folder / "deep.y4m", "9 bits per sample are not supported"),
        "y4m alpha": (folder / "alpha.y4m", "colour space C444alpha is not supported"),
        "y4m forged size": (folder / "huge.y4m", "outside of 16x16"),
        "y4m without size": (folder / "sizeless.y4m", "without a valid width"),
        "raw 4:1:1": (folder / "c_48x32_411.yuv", "chroma format 411 is not supported"),
        "raw v210": (folder / "c_48x32_v210.yuv", "layout v210 is not supported"),
    }


BAD_KINDS = (
    "no whole number of frames", "no geometry", "bit depth", "empty", "directory", "missing", "no picture",
    "y4m cut short", "y4m without frames", "y4m 4:1:1", "y4m 9 bit", "y4m alpha", "y4m forged size", "y4m without size",
    "raw 4:1:1", "raw v210",
)  # fmt: skip


@pytest.mark.parametrize("kind", BAD_KINDS)
def test_the_error_names_the_bad_file_and_the_reason(tmp_path: Path, kind: str) -> None:
    path, reason = bad_files(tmp_path)[kind]
    with pytest.raises(InputError) as error:
        list(open_clip(path).frames())
    assert str(error.value).startswith(f"{path}: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


OPTIONS = [
    FormatOptions(width=64), FormatOptions(height=64), FormatOptions(bit_depth=10), FormatOptions(chroma="444"),
    FormatOptions(fps=Fraction(50)), FormatOptions(pixel_format="nv12"), FormatOptions(matrix="bt709"),
    FormatOptions(range="limited"),
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
def test_an_option_that_cannot_apply_is_an_error(tmp_path: Path, options: FormatOptions) -> None:
    picture = photograph("coffee", 32, 48)
    write_y4m(tmp_path / "a.y4m", [picture], Fraction(25))
    write_video(tmp_path / "a.mkv", "ffv1", "yuv420p", [frame_from_picture(picture)])
    (name, value) = next((name, value) for name, value in vars(options).items() if value is not None)
    for file in ("a.y4m", "a.mkv"):
        with pytest.raises(InputError, match=rf"{file}: --{name.replace('_', '-')} {value} cannot apply: "):
            open_clip(tmp_path / file, options)
    if name in ("width", "height", "pixel_format"):  # what a picture file cannot be either
        with pytest.raises(InputError, match=rf"coffee.png: --{name.replace('_', '-')} {value} cannot apply: "):
            open_clip(PHOTOGRAPHS / "coffee.png", options)
    write_raw(tmp_path / "a_48x32.yuv", [picture])
    if name in ("matrix", "range"):
        with pytest.raises(InputError, match=rf"a_48x32.yuv: --{name} {value} cannot apply: its samples are read as"):
            open_clip(tmp_path / "a_48x32.yuv", options)


def test_options_that_say_what_is_there_are_taken(tmp_path: Path) -> None:
    write_y4m(tmp_path / "a.y4m", [photograph("coffee", 32, 48)], Fraction(25))
    options = FormatOptions(width=48, height=32, bit_depth=8, fps=Fraction(25), chroma="420")
    assert open_clip(tmp_path / "a.y4m", options).format == open_clip(tmp_path / "a.y4m").format


def test_rates(tmp_path: Path) -> None:
    """A short fraction is kept; what is long, absurd or missing does not stop anything, and the user's rate counts."""
    path = tmp_path / "a.y4m"
    for tag, rate in ((" F30000:1001", Fraction(30000, 1001)), (" F67500000:2250019", Fraction(30)),
                      (" F0:0", Fraction(30)), ("", Fraction(30)), (" F-5:1", Fraction(30)),
                      (" F90000:1", Fraction(30)), (" F1000000007:33333333", Fraction(30))):  # fmt: skip
        path.write_bytes(f"YUV4MPEG2 W16 H16{tag} C420\nFRAME\n".encode() + bytes(384))
        assert open_clip(path).format.fps == rate, tag
        if tag == " F30000:1001":
            assert open_clip(path, FormatOptions(fps=Fraction("29.97"))).format.fps == Fraction("29.97")
        else:
            assert open_clip(path, FormatOptions(fps=Fraction(25))).format.fps == 25, tag


def test_the_rate_of_a_file_that_states_no_average(tmp_path: Path) -> None:
    path = tmp_path / "a.ivf"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(frame_from_picture(photograph("coffee", 64, 64))))
        container.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    data[24:28] = bytes(4)  # the number of frames, as a program leaves it that cannot seek
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate is None
    assert open_clip(path).format.fps == 25
    assert open_clip(path, FormatOptions(fps=Fraction(50))).format.fps == 50


def test_interlaced_sources_are_known_and_warned_of(tmp_path: Path) -> None:
    picture = photograph("coffee", 64, 64)
    write_raw(tmp_path / "a_64x64_50i.yuv", [picture])
    write_raw(tmp_path / "a_64x64_25_tff.yuv", [picture])
    for tag in "tbmp":
        data = b"".join(plane.tobytes() for plane in picture.planes)
        (tmp_path / f"{tag}.y4m").write_bytes(f"YUV4MPEG2 W64 H64 F25:1 I{tag} C420\nFRAME\n".encode() + data)
    for name, parameters in (("t.mp4", "tff=1"), ("b.mkv", "bff=1"), ("b.264", "bff=1"), ("p.mp4", "bframes=0")):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"x264-params": parameters})
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            container.mux(stream.encode(frame_from_picture(picture)))
            container.mux(stream.encode(None))
    for name, scan in {
        "t.y4m": "interlaced, top field first", "b.y4m": "interlaced, bottom field first", "m.y4m": "interlaced, mixed",
        "t.mp4": "interlaced, top field first", "b.mkv": "interlaced, bottom field first",
        "b.264": "interlaced, bottom field first", "a_64x64_50i.yuv": "interlaced",
        "a_64x64_25_tff.yuv": "interlaced, top field first",
    }.items():  # fmt: skip
        with pytest.warns(InputWarning, match=rf"{name}: {scan}; its frames are taken as progressive"):
            clip = open_clip(tmp_path / name)
        assert (clip.scan, clip.format.fps) == (scan, Fraction(25))
    for name in ("p.y4m", "p.mp4"):
        assert open_clip(tmp_path / name).scan == "progressive"


def test_y4m_is_known_by_its_content(tmp_path: Path) -> None:
    write_y4m(tmp_path / "a_16x16.yuv", [photograph("coffee", 32, 48)])
    same(next(open_clip(tmp_path / "a_16x16.yuv").frames()), photograph("coffee", 32, 48))
