"""Test command templates with two encoders: another build of ffmpeg, and a small program that copies its input."""

import os
import re
import resource
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from codecnn.codecs.placeholders import fill_placeholders, find_program
from codecnn.codecs.registry import choose_codec
from codecnn.codecs.template import CommandTemplate
from codecnn.codecs.template_file import list_shipped_templates, load_template
from codecnn.codecs.vvenc import VVenC
from codecnn.codecs.x265 import X265
from codecnn.errors import InputError
from codecnn.metrics import psnr
from codecnn.video.clip import open_clip
from codecnn.video.raw import write_raw
from tests.coded_clips import make_clip, needs, other_ffmpeg
from tests.pictures import photograph

DOCUMENT = Path(__file__).parents[2] / "docs" / "codecs.md"
X265_PARAMETERS = X265().parameters(0).replace("qp=0", "qp={qp}")
X265_COMMAND = (
    "{encoder} -v error -f rawvideo -pix_fmt {pixel_format} -s:v {width}x{height} -framerate {fps} -i SOURCE "
    f"-c:v libx265 -preset {{preset}} -x265-params '{X265_PARAMETERS}' -f hevc file:{{bitstream}}"
)

# Writes what it reads as its reconstruction, with two more bits, and every third sample of the second picture 0.
COPIER = """#!{python}
import sys
import numpy as np
qp, size, source, stream, written, filters = sys.argv[1:]
frames = np.fromfile(source, np.uint8).reshape(-1, int(size) * 3 // 2).astype(np.uint16) << 2
frames += 1 + int(qp) % 2
if filters == "on":
    frames[1:, ::3] = 0
frames.tofile(written)
open(stream, "wb").write(b"stream")
for index in range(len(frames)):
    print(f"frame {{index}} QP {{qp}} took {{1000 + index}} bits")
"""


def x265_template(source: str = "-") -> CommandTemplate:
    return CommandTemplate(
        name="own",
        command=X265_COMMAND.replace("SOURCE", source),
        version_command="{encoder} -version",
        decoder="hevc",
        qp_range=(0, 51),
        default_qps=(32,),
        encoder=other_ffmpeg(),
        minimum_size=64,
        presets=("fast", "medium"),
        preset="fast",
    )


def copier(folder: Path) -> CommandTemplate:
    program = folder / "copier"
    program.write_text(COPIER.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    command = ("{encoder}", "{qp}", "4096", "{input}", "{bitstream}", "{reconstruction}")
    return CommandTemplate(
        name="copier",
        command=(*command, "on"),
        command_unfiltered=(*command, "off"),
        version_command="{encoder} --version",
        decoder="reconstruction",
        qp_range=(0, 51),
        default_qps=(32,),
        encoder=str(program),
        reconstruction_bit_depth=10,
        qp_pattern=r"QP (\d+)",
        bits_pattern=r"took (\d+) bits",
    )


@needs("libx265")
@pytest.mark.parametrize("bit_depth", [8, 10])
def test_another_build_of_x265_gives_what_the_built_in_codec_gives(tmp_path: Path, bit_depth: int) -> None:
    clip = make_clip(tmp_path, 75, 130, bit_depth, ("coffee", "chelsea"))
    ours = list(X265(preset="fast").encode(clip, 32))
    for source in ("-", "file:{input}"):
        theirs = list(x265_template(source).encode(clip, 32))
        for one, two in zip(ours, theirs, strict=True):  # another version makes slightly different decisions
            assert two.bits == pytest.approx(one.bits, rel=0.05)
            a, b = (psnr(frame.original.y, frame.baseline.y, bit_depth) for frame in (one, two))
            assert b == pytest.approx(a, abs=0.1)
            assert (two.baseline.y != two.unfiltered.y).any()
            np.testing.assert_array_equal(one.original.y, two.original.y)


def x264_template(options: str) -> CommandTemplate:
    source = "{encoder} -v error -f rawvideo -pix_fmt {pixel_format} -s:v {width}x{height} -framerate {fps} -i -"
    return replace(
        x265_template(),
        command=f"{source} -qp {{qp_prime}} {options} -x264-params ipratio=1 -f h264 file:{{bitstream}}",
        decoder="h264",
        minimum_size=2,
        presets=(),
        preset="",
    )


@needs("libx264", "libx264rgb")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("-c:v libx264 -g 50 -bf 0", "(frame 1 is not intra, but of type P)"),
        ("-c:v libx264 -g 50", "(frame 1 is not intra, but of type B)"),
        (
            "-c:v libx264 -g 1 -vf scale=64:64",
            "(what was encoded is 96x80 420 at 10 bit, what was decoded 64x64 420 at 10 bit)",
        ),
        ("-c:v libx264 -g 1 -vf scale=192:160", "what was decoded 192x160 420 at 10 bit)"),
        ("-c:v libx264 -g 1 -pix_fmt yuv444p10le", "what was decoded 96x80 444 at 10 bit)"),
        ("-c:v libx264 -g 1 -qp 30 -pix_fmt yuv420p", "what was decoded 96x80 420 at 8 bit)"),
        ("-c:v libx264rgb -g 1 -pix_fmt rgb24", "(pixel format gbrp is none of gray, "),
        ("-c:v libx264 -g 1 -vf fps=75", "more than its 3 frames came back from encoder and decoder"),
        ("-c:v libx264 -g 1 -frames:v 2", "only the first 2 of its frames came back"),
    ],
)
def test_a_stream_that_was_not_requested_is_an_error(tmp_path: Path, options: str, message: str) -> None:
    clip = make_clip(tmp_path, 80, 96, 10, ["chelsea"] * 3)
    assert len(list(x264_template("-c:v libx264 -g 1").encode(clip, 30))) == 3
    with pytest.raises(InputError) as error:
        list(x264_template(options).encode(clip, 30))
    assert str(error.value).startswith(f"{clip.path}: ")
    assert message in str(error.value)


