"""Test that damaged streams end in one error, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from codecnn.errors import InputError
from codecnn.hevc import read
from codecnn.hevc.header_writer import nal_unit
from codecnn.hevc.nal import PPS, SLICES, SPS, split_stream
from codecnn.hevc.parameter_sets import pps_id, sps_id
from codecnn.hevc.slice_header import ParameterSets, parse_slice_header
from tests.hevc.streams import GOLDEN

SMALL = ("rw_ids", "hm_dqp_d1", "x265_main10_lowqp", "hm_pcm_10", "kvz_odd", "hm_tiles_depslices", "hm_epb_wpp")


def outcome(data: bytes) -> str:
    """Read a stream, and return the error, if any; another error than an InputError is one of the test."""
    try:
        for picture in read(data):
            assert picture.baseline.y.max() < 1 << picture.sps.luma_depth
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", SMALL)
def test_flipped_bytes_give_pictures_or_one_error(name: str) -> None:
    stream = (GOLDEN / f"{name}.265").read_bytes()
    random = np.random.default_rng(len(stream))
    failures = 0
    for trial in range(40):
        data = bytearray(stream)
        beginning = 200 if trial % 2 else len(data)  # half of them in the headers
        for place in random.integers(0, beginning, 1 + trial % 3):
            data[place] ^= 1 << random.integers(0, 8)
        failures += outcome(bytes(data)) != ""
    assert failures > 20


@pytest.mark.parametrize("name", SMALL)
def test_a_stream_that_is_cut_short_is_an_error(name: str) -> None:
    stream = (GOLDEN / f"{name}.265").read_bytes()
    random = np.random.default_rng(len(stream))
    for end in [0, 3, 20, *random.integers(30, len(stream) // 2 - 200, 8)]:
        assert outcome(stream[:end]) != ""


@pytest.mark.parametrize("name", SMALL)
def test_random_bytes_in_place_of_slice_data_are_an_error(name: str) -> None:
    stream = (GOLDEN / f"{name}.265").read_bytes()
    random = np.random.default_rng(len(stream))
    for _ in range(5):
        data = bytearray(stream)
        begin = int(random.integers(len(stream) * 3 // 5, len(stream) - 100))  # in the last slice
        data[begin:] = random.integers(4, 256, len(stream) - begin, dtype=np.uint8).tobytes()
        assert outcome(bytes(data)) != ""


@pytest.mark.parametrize("name", SMALL)
def test_slice_data_that_begin_as_no_encoder_begins_them_are_an_error(name: str) -> None:
    """With 510 or 511 as the first nine bits (9.3.2.5) bins without context would be larger than they can be."""
    stream = (GOLDEN / f"{name}.265").read_bytes()
    random = np.random.default_rng(len(stream))
    sets = ParameterSets({}, {})
    headers = b""
    for unit in split_stream(stream):
        if unit.type == SPS:
            sets.sps[sps_id(unit.payload)] = unit.payload
        elif unit.type == PPS:
            sets.pps[pps_id(unit.payload)] = unit.payload
        elif unit.type in SLICES:
            head = unit.payload[: parse_slice_header(unit, sets, None).data]
            break
        headers += nal_unit(unit.type, unit.payload)
    for second in (0, 127, 128, 255):
        data = bytes([255, second]) + random.integers(1, 256, 600, dtype=np.uint8).tobytes() + b"\x80"
        reason = outcome(headers + nal_unit(unit.type, head + data))
        assert "a substream begins with bits that no encoder writes" in reason


def test_a_start_code_at_the_end_loses_no_picture() -> None:
    stream = (GOLDEN / "rw_ids.265").read_bytes()
    count = len(list(read(stream)))
    for end in (b"\0\0\1", b"\0\0\0\1", b"\0\0\1\0\0\1\0"):
        assert len(list(read(stream + end))) == count


@pytest.mark.parametrize("data", [b"", b"\0", b"no stream", b"\0\0\1", b"\0\0\1\x42\1", b"\0\0\0\1\x26\1\xaf"])
def test_what_is_no_stream_is_an_error(data: bytes) -> None:
    assert outcome(data) != ""


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.265"):
        list(read(tmp_path / "gone.265"))


def test_a_lost_slice_is_an_error() -> None:
    stream = (GOLDEN / "hm_slice_ctu5.265").read_bytes()
    units = stream.split(b"\0\0\1")
    slices = [index for index, unit in enumerate(units) if unit and unit[0] >> 1 & 63 in (19, 21)]
    for lost in (slices[0], slices[2], slices[5]):
        assert outcome(b"\0\0\1".join(units[:lost] + units[lost + 1 :])) != ""
