"""Test report-gain with networks whose output is known: an Rdn that is not trained is the identity."""

import math
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from codecnn.dataset.reader import open_folder
from codecnn.dataset.writer import ShardWriter
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from codecnn.video.y4m import write_y4m
from data_tools import build_dataset
from experiments.reports.gain import command as report
from experiments.reports.gain.measure import FrameFigures, Row, average, average_frames, exact_frames, summarise
from experiments.reports.gain.page import page
from experiments.reports.shared.frames import EXACT
from experiments.reports.shared.table import escaped
from tests.pictures import photograph
from tests.reports.results_schema import read_results
from tests.weights_files import save

SMALL = RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_raw(folder / "deep_70x150_50fps_10bit.yuv", [photograph(n, 150, 70, 10) for n in ("coffee", "astronaut")])
    write_raw(folder / "few_64x48.yuv", [photograph("chelsea", 48, 64)])
    out, common = str(folder / "data"), ["--no-labels", "--preset", "fast", "--qp"]
    assert (
        build_dataset.main(
            [str(folder / "deep_70x150_50fps_10bit.yuv"), "--out", out, *common, *["22", "27", "32", "37"]]
        )
        == 0
    )
    assert build_dataset.main([str(folder / "few_64x48.yuv"), "--out", out, *common, "27", "37"]) == 0
    return folder / "data"


def results(data: Path, out: Path, config: RdnConfig, bias: float = 0, way: str = "ctu") -> dict[str, Any]:
    model = Rdn(config)
    with torch.no_grad():
        assert model.last.bias is not None
        model.last.bias.fill_(bias)
    out.mkdir(parents=True)
    save(out / "best.safetensors", model, {"note": "untrained"})
    assert report.main([str(out), "--data", str(data), "--out", str(out / "report"), "--way", way]) == 0
    read = read_results(out / "report")
    return {**read, **read["tables"]}


@pytest.mark.parametrize("way", ["ctu", "picture"])
def test_the_identity_gains_nothing(data: Path, tmp_path: Path, way: str) -> None:
    found = results(data, tmp_path / "run", SMALL, way=way)
    assert [row["gain"] for row in found["tables"]["rows"]] == [0] * 6
    (mean,) = found["means"]
    assert (mean["codec"], mean["clips"], mean["gain"]) == ("x265", 2, 0)
    assert mean["bd_rate"] == pytest.approx(0, abs=1e-9)
    few = next(clip for clip in found["clips"] if clip["source"].startswith("few"))
    assert (few["bd_rate"], few["bd_rate_reason"]) == (None, "fewer than four QPs")


def test_the_identity_on_the_unfiltered_picture_is_the_codec_without_filters(data: Path, tmp_path: Path) -> None:
    found = results(data, tmp_path / "run", replace(SMALL, input="unfiltered"))
    for row in found["tables"]["rows"]:
        assert row["psnr_filtered"] == pytest.approx(row["psnr_unfiltered"], abs=1e-12)
        assert row["gain"] == pytest.approx(row["psnr_unfiltered"] - row["psnr_baseline"], abs=1e-12)
    deep = next(clip for clip in found["clips"] if clip["source"].startswith("deep"))
    assert deep["bd_rate"] == pytest.approx(deep["bd_rate_unfiltered"])
    assert deep["bd_rate"] > 0


def test_the_filtered_picture_is_made_of_integers(data: Path, tmp_path: Path) -> None:
    """A shift of less than half a sample value, at 8 or 10 bit, is lost by rounding."""
    found = results(data, tmp_path / "run", SMALL, bias=0.45 / 1023)
    assert [mean["gain"] for mean in found["means"]] == [0]


