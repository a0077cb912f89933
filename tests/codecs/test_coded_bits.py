"""Test the rule by which bits are counted: units made by hand, and real streams counted by other means."""

import re
from pathlib import Path

import av
import pytest

from codecnn.codecs.coded_bits import COUNT_BITS, split_obus
from codecnn.codecs.libavcodec import encode_pictures, open_encoder
from codecnn.codecs.vvenc import PARAMETERS
from codecnn.codecs.x264 import X264
from codecnn.codecs.x265 import X265
from tests.codecs.test_vvenc import run
from tests.coded_clips import make_clip, needs

LONG, SHORT = b"\0\0\0\1", b"\0\0\1"  # start codes
HEVC_HEADERS = {kind: bytes([kind << 1, 1]) for kind in (1, 20, 32, 33, 34, 35, 36, 37, 38, 39, 40)}
VVC_HEADERS = {kind: bytes([0, kind << 3 | 1]) for kind in (7, 8, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25)}


def avc(*kinds: int) -> bytes:
    """Return NAL units of a header and four bytes, in which 3 is an emulation prevention byte."""
    return b"".join((LONG if kind in (7, 8, 9) else SHORT) + bytes([kind, 0, 0, 3, 1]) for kind in kinds)


def hevc(*kinds: int) -> bytes:
    return b"".join((LONG if 32 <= kind <= 35 else SHORT) + HEVC_HEADERS[kind] + b"\0\0\3\1" for kind in kinds)


def vvc(*kinds: int) -> bytes:
    return b"".join((LONG if 14 <= kind <= 16 else SHORT) + VVC_HEADERS[kind] + b"\0\0\3\1" for kind in kinds)


def obu(kind: int, payload: bytes, extension: bytes = b"") -> bytes:
    return bytes([kind << 3 | bool(extension) << 2 | 2]) + extension + bytes([len(payload)]) + payload


@pytest.mark.parametrize(
    ("decoder", "unit", "first", "later"),
    [
        # A slice: 3 + 1 + 4 bytes; each parameter set: 4 + 1 + 4; delimiter, SEI, ends, filler: not at all.
        ("h264", avc(9, 7, 8, 6, 5, 5, 10, 11, 12), 2 * 9 + 2 * 8, 2 * 8),
        # A slice or VPS, SPS, PPS: 3 or 4 bytes of start code, 2 of header, 4.
        ("hevc", hevc(35, 32, 33, 34, 39, 20, 1, 40, 38, 36, 37), 3 * 10 + 2 * 9, 2 * 9),
        # Both APS and the picture header belong to the picture.
        ("vvc", vvc(20, 14, 15, 16, 23, 19, 17, 7, 8, 18, 24, 25, 21, 22), 3 * 10 + 5 * 9, 5 * 9),
        # Sequence header: 1 + 1 + 5 bytes; frame header, tile group, frame; not a redundant header, tile list.
        (
            "libdav1d",
            obu(2, b"")
            + obu(1, bytes(5))
            + obu(5, bytes(9))
            + obu(3, bytes(7))
            + obu(4, bytes(11), b"\0")
            + obu(6, bytes(13))
            + obu(7, bytes(17))
            + obu(15, bytes(19)),
            7 + 9 + 14 + 15,
            9 + 14 + 15,
        ),
        ("vp9", bytes(77), 77, 77),
    ],
)
def test_the_units_of_a_hand_made_frame(decoder: str, unit: bytes, first: int, later: int) -> None:
    assert COUNT_BITS[decoder](unit, True) == 8 * first
    assert COUNT_BITS[decoder](unit, False) == 8 * later


def test_every_decoder_has_a_count_by_hand() -> None:
    (mark,) = test_the_units_of_a_hand_made_frame.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == set(COUNT_BITS)


@pytest.mark.parametrize(("decoder", "unit"), [("h264", avc(5)), ("hevc", hevc(1)), ("vvc", vvc(7))])
def test_zero_bytes_after_a_unit_are_padding(decoder: str, unit: bytes) -> None:
    assert COUNT_BITS[decoder](bytes(5) + unit + bytes(3) + unit + bytes(4), False) == 2 * 8 * len(unit) + 2 * 8


def test_obus_with_long_sizes_and_without() -> None:
    frame, long = obu(6, b"123"), bytes([0x36, 0, 0x82, 0x01]) + bytes(130)  # size 2 + 128, in two bytes
    last = bytes([6 << 3]) + bytes(50)  # no size field: up to the end
    assert list(split_obus(frame + long + last)) == [(6, 5), (6, len(long)), (6, 51)]
    for cut in (long[:-1], long[:3], frame[:1]):
        with pytest.raises(ValueError, match="an AV1 OBU is cut short"):
            list(split_obus(cut))


def bytes_by_type(stream: bytes, header_byte: int, shift: int, mask: int) -> list[tuple[int, int]]:
    """Return (type, bytes with start code) of the NAL units, by splitting at the last three bytes of each code."""
    pieces = stream.split(SHORT)
    zeros = [piece.endswith(b"\0") for piece in pieces]
    return [
        (piece[header_byte] >> shift & mask, 3 + zeros[i] + len(piece.rstrip(b"\0")))
        for i, piece in enumerate(pieces[1:])
    ]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_units_of_a_real_stream(tmp_path: Path, codec: str) -> None:
    clip = make_clip(tmp_path, 96, 128, 8, ("coffee", "chelsea"))
    if codec == "h264":
        options, syntax, picture, once = {"x264-params": X264().parameters("32")}, (0, 0, 31), {5}, {7, 8}
        frames, encoder = X264().encode(clip, 32), open_encoder("libx264", clip, {"preset": "medium", **options})
    else:
        frames, encoder = X265().encode(clip, 32), X265().encoder(clip, 32)
        syntax, picture, once = (0, 1, 63), {19, 20}, {32, 33, 34}
    units = [bytes_by_type(bytes(unit), *syntax) for unit in encode_pictures(encoder, clip.frames())]
    assert once < {kind for kind, _ in units[0]}
    for index, (unit, frame) in enumerate(zip(units, frames, strict=True)):
        counted = picture | once if index == 0 else picture
        assert frame.bits == 8 * sum(length for kind, length in unit if kind in counted)


@needs("libvvenc")
def test_vvenc_prints_the_same_bits_with_delimiters_and_repeated_parameter_sets(tmp_path: Path) -> None:
    """The encoder counts as HM and VTM do: start codes and all NAL units but SEI."""
    made = run(tmp_path, PARAMETERS)
    logged = [int(bits) for bits in re.findall(r"^POC .* (\d+) bits", made.log, re.MULTILINE)]
    with av.open(str(made.bitstream), format="vvc") as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for index, (packet, bits) in enumerate(zip(packets, logged, strict=True)):
        units = bytes_by_type(packet, 1, 3, 31)
        more = {20} if index == 0 else {12, 13, 14, 15, 16, 20}
        assert COUNT_BITS["vvc"](packet, index == 0) == bits - 8 * sum(n for kind, n in units if kind in more)


@needs("libvvenc")
def test_what_vvenc_repeats_is_counted_once(tmp_path: Path) -> None:
    made = run(tmp_path, PARAMETERS)
    with av.open(str(made.bitstream), format="vvc") as container:
        first = next(bytes(packet) for packet in container.demux(video=0) if packet.size)
    units = bytes_by_type(first, 1, 3, 31)
    sets = sum(n for kind, n in units if kind in (15, 16))
    assert COUNT_BITS["vvc"](first, True) - COUNT_BITS["vvc"](first, False) == 8 * sets > 0
