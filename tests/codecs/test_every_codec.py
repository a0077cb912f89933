"""Test every codec: the requested QP, only intra frames, the bits, the baseline and the unfiltered picture."""

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.codecs.codec import Codec, CodedFrame
from codecnn.codecs.libavcodec import decode, decoder_version, encode_pictures, open_decoder, open_encoder
from codecnn.codecs.registry import CODECS, choose_codec
from codecnn.errors import InputError
from codecnn.metrics import psnr
from codecnn.video.picture import SCALES, Picture
from tests.coded_clips import EVERY_CODEC, make_clip, quality
from tests.pictures import FORMATS, photograph

DEPTHS = [
    pytest.param(*codec.values, depth, id=f"{codec.id}-{depth}", marks=codec.marks)
    for codec in EVERY_CODEC
    for depth in (8, 10)
    if (codec.id, depth) != ("vp9", 10)
]
every_codec = pytest.mark.parametrize("codec", EVERY_CODEC)


@pytest.mark.parametrize(("codec", "bit_depth"), DEPTHS)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 19), (75, 130)])
def test_the_baseline_has_the_size_of_the_original_and_is_close_to_it(
    tmp_path: Path, codec: Codec, height: int, width: int, bit_depth: int
) -> None:
    clip = make_clip(tmp_path, height, width, bit_depth, ("astronaut", "coffee"))
    qp = codec.default_qps[0] - 5
    frames = list(codec.encode(clip, qp))
    for picture, frame in zip(clip.frames(), frames, strict=True):
        for a, b, c in zip(frame.original.planes, frame.baseline.planes, frame.unfiltered.planes, strict=True):
            assert a.shape == b.shape == c.shape
            assert b.dtype == c.dtype
        assert frame.original.bit_depth == bit_depth
        assert frame.baseline.bit_depth == frame.unfiltered.bit_depth == (codec.coded_bit_depth or bit_depth)
        np.testing.assert_array_equal(frame.original.y, picture.y)
        assert quality(frame) > 38
        assert frame.qp_used == qp


TAKEN = {
    "x264": [(chroma, depth) for chroma in SCALES for depth in (8, 10)],
    "x265": FORMATS,
    "vvenc": [("420", 8), ("420", 10)],
    "svtav1": [("420", 8), ("420", 10)],
    "vp9": [("420", 8), ("422", 8), ("444", 8)],
}


@every_codec
@pytest.mark.parametrize(("chroma", "bit_depth"), FORMATS)
def test_a_format_is_coded_or_refused(tmp_path: Path, codec: Codec, chroma: str, bit_depth: int) -> None:
    clip = make_clip(tmp_path, 67, 91, bit_depth, ("coffee",), chroma)
    if (chroma, bit_depth) not in TAKEN[codec.name]:
        with pytest.raises(InputError, match=f"does not take {chroma} at {bit_depth} bit, only 4"):
            list(codec.encode(clip, 30))
        return
    (frame,) = codec.encode(clip, 30)
    assert frame.baseline.chroma == frame.unfiltered.chroma == chroma
    assert len(frame.original.planes) == len(SCALES[chroma])
    depth = frame.baseline.bit_depth
    originals = convert_bit_depth(frame.original, depth).planes
    for original, baseline, unfiltered in zip(originals, frame.baseline.planes, frame.unfiltered.planes, strict=True):
        assert original.shape == baseline.shape == unfiltered.shape
        assert psnr(original, baseline, depth) > 32
        assert psnr(original, unfiltered, depth) > 32


@every_codec
def test_quality_and_bits_fall_with_the_qp_and_every_frame_is_intra(tmp_path: Path, codec: Codec) -> None:
    clip = make_clip(tmp_path, 128, 192, frames=("astronaut", "astronaut", "astronaut"))
    coded = [list(codec.encode(clip, qp)) for qp in codec.default_qps]
    qualities = [quality(frames[0]) for frames in coded]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[0] - qualities[-1] > 6
    bits = [frames[1].bits for frames in coded]
    assert bits == sorted(bits, reverse=True)
    for frames in coded:  # a predicted copy of the first frame would be nearly free
        assert abs(frames[1].bits - frames[2].bits) <= 8 * 4  # picture order counts
        assert -8 * 4 < frames[0].bits - frames[1].bits < 1200  # the parameter sets, counted once


def same(one: CodedFrame, two: CodedFrame) -> bool:
    pairs = zip(
        (*one.baseline.planes, *one.unfiltered.planes), (*two.baseline.planes, *two.unfiltered.planes), strict=True
    )
    return one.bits == two.bits and all(np.array_equal(a, b) for a, b in pairs)


@every_codec
def test_two_runs_give_the_same_result(tmp_path: Path, codec: Codec) -> None:
    clip = make_clip(tmp_path, 96, 160, frames=("astronaut", "coffee"))
    qp = codec.default_qps[2]
    assert all(same(one, two) for one, two in zip(codec.encode(clip, qp), codec.encode(clip, qp), strict=True))


