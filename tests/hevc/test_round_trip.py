"""Test that the record of a stream gives its slice data again, bit for bit."""

from collections.abc import Iterator

import pytest

from codecnn.hevc import CodedPicture, read
from codecnn.hevc.nal import SLICES, split_stream
from codecnn.hevc.slice_writer import write_slice_data
from tests.hevc.streams import GOLDEN, TRUTH, encode, pictures


def faults(stream: bytes) -> Iterator[str]:
    """Yield the slice segments whose data are not those that their record gives."""
    units = (nal for nal in split_stream(stream) if nal.type in SLICES)
    found: list[CodedPicture] = sorted(read(stream), key=lambda picture: picture.number)
    for picture in found:
        for header, written in zip(picture.slices, write_slice_data(picture), strict=True):
            expected = next(units).payload.rstrip(b"\0")[header.data :]
            if written.data != expected:
                same = next((i for i, (a, b) in enumerate(zip(written.data, expected, strict=False)) if a != b), -1)
                yield f"picture {picture.number}, CTU {header.address}: from byte {same} of {len(expected)}"
            if len(written.starts) != len(header.entry_points):
                yield f"picture {picture.number}, CTU {header.address}: {len(written.starts)} substreams"


@pytest.mark.parametrize("name", TRUTH)
def test_slice_data_are_written_as_they_were_read(name: str) -> None:
    assert list(faults((GOLDEN / f"{name}.265").read_bytes())) == []


@pytest.mark.parametrize(
    ("preset", "parameters", "bit_depth"),
    [
        *((preset, "qp=27", 8) for preset in ("ultrafast", "veryfast", "medium", "slow", "veryslow")),
        ("medium", "crf=24:aq-mode=2:aq-strength=3:qg-size=8", 8),
        ("medium", "qp=18:tskip=1", 10),
        ("slow", "qp=20:cu-lossless=1:rd=6", 8),
        ("fast", "qp=0", 10),
    ],
)
def test_streams_of_x265_are_written_as_they_were_read(preset: str, parameters: str, bit_depth: int) -> None:
    packets = encode(pictures(136, 200, bit_depth), preset, f"{parameters}:wpp=0:pools=none")
    assert list(faults(b"".join(bytes(packet) for packet in packets))) == []