SOURCE = "{encoder} -v error -f rawvideo -pix_fmt {pixel_format} -s:v {width}x{height} -framerate {fps} -i -"
AOM = (
    f"{SOURCE} -c:v libaom-av1 -cpu-used 8 -crf {{qp}} -qmin {{qp}} -qmax {{qp}} -b:v 0 -g 1 -aom-params deltaq-mode=0"
)
AOM_OFF = f"{AOM}:loopfilter-control=0 -enable-cdef 0 -enable-restoration 0"
VP9 = f"{SOURCE} -c:v libvpx-vp9 -crf {{qp}} -qmin {{qp}} -qmax {{qp}} -b:v 0 -g 1 -aq-mode 0 -lag-in-frames 0"


def template_of(decoder: str, command: str, unfiltered: str = "", quantizers: int = 63) -> CommandTemplate:
    return replace(
        x264_template(""), decoder=decoder, command=command, command_unfiltered=unfiltered, qp_range=(0, quantizers)
    )


@needs("libaom-av1", "libkvazaar", "libvpx-vp9")
def test_encoders_of_others(tmp_path: Path) -> None:
    """Read the QP, the filters and the bits in streams of encoders that are not among the codecs."""
    clip = make_clip(tmp_path, 80, 96, frames=("chelsea", "coffee"))
    av1 = {
        container: [
            (f.bits, f.unfiltered_bits)
            for f in template_of("libdav1d", f"{AOM} {end}", f"{AOM_OFF} {end}").encode(clip, 30)
        ]
        for container, end in ((name, f"-f {name} {{bitstream}}") for name in ("obu", "ivf", "webm", "mp4"))
    }
    still = replace(clip, first_frames=1)
    end = "-still-picture 1 -f obu {bitstream}"
    assert len(list(template_of("libdav1d", f"{AOM} {end}", f"{AOM_OFF} {end}").encode(still, 30))) == 1
    assert len({str(bits) for bits in av1.values()}) == 1  # the container does not count
    assert all(one != two for one, two in av1["obu"])
    kvazaar = "-c:v libkvazaar -kvazaar-params qp={qp},period=1,gop=0,preset=ultrafast -f hevc {bitstream}"
    for more, sao in (("", False), (",sao=full", True)):
        command = f"{SOURCE} {kvazaar}".replace("ultrafast", f"ultrafast{more}")
        for frame in template_of("hevc", command).encode(clip, 32):
            assert frame.in_loop_filters == {"deblocking": True, "SAO": sao}
    for container in ("ivf", "webm"):
        template = template_of("vp9", f"{VP9} -f {container} {{bitstream}}")
        assert "loop_filter_level" in template.unfiltered_by
        for frame in template.encode(clip, 40):
            assert frame.unfiltered_bits is None
            assert (frame.baseline.y != frame.unfiltered.y).any()