def test_bits_are_those_of_the_dataset(data: Path, tmp_path: Path) -> None:
    found = results(data, tmp_path / "run", SMALL)
    bits = {(shard.info.source, shard.info.qp): int(shard.bits.sum()) for shard in open_folder(data)}
    assert {(row["source"], row["qp"]): row["bits"] for row in found["tables"]["rows"]} == bits
    row = next(row for row in found["tables"]["rows"] if row["source"].startswith("deep"))
    assert row["kbps"] == pytest.approx(row["bits"] / 2 * 50 / 1000)
    text = (tmp_path / "run" / "report" / "report.md").read_text()
    assert str(row["bits"]) in text
    assert "kMAC/px" in text
    assert (tmp_path / "run" / "report" / "rd.png").read_bytes().startswith(b"\x89PNG")


def test_bad_input_is_one_line_and_exit_code_2(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tmp_path / "good.safetensors"
    save(good, Rdn(SMALL), {})
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(good.read_bytes()[:-7])
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "a.h5").write_text("no dataset")
    for file, folder, named in (
        (tmp_path / "none", data, tmp_path / "none"),
        (cut, data, cut),
        (tmp_path, data, tmp_path / "best.safetensors"),
        (good, tmp_path / "nowhere", tmp_path / "nowhere"),
        (good, foreign, foreign / "a.h5"),
    ):
        out = tmp_path / "out"
        assert report.main([str(file), "--data", str(folder), "--out", str(out)]) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith(f"report-gain: {named}: ")
        assert not out.exists()


def test_sequences_are_encoded_and_filtered_with_weights_of_the_project(tmp_path: Path) -> None:
    sources = [str(tmp_path / f"{name}_96x64_8bit_420.yuv") for name in ("astronaut", "coffee")]
    for source in sources:
        write_raw(Path(source), [photograph(Path(source).name.split("_")[0], 64, 96)] * 2)
    out = tmp_path / "out"
    options = ["--codec", "x264", "--preset", "fast", "--frames", "1", "--out", str(out)]
    assert report.main(["rdn_s", "--sequences", *sources, "--qp", "32", "37", *options]) == 0
    assert len(read_results(out)["tables"]["rows"]) == 4
    for qps in (["37"], []):  # nothing that the calls before made is used
        asked = ["--qp", *qps] if qps else []
        assert report.main(["rdn_s", "--sequences", sources[1], *asked, *options]) == 0
        rows = read_results(out)["tables"]["rows"]
        assert [row["qp"] for row in rows] == ([37] if qps else [22, 27, 32, 37])
        assert {(row["source"], row["codec"], row["frames"]) for row in rows} == {(Path(sources[1]).name, "x264", 1)}


def test_a_raw_file_whose_name_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "my.yuv", tmp_path / "out"
    write_raw(source, [photograph("coffee", 48, 64, 10, "422")] * 2)
    options = ["--sequences", str(source), "--qp", "37", "--preset", "ultrafast", "--out", str(out)]
    size = ["--width", "64", "--height", "48", "--bit-depth", "10"]
    assert report.main(["rdn_xs", *options, *size, "--fps", "30000/1001", "--chroma", "422"]) == 0
    (shard,) = open_folder(next((out / "data").iterdir()))
    info = shard.info
    assert (info.width, info.height, info.bit_depth, info.fps, info.chroma) == (64, 48, 10, "30000/1001", "422")
    (row,) = read_results(out)["tables"]["rows"]
    assert row["frames"] == 2
    assert row["kbps"] == pytest.approx(row["bits"] / 2 * 30 / 1001)
    capfd.readouterr()
    for wrong, said in (
        (["--width", "0"], "0 is not from 1 to 2^31 - 1"),
        (["--codec", "h267"], "invalid choice: 'h267'"),
    ):
        with pytest.raises(SystemExit, match="2"):
            report.main(["rdn_xs", *options, *wrong])
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"report-gain: argument {wrong[0]}: {said}")


def test_a_former_report_of_other_sequences_is_left_out(tmp_path: Path) -> None:
    for name in ("astronaut", "coffee"):
        source = tmp_path / f"{name}_64x64.yuv"
        write_raw(source, [photograph(name, 64, 64)])
        options = ["--qp", "37", "--preset", "ultrafast", "--out", str(tmp_path / "out")]
        assert report.main(["rdn_s", "--sequences", str(source), *options]) == 0
        (row,) = read_results(tmp_path / "out")["tables"]["rows"]
        assert row["source"] == source.name


