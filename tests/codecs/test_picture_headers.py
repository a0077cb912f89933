"""Test what is read from headers: the filters that options and presets switch, QPs that vary, predicted frames."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import av
import pytest

from codecnn.codecs.codec import Codec
from codecnn.codecs.header_trace import Header, HeaderTrace
from codecnn.codecs.libavcodec import encode_pictures, open_encoder
from codecnn.codecs.picture_headers import HeaderReader, quantizer_of
from codecnn.codecs.registry import CODECS, choose_codec
from codecnn.codecs.svtav1 import SvtAv1, keep_priority
from codecnn.codecs.template import CommandTemplate
from codecnn.codecs.vp9 import Vp9
from codecnn.codecs.vp9_header import remove_loop_filter
from codecnn.codecs.vvenc import FILTERS_OFF, PARAMETERS, VVenC
from codecnn.codecs.x264 import X264
from codecnn.codecs.x265 import X265
from codecnn.errors import InputError
from tests.codecs.test_vvenc import run
from tests.coded_clips import EVERY_CODEC, make_clip, needs, read_headers


@dataclass(frozen=True)
class OtherVVenC(VVenC):
    """VVenC with more parameters in its first encoding."""

    more: str = ""

    def template(self) -> CommandTemplate:
        template = super().template()
        assert isinstance(template.command, tuple)
        command = tuple(word.replace(PARAMETERS, f"{PARAMETERS}:{self.more}") for word in template.command)
        return replace(template, command=command)


def units_of(folder: Path, library: str, options: dict[str, str], names: tuple[str, ...] = ("chelsea",)) -> list[bytes]:
    clip = make_clip(folder, 96, 128, frames=names)
    with keep_priority():
        encoder = open_encoder(library, clip, options, 64)
    return [bytes(unit) for unit in encode_pictures(encoder, clip.frames())]


def filters(decoder: str, units: list[bytes]) -> dict[str, bool]:
    (found,) = {tuple(read.in_loop_filters.items()) for read in map(HeaderReader(decoder).read, units)}
    return dict(found)


@pytest.mark.parametrize(
    ("codec", "qp", "expected"),
    [
        (X265(preset="ultrafast"), 32, {"deblocking": True, "SAO": False}),
        (X265(preset="superfast"), 32, {"deblocking": True, "SAO": False}),
        (X265(preset="veryfast"), 32, {"deblocking": True, "SAO": True}),
        (X264(preset="superfast"), 32, {"deblocking": True}),
        (X264(preset="superfast"), 10, {"deblocking": False}),  # it would change nothing
        (SvtAv1(preset="7"), 43, {"deblocking": True, "CDEF": True, "restoration": True}),
        (SvtAv1(preset="8"), 43, {"deblocking": True, "CDEF": True, "restoration": False}),
        (SvtAv1(preset="9"), 43, {"deblocking": True, "CDEF": True, "restoration": False}),
        (Vp9(preset="5"), 43, {"deblocking": True}),
        pytest.param(
            VVenC(preset="faster"),
            37,
            {"deblocking": True, "SAO": False, "ALF": True, "CC-ALF": False},
            marks=[needs("libvvenc")],
        ),
        pytest.param(
            VVenC(preset="fast"),
            37,
            {"deblocking": True, "SAO": True, "ALF": True, "CC-ALF": False},
            marks=[needs("libvvenc")],
        ),
    ],
)
def test_the_filters_of_presets(tmp_path: Path, codec: Codec, qp: int, expected: dict[str, bool]) -> None:
    (frame,) = codec.encode(make_clip(tmp_path, 128, 192), qp)
    assert frame.in_loop_filters == expected


@pytest.mark.parametrize("more", ["", ":no-sao=1", ":no-deblock=1", ":no-sao=1:no-deblock=1"])
def test_each_filter_of_hevc(tmp_path: Path, more: str) -> None:
    units = units_of(tmp_path, "libx265", {"x265-params": X265().parameters(37) + more})
    assert filters("hevc", units) == {"deblocking": "deblock" not in more, "SAO": "sao" not in more}


@pytest.mark.parametrize("more", ["", ":no-deblock=1", ":no-deblock=1:slices=3", ":slices=3"])
def test_the_filter_of_avc(tmp_path: Path, more: str) -> None:
    units = units_of(tmp_path, "libx264", {"x264-params": X264().parameters("37") + more})
    assert filters("h264", units) == {"deblocking": "deblock" not in more}


@pytest.mark.parametrize("name", ["dlf", "cdef", "restoration"])
def test_each_filter_of_av1(tmp_path: Path, name: str) -> None:
    names = {"dlf": "deblocking", "cdef": "CDEF", "restoration": "restoration"}
    options = ":".join(f"enable-{option}={int(option != name)}" for option in names)
    units = units_of(tmp_path, "libsvtav1", {"preset": "6", "svtav1-params": f"{SvtAv1().parameters(43)}:{options}"})
    assert filters("libdav1d", units) == {names[option]: option != name for option in names}


def test_the_filter_of_vp9(tmp_path: Path) -> None:
    units = units_of(tmp_path, "libvpx-vp9", Vp9().parameters(43))
    assert filters("vp9", units) == {"deblocking": True}
    assert filters("vp9", [remove_loop_filter(unit) for unit in units]) == {"deblocking": False}


@needs("libvvenc")
@pytest.mark.parametrize("name", ["sao", "alf", "loopfilterdisable"])
def test_each_filter_of_vvc(tmp_path: Path, name: str) -> None:
    codec = OtherVVenC(preset="fast", more=f"{name}=1" if name == "loopfilterdisable" else f"{name}=0")
    (frame,) = codec.encode(make_clip(tmp_path, 128, 192), 37)
    expected = {
        "deblocking": name != "loopfilterdisable",
        "SAO": name != "sao",
        "ALF": name != "alf",
        "CC-ALF": False,
    }
    assert frame.in_loop_filters == expected


@pytest.mark.parametrize(
    ("pps", "picture", "slices", "expected"),
    [
        ({}, {}, {}, {"deblocking"}),
        ({"pps_deblocking_filter_disabled_flag": 1}, {}, {}, set()),
        # Parameters of deblocking in a header switch it on where the PPS switches it off: H.266 7.4.3.8, 7.4.8.
        ({"pps_deblocking_filter_disabled_flag": 1}, {"ph_deblocking_params_present_flag": 1}, {}, {"deblocking"}),
        ({"pps_deblocking_filter_disabled_flag": 1}, {}, {"sh_deblocking_params_present_flag": 1}, {"deblocking"}),
        ({}, {"ph_deblocking_params_present_flag": 1, "ph_deblocking_filter_disabled_flag": 1}, {}, set()),
        (
            {},
            {"ph_deblocking_params_present_flag": 1, "ph_deblocking_filter_disabled_flag": 1},
            {"sh_deblocking_params_present_flag": 1, "sh_deblocking_filter_disabled_flag": 0},
            {"deblocking"},
        ),
        ({}, {"ph_sao_luma_enabled_flag": 1}, {}, {"deblocking", "SAO"}),
        ({}, {"ph_alf_enabled_flag": 1, "ph_alf_cc_cr_enabled_flag": 1}, {}, {"deblocking", "ALF", "CC-ALF"}),
        ({}, {"ph_lmcs_enabled_flag": 1}, {}, {"deblocking", "LMCS"}),
        ({}, {"ph_lmcs_enabled_flag": 1}, {"sh_lmcs_used_flag": 0}, {"deblocking"}),
    ],
)
def test_a_slice_of_vvc_overrides_its_picture(
    monkeypatch: pytest.MonkeyPatch, pps: dict[str, int], picture: dict[str, int], slices: dict[str, int],
    expected: set[str],
) -> None:  # fmt: skip
    headers = [
        Header("Picture Parameter Set", {"pps_pic_parameter_set_id": 3, "pps_init_qp_minus26": 6} | pps),
        Header("Picture Parameter Set", {"pps_pic_parameter_set_id": 1, "pps_init_qp_minus26": 1}),
        Header("Picture Header", {"ph_pic_parameter_set_id": 3, "ph_qp_delta": 2} | picture),
        Header("Slice Header", slices),
    ]
    for header in headers[:2]:
        header.elements["pps_cu_qp_delta_enabled_flag"] = 0
    monkeypatch.setattr(HeaderTrace, "read", lambda *_: headers)
    read = HeaderReader("vvc").read(b"")
    assert read.qp == 34
    assert {name for name, on in read.in_loop_filters.items() if on} == expected
    assert list(read.in_loop_filters)[:4] == ["deblocking", "SAO", "ALF", "CC-ALF"]


@needs("hevc", "av1", "vvc")
@pytest.mark.parametrize("codec", [codec for codec in EVERY_CODEC if codec.id != "vp9"])  # that is in test_vp9.py
def test_another_ffmpeg_reads_the_same(tmp_path: Path, codec: Codec) -> None:
    """Compare all headers of two pictures with those that another build of FFmpeg prints."""
    stream = tmp_path / "stream"
    if codec.name == "vvenc":
        stream = run(tmp_path, PARAMETERS).bitstream
        with av.open(str(stream), format="vvc") as container:
            units = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    else:
        library, options = {
            "x265": ("libx265", {"x265-params": X265().parameters(37)}),
            "x264": ("libx264", {"x264-params": X264().parameters("37")}),
            "svtav1": ("libsvtav1", {"svtav1-params": SvtAv1().parameters(37)}),
        }[codec.name]
        units = units_of(tmp_path, library, options, ("chelsea", "coffee"))
        stream.write_bytes(b"".join(units))
    expected = read_headers(stream)
    trace = HeaderTrace(codec.decoder)
    ours = [header.elements for unit in units for header in trace.read(unit)]
    names = ("slice_qp_delta", "sh_qp_delta", "base_q_idx", "slice_sao_luma_flag", "lr_type[0]", "sh_alf_enabled_flag")
    for name in names:
        assert [elements[name] for elements in ours if name in elements] == expected.get(name, [])
    assert len(units) == 2


@pytest.mark.parametrize(
    ("library", "decoder", "options"),
    [
        ("libx265", "hevc", {"x265-params": "crf=32:keyint=1:aq-mode=2:pools=none:log-level=none"}),
        ("libsvtav1", "libdav1d", {"svtav1-params": f"{SvtAv1().parameters(32)}:enable-variance-boost=1"}),
        ("libsvtav1", "libdav1d", {"svtav1-params": SvtAv1().parameters(32).replace("aq-mode=0", "aq-mode=1")}),
        ("libvpx-vp9", "vp9", {**Vp9().parameters(32), "aq-mode": "1"}),
    ],
)
def test_a_qp_that_changes_in_the_picture(tmp_path: Path, library: str, decoder: str, options: dict[str, str]) -> None:
    (unit,) = units_of(tmp_path, library, options)
    with pytest.raises(ValueError, match="the QP is not the same in the whole picture"):
        HeaderReader(decoder).read(unit)


def test_blocks_of_other_qps_in_avc(tmp_path: Path) -> None:
    """The slice header says 32, and the blocks have others: adaptive quantisation."""

    @dataclass(frozen=True)
    class Adaptive(X264):
        def parameters(self, qp: str) -> str:
            return f"crf={qp}:keyint=1:bframes=0:ipratio=1:aq-mode=1"

    with pytest.raises(InputError, match=r"QP 32 was asked for, frame 0 has blocks of QP \d+"):
        list(Adaptive().encode(make_clip(tmp_path, 96, 128), 32))


@needs("libvvenc")
def test_a_qp_that_changes_in_a_picture_of_vvc(tmp_path: Path) -> None:
    with av.open(str(run(tmp_path, f"{PARAMETERS}:qpa=1").bitstream), format="vvc") as container:
        unit = next(bytes(packet) for packet in container.demux(video=0) if packet.size)
    with pytest.raises(ValueError, match="the QP is not the same in the whole picture"):
        HeaderReader("vvc").read(unit)


@needs("libvvenc")
def test_a_second_encoding_with_filters_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path, 64, 64)
    monkeypatch.setattr("codecnn.codecs.vvenc.FILTERS_OFF", FILTERS_OFF.replace("disable=1", "disable=0"))
    with pytest.raises(InputError, match="vvenc was to encode without in-loop filters, but deblocking was on"):
        list(VVenC().encode(clip, 37))
    monkeypatch.setattr("codecnn.codecs.svtav1.FILTERS_OFF", "enable-dlf=0:enable-cdef=1:enable-restoration=0")
    with pytest.raises(InputError, match="svtav1 was to encode without in-loop filters, but CDEF was on"):
        list(SvtAv1(preset="6").encode(clip, 43))


@pytest.mark.parametrize(("library", "decoder"), [("libx264", "h264"), ("libvpx-vp9", "vp9")])
def test_a_predicted_frame(tmp_path: Path, library: str, decoder: str) -> None:
    parameters = {"libx264": {"x264-params": "bframes=0:qp=32:rc-lookahead=0"}, "libvpx-vp9": Vp9().parameters(32)}
    units = units_of(tmp_path, library, {**parameters[library], "g": "50"}, ("chelsea", "chelsea"))
    reader = HeaderReader(decoder)
    reader.read(units[0])
    with pytest.raises(ValueError, match="a frame is not intra"):
        reader.read(units[1])


def test_headers_that_lack_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HeaderTrace, "read", lambda *_: [Header("Slice Header", {"slice_type": 7})])
    with pytest.raises(ValueError, match="the headers of a picture do not say pic_init_qp_minus26"):
        HeaderReader("h264").read(b"")


def test_only_parameter_sets_are_no_picture() -> None:
    with pytest.raises(ValueError, match="a packet without a picture"):
        HeaderReader("libdav1d").read(bytes([0x12, 0]))


def test_a_base_q_idx_of_no_quantizer() -> None:
    assert [quantizer_of(index) for index in (0, 4, 244, 249, 255)] == [0, 1, 61, 62, 63]
    with pytest.raises(ValueError, match="base_q_idx 5 is of no quantizer"):
        quantizer_of(5)


def test_threads_read_their_own_headers_and_the_log_is_as_before(tmp_path: Path) -> None:
    streams = {qp: units_of(tmp_path, "libx264", {"x264-params": X264().parameters(str(qp))}) for qp in (20, 30, 40)}

    def read(qp: int) -> int:
        return HeaderReader("h264").read(streams[qp][0]).qp

    qps = [20, 30, 40] * 20
    level = av.logging.get_level()
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(read, qps)) == qps
    assert av.logging.get_level() == level


def test_every_codec_says_its_filters() -> None:
    assert {codec.decoder for codec in CODECS.values()} == {"h264", "hevc", "vvc", "libdav1d", "vp9"}
    assert choose_codec("vvenc").coded_bit_depth == 10
