"""Split a byte stream into NAL units (H.265 annex B, 7.3.1)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from codecnn.hevc.errors import damaged

# nal_unit_type (table 7-1)
RADL_N, RADL_R, RASL_N, RASL_R = 6, 7, 8, 9
BLA_FIRST, BLA_LAST, IDR_W_RADL, IDR_N_LP, CRA = 16, 18, 19, 20, 21
FIRST_IRAP, LAST_IRAP = 16, 23
VPS, SPS, PPS, DELIMITER, END_OF_SEQUENCE, END_OF_STREAM, PREFIX_SEI, SUFFIX_SEI = 32, 33, 34, 35, 36, 37, 39, 40
SLICES = frozenset({*range(10), *range(16, 22)})  # the other types below 32 are reserved: a decoder leaves them out
SUB_LAYER_NON_REFERENCE = frozenset(range(0, 16, 2))

_EMULATION = re.compile(rb"\x00\x00\x03")


class ByteStream(Protocol):
    """Say what is needed of bytes or a memory map."""

    def find(self, sub: bytes, start: int = ..., /) -> int:
        """Return the position of `sub`, or -1."""

    def __getitem__(self, index: slice, /) -> bytes: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class NalUnit:
    """Hold one NAL unit.

    Args:
        type: nal_unit_type.
        layer: nuh_layer_id.
        temporal_id: TemporalId.
        payload: the RBSP, without emulation prevention bytes.
        removed: for each emulation prevention byte how many bytes of the payload precede it.
        size: bytes of the NAL unit in the stream: with its header of two bytes, without the start code.
    """

    type: int
    layer: int
    temporal_id: int
    payload: bytes
    removed: tuple[int, ...]
    size: int


def split_stream(stream: ByteStream) -> Iterator[NalUnit]:
    """Yield the NAL units of a byte stream; StreamError if there is none, or one has no header.

    A start code that nothing follows, as in a file that was cut there, is passed over.
    """
    start = stream.find(b"\0\0\1")
    found = False
    while start >= 0:
        end = stream.find(b"\0\0\1", start + 3)
        if unit := stream[start + 3 : len(stream) if end < 0 else end].rstrip(b"\0"):
            found = True
            yield parse_nal_unit(unit)
        start = end
    if not found:
        raise damaged("there is no NAL unit with its start code")


def parse_nal_unit(unit: bytes) -> NalUnit:
    """Split a NAL unit without its start code and trailing zeros into header and payload."""
    if len(unit) < 2 or unit[0] & 128 or not unit[1] & 7:
        raise damaged("a NAL unit has no valid header")
    header = int.from_bytes(unit[:2], "big")
    pieces: list[bytes] = []
    removed: list[int] = []
    begin = 2
    for found in _EMULATION.finditer(unit, 2):
        pieces.append(unit[begin : found.end() - 1])
        removed.append(found.end() - 3 - len(removed))
        begin = found.end()
    pieces.append(unit[begin:])
    layer, temporal_id = header >> 3 & 63, (header & 7) - 1
    return NalUnit(header >> 9, layer, temporal_id, b"".join(pieces), tuple(removed), len(unit))
