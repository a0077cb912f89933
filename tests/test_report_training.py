"""The report on trainings: what stands in it is what the runs logged, stages before included."""

import json
from pathlib import Path

import pytest

from codecnn.weights import load
from experiments.report_training import main
from experiments.train import main as train
from tests.small_data import write_dataset

CONFIG = """
model: {channels: 4, blocks: 1, convolutions: 2, growth: 4}
optimiser: {name: muon, lr: 4.0e-3, last: 0.01, momentum: 0.95, warmup: 2}
loss: log_mse
batch: 4
patch: 16
precision: fp32
log_every: 1
validate_every: 3
validate_frames: 1
workers: 0
holdout: 0.25
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    data, config = write_dataset(tmp_path_factory.mktemp("data")), folder / "small.yaml"
    config.write_text(CONFIG)
    outs = [folder / "first", folder / "second"]
    for out, more in zip(outs, ["--steps=8", f"--start={outs[0]}"], strict=True):
        assert train([str(config), "--data", str(data), "--out", str(out), "--steps=5", more]) == 0
    return outs


def test_the_numbers_are_those_of_the_log(runs: list[Path], tmp_path: Path) -> None:
    assert main([*map(str, runs), "--out", str(tmp_path / "report")]) == 0
    results = json.loads((tmp_path / "report" / "results.json").read_text())
    lines = [[json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()] for out in runs]
    assert [found["name"] for found in results] == ["first", "second"]
    assert [found["steps"] for found in results] == [[3, 6, 8], [3, 5]]
    assert [found["stages"] for found in results] == [0, 1]
    before = 0.0
    for found, log, out in zip(results, lines, runs, strict=True):
        checks = [line for line in log if "gain" in line]
        assert found["gains"] == [check["gain"] for check in checks]
        assert set(found["by_qp"]) == {name[5:] for name in checks[-1] if name.startswith("gain_")}
        times = {line["step"]: line["seconds"] for line in log if "seconds" in line}
        assert found["hours"] == pytest.approx([(before + times[step]) / 3600 for step in found["steps"]])
        before = load(out / "best.safetensors")[1]["seconds"]
        text = (tmp_path / "report" / "report.md").read_text()
        assert f"| {out.name} |" in text
        assert f" | {found['gains'][-1]:+.3f} | " in text
    assert (tmp_path / "report" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_finished_run_is_one_line(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(run: Path) -> str:
        assert main([str(run), "--out", str(tmp_path / "report")]) == 2
        assert not (tmp_path / "report").exists()
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "last.safetensors: not readable" in refused(tmp_path)
    (tmp_path / "last.safetensors").write_bytes((runs[0] / "last.safetensors").read_bytes())
    log = tmp_path / "metrics.jsonl"
    for text in ("", '{"step": 1, "loss": 2, "seconds": 3}\n', '{"step": 1, "gain": 0.5}\n'):
        log.write_text(text)
        assert refused(tmp_path) == f"report-training: {log}: the training was never validated"
    for text in ("no log", "3", '{"gain": 2}', '["gain"]'):
        log.write_text(text)
        assert f"{log}: not readable as the log of a training" in refused(tmp_path)