@needs("libx264", "libx265")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"command": "SOURCE -c:v libx264 -crf {qp} -g 1 -f h264 {bitstream}"}, "QP 30 was asked for, "),
        (
            {"command": "SOURCE -c:v libx264 -crf {qp} -g 1 -x264-params ipratio=1 -f h264 {bitstream}"},
            "QP 30 was asked for, frame 0 has blocks of QP",
        ),
        ({"command": "SOURCE -c:v libx264 -qp {qp} -g 1 -f h264 {bitstream}"}, "QP 30 was asked for, "),
        (
            {"decoder": "hevc", "command": "SOURCE -c:v libx265 -g 1 -crf {qp} -f hevc {bitstream}"},
            "the QP is not the same in the whole picture",
        ),
        (
            {
                "decoder": "hevc",
                "command": "SOURCE -c:v libx265 -g 1 -x265-params qp={qp} -f hevc {bitstream}",
            },
            "QP 30 was asked for, own used 27",
        ),
    ],
)
def test_another_qp_in_the_stream_is_an_error(tmp_path: Path, change: dict[str, str], message: str) -> None:
    commands = {name: value.replace("SOURCE", SOURCE) for name, value in change.items()}
    template = replace(x264_template(""), **commands)  # type: ignore[arg-type]
    with pytest.raises(InputError) as error:
        list(template.encode(make_clip(tmp_path, 80, 96, frames=["chelsea"] * 2), 30))
    assert message in str(error.value)


@needs("libaom-av1", "librav1e", "libvpx-vp9")
@pytest.mark.parametrize(
    ("template", "qp", "message"),
    [
        (template_of("libdav1d", f"{AOM} -f obu {{bitstream}}", f"{AOM} -f obu {{bitstream}}"), 30, "without in-loop"),
        (
            template_of("libdav1d", f"{AOM}:aq-mode=1 -f obu {{bitstream}}", f"{AOM_OFF} -f obu {{bitstream}}"),
            30,
            "not the same in the whole",
        ),
        (template_of("vp9", f"{VP9.replace('-g 1', '-g 9')} -f ivf {{bitstream}}"), 30, "is not intra, but of type P"),
        (template_of("vp9", f"{VP9.replace('{qp}', '20')} -metadata a={{qp}} -f ivf {{bitstream}}"), 30, "own used 20"),
        (template_of("vp9", f"{VP9} -f hls {{bitstream}}"), 30, "Invalid data found when processing input"),
        (template_of("vp9", "sh -c 'mkfifo bitstream' {qp} {bitstream}"), 30, "wrote no bitstream, but something else"),
        (template_of("vp9", "sh -c 'mkdir bitstream' {qp} {bitstream}"), 30, "wrote no bitstream, but something else"),
        (template_of("vp9", "true {qp} {bitstream}"), 30, "own at QP 30 wrote no bitstream"),
        (template_of("h264", "sh -c 'echo > bitstream' {qp} {bitstream}"), 30, "Invalid data found"),
        (
            template_of("vp9", "{encoder} -v error -f lavfi -i anullsrc -t 1 -f webm {bitstream} -metadata a={qp}"),
            30,
            "wrote a bitstream without video",
        ),
    ],
)
def test_streams_that_cannot_be_taken(tmp_path: Path, template: CommandTemplate, qp: int, message: str) -> None:
    with pytest.raises(InputError) as error:
        list(template.encode(make_clip(tmp_path, 80, 96, frames=["chelsea"] * 2), qp))
    assert message in str(error.value)


