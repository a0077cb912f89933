"""Test AVC: the pictures against the reconstruction that x264 writes, the QP against the slice headers."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from codecnn.codecs.libavcodec import encode_pictures, open_encoder
from codecnn.codecs.x264 import X264
from codecnn.errors import InputError
from codecnn.video.raw import read_raw
from tests.coded_clips import make_clip, needs, read_headers


@dataclass(frozen=True)
class WithOptions(X264):
    more: str = ""

    def parameters(self, qp: str) -> str:
        return f"{super().parameters(qp)}:{self.more}"


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_both_pictures_are_the_reconstructions_of_the_encoder(tmp_path: Path, bit_depth: int) -> None:
    clip = make_clip(tmp_path, 80, 112, bit_depth, ("chelsea", "coffee"))
    filtered, plain = tmp_path / "filtered.yuv", tmp_path / "plain.yuv"
    frames = list(WithOptions(more=f"dump-yuv={filtered}").encode(clip, 37))
    # Intra prediction uses samples before deblocking, so the encoder makes the same decisions without it.
    list(WithOptions(more=f"no-deblock=1:dump-yuv={plain}").encode(clip, 37))
    for frame, baseline, unfiltered in zip(
        frames, read_raw(filtered, clip.format), read_raw(plain, clip.format), strict=True
    ):
        for a, b, c, d in zip(
            frame.baseline.planes, baseline.planes, frame.unfiltered.planes, unfiltered.planes, strict=True
        ):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(c, d)
        assert (frame.baseline.y != frame.unfiltered.y).any()


@needs("h264")
@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("qp", [1, 27, 51])
def test_the_qp_is_that_of_the_slices(tmp_path: Path, bit_depth: int, qp: int) -> None:
    clip = make_clip(tmp_path, 48, 64, bit_depth, ("chelsea", "coffee"))
    options = {"x264-params": X264().parameters(str(qp + 6 * (bit_depth - 8)))}
    units = list(encode_pictures(open_encoder("libx264", clip, options), clip.frames()))
    (tmp_path / "clip.264").write_bytes(b"".join(map(bytes, units)))
    headers = read_headers(tmp_path / "clip.264")
    slices = len(headers["slice_qp_delta"])
    assert slices == 2
    assert {26 + headers["pic_init_qp_minus26"][0] + delta for delta in headers["slice_qp_delta"]} == {qp}
    assert [frame.qp_used for frame in X264().encode(clip, qp)] == [qp, qp]


def test_another_qp_than_requested_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="QP 32 was asked for, frame 0 has blocks of QP 29"):
        list(WithOptions(more="ipratio=1.4").encode(make_clip(tmp_path, 64, 64), 32))


def test_bits_are_counted_of_the_nal_units_that_ffmpeg_keeps(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, 96, 128, 8, ("coffee", "coffee"))
    counted = [frame.bits for frame in X264().encode(clip, 32)]
    options = {"preset": "medium", "x264-params": X264().parameters("32")}
    units = encode_pictures(open_encoder("libx264", clip, options), clip.frames())
    stream = av.open("/dev/null", "w", format="h264").add_stream("libx264")
    for unit, types, bits in zip(units, ("6|9", "6-9"), counted, strict=True):
        (kept,) = BitStreamFilterContext(f"filter_units=remove_types={types}", in_stream=stream).filter(unit)
        assert abs(8 * kept.size - bits) <= 8 * 4  # start codes of three or four bytes
