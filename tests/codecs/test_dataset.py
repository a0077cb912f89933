"""Test build-dataset with every codec, as a user runs it."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.codecs.codec import Codec
from codecnn.dataset.reader import Shard
from codecnn.metrics import psnr
from codecnn.video.raw import write_raw
from data_tools.build_dataset import main
from tests.codecs.test_template import as_yaml, copier
from tests.coded_clips import EVERY_CODEC, needs, other_ffmpeg
from tests.pictures import photograph

NAME = "small_90x66_30_8bit_420"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sources") / f"{NAME}.yuv"
    write_raw(path, [photograph(name, 66, 90) for name in ("coffee", "chelsea")])
    return path


@pytest.mark.parametrize("codec", EVERY_CODEC)
def test_a_plain_command_makes_four_shards_of_falling_quality(source: Path, tmp_path: Path, codec: Codec) -> None:
    name = codec.name
    assert main([str(source), "--out", str(tmp_path), "--codec", name, "--no-labels", "--jobs", "2"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{NAME}_{name}_qp{qp}.h5" for qp in codec.default_qps]
    quality = []
    for qp in codec.default_qps:
        shard = Shard(tmp_path / f"{NAME}_{name}_qp{qp}.h5")
        assert (shard.qp_used == qp).all()
        assert (shard.bits > 0).all()
        assert (shard.info.codec, shard.info.codec_version) == (name, codec.version())
        assert codec.default_preset in shard.info.codec_parameters
        assert shard.info.unfiltered_by == codec.unfiltered_by
        depth = shard.info.format_of("baseline").bit_depth
        original = convert_bit_depth(shard.picture("original", 1), depth)
        quality.append(psnr(original.y, shard.picture("baseline", 1).y, depth))
    assert quality == sorted(quality, reverse=True)


@needs("libx264")
def test_a_template_of_the_user(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = tmp_path / "own.yaml"
    template.write_text(
        "name: own-265\n"
        "command: '{encoder} -v error -f rawvideo -pix_fmt {pixel_format} -s {width}x{height} -r {fps} -i -\n"
        "  -c:v libx264 -qp {qp} -g 1 -preset {preset} -x264-params ipratio=1 -f h264 file:{bitstream}'\n"
        "version_command: '{encoder} -version'\n"
        "decoder: h264\nqp_range: [1, 51]\ndefault_qps: [30, 40]\nformats: [420 8]\n"
        "presets: [fast, slow]\npreset: fast\n"
    )
    command = [str(source), "--out", str(tmp_path / "out"), "--no-labels", "--codec-template", str(template)]
    assert main(command) == 2
    assert "codec template own-265: the encoder is missing" in capsys.readouterr().err
    command += ["--encoder", other_ffmpeg()]
    assert main([*command, "--preset", "slow"]) == 0
    names = [f"{NAME}_own-265_qp{qp}.h5" for qp in (30, 40)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    info = Shard(tmp_path / "out" / names[0]).info
    assert info.codec_version.startswith("ffmpeg version ")
    assert "-qp 30 -g 1 -preset slow -x264" in info.codec_parameters
    template.write_text(template.read_text().replace("'{encoder} -v error", '\'sh -c "sleep 100"'))
    assert main([*command, "--encoder-timeout", "0.2", "--qp", "35"]) == 2
    assert f"{source}: own-265 at QP 35 took more than 0.2 s a frame and was stopped" in capsys.readouterr().err
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_bad_options_are_one_line_and_exit_code_2(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options, reason in (
        (["--codec", "vp9", "--qp", "64"], "QP 64 is outside of 1 to 63, the range of vp9"),
        (["--codec", "svtav1", "--preset", "medium"], "svtav1 has no preset medium, only 0, 1, 2"),
        (["--codec-template", ""], "'': no such file, and no shipped template"),
        (["--codec-template", "none.yaml"], "none.yaml: no such file, and no shipped template (hm, vtm, vvencapp)"),
        (["--codec-template", "vtm", "--encoder", "no-such"], "no-such: no such program"),
        (["--codec", "x264", "--codec-template", "vtm"], "not allowed with argument"),
        (["--encoder", "EncoderApp"], "--encoder and --encoder-config go with --codec-template"),
        (["--encoder-timeout", "0"], "0 is not a positive number of seconds"),
        (["--encoder-timeout", "nan"], "nan is not a positive number of seconds"),
        (["--encoder-timeout", "5"], "x265 runs inside this program: a time limit cannot stop it"),
        (["--dask-timeout", "9"], "--dask-timeout goes with --dask"),
        (
            ["--no-labels", "--label-sizes", "8", "--label-modes", "vvc-67"],
            "--label-sizes, --label-modes: not with --no-",
        ),
    ):
        try:
            status: object = main([str(source), "--out", str(tmp_path / "out"), *options])
        except SystemExit as stop:
            status = stop.code
        assert status == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("build-dataset: ")
        assert reason in line
    assert not (tmp_path / "out").exists()


def test_a_format_that_the_codec_does_not_take_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep_64x64_10bit.yuv"
    write_raw(path, [photograph("coffee", 64, 64, 10)])
    assert main([str(path), "--out", str(tmp_path / "out"), "--codec", "vp9", "--no-labels"]) == 2
    assert f"{path}: libvpx-vp9 does not take 420 at 10 bit" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


STRANGE = """-it's "$(touch x)" `touch y`; & {qp} """


def test_strange_names_reach_the_encoder_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / STRANGE
    folder.mkdir()
    (folder / "scratch").mkdir()
    template = copier(folder)
    (folder / "-own.yaml").write_text(as_yaml(template))
    source = folder / f"{STRANGE}_64x64_8bit_420.yuv"
    write_raw(source, [photograph("chelsea", 64, 64), photograph("coffee", 64, 64)])
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "scratch"))
    options = ["--out=-out", "--qp", "32", "--no-labels", "--codec-template=-own.yaml"]
    assert main([*options, "--", source.name]) == 0
    (path,) = (folder / "-out").iterdir()
    assert path.name == f"{source.stem}_copier_qp32.h5"
    shard = Shard(path)
    np.testing.assert_array_equal(4 * shard.picture("original", 0).y.astype(int) + 1, shard.picture("baseline", 0).y)
    assert {entry.name for entry in folder.iterdir()} == {source.name, "copier", "-own.yaml", "-out", "scratch"}
    assert list((folder / "scratch").iterdir()) == []
