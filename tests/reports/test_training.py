"""Test that report-training reports what the runs logged, with the stages before."""

import json
from pathlib import Path

import pytest

from experiments.reports.training.command import main
from experiments.train_filter import main as train
from experiments.train_modes import main as train_modes
from tests.reports.results_schema import read_results
from tests.weights_files import load, save

CONFIG = """
model: {channels: 4, blocks: 1, convolutions: 2, growth: 4}
optimiser: {name: muon, lr: 4.0e-3, last: 0.01, momentum: 0.95, warmup: 2}
loss: log_mse
batch: 4
patch: 16
precision: fp32
log_every: 2
validate_every: 3
validate_frames: 1
workers: 0
holdout: 0.25
"""


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    config = folder / "small.yaml"
    config.write_text(CONFIG)
    outs = [folder / "first", folder / "second"]
    for out, more in zip(outs, ["--steps=8", f"--start={outs[0]}"], strict=True):
        assert train([str(config), "--data", str(data), "--out", str(out), "--steps=5", more]) == 0
    return outs


def test_the_numbers_are_those_of_the_log(runs: list[Path], tmp_path: Path) -> None:
    assert main([*map(str, runs), "--out", str(tmp_path / "report")]) == 0
    results = read_results(tmp_path / "report")["tables"]["trainings"]
    assert [found["name"] for found in results] == ["first", "second"]
    assert [found["stages"] for found in results] == [0, 1]
    before = 0.0
    text = (tmp_path / "report" / "report.md").read_text()
    for found, out, steps in zip(results, runs, ([3, 6, 8], [3, 5]), strict=True):
        log = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        checks = [line for line in log if "gain" in line]
        assert [line["step"] for line in checks] == [check["step"] for check in found["validations"]] == steps
        assert [line["gain"] for line in checks] == [check["gain"] for check in found["validations"]]
        names = ("step", "gain", "gain_22", "gain_37", "held_out_loss")
        assert found["validations"][-1] == {name: checks[-1][name] for name in names}
        assert found["learning"] == [{n: line[n] for n in ("step", "loss")} for line in log if "lr" in line]
        assert found["test"] is None
        times = {line["step"]: line["seconds"] for line in log if "seconds" in line}
        at_end = load(out / "last.safetensors")[1]["seconds"]
        assert found["hours"][0] == pytest.approx((before + (times[2] + times[4]) / 2) / 3600)
        assert found["hours"][-1] == pytest.approx((before + at_end) / 3600)
        before = load(out / "best.safetensors")[1]["seconds"]
        assert f"| {out.name} |" in text
        assert f" | {checks[-1]['gain']:+.3f} | " in text
    for plot in ("curve.png", "learning.png"):
        assert (tmp_path / "report" / plot).read_bytes().startswith(b"\x89PNG")


def test_a_run_that_is_not_finished_is_one_line(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(run: Path) -> str:
        assert main([str(run), "--out", str(tmp_path / "report")]) == 2
        assert not (tmp_path / "report").exists()
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "last.safetensors: no such file" in refused(tmp_path)
    (tmp_path / "last.safetensors").write_bytes((runs[0] / "last.safetensors").read_bytes())
    log = tmp_path / "metrics.jsonl"
    for text in ("", '{"step": 1, "loss": 2, "seconds": 3}\n', '{"step": 1, "gain": 0.5}'):  # the last one is cut
        log.write_text(text)
        assert refused(tmp_path) == f"report-training: {log}: the training was never validated"
    for text in ("no log\n", "[" * 100_000 + "\n"):
        log.write_text(text)
        assert f"{log}: not readable as the log of a training" in refused(tmp_path)
    for text in ("3", '{"gain": 2}', '["gain"]', '{"step": 1, "gain": "x"}', '{"step": 1, "gain": true}'):
        log.write_text('{"step": 1, "gain": 0.5}\n' + text + "\n")
        assert refused(tmp_path).startswith(f"report-training: {log}: line 2: ")


def test_a_stage_that_tells_no_time(runs: list[Path], tmp_path: Path) -> None:
    model, notes = load(runs[1] / "last.safetensors")
    save(tmp_path / "last.safetensors", model, notes | {"stages": [{"seconds": None}]})
    (tmp_path / "metrics.jsonl").write_bytes((runs[1] / "metrics.jsonl").read_bytes())
    assert main([str(tmp_path), "--out", str(tmp_path / "report")]) == 0
    assert read_results(tmp_path / "report")["tables"]["trainings"][0]["hours"] == [None, None]
    assert " | 5 | (a) | " in (tmp_path / "report" / "report.md").read_text()


def test_runs_of_one_name_are_told_apart(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "first").symlink_to(runs[1])
    both = [str(runs[0]), str(tmp_path / "first")]
    assert main([*both, "--out", str(tmp_path / "report")]) == 0
    assert [one["name"] for one in read_results(tmp_path / "report")["tables"]["trainings"]] == both
    capsys.readouterr()
    assert main([both[0], both[0], "--out", str(tmp_path / "twice")]) == 2
    assert capsys.readouterr().err == f"report-training: {both[0]}: is given twice\n"


def test_runs_of_several_tasks(data: Path, runs: list[Path], tmp_path: Path) -> None:
    """A run of train-modes has other settings, another figure, and none by QP."""
    out = tmp_path / "modes"
    options = "--steps=2 --validate-every=2 --log-every=1 --batch=2 --model.pairs=8 --holdout=0.25 --workers=0"
    assert train_modes(["--data", str(data), "--out", str(out), "--precision=fp32", *options.split()]) == 0
    assert main([str(runs[0]), str(out), "--out", str(tmp_path / "report")]) == 0
    one, two = read_results(tmp_path / "report")["tables"]["trainings"]
    assert (one["figure"], two["figure"], two["kmac"]) == ("gain", "regret", None)
    assert one["settings"].keys() - two["settings"].keys() == {"loss", "patch"}
    text = (tmp_path / "report" / "report.md").read_text()
    assert "a: no in-loop filter, b: no setting of its task, c: not validated at this QP" in text