@contextmanager
def limit_file_size() -> Iterator[None]:
    """Limit the size of files, as on a nearly full disk. Keep the block short: the output of pytest is limited too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_error_names_a_full_scratch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path, 64, 64, frames=["chelsea"] * 3)
    scratch, template = tmp_path / "scratch", copier(tmp_path)
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    message = rf"^{scratch}/codecnn\S+: cannot be used as a scratch folder \(File too large"
    with pytest.raises(InputError, match=message), limit_file_size():
        list(template.encode(clip, 32))
    assert list(scratch.iterdir()) == []


def test_the_error_names_a_deleted_source(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, 64, 64)
    clip.path.unlink()
    with pytest.raises(InputError, match=rf"^{clip.path}: cannot be read \(No such file or directory\)$"):
        list(copier(tmp_path).encode(clip, 32))


def as_yaml(template: CommandTemplate) -> str:
    values = {field.name: getattr(template, field.name) for field in fields(template)}
    return yaml.safe_dump({name: list(v) if isinstance(v, tuple) else v for name, v in values.items()})


@needs("libvvenc")
def test_a_template_file_gives_the_same_template(tmp_path: Path) -> None:
    for template in (VVenC().template(), x265_template(), copier(tmp_path)):
        path = tmp_path / "own.yaml"
        path.write_text(as_yaml(template))
        loaded = load_template(str(path))
        for field in fields(template):
            one, two = getattr(template, field.name), getattr(loaded, field.name)
            assert one == two or list(one) == list(two), field.name
    assert load_template(str(path), encoder="other").encoder == "other"


def test_pictures_bits_and_qp_are_read_from_the_output_of_the_encoder(tmp_path: Path) -> None:
    clip = make_clip(tmp_path, 64, 64, frames=("chelsea", "coffee"))
    template = copier(tmp_path)
    for qp in (31, 32):
        frames = list(template.encode(clip, qp))
        for index, frame in enumerate(frames):
            np.testing.assert_array_equal(frame.unfiltered.y, 4 * frame.original.y.astype(int) + 1 + qp % 2)
            assert (frame.baseline.y.reshape(-1)[::3] == 0).all() == (index == 1)
            assert (frame.bits, frame.qp_used) == (1000 + index, qp)
            assert frame.unfiltered_bits == frame.bits
            assert frame.baseline.bit_depth == template.coded_bit_depth == 10
            assert frame.in_loop_filters == {}
    assert "unfiltered: " in template.describe(32)
    assert "second encoding" in template.unfiltered_by
    assert "skip_loop_filter" in x265_template().unfiltered_by
    assert "not verified" not in x265_template().describe(32)
    assert "padded to at least 64 and to multiples of 2" in x265_template().describe(32)
    assert "padded" not in template.describe(32)
    assert "bits as the encoder prints them; all-intra as asked for, not verified" in template.describe(32)
    assert "QP as asked for" not in template.describe(32)


@needs("libx265")
def test_strange_file_names_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a 'b\" $(touch x); {qp} *"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    (folder / "-e n{width}c'").symlink_to(other_ffmpeg())
    source = Path("-v {x} 64x64.yuv")
    write_raw(source, [photograph("coffee", 64, 64)])
    before = sorted(folder.iterdir())
    for name in ("./-e n{width}c'", str(folder / "-e n{width}c'")):
        template = replace(x265_template("file:{input}"), encoder=name)
        (frame,) = template.encode(open_clip(source), 32)
        assert frame.bits > 100
        assert template.version().startswith("ffmpeg version ")
    assert sorted(folder.iterdir()) == before


def test_the_command_is_split_before_it_is_filled_in() -> None:
    assert fill_placeholders("'{a} b' --c={a}{d}", {"a": "x y'", "b": 1}) == ["x y' b", "--c=x y'{d}"]
    assert find_program("sh").startswith("/")
    with pytest.raises(InputError, match="no-such-encoder: no such program"):
        find_program("no-such-encoder")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qp_pattern": r"QP 3(\d)"}, "QP 32 was asked for, copier used 2"),
        ({"qp_pattern": r"frame 0 QP (\d+)"}, "printed 1 times what frame 0 QP .* finds, for 2 frames"),
        ({"bits_pattern": r"frame \d QP (\d)\d"}, ""),
        ({"reconstruction_bit_depth": 8}, "more than its 2 frames came back"),
        ({"command": "true {qp} {reconstruction}"}, "printed 0 times what"),
        (
            {
                "command": (
                    "sh",
                    "-c",
                    "mkfifo reconstruction.yuv; echo QP 32 took 1 bits QP 32 took 2 bits",
                    "{qp}",
                    "{reconstruction}",
                ),
            },
            "wrote no reconstruction, but something else than a file",
        ),
        ({"bits_pattern": r"frame \d (\w+)"}, "printed no whole numbers where"),
        ({"command": "echo QP 32 took 1 bits QP 32 took 2 bits {qp} {reconstruction}"}, "wrote no reconstruction"),
        ({"encoder": "/bin/false"}, "copier at QP 32 ended with exit status 1: it printed nothing"),
        ({"encoder": "/nowhere/x"}, "/nowhere/x: no such program"),
        ({"encoder": ""}, "codec template copier: the encoder is missing: name it there or with --encoder"),
        ({"formats": ("420 10",)}, "copier does not take 420 at 8 bit, only 420 at 10 bit"),
        (
            {"command": ("sh", "-c", "sleep 100", "{qp}", "{reconstruction}"), "seconds_per_frame": 0.3},
            "copier at QP 32 took more than 0.3 s a frame",
        ),
    ],
)
def test_a_failure_is_one_error_and_no_file_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], message: str
) -> None:
    clip = make_clip(tmp_path, 64, 64, frames=("chelsea", "coffee"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    template = replace(copier(tmp_path), **change)  # type: ignore[arg-type]
    if message:
        with pytest.raises(InputError, match=message):
            list(template.encode(clip, 32))
    else:
        assert [frame.bits for frame in template.encode(clip, 32)] == [3, 3]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qq": 1}, "qq"),
        ({"name": "a/b"}, "the name is not made of"),
        ({"name": ".."}, "the name is not made of"),
        ({"name": "-x"}, "the name is not made of"),
        ({"name": "a\n"}, "the name is not made of"),
        ({"name": "a" * 65}, "the name is not made of"),
        ({"size_multiple": 0}, "the size_multiple is 0, not 1 to 1024"),
        ({"size_multiple": -8}, "the size_multiple is -8, not 1 to 1024"),
        ({"size_multiple": 4096}, "the size_multiple is 4096, not 1 to 1024"),
        ({"minimum_size": 100_000_000}, "the minimum_size is 100000000, not 1 to 1024"),
        ({"minimum_size": -1}, "the minimum_size is -1, not 1 to 1024"),
        ({"minimum_size": 64.5}, "minimum_size"),
        ({"input_bit_depth": 7}, "the input_bit_depth is 7, not 0 or 8, 10, 12"),
        ({"reconstruction_bit_depth": 16}, "the reconstruction_bit_depth is 16, not 0 or 8, 10, 12"),
        ({"seconds_per_frame": float("nan")}, "seconds_per_frame is nan, not a positive number"),
        ({"seconds_per_frame": float("inf")}, "seconds_per_frame is inf, not a positive number"),
        ({"seconds_per_frame": -1.0}, "seconds_per_frame is -1, not a positive number"),
        ({"seconds_per_frame": 0}, "seconds_per_frame is 0, not a positive number"),
        ({"qp_range": [-1000, 51]}, "the qp_range -1000 to 51 is outside of -64 to 255"),
        ({"presets": ["a", "b"]}, "the preset fast is none of the presets a, b"),
        ({"preset": "", "presets": []}, "the command has {preset}, but there is no preset"),
        ({"command": "{encoder} {qp} {bitstream}"}, "there are presets, but the command has no {preset}"),
        (
            {"command": "{encoder} {qp} {bitstream}", "presets": []},
            "there are presets, but the command has no {preset}",
        ),
        ({"version_command": ["{encoder}", "a\0b"]}, "has a null character"),
        ({"bits_pattern": "(1)"}, "a bits_pattern is only for a reconstruction"),
        ({"command": "{encoder} {bitstream}"}, "the command has no {qp}"),
        ({"command": ["{encoder}", "{qp}"]}, "the command has no {bitstream}"),
        ({"command": "{encoder} {qp} {bitstream} {speed}"}, "{speed} is not known, only {bit_depth}, {bitstream}"),
        ({"command": "{encoder} '{qp} {bitstream}"}, "No closing quotation"),
        ({"decoder": "reconstruction"}, "the command has no {reconstruction}"),
        ({"decoder": "mpeg1video"}, "the decoder mpeg1video is not known, only h264, hevc, vvc, libdav1d, vp9"),
        ({"decoder": "av1"}, "the decoder av1 is not known"),
        ({"decoder": "vvc"}, "no command_unfiltered, and vvc cannot leave out the in-loop filters"),
        ({"qp_pattern": "QP"}, "the pattern QP has no group"),
        ({"qp_pattern": "("}, "the pattern ( is no regular expression"),
        ({"qp_pattern": "(a{99999999999})"}, "is no regular expression (the repetition number is too large"),
        ({"qp_pattern": "(" * 3000 + ")" * 3000}, "is no regular expression (maximum recursion depth exceeded"),
        ({"qp_range": [0]}, "qp_range"),
        ({"qp_range": "wide"}, "qp_range"),
        ({"qp_range": [51, 0]}, "the qp_range begins at 51, above its end 0"),
        ({"default_qps": []}, "there are no default_qps"),
        ({"default_qps": [32, 52]}, "the default QP 52 is outside of the qp_range 0 to 51"),
        ({"default_qps": [-1]}, "the default QP -1 is outside of the qp_range 0 to 51"),
        ({"formats": ["420"]}, "the formats are not of 400 8, 420 8"),
        ({"formats": ["420 9"]}, "the formats are not of 400 8, 420 8"),
        ({"formats": []}, "the formats are not of 400 8, 420 8"),
        ({"version_command": ""}, "the version_command is empty"),
    ],
)
def test_the_error_names_the_template_and_its_fault(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(as_yaml(x265_template())), **change}))
    with pytest.raises(InputError) as error:
        load_template(str(path))
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "a", "[1, 2]", "a: [", "name: x", "\x00"])
def test_the_error_names_a_file_without_a_template(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.yaml: ") as error:
        load_template(str(path))
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=r"no such file, and no shipped template \(hm, vtm, vvencapp\)"):
        load_template(str(tmp_path / "none.yaml"))


@needs("libx265")
def test_the_template_of_the_document(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(name: my-x265.*?)```", DOCUMENT.read_text(), re.DOTALL)
    path = tmp_path / "own.yaml"
    path.write_text(text)
    (frame,) = load_template(str(path), encoder=other_ffmpeg()).encode(make_clip(tmp_path, 64, 64), 32)
    assert frame.in_loop_filters == {"deblocking": True, "SAO": True}


def test_pipes_in_the_place_of_files(tmp_path: Path) -> None:
    """A named pipe must not be waited for: template, configuration, encoder."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o777)
    with pytest.raises(InputError, match=rf"^{pipe}: a pipe or a device, not a file$"):
        load_template(str(pipe))
    template = load_template("vtm", encoder="true", config=str(pipe))
    with pytest.raises(InputError, match=rf"^{pipe}: a pipe or a device, not a file$"):
        template.describe(32)
    with pytest.raises(InputError, match=rf"^{pipe}: a pipe or a device, not a file$"):
        list(template.encode(make_clip(tmp_path, 64, 64), 32))
    with pytest.raises(InputError, match=rf"^{pipe}: no such program"):
        replace(template, encoder=str(pipe)).version()


