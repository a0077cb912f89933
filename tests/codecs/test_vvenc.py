"""Test VVC against the MD5 that the encoder computes, the QP and filters in the headers, the bits of FFmpeg."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from codecnn.codecs import vvenc
from codecnn.codecs.coded_bits import VVC
from codecnn.codecs.libavcodec import open_decoder
from codecnn.codecs.template import CommandTemplate
from codecnn.codecs.template_run import Run, decode_run, run_command
from codecnn.codecs.vvenc import FILTERS_OFF, PARAMETERS, VVenC
from codecnn.errors import InputError
from codecnn.metrics import psnr
from tests.coded_clips import make_clip, needs, read_headers
from tests.extras import extra


def run(folder: Path, parameters: str, bit_depth: int = 10, qp: int = 37, picture: str = "chelsea") -> Run:
    clip = make_clip(folder, 128, 192, bit_depth, (picture, picture))
    values = {"encoder": vvenc.find_ffmpeg(), "preset": "faster", "qp": qp}
    fmt = replace(clip.format, bit_depth=10)
    return run_command(vvenc._command(parameters), values, clip, fmt, 2, folder / parameters[-8:], "vvenc", 60)


def nal_units(stream: bytes) -> list[bytes]:
    return re.split(rb"\x00?\x00\x00\x01", stream)[1:]


@needs("libvvenc")
@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("parameters", [PARAMETERS, f"{PARAMETERS}:{FILTERS_OFF}"], ids=["filtered", "plain"])
def test_the_pictures_have_the_hashes_and_psnr_of_the_encoder(tmp_path: Path, parameters: str, bit_depth: int) -> None:
    made = run(tmp_path, parameters, bit_depth)
    lines = re.findall(r"^POC .*\[Y (\S+) dB.*\[MD5:(\w+),(\w+),(\w+)\]", made.log, re.MULTILINE)
    clip = make_clip(tmp_path, 128, 192, bit_depth, ("chelsea", "chelsea"))
    frames = list(VVenC().encode(clip, 37))
    signal = "baseline" if parameters == PARAMETERS else "unfiltered"
    stream = decode_run(made, "vvc", [open_decoder("vvc").decode], 37, "vvenc")
    for (_, (picture,)), frame, (logged_psnr, *hashes) in zip(stream, frames, lines, strict=True):
        assert [hashlib.md5(plane.astype("<u2").tobytes()).hexdigest() for plane in picture.planes] == hashes
        np.testing.assert_array_equal(getattr(frame, signal).y, picture.y)
        original = frame.original.y.astype(np.uint16) << (10 - bit_depth)
        peak = 20 * np.log10((255 << 2) / 1023)  # the encoder takes 255 << 2 for the peak, as VTM does
        assert psnr(original, picture.y, 10) + peak == pytest.approx(float(logged_psnr), abs=0.001)


@needs("libvvenc")
def test_the_headers_say_the_qp_and_which_filters_are_on(tmp_path: Path) -> None:
    for parameters, on in ((PARAMETERS, 1), (f"{PARAMETERS}:{FILTERS_OFF}", 0)):
        headers = read_headers(run(tmp_path, parameters, qp=41).bitstream)
        for name in ("sps_sao_enabled_flag", "sps_alf_enabled_flag"):
            assert set(headers[name]) == {on}, name
        assert set(headers.get("sps_ccalf_enabled_flag", [0])) == {on}
        assert set(headers.get("pps_deblocking_filter_disabled_flag", [0])) == {1 - on}
        assert set(headers["sps_lmcs_enabled_flag"]) == {0}
        assert set(headers["pps_cu_qp_delta_enabled_flag"]) == {0}
        assert {26 + headers["pps_init_qp_minus26"][0] + delta for delta in headers["sh_qp_delta"]} == {41}
        assert set(headers["sps_log2_ctu_size_minus5"]) == {2}


@needs("libvvenc")
def test_deblocking_as_the_only_filter_changes_no_decision(tmp_path: Path) -> None:
    plain = f"{PARAMETERS}:{FILTERS_OFF}"
    streams = [run(tmp_path, p, picture="coffee").bitstream for p in (plain.replace("disable=1", "disable=0"), plain)]
    first, second = (
        [unit for unit in nal_units(stream.read_bytes()) if unit[1] >> 3 < 12] for stream in streams
    )  # slices
    assert len(first) == 2
    assert first == second
    assert streams[0].read_bytes() != streams[1].read_bytes()


@needs("libvvenc")
def test_bits_are_counted_of_the_nal_units_that_ffmpeg_keeps(tmp_path: Path) -> None:
    frames = list(VVenC().encode(make_clip(tmp_path, 128, 192, 10, ["chelsea"] * 2), 37))
    second_bits = [frame.unfiltered_bits for frame in frames]
    assert second_bits != [frame.bits for frame in frames]
    for parameters, counted in (
        (PARAMETERS, [frame.bits for frame in frames]),
        (f"{PARAMETERS}:{FILTERS_OFF}", second_bits),
    ):
        check_bits(run(tmp_path, parameters), counted)


def check_bits(made: Run, counted: Sequence[int | None]) -> None:
    with av.open(str(made.bitstream), format="vvc") as container:
        stream = container.streams.video[0]
        units = [packet for packet in container.demux(stream) if packet.size]
        for index, (unit, bits) in enumerate(zip(units, counted, strict=True)):
            types = "20|23-24" if index == 0 else "12-16|20|23-24"
            assert bits is not None
            assert VVC.count_bits(bytes(unit), index == 0) == bits
            (kept,) = BitStreamFilterContext(f"filter_units=remove_types={types}", in_stream=stream).filter(unit)
            assert abs(8 * kept.size - bits) <= 8 * 5  # start codes of three or four bytes


@needs("libvvenc")
@pytest.mark.parametrize("count", [1, 7, 8, 9, 10])
def test_no_frame_is_lost_at_the_end(tmp_path: Path, count: int) -> None:
    clip = make_clip(tmp_path, 64, 64, frames=["coffee"] * count)
    assert sum(1 for _ in VVenC().encode(clip, 37)) == count


@dataclass(frozen=True)
class WithOffset(VVenC):
    def template(self) -> CommandTemplate:
        template = super().template()
        assert isinstance(template.command, tuple)
        return replace(template, command=tuple(word.replace("qpoffset=0", "qpoffset=-3") for word in template.command))


@needs("libvvenc")
def test_another_qp_than_requested_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="QP 32 was asked for, vvenc used 29"):
        list(WithOffset().encode(make_clip(tmp_path, 64, 64), 32))


@needs("libvvenc")
def test_a_damaged_stream_or_hash_is_an_error(tmp_path: Path) -> None:
    made = run(tmp_path, PARAMETERS)
    whole = made.bitstream.read_bytes()
    for position in (len(whole) - 3, len(whole) // 4):  # in the MD5 of the last picture; in the first slice
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        made.bitstream.write_bytes(damaged)
        with pytest.raises(av.FFmpegError):
            list(decode_run(made, "vvc", [open_decoder("vvc", err_detect="crccheck+explode").decode], 37, "vvenc"))


def test_the_error_names_the_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(vvenc, "import_module", missing)
    with pytest.raises(InputError, match=r"pip install codecnn\[vvc\]"):
        VVenC(preset="slow").version()


def test_an_ffmpeg_without_libvvenc_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra("imageio_ffmpeg")
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ffmpeg version 4\n")
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    with pytest.raises(InputError, match="is without libvvenc"):
        VVenC(preset="slower").version()
