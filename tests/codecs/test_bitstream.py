"""Streams in files: the same pictures and QPs as the codec of the project gave, and as a plain decoder gives."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from codecnn.codecs.bitstream import NoUnfilteredError, open_bitstream
from codecnn.codecs.libavcodec import block_qps, open_decoder
from codecnn.codecs.registry import CODECS
from codecnn.errors import InputError, InputWarning
from codecnn.video.clip import open_clip
from codecnn.video.frames import picture_from_frame
from codecnn.video.picture import Picture
from tests.coded_clips import make_clip
from tests.pictures import photograph
from tests.streams import write_stream, write_video

QP = 35
X265 = "qp=32:pools=none:frame-threads=1:log-level=none"


def same(a: Picture | None, b: Picture | None) -> bool:
    assert a is not None
    assert b is not None
    return all(np.array_equal(*planes) for planes in zip(a.planes, b.planes, strict=True))


def moving(count: int, height: int = 64, width: int = 96) -> list[Picture]:
    """A photograph that moves by four samples a frame."""
    large = photograph("coffee", height, width + 4 * count)
    return [
        Picture.of((p[:, s * n :][:, : s * width // 4] for p, s in zip(large.planes, (4, 2, 2), strict=True)), 8)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("name", "suffix", "bit_depth"),
    [("x265", "hevc", 8), ("x265", "hevc", 10), ("x264", "264", 8), ("x264", "264", 10), ("vp9", "ivf", 8)],
)
def test_an_intra_stream_gives_what_its_codec_gave(
    name: str, suffix: str, bit_depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path, 64, 96, bit_depth, ("chelsea", "coffee", "astronaut"))
    path, coded = write_stream(CODECS[name], clip, QP, tmp_path / f"a.{suffix}", monkeypatch)
    stream = open_bitstream(path, clip.format.fps)
    assert stream is not None
    assert (stream.packets, stream.time_base) == (3, None)
    for frame, expected in zip(stream.frames(unfiltered=True), coded, strict=True):
        assert same(frame.baseline, expected.baseline)
        assert same(frame.unfiltered, expected.unfiltered)
        assert not same(frame.baseline, frame.unfiltered)
        qp = 32 if name == "vp9" else QP  # the QP of HEVC with the step of the quantizer 35
        assert (frame.qp, frame.intra) == (qp, True)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2)])
@pytest.mark.parametrize("library", ["libx265", "libx264", "libvpx-vp9"])
@pytest.mark.filterwarnings("ignore::codecnn.errors.InputWarning")
def test_a_stream_is_turned_as_its_container_says(library: str, degrees: int, turns: int, tmp_path: Path) -> None:
    options = {"x265-params": f"{X265}:bframes=0"} if library == "libx265" else {}  # B needs more frames
    decoded = []
    for turn in (0, degrees):
        path = write_video(tmp_path / f"{turn}.mkv", moving(2), library, options, turned=turn)
        stream = open_bitstream(path, Fraction(25))
        assert stream is not None
        decoded.append([frame.baseline for frame in stream.frames()])
        assert all(same(*pair) for pair in zip(decoded[-1], open_clip(path).frames(), strict=True))
    for upright, turned in zip(*decoded, strict=True):
        for stored, plane in zip(upright.planes, turned.planes, strict=True):
            np.testing.assert_array_equal(plane, np.rot90(stored, turns))


def test_a_frame_of_another_size_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.hevc"
    parts = [
        write_video(tmp_path / f"{width}.hevc", moving(2, width=width), "libx265", {"x265-params": X265}, None, "hevc")
        for width in (96, 64)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    stream = open_bitstream(path, Fraction(25))
    assert stream is not None
    with pytest.raises(InputError, match=rf"{path}: frame 2 is 64x64 yuv420p, the first is 96x64 yuv420p"):
        list(stream.frames())


@pytest.mark.parametrize(
    ("library", "suffix", "options", "container", "encoder"),
    [
        ("libx265", "mkv", {"x265-params": X265}, None, "x265"),
        ("libx265", "hevc", {"x265-params": X265}, "hevc", "x265"),
        ("libx264", "mp4", {"qp": "32"}, None, "x264"),
        ("libvpx-vp9", "webm", {"crf": "40", "b": "0", "lag-in-frames": "8"}, None, None),
        ("libsvtav1", "mp4", {"preset": "10", "qp": "40"}, None, None),
    ],
)
@pytest.mark.filterwarnings("ignore::codecnn.errors.InputWarning")
def test_an_inter_stream_is_decoded_in_the_order_of_display_with_the_qp_of_each_frame(
    library: str, suffix: str, options: dict[str, str], container: str | None, encoder: str | None, tmp_path: Path
) -> None:
    path = write_video(tmp_path / f"a.{suffix}", moving(10), library, options, container=container)
    stream = open_bitstream(path, Fraction(25))
    assert stream is not None
    assert (stream.encoder, stream.time_base) == (encoder, None)
    frames = list(stream.frames())
    with av.open(path) as file:
        expected = [picture_from_frame(frame) for frame in file.decode(video=0)]
    assert all(same(frame.baseline, picture) for frame, picture in zip(frames, expected, strict=True))
    assert [frame.intra for frame in frames] == [True] + [False] * 9
    qps = [frame.qp for frame in frames]
    assert qps[0] < max(qps)  # the encoders spend more on the frame that all others are predicted from
    if library == "libx265":  # P at the QP that was asked for, and the I frame 3 below
        assert (qps[0], qps[9]) == (29, 32)
    with pytest.raises(NoUnfilteredError, match=r"predicted from others|AV1 does not give it"):
        list(stream.frames(unfiltered=True))


def test_the_qp_of_a_frame_is_the_mean_of_its_blocks(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", moving(1), "libx264", {"crf": "30", "aq-mode": "1", "aq-strength": "2"})
    stream = open_bitstream(path, Fraction(25))
    assert stream is not None
    with pytest.warns(InputWarning, match="blocks have QPs of their own; the QP of a frame is their mean"):
        (frame,) = stream.frames()
    decoder = open_decoder("h264", export_side_data="venc_params")
    with av.open(path) as file:
        decoder.extradata = file.streams.video[0].codec_context.extradata
        (decoded,) = [one for packet in file.demux(video=0) for one in decoder.decode(packet)]
    qps = block_qps(decoded)
    assert len(qps) == 24  # macroblocks
    assert qps.min() < frame.qp < qps.max()
    assert abs(frame.qp - qps.mean()) <= 0.5


def test_frames_at_uneven_times_keep_them(tmp_path: Path) -> None:
    times = [0, 40, 80, 200, 240]
    path = write_video(tmp_path / "a.mp4", moving(5), "libx264", {"qp": "32"}, times)
    stream = open_bitstream(path, Fraction(25))
    assert stream is not None
    assert stream.time_base is not None
    shown = [frame.time * stream.time_base for frame in stream.frames() if frame.time is not None]
    assert [float(b - a) for a, b in pairwise(shown)] == pytest.approx([0.04, 0.04, 0.12, 0.04])


def test_a_damaged_stream_is_named(tmp_path: Path) -> None:
    options = {"x265-params": X265 + ":hash=1"}
    path = write_video(tmp_path / "a.hevc", moving(2), "libx265", options, container="hevc")
    data = bytearray(path.read_bytes())
    data[-60] ^= 0xFF  # in the second frame, before its checksum
    path.write_bytes(data)
    stream = open_bitstream(path, Fraction(25))
    assert stream is not None
    with pytest.raises(InputError, match=r"a\.hevc: "):
        list(stream.frames())


def test_other_videos_are_no_bitstreams(tmp_path: Path) -> None:
    assert open_bitstream(write_video(tmp_path / "a.mkv", moving(2), "ffv1", {}), Fraction(25)) is None
