"""Count the bits of a coded frame, by one rule for all codecs.

Counted are the units of the byte stream that a decoder needs for the picture: slices or tiles with their headers, and
picture headers; with the first frame also the parameter sets or the sequence header. Each unit counts in full: start
code (of three or four bytes, as written) or OBU size field, unit header, payload, emulation prevention bytes. Not
counted: repeated parameter sets, SEI and metadata, delimiters, filler and padding, ends of a sequence, containers.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

START_CODE = re.compile(rb"\x00?\x00\x00\x01")


@dataclass(frozen=True)
class NalSyntax:
    """Describe where nal_unit_type is in a NAL unit's header, and which types are counted."""

    header_byte: int
    shift: int
    mask: int
    picture: frozenset[int]  # counted with every frame
    once: frozenset[int]  # parameter sets of the sequence: counted with the first frame

    def count_bits(self, unit: bytes, first: bool) -> int:
        """Return the bits of one access unit in Annex B format; `first` adds the parameter sets."""
        counted = self.picture | self.once if first else self.picture
        codes = list(START_CODE.finditer(unit))
        ends = [*(code.start() for code in codes[1:]), len(unit)]
        total = 0
        for code, end in zip(codes, ends, strict=True):
            nal = unit[code.end() : end].rstrip(b"\0")  # no NAL unit ends with a zero byte
            if len(nal) > self.header_byte and (nal[self.header_byte] >> self.shift) & self.mask in counted:
                total += len(code[0]) + len(nal)
        return 8 * total


# H.264 table 7-1, H.265 table 7-1, H.266 table 5. The adaptation parameter sets of VVC (17, 18) hold what ALF needs for
# a picture.
AVC = NalSyntax(0, 0, 31, picture=frozenset(range(1, 6)), once=frozenset({7, 8}))
HEVC = NalSyntax(0, 1, 63, picture=frozenset(range(32)), once=frozenset({32, 33, 34}))
VVC = NalSyntax(1, 3, 31, picture=frozenset({*range(12), 17, 18, 19}), once=frozenset({12, 13, 14, 15, 16}))

AV1_PICTURE = frozenset({3, 4, 6})  # obu_type of frame header, tile group, frame; AV1 specification 6.2.2
AV1_ONCE = frozenset({1})  # sequence header


def split_obus(unit: bytes) -> Iterator[tuple[int, int]]:
    """Yield (obu_type, length in bytes with header and size field) of each OBU in a temporal unit; AV1 5.3.

    An OBU without a size field ends with the unit. Raises ValueError if an OBU is longer than what is left of the unit.
    """
    position = 0
    while position < len(unit):
        start, header = position, unit[position]
        position += 2 if header & 4 else 1  # obu_extension_flag
        size, more, shift = 0, bool(header & 2), 0  # obu_has_size_field
        if not more:
            size = len(unit) - position
        while more:  # leb128
            if position >= len(unit):
                raise ValueError("an AV1 OBU is cut short")
            byte = unit[position]
            size |= (byte & 127) << shift
            more, shift, position = byte > 127, shift + 7, position + 1
        position += size
        if position > len(unit):
            raise ValueError("an AV1 OBU is cut short")
        yield header >> 3 & 15, position - start


def count_av1_bits(unit: bytes, first: bool) -> int:
    """Return the bits of one AV1 temporal unit; `first` adds the sequence header."""
    counted = AV1_PICTURE | AV1_ONCE if first else AV1_PICTURE
    return 8 * sum(length for kind, length in split_obus(unit) if kind in counted)


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
