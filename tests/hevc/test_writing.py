"""Test that whole streams are written from what was read, and that records that no stream can hold are refused."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest

from codecnn.codecs.libavcodec import open_decoder
from codecnn.errors import InputError
from codecnn.hevc import CodedPicture, read, write
from codecnn.hevc.header_writer import write_slice
from codecnn.hevc.nal import SPS, split_stream
from codecnn.hevc.parameter_sets import Pps, Sps
from codecnn.hevc.usability import Usability
from tests.hevc.streams import GOLDEN, TRUTH, encode, pictures


@pytest.mark.parametrize("name", TRUTH)
def test_streams_are_written_as_they_were_read(name: str) -> None:
    stream = (GOLDEN / f"{name}.265").read_bytes()
    records = list(read(stream))
    headers: list[Sps | Pps] = []
    for record in records:
        headers += [header for header in (record.sps, record.pps) if header not in headers]
    again = list(read(write(headers, records)))
    for record, other in zip(records, again, strict=True):
        assert record.number == other.number
        for plane, expected in zip(other.unfiltered.planes, record.unfiltered.planes, strict=True):
            np.testing.assert_array_equal(plane, expected)
        assert other.bits == record.bits


@pytest.mark.parametrize(
    ("name", "flags"), [("x265_main10_lowqp", "110110101"), ("hm_qp37", None)]
)  # general_max_12bit_constraint_flag and those that follow, of "Main 10 Intra" (table A.2)
def test_the_profile_is_one_of_the_standard(name: str, flags: str | None) -> None:
    (record, *_) = read(GOLDEN / f"{name}.265")
    units = {unit.type: unit.payload for unit in split_stream(write([record.sps, record.pps], [record]))}
    bits = "".join(f"{byte:08b}" for byte in units[SPS][1:13])  # profile_tier_level() after 4 + 3 + 1 bits
    assert bits[40:44] == "1001"  # progressive, not interlaced, ., frames only
    assert bits[44:53] == (flags or "000000000")
    usability = Usability(None, None, None, True, None)
    fields = replace(record.sps, usability=usability)
    units = {unit.type: unit.payload for unit in split_stream(write([fields, record.pps], []))}
    assert f"{units[SPS][6]:08b}"[:4] == "0100"


def test_pictures_of_a_higher_temporal_layer_become_trailing_pictures(record: CodedPicture) -> None:
    for kind, written in ((1, 1), (2, 0), (3, 1), (4, 0), (5, 1), (9, 9)):
        (found,) = split_stream(write_slice(kind, record.slices[0], b"\x80", ()))
        assert (found.type, found.temporal_id) == (written, 0)


def decoded(stream: bytes) -> list[av.VideoFrame]:
    decoder = open_decoder("hevc", err_detect="crccheck+explode")
    return [*decoder.decode(av.Packet(stream)), *decoder.decode(None)]


@pytest.fixture(scope="module")
def record() -> CodedPicture:
    """Of a stream with QP deltas, without in-loop filters."""
    parameters = "crf=24:aq-mode=2:aq-strength=3:qg-size=8:no-deblock=1:no-sao=1:wpp=0:pools=none"
    packets = encode(pictures(72, 104)[:1], "slow", parameters)
    (found,) = read(b"".join(bytes(packet) for packet in packets))
    return found


def filtered_record() -> CodedPicture:
    (found, *_) = read(GOLDEN / "hm_slice_ctu5.265")
    return found


@pytest.mark.parametrize("has_filters", [False, True])
def test_a_picture_has_its_md5(record: CodedPicture, has_filters: bool) -> None:
    if has_filters:
        record = filtered_record()
    stream = write([record.sps, record.pps], [record])
    assert len(decoded(stream)) == 1
    (again,) = read(stream, check=True)
    assert again.hash_matches
    at = stream.rindex(b"\x84\x31\0") + 3  # the SEI message: 132, 49 bytes, MD5
    damaged = stream[: at + 16] + bytes([stream[at + 16] ^ 1]) + stream[at + 17 :]
    with pytest.raises(av.FFmpegError):
        decoded(damaged)
    with pytest.raises(InputError, match=r"picture 0: .* U samples"):
        list(read(damaged, check=True))
    assert [picture.hash_matches for picture in read(damaged)] == [False]
    cut = stream[: at + 20]
    assert [picture.hash_matches for picture in read(cut, check=True)] == [None]


def test_usability_information_is_written(record: CodedPicture) -> None:
    for usability in (
        None,
        Usability((2,), True, (9, 16, 9), False, (1001, 30000)),
        Usability((5, 4), None, None, True, None),
    ):
        sps = replace(record.sps, usability=usability)
        changed = replace(record, sps=sps, slices=tuple(replace(header, sps=sps) for header in record.slices))
        (found,) = read(write([sps, record.pps], [changed]))
        assert found.sps == sps


def changed(name: str, field: str, index: int, value: int) -> Callable[[CodedPicture], CodedPicture]:
    def change(record: CodedPicture) -> CodedPicture:
        record = copy.deepcopy(record)
        getattr(record, name)[field][index] = value
        return record

    return change


def longer(name: str, count: int) -> Callable[[CodedPicture], CodedPicture]:
    def change(record: CodedPicture) -> CodedPicture:
        units = getattr(record, name)
        parts: dict[str, Any] = {name: np.concatenate([units, units])[: units.size + count]}
        return replace(record, **parts)

    return change


def without_levels(record: CodedPicture) -> CodedPicture:
    record.coded_levels.y.fill(0)
    return record


def other_slices(record: CodedPicture) -> CodedPicture:
    return replace(record, slices=(replace(record.slices[0], first=False, address=3),))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changed("coding_units", "size", 0, 4), "units do not fit"),
        (changed("coding_units", "size", 0, 0), "units do not fit"),
        (changed("coding_units", "x", 3, 5), "units do not fit"),
        (changed("coding_units", "parts", 0, 3), "units do not fit"),
        (changed("coding_units", "qp", 5, 77), "read again"),
        (changed("coding_units", "pcm", 0, 1), "read again"),
        (changed("coding_units", "bypass", 0, 1), "read again"),
        (changed("prediction_blocks", "luma_mode", 0, 35), "units do not fit"),
        (changed("prediction_blocks", "luma_mode", 0, -1), "units do not fit"),
        (changed("prediction_blocks", "chroma_mode", 0, 7), "read again"),
        (changed("prediction_blocks", "size", 1, 64), "units do not fit"),
        (changed("transform_units", "size", 0, 0), "units do not fit"),
        (changed("transform_units", "size", -1, 3), "units do not fit"),
        (changed("transform_units", "y", 2, 70), "units do not fit"),
        (changed("transform_units", "skip_y", 0, 1), "differ"),
        (changed("transform_units", "depth", 0, 3), "differ"),
        (longer("coding_units", -1), "units do not fit"),
        (longer("coding_units", 1), "more units"),
        (longer("prediction_blocks", -1), "units do not fit"),
        (longer("transform_units", -1), "units do not fit"),
        (longer("transform_units", 1), "more units"),
        (without_levels, "units do not fit"),
        (other_slices, "slices"),
        (lambda record: replace(record, slices=()), "slices"),
        (lambda record: replace(record, nal_type=32), "type"),
        (lambda record: replace(record, sps=replace(record.sps, id=1)), "parameter sets"),
    ],
)
def test_other_records_are_refused(
    record: CodedPicture, change: Callable[[CodedPicture], CodedPicture], reason: str
) -> None:
    levels = copy.deepcopy(record.coded_levels)
    with pytest.raises(InputError, match=f"picture 0: .*{reason}"):
        write([record.sps, record.pps], [change(replace(record, coded_levels=levels))])


def test_levels_have_the_signs_that_are_hidden(record: CodedPicture) -> None:
    """A level that is changed by one gives a parity that does not fit, in one of two groups at least."""
    units = record.transform_units[record.transform_units["cbf_y"]]
    refused = 0
    for unit in units[:12]:
        levels = copy.deepcopy(record.coded_levels)
        x, y, size = int(unit["x"]), int(unit["y"]), int(unit["size"])
        block = levels.y[y : y + size, x : x + size]
        j, i = np.argwhere(block)[0]
        block[j, i] += 1 if block[j, i] > 0 else -1
        try:
            write([record.sps, record.pps], [replace(record, coded_levels=levels)])
        except InputError as error:
            assert "levels differ" in str(error)  # noqa: PT017
            refused += 1
    assert refused > 0


def test_headers_are_checked(record: CodedPicture) -> None:
    with pytest.raises(InputError, match="sequence parameter set"):
        write([record.pps], [record])
    with pytest.raises(InputError, match="number 0"):
        write([record.sps, record.pps, record.pps], [record])