@pytest.mark.parametrize(
    "option",
    [
        ["--codec", "x265"],
        ["--preset", "fast"],
        ["--qp", "22"],
        ["--frames", "0"],
        ["--bit-depth", "8"],
        ["--fps", "50"],
    ],
)
def test_options_of_sequences_do_not_go_with_data(
    data: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        report.main(["rdn_s", "--data", str(data), "--out", "none", *option])
    (line,) = capsys.readouterr().err.splitlines()
    assert exit_.value.code == 2
    assert line.startswith(f"report-gain: {option[0]}: only for --sequences")


@pytest.mark.parametrize("option", ["--bit-depth 10", "--matrix bt601", "--pixel-format nv12"])
def test_an_option_that_cannot_apply_to_a_sequence_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    source = tmp_path / "a.y4m"
    write_y4m(source, [photograph("coffee", 64, 64)])
    arguments = ["rdn_s", "--sequences", str(source), "--out", str(tmp_path / "out"), *option.split()]
    assert report.main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"report-gain: {source}: {option} cannot apply: ")


def test_ended_from_outside_it_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    source = tmp_path / "long_256x256.yuv"
    write_raw(source, [photograph("coffee", 256, 256)] * 400)
    options = ["--preset", "veryslow", "--qp", "22", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-m", "experiments.reports.gain.command", "rdn_s", "--sequences", str(source), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    folder = tmp_path / "out" / "data" / "preset-veryslow_qp-22"
    while not (folder.exists() and list(folder.iterdir())):  # a file in the making
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    assert process.communicate()[1].splitlines()[-1] == "report-gain: interrupted"
    assert process.returncode == 130
    assert list(folder.iterdir()) == []


def test_codecs_are_not_pooled() -> None:
    """Two codecs with two clips, one of them at a QP of its own."""
    gains = {("a", "one", 22): 1.0, ("b", "one", 22): 3.0, ("a", "two", 22): 5.0, ("a", "two", 40): 7.0}
    rows = [
        Row(clip, codec, qp, 1, 0, 0, 1000, 1000, 1, 30, 31, 31, gain, 1, 1)
        for (clip, codec, qp), gain in gains.items()
    ]
    summaries = summarise(rows)
    means = average(summaries)
    assert [(mean.codec, mean.clips, mean.gain) for mean in means] == [("one", 2, 2), ("two", 1, 6)]
    text = page(rows, summaries, means, {}).markdown()
    assert "| a | one | +1.000 | (a) | (a) |" in text
    assert "| **mean over clips (2)** | one | **+2.000** | (b) | (b) |" in text
    assert "| **mean over clips (1)** | two | **+6.000** | (b) | (b) |" in text
    assert "Empty cells: a: fewer than four QPs, b: not defined for any clip." in text
    assert text.endswith(
        "|---|---:|---:|---:|\n| one | 22 | 2 | +2.000 |\n| two | 22 | 1 | +5.000 |\n| two | 40 | 1 | +7.000 |\n"
    )
    assert "nan" not in text


def test_means_over_some_of_the_clips_say_so() -> None:
    """One of three clips has a curve, and one has no gain."""
    qps = {"a": (22, 27, 32, 37), "b": (22,), "c": (22,)}
    gains = {"a": 1.0, "b": 3.0, "c": math.nan}
    rows = [
        Row(
            *(clip, "x265", qp, 1, 0, 0, 1000 * (50 - qp), 1000 * (50 - qp), 1.0, 59.0 - qp, 60.0 - qp),
            *(60 - qp + gains[clip], gains[clip], 1.0, 1.0),
        )
        for clip in qps
        for qp in qps[clip]
    ]
    summaries = summarise(rows)
    (mean,) = means = average(summaries)
    assert mean.defined == {"gain": 2, "bd_rate": 1, "bd_rate_unfiltered": 1}
    lines = page(rows, summaries, means, {}).markdown().splitlines()
    rates = f"**{mean.bd_rate:+.2f}** (1 of 3) | {mean.bd_rate_unfiltered:+.2f} (1 of 3)"
    assert f"| **mean over clips (3)** | x265 | **+2.000** (2 of 3) | {rates} |" in lines
    assert "| x265 | 22 | 3 | +2.000 (2 of 3) |" in lines
    assert "| x265 | 27 | 1 | +1.000 |" in lines


def test_all_presets_and_ctu_sizes_are_reported(tmp_path: Path) -> None:
    write_raw(tmp_path / "c_64x48.yuv", [photograph("chelsea", 48, 64)])
    common = [str(tmp_path / "c_64x48.yuv"), "--out", str(tmp_path / "data"), "--no-labels"]
    assert build_dataset.main([*common, "--preset", "ultrafast", "--qp", "37", "--ctu-size", "64"]) == 0
    assert build_dataset.main([*common, "--codec", "vp9", "--preset", "4", "--qp", "43"]) == 0
    about = results(tmp_path / "data", tmp_path / "run", SMALL)["about"]
    versions = {shard.info.codec: shard.info.codec_version for shard in open_folder(tmp_path / "data")}
    expected = f"vp9: {versions['vp9']}, preset 4; x265: {versions['x265']}, preset ultrafast; all-intra"
    assert about["baseline"].startswith(expected)
    assert about["filtered"].startswith("CTU by CTU (64 or 128 + margin)")


def test_other_settings_are_no_points_of_one_curve(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    path = tmp_path / "data" / "few_64x48_x265_qp37.h5"
    with h5py.File(path, "r+") as file:
        file.attrs["preset"] = "slow"
    assert report.main(["rdn_s", "--data", str(path.parent), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"report-gain: {path}: preset is 'slow', that of ")


def test_other_ctus_are_no_points_of_one_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_raw(tmp_path / "c_64x48.yuv", [photograph("chelsea", 48, 64)])
    common = [str(tmp_path / "c_64x48.yuv"), "--out", str(tmp_path / "data"), "--no-labels", "--preset", "ultrafast"]
    for qp, size in (("22", "128"), ("37", "64")):
        assert build_dataset.main([*common, "--qp", qp, "--ctu-size", size]) == 0
    capsys.readouterr()
    assert report.main(["rdn_s", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "ctu_size is 64, that of " in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["rdn_s", "--sequences", "none.yuv"], "none.yuv: no such file"),
        (["rdn_z", "--sequences", "none.yuv"], "rdn_z: no such file or folder, and no weights of the project (rdn_"),
    ],
)
def test_what_cannot_be_encoded_is_one_line(
    tmp_path: Path, arguments: list[str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert report.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("report-gain: ")
    assert reason in line
    assert not (tmp_path / "out").exists()


def test_frames_without_error_are_left_out_at_all_qps(tmp_path: Path) -> None:
    """A flat frame is coded exactly at every QP, and one with a little detail only at the lowest."""
    flat = Picture.of((np.full(shape, 128, np.uint8) for shape in ((64, 64), (32, 32), (32, 32))), 8)
    write_raw(tmp_path / "c_64x64.yuv", [flat, photograph("coffee", 64, 64)])
    write_raw(tmp_path / "flat_64x64.yuv", [flat])
    sources = [str(tmp_path / "c_64x64.yuv"), str(tmp_path / "flat_64x64.yuv")]
    assert build_dataset.main([*sources, "--out", str(tmp_path / "data"), "--no-labels", "--preset", "fast"]) == 0
    found = results(tmp_path / "data", tmp_path / "run", SMALL, bias=1 / 255)
    rows = found["tables"]["rows"]
    assert [(row["frames"], row["lossless"], row["broken"]) for row in rows] == [(1, 1, 1)] * 4 + [(0, 1, 1)] * 4
    bits = {(shard.info.source, shard.info.qp): shard.bits.tolist() for shard in open_folder(tmp_path / "data")}
    for row in rows[:4]:
        assert row["bits"] == bits[row["source"], row["qp"]][1]  # of the second frame only
        assert row["kbps"] == pytest.approx(row["bits"] * 30 / 1000)
    assert [row["gain"] is None for row in rows] == [False] * 4 + [True] * 4
    flat_clip = found["clips"][1]
    assert (flat_clip["gain"], flat_clip["bd_rate"], flat_clip["bd_rate_reason"]) == (None, None, EXACT)
    text = (tmp_path / "run" / "report" / "report.md").read_text()
    assert "| clip | codec | QP | frames | left out | broken | bits |" in text
    assert f"| c_64x64.yuv | x265 | 22 | 1 | 1 | 1 | {rows[0]['bits']} |" in text
    assert f": {EXACT}" in text


def test_a_frame_that_is_exact_at_one_qp_is_left_out_at_all(data: Path) -> None:
    shards = [shard for shard in open_folder(data) if shard.info.source.startswith("deep")]
    frame = FrameFigures(30, 31, 32, 0.9, 0.9)
    measured = [[frame, frame] for _ in shards]
    measured[2][1] = replace(frame, psnr_baseline=math.inf)
    rows = average_frames(shards, measured, exact_frames(measured))
    assert [(row.qp, row.frames, row.lossless, row.broken) for row in rows] == [
        (shard.info.qp, 1, 1, int(shard is shards[2])) for shard in shards
    ]
    assert [row.bits for row in rows] == [int(shard.bits[0]) for shard in shards]


def test_points_out_of_order_are_no_traceback(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A flat picture with one darker square was seen to take these bits: no curve goes through two equal ones."""
    for shard, bits in zip(open_folder(data), (808, 784, 784, 760), strict=False):
        with ShardWriter(tmp_path / shard.path.name, shard.info) as writer:
            for index in range(2):
                pictures = {signal: shard.picture(signal, index) for signal in shard.info.signal_names}
                writer.append(pictures, bits, shard.info.qp)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = results(tmp_path, tmp_path / "run", SMALL)
    (clip,) = found["clips"]
    assert (clip["bd_rate"], clip["bd_rate_reason"]) == (None, "PSNR and bits do not rise together from point to point")
    assert "| +0.000 | (a) | (a) |" in capsys.readouterr().out


def test_names_are_not_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a formula in the figure, nor cells of a table, nor colours of the terminal."""
    name = "cost_$5_vs_$6_|\x1b[31m\u6f22\u5b57\n_64x48.yuv"
    write_raw(tmp_path / name, [photograph("chelsea", 48, 64)])
    common = ["--no-labels", "--out", str(tmp_path / "data"), "--preset", "ultrafast", "--qp", "37"]
    assert build_dataset.main([str(tmp_path / name), *common]) == 0
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = results(tmp_path / "data", tmp_path / "run_$a$", SMALL)
    assert found["tables"]["rows"][0]["source"] == name
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert f"| {escaped(name)} | x265 | 37 |" in printed
    assert report.main([str(tmp_path / "no\x1b\nne"), "--data", str(tmp_path / "data"), "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no\\x1b\\nne: no such file" in line


def test_a_full_disk_is_one_line_and_leaves_no_part_of_a_report(data: Path, tmp_path: Path) -> None:
    def no_more_than_three_kilobytes() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3072, 3072))

    save(tmp_path / "w.safetensors", Rdn(SMALL), {})
    command = [
        "-m",
        "experiments.reports.gain.command",
        tmp_path / "w.safetensors",
        "--data",
        data,
        "--out",
        tmp_path / "out",
    ]
    result = subprocess.run(
        [sys.executable, *map(str, command)],
        preexec_fn=no_more_than_three_kilobytes,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in result.stderr.splitlines() if line.startswith("report-gain: ")]
    assert (result.returncode, len(lines)) == (2, 1), result.stderr
    assert "points.xlsx" in lines[0]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["points.csv"]  # whole