@every_codec
def test_the_filters_change_the_picture_and_make_it_better(tmp_path: Path, codec: Codec) -> None:
    clip = make_clip(tmp_path, 128, 192)
    (frame,) = codec.encode(clip, codec.default_qps[3])
    assert (frame.baseline.y != frame.unfiltered.y).mean() > 0.05
    assert 0 < quality(frame) - quality(frame, "unfiltered") < 1


@every_codec
def test_a_long_clip_is_not_held_in_memory(tmp_path: Path, codec: Codec) -> None:
    clip = make_clip(tmp_path, 64, 64, frames=["astronaut"] * 40)
    pictures: list[weakref.ref[Picture]] = []

    def read() -> Iterator[Picture]:
        for picture in clip.read():
            pictures.append(weakref.ref(picture))
            yield picture

    held = [
        sum(picture() is not None for picture in pictures)
        for _ in codec.encode(replace(clip, read=read), codec.default_qps[3])
    ]
    assert len(held) == 40
    assert 0 < max(held) <= 16


@every_codec
def test_a_codec_has_a_name_a_version_and_settings(codec: Codec) -> None:
    assert CODECS[codec.name] is codec
    assert "unknown" not in codec.version()
    assert any(character.isdigit() for character in codec.version())
    assert codec.default_preset in codec.presets
    assert codec.preset == codec.default_preset
    assert len(codec.default_qps) == 4
    assert codec.qp_range[0] <= min(codec.default_qps) < max(codec.default_qps) <= codec.qp_range[1]
    description = choose_codec(codec.name, codec.presets[-1]).describe(31)
    assert codec.presets[-1] in description
    assert "31" in description
    assert decoder_version(codec.decoder).startswith("libavcodec ")


def test_a_preset_that_the_codec_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="svtav1 has no preset medium, only 0, 1, 2"):
        choose_codec("svtav1", "medium")


@every_codec
def test_two_presets_give_different_results(tmp_path: Path, codec: Codec) -> None:
    """Take the two fastest presets; SVT-AV1 treats 10 as 9, so its list ends at 9."""
    clip = make_clip(tmp_path, 128, 192)
    order = codec.presets if codec.presets[0] in ("faster", "superfast", "ultrafast") else codec.presets[::-1]
    one, two = (next(choose_codec(codec.name, preset).encode(clip, 30)) for preset in order[:2])
    assert not same(one, two)


@every_codec
def test_the_error_names_a_deleted_source(tmp_path: Path, codec: Codec) -> None:
    clip = make_clip(tmp_path, 64, 64)
    clip.path.unlink()
    with pytest.raises(InputError, match=rf"^{clip.path}: cannot be read \(No such file or directory\)$"):
        list(codec.encode(clip, 30))


def test_a_surplus_picture_is_an_error(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, 64, 64, frames=("chelsea", "coffee"))
    decoder = open_decoder("h264")

    def twice(unit: av.Packet | None) -> list[av.VideoFrame]:
        return [frame for frame in decoder.decode(unit) for _ in range(2)]

    with pytest.raises(ValueError, match=r"^2 more pictures were decoded than the 2 that were encoded$"):
        list(decode(encode_pictures(open_encoder("libx264", clip, {"tune": "zerolatency"}), clip.frames()), [twice]))


@pytest.mark.parametrize("options", [{"g": "50", "x264-params": "bframes=0"}, {"g": "50"}])
def test_a_frame_that_is_not_intra_is_an_error(tmp_path: Path, options: dict[str, str]) -> None:
    clip = make_clip(tmp_path, 64, 64, frames=["chelsea"] * 3)
    encoder = open_encoder("libx264", clip, options)
    with pytest.raises(ValueError, match=r"^frame 1 is not intra, but of type [PB]$"):
        list(decode(encode_pictures(encoder, clip.frames()), [open_decoder("h264").decode]))


def test_bit_depths_are_converted_by_rounding_and_clipping() -> None:
    picture = photograph("chelsea", 32, 32, 10)
    down = convert_bit_depth(picture, 8)
    exact = np.floor(picture.y.astype(float) / 4 + 0.5)
    np.testing.assert_array_equal(down.y, np.minimum(exact, 255))
    assert down.y.dtype == np.uint8
    white = convert_bit_depth(type(picture).of([np.full((2, 2), 1023, np.uint16)] * 3, 10), 8)
    assert (white.y == 255).all()
    for one, two in zip(convert_bit_depth(convert_bit_depth(down, 10), 8).planes, down.planes, strict=True):
        np.testing.assert_array_equal(one, two)
    assert convert_bit_depth(down, 10).y.max() == 4 * int(down.y.max())
