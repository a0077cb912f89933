"""Test AV1 against another decoder, and against the headers that FFmpeg reads."""

import os
from pathlib import Path

import numpy as np
import pytest

from codecnn.codecs.coded_bits import count_av1_bits, split_obus
from codecnn.codecs.libavcodec import encode_pictures, open_encoder
from codecnn.codecs.picture_headers import QUANTIZERS
from codecnn.codecs.svtav1 import FILTERS_OFF, FILTERS_ON, SvtAv1, keep_priority
from codecnn.video.clip import Clip
from tests.coded_clips import decode_elsewhere, make_clip, needs, read_headers


def units_of(clip: Clip, qp: int, filters: str, preset: str = "4") -> list[bytes]:
    options = {"preset": preset, "svtav1-params": f"{SvtAv1().parameters(qp)}:{filters}"}
    with keep_priority():
        encoder = open_encoder("libsvtav1", clip, options, 64)
    return [bytes(unit) for unit in encode_pictures(encoder, clip.frames())]


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="SVT-AV1 does this on Linux")
def test_no_thread_has_a_real_time_priority(tmp_path: Path) -> None:
    """Fail only as root: SVT-AV1 changes priorities only then."""
    frames = SvtAv1().encode(make_clip(tmp_path, 64, 64, frames=["chelsea"] * 2), 35)
    next(frames)
    threads = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
    assert len(threads) > 1
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}


@needs("av1")
@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("qp", [1, 25, 43, 62, 63])
def test_the_qp_and_the_filters_are_those_of_the_frame_headers(tmp_path: Path, qp: int, bit_depth: int) -> None:
    clip = make_clip(tmp_path, 96, 128, bit_depth, ("chelsea", "coffee"))
    assert [frame.qp_used for frame in SvtAv1().encode(clip, qp)] == [qp, qp]
    for filters in (FILTERS_ON, FILTERS_OFF):
        stream = tmp_path / "clip.obu"
        stream.write_bytes(b"".join(units_of(clip, qp, filters)))
        headers = read_headers(stream)
        assert headers["base_q_idx"] == [QUANTIZERS[qp]] * 2
        assert set(headers["frame_type"]) == {0}
        for name in ("delta_q_present", "segmentation_enabled", "using_qmatrix", "film_grain_params_present"):
            assert set(headers[name]) == {0}, name
        on = {int(filters == FILTERS_ON)}
        assert set(headers["enable_cdef"]) == on
        assert set(headers["enable_restoration"]) == on
        if filters == FILTERS_OFF:
            assert set(headers["loop_filter_level[0]"]) == set(headers["loop_filter_level[1]"]) == {0}


@needs("libaom-av1")
@pytest.mark.parametrize("bit_depth", [8, 10])
def test_both_pictures_are_those_of_another_decoder(tmp_path: Path, bit_depth: int) -> None:
    clip = make_clip(tmp_path, 96, 128, bit_depth, ("chelsea", "coffee"))
    frames = list(SvtAv1().encode(clip, 43))
    for signal, filters in (("baseline", FILTERS_ON), ("unfiltered", FILTERS_OFF)):
        stream = tmp_path / f"{signal}.obu"
        stream.write_bytes(b"".join(units_of(clip, 43, filters)))
        for frame, planes in zip(frames, decode_elsewhere(stream, "libaom-av1", frames[0].original), strict=True):
            for ours, theirs in zip(getattr(frame, signal).planes, planes, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_deblocking_as_the_only_filter_changes_no_decision(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, 128, 192, frames=("coffee",))
    # At slower presets the deblocking is searched for together with CDEF, and not without.
    (on,) = units_of(clip, 43, FILTERS_OFF.replace("dlf=0", "dlf=1"), preset="6")
    (off,) = units_of(clip, 43, FILTERS_OFF, preset="6")
    tiles = len(off) - 40  # the headers of sequence and frame are shorter than that
    assert tiles > 400
    assert on[-tiles:] == off[-tiles:]
    assert on != off


def test_bits_are_counted_of_all_frames_and_of_one_sequence_header(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, 96, 128, frames=("chelsea", "chelsea"))
    units = units_of(clip, 43, FILTERS_ON)
    lengths = [dict(split_obus(unit)) for unit in units]
    assert [sorted(kinds) for kinds in lengths] == [[1, 2, 6], [1, 2, 6]]  # sequence header, delimiter, frame
    for unit, kinds in zip(units, lengths, strict=True):
        assert sum(kinds.values()) == len(unit)
        assert kinds[2] == 2
    expected = [8 * (lengths[0][1] + lengths[0][6]), 8 * lengths[1][6]]
    frames = list(SvtAv1().encode(clip, 43))
    assert [frame.bits for frame in frames] == expected
    second = [dict(split_obus(unit)) for unit in units_of(clip, 43, FILTERS_OFF)]
    of_second = [8 * (second[0][1] + second[0][6]), 8 * second[1][6]]
    assert [frame.unfiltered_bits for frame in frames] == of_second != expected


def test_metadata_is_not_counted() -> None:
    frame, metadata, delimiter = bytes([0x32, 3, 1, 2, 3]), bytes([0x2A, 2, 0, 0]), bytes([0x12, 0])
    assert count_av1_bits(delimiter + metadata + frame, first=True) == 8 * len(frame)
    long = bytes([0x36, 0, 0x82, 0x01]) + bytes(130)  # with an extension, and a size of two bytes: 2 + 128
    assert list(split_obus(frame + long)) == [(6, 5), (6, len(long))]
