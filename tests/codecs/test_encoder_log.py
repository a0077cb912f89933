"""Test that an error says why the encoder refuses, for every encoder."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest

from codecnn.codecs.codec import Codec
from codecnn.codecs.encoder_log import find_reason
from codecnn.codecs.libavcodec import encoder_rate
from codecnn.codecs.svtav1 import SvtAv1
from codecnn.codecs.vp9 import Vp9
from codecnn.codecs.vvenc import PARAMETERS, VVenC
from codecnn.codecs.x264 import X264
from codecnn.codecs.x265 import X265
from codecnn.errors import InputError
from codecnn.video.clip import Clip
from tests.coded_clips import EVERY_CODEC, make_clip, needs


def with_rate(clip: Clip, fps: str) -> Clip:
    return replace(clip, format=replace(clip.format, fps=Fraction(fps)))


def test_the_rate_that_svtav1_does_not_take(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """SVT-AV1 writes its reason to the terminal, past libavcodec."""
    clip = with_rate(make_clip(tmp_path, 64, 64), "300")
    with pytest.raises(InputError) as error:
        list(SvtAv1().encode(clip, 35))
    assert str(error.value).startswith(f"{clip.path}: libsvtav1 refuses it: The maximum allowed frame rate is 240 fps;")
    assert capfd.readouterr().err == ""


@dataclass(frozen=True)
class Refused:
    """Patch the parameters of a codec so that its encoder refuses them."""

    codec: Codec
    patch: Callable[[pytest.MonkeyPatch], None]
    reason: str


def patched(kind: type, value: object) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(kind, "parameters", lambda *_: value)


REFUSED = [
    Refused(X265(), patched(X265, "qp=70:log-level=none"), "libx265 refuses it: QP exceeds supported range"),
    Refused(X264(), lambda _: None, "libx264 refuses it: Picture size 40000x40000 is invalid"),
    Refused(Vp9(), patched(Vp9, {"cpu-used": "77"}), "Value 77.000000 for parameter 'cpu-used' out of range"),
    Refused(SvtAv1(), patched(SvtAv1, "qp=99"), "libsvtav1 refuses it: "),
]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.codec.name)
def test_parameters_that_encoders_do_not_take(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refused.patch(monkeypatch)
    clip = make_clip(tmp_path, 64, 64)
    if refused.codec.name == "x264":
        clip = replace(clip, format=replace(clip.format, width=40000, height=40000))
    with pytest.raises(InputError) as error:
        list(refused.codec.encode(clip, 35))
    assert refused.reason in str(error.value)
    assert "avcodec_open2" not in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


@needs("libvvenc")
def test_parameters_that_vvenc_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codecnn.codecs.vvenc.PARAMETERS", f"{PARAMETERS}:rubbish=3")
    with pytest.raises(
        InputError, match=r"vvenc at QP 35 ended with exit status 234: Unknown vvenc option: rubbish\.$"
    ):
        list(VVenC().encode(make_clip(tmp_path, 64, 64), 35))


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", "it printed nothing"),
        ("one\ntwo\n\n", "two"),
        ("frame 1\nERROR: no such option\nusage\nexiting", "ERROR: no such option"),
        ("Warning: unknown chroma\nframe 1\n", "frame 1"),
        ("10%\r20%\rcannot write\r\nbye", "cannot write"),
        ("[libvvenc @ 0x5]  [vost#0:0/libvvenc @ 0x6] Invalid size", "Invalid size"),
    ],
)
def test_the_line_that_says_why(log: str, reason: str) -> None:
    assert find_reason(log) == reason


@pytest.mark.parametrize("codec", EVERY_CODEC)
@pytest.mark.parametrize("fps", ["67500000/2250019", "1", "1/123456789"])
def test_the_rate_changes_no_picture(tmp_path: Path, codec: Codec, fps: str) -> None:
    clip = make_clip(tmp_path, 64, 64)
    (one,), (two,) = (codec.encode(clip_, 35) for clip_ in (clip, with_rate(clip, fps)))
    assert abs(one.bits - two.bits) <= 2 * 8  # emulation prevention in the parameter sets
    assert (one.baseline.y == two.baseline.y).all()


def test_the_rate_that_encoders_are_told() -> None:
    for fps in ("25", "30000/1001", "24000/1001", "120", "300"):
        assert encoder_rate(Fraction(fps)) == Fraction(fps)
    assert encoder_rate(Fraction(67500000, 2250019)) == 30
    assert encoder_rate(Fraction(1, 7)) == 2