def test_a_null_character_in_a_version_is_left_out(tmp_path: Path) -> None:
    template = replace(copier(tmp_path), version_command=("printf", r"version\0 1\n"))
    assert template.version().startswith("version 1, sha256 ")


@needs("libx265")
def test_an_encoder_without_a_version_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"own: \^VTM is not in what .* prints"):
        replace(x265_template(), version_pattern="^VTM").version()


def test_shipped_templates_give_the_intended_commands(tmp_path: Path) -> None:
    """Run a program that prints its arguments in the place of the encoder."""
    program = tmp_path / "encoder"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@" >&2\nexit 1\n')
    program.chmod(0o755)
    config = tmp_path / "intra.cfg"
    config.write_text("IntraPeriod : 1\n")
    clip = make_clip(tmp_path, 66, 90, 8, ("coffee", "chelsea"))
    assert list_shipped_templates() == ["hm", "vtm", "vvencapp"]
    for name in list_shipped_templates():
        template = load_template(name, encoder=str(program), config="" if name == "vvencapp" else str(config))
        with pytest.raises(InputError, match="ended with exit status 1: ") as error:
            list(template.encode(clip, 29))
        arguments = str(error.value).split("exit status 1: ")[1].split("|")
        quality = arguments[arguments.index("-q") + 1]
        assert quality == "29"
        assert not [word for word in arguments if "{" in word]
        if name == "vvencapp":
            assert arguments[arguments.index("-s") + 1] == "90x66"
            assert choose_codec("x265", "slow", name).describe(29).count("--preset slow") == 2
        else:
            assert arguments[arguments.index("-c") + 1] == str(config)
            assert arguments[arguments.index("-f") + 1] == "2"
            assert {f"--InputBitDepth={10 if name == 'vtm' else 8}", "--TemporalSubsampleRatio=1"} <= set(arguments)
            assert template.coded_bit_depth == (10 if name == "vtm" else 0)
            assert "config: sha256 " in template.describe(29)
    with pytest.raises(InputError, match=rf"^{config}: the template vvencapp has no {{config}} in its commands$"):
        load_template("vvencapp", encoder=str(program), config=str(config))
    with pytest.raises(InputError, match="vtm: the config is missing: name it there or with --encoder-config"):
        list(load_template("vtm", encoder=str(program)).encode(clip, 29))
