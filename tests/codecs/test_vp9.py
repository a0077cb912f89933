"""Test VP9 against another decoder, and against the headers that FFmpeg reads."""

from pathlib import Path

import numpy as np
import pytest

from codecnn.codecs.libavcodec import encode_pictures, open_encoder
from codecnn.codecs.picture_headers import QUANTIZERS
from codecnn.codecs.vp9 import Vp9
from codecnn.codecs.vp9_header import read_key_frame_header, remove_loop_filter
from codecnn.errors import InputError
from tests.coded_clips import decode_elsewhere, make_clip, needs, read_headers, write_ivf

HEIGHT, WIDTH = 80, 112


def units_of(folder: Path, qp: int) -> list[bytes]:
    clip = make_clip(folder, HEIGHT, WIDTH, frames=("chelsea", "coffee"))
    return [
        bytes(unit) for unit in encode_pictures(open_encoder("libvpx-vp9", clip, Vp9().parameters(qp)), clip.frames())
    ]


@needs("vp9")
@pytest.mark.parametrize("qp", [1, 25, 43, 62, 63])
def test_headers_are_the_same_as_ffmpeg_reads(tmp_path: Path, qp: int) -> None:
    units = units_of(tmp_path, qp)
    headers = read_headers(write_ivf(tmp_path / "clip.ivf", units, b"VP90", HEIGHT, WIDTH))
    ours = [read_key_frame_header(unit) for unit in units]
    assert headers["base_q_idx"] == [header.base_q_idx for header in ours] == [QUANTIZERS[qp]] * 2
    assert headers["loop_filter_level"] == [header.loop_filter_level for header in ours]
    assert headers["frame_type"] == [0, 0]
    assert headers["segmentation_enabled"] == [0, 0]


@needs("vp9")
def test_removing_the_loop_filter_changes_only_its_level(tmp_path: Path) -> None:
    units = units_of(tmp_path, 43)
    assert all(read_key_frame_header(unit).loop_filter_level for unit in units)
    before = read_headers(write_ivf(tmp_path / "one.ivf", units, b"VP90", HEIGHT, WIDTH))
    plain = [remove_loop_filter(unit) for unit in units]
    after = read_headers(write_ivf(tmp_path / "two.ivf", plain, b"VP90", HEIGHT, WIDTH))
    assert after["loop_filter_level"] == [0, 0]
    assert {key for key in before if before[key] != after[key]} == {"loop_filter_level"}
    for one, two in zip(units, plain, strict=True):
        assert sum(a != b for a, b in zip(one, two, strict=True)) <= 2


@needs("libvpx-vp9")
def test_both_pictures_are_the_same_as_of_the_libvpx_decoder(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, HEIGHT, WIDTH, frames=("chelsea", "coffee"))
    frames = list(Vp9().encode(clip, 43))
    units = units_of(tmp_path, 43)
    for name, signal, stream in (
        ("filtered", "baseline", units),
        ("plain", "unfiltered", [remove_loop_filter(unit) for unit in units]),
    ):
        path = write_ivf(tmp_path / f"{name}.ivf", stream, b"VP90", HEIGHT, WIDTH)
        for frame, planes in zip(frames, decode_elsewhere(path, "libvpx-vp9", frames[0].original), strict=True):
            for ours, theirs in zip(getattr(frame, signal).planes, planes, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_bits_are_those_of_the_packets(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, HEIGHT, WIDTH, frames=("chelsea", "coffee"))
    assert [frame.bits for frame in Vp9().encode(clip, 25)] == [8 * len(unit) for unit in units_of(tmp_path, 25)]


def test_a_predicted_frame_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path, HEIGHT, WIDTH, frames=("chelsea", "chelsea"))
    encoder = open_encoder("libvpx-vp9", clip, {**Vp9().parameters(43), "g": "12"})
    monkeypatch.setattr("codecnn.codecs.vp9.open_encoder", lambda *_: encoder)
    with pytest.raises(InputError, match="frame 1 is not intra, but of type P"):
        list(Vp9().encode(clip, 43))
    with pytest.raises(ValueError, match="not a VP9 key frame"):
        read_key_frame_header(bytes(64))
