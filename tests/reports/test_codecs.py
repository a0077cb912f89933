"""Test report-codecs with a codec that takes twice the bits of another one."""

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.schema import SIGNALS
from codecnn.dataset.writer import ShardWriter
from codecnn.metrics import BdRate
from data_tools.build_dataset import main as build_dataset
from experiments.reports.codecs.command import main
from experiments.reports.codecs.measure import points_of
from experiments.reports.codecs.page import rates_table
from tests.pictures import PHOTOGRAPHS
from tests.reports.results_schema import read_results


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    source = str(PHOTOGRAPHS / "chelsea.png")
    assert build_dataset([source, "--out", str(folder), "--preset", "ultrafast", "--no-labels"]) == 0
    for shard in open_folder(folder):
        info = replace(shard.info, codec="twice", preset="", codec_parameters=f"-q {shard.info.qp} --rows 22")
        with ShardWriter(folder / f"twice_{info.qp}.h5", info) as writer:
            original, baseline, unfiltered = (shard.picture(signal, 0) for signal in SIGNALS)
            signals = dict(zip(SIGNALS, (original, baseline, unfiltered), strict=True))
            writer.append(signals, 2 * int(shard.bits[0]), info.qp)
    return folder


def test_twice_the_bits_are_a_bd_rate_of_100_percent(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(data), "--out", str(tmp_path)]) == 0
    results = read_results(tmp_path)
    rates = {row["codec"]: row["bd_rate"] for row in results["tables"]["bd_rates"]}
    assert rates == {"twice": pytest.approx(100), "x265": pytest.approx(0)}
    assert len(results["tables"]["points"]) == 8
    with (tmp_path / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("codec", "qp", "kbit_per_frame", "psnr_y"):
        assert [row[name] for row in rows] == [str(point[name]) for point in results["tables"]["points"]]
    assert "| **mean over clips (1)** | **+0.0** | **+100.0** |" in capsys.readouterr().out
    text = (tmp_path / "report.md").read_text()
    assert text.count("\n| chelsea.png | twice |") == 4
    version = open_folder(data)[0].info.codec_version
    assert f"\n| x265 | {version} | ultrafast |" in text
    assert f"\n| twice | {version} |  |" in text
    assert "| 22, 27, 32, 37 | -q 22 --rows 22 |\n" in text + "\n"
    assert (tmp_path / "rd.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [["--anchor", "vtm"], ["nowhere"]])
def test_bad_input_is_one_line(
    data: Path, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if "nowhere" in arguments else [str(data)]
    assert main([*where, *arguments, "--out", str(tmp_path / "out")]) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "warning: not all in-loop" not in line)
    assert line.startswith("report-codecs: ")
    assert not (tmp_path / "out").exists()


def test_means_over_all_clips_and_over_the_clips_that_all_codecs_have() -> None:
    given = {"anchor": {"a": 0.0, "b": 0.0}, "one": {"a": 50.0}, "both": {"b": 100.0, "a": 200.0}}
    rates = {codec: {clip: BdRate(rate) for clip, rate in clips.items()} for codec, clips in given.items()}
    *_, line, own, shared, _, reasons = rates_table(rates).markdown().splitlines()
    assert line == "| b | +0.0 | (a) | +100.0 |"
    assert own == "| **mean over clips (2)** | **+0.0** | **+50.0** (1 of 2) | **+150.0** |"
    assert shared == "| **mean over the clips that all codecs have (1)** | +0.0 | +50.0 | +200.0 |"
    assert reasons == "Empty cells: a: not coded by this codec."
    none = {"none": {"b": BdRate(math.nan, "fewer than four QPs")}}
    *_, line, own, shared, _, reasons = rates_table(rates | none).markdown().splitlines()
    assert line == "| b | +0.0 | (a) | +100.0 | (b) |"
    assert own.endswith("| (c) |")
    assert shared == "| **mean over the clips that all codecs have (0)** | (c) | (c) | (c) | (c) |"
    assert reasons.endswith("b: fewer than four QPs, c: not defined for any clip.")


def test_a_frame_that_one_codec_codes_without_error_is_left_out_for_all(data: Path) -> None:
    shards = open_folder(data)
    measured = [[(30.0 + place, 29.0), (40.0, 39.0)] for place in range(len(shards))]
    measured[0][1] = math.inf, 50.0
    two = [TwoFrames(shard) for shard in shards]
    points = points_of(two, measured)  # type: ignore[arg-type]
    assert {(point.frames, point.lossless) for point in points} == {(1, 1)}
    assert [point.psnr_y for point in points] == [30.0 + place for place in range(len(shards))]
    assert [point.kbit_per_frame for point in points] == [shard.bits[0] / 1000 for shard in two]


class TwoFrames:
    """A shard's attributes, and the bits of two frames."""

    def __init__(self, shard: Shard) -> None:
        self.info = shard.info
        self.bits = self.unfiltered_bits = np.array([int(shard.bits[0]), 10**9])
        self.in_loop_filters: dict[str, bool] = {}


def test_what_is_not_defined_is_null_and_an_empty_cell(data: Path, tmp_path: Path) -> None:
    """Two QPs are no curve."""
    (tmp_path / "data").mkdir()
    for path in [*data.glob("*22.h5"), *data.glob("*27.h5")]:
        shutil.copy(path, tmp_path / "data")
    assert main([str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 0

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    results = json.loads((tmp_path / "out" / "results.json").read_text(), parse_constant=refuse)
    expected = {"codec": "twice", "source": "chelsea.png", "bd_rate": None, "bd_rate_reason": "fewer than four QPs"}
    assert expected in results["tables"]["bd_rates"]
    assert "nan" not in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("source_sha256", "0" * 64),
        ("first_frames", 1),
        ("every", 2),
        ("colour", "full range"),
        ("codec_version", "another"),
        ("preset", "slow"),
        ("codec_parameters", "-q 37 --rows 23"),
        ("codec_parameters", "-q 32 --rows 22"),
    ],
)
def test_other_data_or_settings_are_not_compared(
    data: Path, tmp_path: Path, attribute: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    path = tmp_path / "data" / "twice_37.h5"
    with h5py.File(path, "r+") as shard:
        shard.attrs[attribute] = value
    assert main([str(path.parent), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"report-codecs: {path}: {attribute} is {value!r}, that of ")
    assert not (tmp_path / "out").exists()


def test_one_file_a_qp(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(data, tmp_path / "data")
    again = shutil.copy(tmp_path / "data" / "twice_27.h5", tmp_path / "data" / "z.h5")
    assert main([str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"report-codecs: {again}: the same source, codec and QP as ")
