"""Count the bits of a coded frame: picture data and, once, parameter sets; no SEI, delimiters or metadata."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from codecnn.errors import InputError

TEMPORAL_DELIMITER, SEQUENCE_HEADER, METADATA, PADDING = 2, 1, 5, 15  # AV1 obu_type, AV1 specification 6.2.2


@dataclass(frozen=True)
class NalSyntax:
    """Describe where nal_unit_type is in a NAL unit's header, and which types are counted once or never."""

    header_byte: int
    shift: int
    mask: int
    once: frozenset[int]  # parameter sets of the sequence: counted with the first frame
    never: frozenset[int]  # SEI and access unit delimiters

    def count_bits(self, unit: bytes, first: bool) -> int:
        """Return the bits of one access unit in Annex B format, with start codes; `first` adds the parameter sets."""
        starts = [match.start() for match in re.finditer(rb"\x00?\x00\x00\x01", unit)]
        total = 0
        for start, end in zip(starts, [*starts[1:], len(unit)], strict=True):
            kind = (unit[unit.index(1, start) + 1 + self.header_byte] >> self.shift) & self.mask
            if kind not in self.never and (first or kind not in self.once):
                total += end - start
        return 8 * total


AVC = NalSyntax(0, 0, 31, once=frozenset({7, 8}), never=frozenset({6, 9}))  # H.264 table 7-1
HEVC = NalSyntax(0, 1, 63, once=frozenset({32, 33, 34}), never=frozenset({35, 39, 40}))  # H.265 table 7-1
VVC = NalSyntax(
    1, 3, 31, once=frozenset({12, 13, 14, 15, 16}), never=frozenset({20, 23, 24})
)  # H.266 table 5; APS are counted with every frame


def split_obus(unit: bytes) -> Iterator[tuple[int, int]]:
    """Yield (obu_type, length in bytes with the header) of each OBU in a temporal unit; AV1 specification 5.3.

    Raises InputError if an OBU has no size field.
    """
    position = 0
    while position < len(unit):
        start, header = position, unit[position]
        position += 2 if header & 4 else 1  # obu_extension_flag
        if not header & 2:  # obu_has_size_field
            raise InputError("an AV1 OBU has no size")
        size = shift = 0
        while True:  # leb128
            byte = unit[position]
            position += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        position += size
        yield header >> 3 & 15, position - start


def count_av1_bits(unit: bytes, first: bool) -> int:
    """Return the bits of one AV1 temporal unit: frames and tile groups, and in the first the sequence header."""
    never = {TEMPORAL_DELIMITER, METADATA, PADDING} | (set() if first else {SEQUENCE_HEADER})
    return 8 * sum(length for kind, length in split_obus(unit) if kind not in never)


def count_all_bits(unit: bytes, first: bool) -> int:
    """Return the bits of the whole packet, for a VP9 frame: it has neither parameter sets nor metadata."""
    return 8 * len(unit)


# By FFmpeg's name of the decoder: those in PyAV that tell which frames are intra.
COUNT_BITS: dict[str, Callable[[bytes, bool], int]] = {
    "h264": AVC.count_bits,
    "hevc": HEVC.count_bits,
    "vvc": VVC.count_bits,
    "libdav1d": count_av1_bits,
    "vp9": count_all_bits,
}
