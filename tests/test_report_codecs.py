"""The comparison of codecs, on one that was made twice as expensive."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from codecnn.schema import SIGNALS
from codecnn.store import ShardWriter, open_folder
from data_tools.build_dataset import main as build_dataset
from experiments.report_codecs import main
from tests.pictures import PHOTOGRAPHS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    source = str(PHOTOGRAPHS / "chelsea.png")
    assert build_dataset([source, "--out", str(folder), "--preset", "ultrafast", "--no-labels"]) == 0
    for shard in open_folder(folder):
        info = replace(shard.info, codec="twice")
        with ShardWriter(folder / f"twice_{info.qp}.h5", info) as writer:
            original, baseline, unfiltered = (shard.picture(signal, 0) for signal in SIGNALS)
            writer.append(original, baseline, unfiltered, 2 * int(shard.bits[0]), info.qp, {})
    return folder


def test_twice_the_bits_are_a_bd_rate_of_100_percent(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(data), "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["bd_rate"]["twice"]["chelsea.png"] == pytest.approx(100)
    assert results["bd_rate"]["x265"]["chelsea.png"] == pytest.approx(0)
    assert len(results["points"]) == 8
    assert "| **mean over clips** | **+0.0** | **+100.0** |" in capsys.readouterr().out
    assert (tmp_path / "report.md").read_text().count("\n| chelsea.png | twice |") == 4
    assert (tmp_path / "rd.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [["--anchor", "vtm"], ["nowhere"]])
def test_bad_input_is_one_line(
    data: Path, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if "nowhere" in arguments else [str(data)]
    assert main([*where, *arguments, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("report-codecs: ")
    assert not (tmp_path / "out").exists()
