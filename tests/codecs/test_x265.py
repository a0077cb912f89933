"""Test HEVC: the baseline, the requested QP, and the bits."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.header_trace import HeaderTrace
from codecnn.codecs.libavcodec import encode_pictures, open_decoder
from codecnn.codecs.x265 import X265
from codecnn.errors import InputError
from codecnn.metrics import psnr
from codecnn.video.clip import open_clip
from codecnn.video.frames import frame_from_picture
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from tests.pictures import photograph


def encode(folder: Path, pictures: list[Picture], qp: int, codec: X265 | None = None) -> list[CodedFrame]:
    height, width = pictures[0].y.shape
    path = folder / f"clip_{width}x{height}_{pictures[0].bit_depth}bit.yuv"
    write_raw(path, pictures)
    return list((codec or X265(preset="fast")).encode(open_clip(path), qp))


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 19), (63, 65), (75, 130), (130, 64)])
def test_the_baseline_has_the_size_of_the_original_and_is_close_to_it(
    tmp_path: Path, height: int, width: int, bit_depth: int
) -> None:
    pictures = [photograph(name, height, width, bit_depth) for name in ("astronaut", "coffee")]
    for picture, frame in zip(pictures, encode(tmp_path, pictures, 17), strict=True):
        for a, b, c in zip(frame.original.planes, frame.baseline.planes, frame.unfiltered.planes, strict=True):
            assert a.shape == b.shape == c.shape
            assert a.dtype == b.dtype == c.dtype
        np.testing.assert_array_equal(frame.original.y, picture.y)
        assert psnr(frame.original.y, frame.baseline.y, bit_depth) > 38
        assert frame.qp_used == 17


def test_quality_and_bits_fall_with_the_qp_and_every_frame_is_intra(tmp_path: Path) -> None:
    picture = photograph("astronaut", 128, 192)
    coded = {qp: encode(tmp_path, [picture, picture, picture], qp) for qp in (22, 27, 32, 37)}
    quality = [psnr(picture.y, frames[0].baseline.y, 8) for frames in coded.values()]
    assert quality == sorted(quality, reverse=True)
    bits = [frames[1].bits for frames in coded.values()]
    assert bits == sorted(bits, reverse=True)
    for frames in coded.values():  # a predicted copy of the first frame would be nearly free
        assert frames[1].bits == frames[2].bits
        assert 0 < frames[0].bits - frames[1].bits < 1200  # the parameter sets, counted once


@dataclass(frozen=True)
class WithoutFilters(X265):
    def parameters(self, qp: int) -> str:
        return super().parameters(qp) + ":deblock=0,0:no-deblock=1:no-sao=1"


@dataclass(frozen=True)
class WithOneFilter(X265):
    option: str = ""

    def parameters(self, qp: int) -> str:
        return f"{super().parameters(qp)}:{self.option}"


@pytest.mark.parametrize("option", ["no-deblock=1", "no-sao=1"])
def test_the_unfiltered_picture_is_without_each_of_the_filters(tmp_path: Path, option: str) -> None:
    (frame,) = encode(tmp_path, [photograph("chelsea", 128, 192)], 37, WithOneFilter(option=option))
    assert (frame.baseline.y != frame.unfiltered.y).any()


@dataclass(frozen=True)
class WithDefaultRatio(X265):
    def parameters(self, qp: int) -> str:
        return super().parameters(qp).replace("ipratio=1:", "")


def test_the_unfiltered_picture_is_the_baseline_if_the_encoder_has_no_filters(tmp_path: Path) -> None:
    picture = photograph("chelsea", 128, 128)
    filtering, plain = (encode(tmp_path, [picture], 37, codec)[0] for codec in (X265(), WithoutFilters()))
    np.testing.assert_array_equal(plain.baseline.y, plain.unfiltered.y)
    assert (filtering.baseline.y != filtering.unfiltered.y).mean() > 0.05
    assert psnr(picture.y, filtering.baseline.y, 8) > psnr(picture.y, filtering.unfiltered.y, 8)


def deblocking_offsets(folder: Path, codec: X265) -> dict[str, int]:
    """Return the offsets in the headers that are not 0; an offset of 0 is left out of them or written as 0."""
    path = folder / "clip_128x96.yuv"
    write_raw(path, [photograph("coffee", 96, 128)])
    clip = open_clip(path)
    units = encode_pictures(codec.encoder(clip, 37), clip.frames())
    headers = [header.elements for unit in units for header in HeaderTrace("hevc").read(bytes(unit))]
    assert any("slice_qp_delta" in elements for elements in headers)
    return {name: v for elements in headers for name, v in elements.items() if name.endswith("offset_div2") and v}


def test_deblocking_has_no_offsets(tmp_path: Path) -> None:
    assert deblocking_offsets(tmp_path, X265()) == {}


def test_other_deblocking_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = X265.parameters
    monkeypatch.setattr(X265, "parameters", lambda self, qp: f"{parameters(self, qp)}:deblock=-2,3")
    assert deblocking_offsets(tmp_path, X265()) == {"pps_beta_offset_div2": 3, "pps_tc_offset_div2": -2}


def test_another_qp_than_requested_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="QP 32 was asked for, x265 used 29"):
        encode(tmp_path, [photograph("chelsea", 64, 64)], 32, WithDefaultRatio())


def packets(picture: Picture, count: int) -> list[av.Packet]:
    encoder = av.CodecContext.create("libx265", "w")
    encoder.height, encoder.width = picture.y.shape
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.options = {"preset": "fast", "x265-params": X265().parameters(32)}
    made = []
    for index in range(count):
        frame = frame_from_picture(picture)
        frame.pts = index
        made += encoder.encode(frame)
    return made + encoder.encode(None)


def test_bits_are_counted_of_the_nal_units_that_ffmpeg_keeps(tmp_path: Path) -> None:
    picture = photograph("coffee", 96, 128)
    first, second = (frame.bits for frame in encode(tmp_path, [picture, picture], 32))
    for packet, types, bits in zip(packets(picture, 2), ("39-40", "32-34|39-40"), (first, second), strict=True):
        (kept,) = BitStreamFilterContext(f"filter_units=remove_types={types}", in_stream=_stream()).filter(packet)
        # The filter writes the first start code with four bytes, as x265 may; the later ones may be a byte shorter.
        assert abs(8 * kept.size - bits) <= 8 * 4


def _stream() -> av.VideoStream:
    return av.open("/dev/null", "w", format="hevc").add_stream("libx265")


def test_a_damaged_stream_is_an_error() -> None:
    (packet,) = packets(photograph("coffee", 96, 128), 1)
    data = bytearray(bytes(packet))
    data[len(data) // 2] ^= 0x55
    decoder = open_decoder("hevc", err_detect="crccheck+explode")
    with pytest.raises(av.FFmpegError):
        decoder.decode(av.Packet(bytes(data))) + decoder.decode(None)


def test_the_encoder_says_its_version() -> None:
    assert X265().version().startswith("libx265 ")
    assert "unknown" not in X265().version()
