"""The test of a training: on sources of its own, once, with the best weights."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from codecnn.dataset.reader import Shard, open_folder
from codecnn.models.network import Network
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.training.final_test import read_tested
from experiments.reports.training.command import main as report_training
from experiments.train_filter import main
from experiments.train_modes import main as train_modes
from tests.reports.results_schema import read_results
from tests.small_data import NAMES
from tests.training.runs import command, refused
from tests.weights_files import load

SHORT = ["--steps=4", "--validate-every=2", "--optimiser.schedule=constant"]


@pytest.fixture(scope="module")
def folders(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each source."""
    root = tmp_path_factory.mktemp("sources")
    for name in NAMES:
        (root / name).mkdir()
        for qp in (22, 37):
            shutil.copy(data / f"{name}_{qp}.h5", root / name)
    return {name: root / name for name in NAMES}


def test_the_best_weights_are_judged_once(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged: list[list[str]] = []
    validate = InLoopFilter.validate

    def noted(self: InLoopFilter, network: Network, shards: list[Shard]) -> dict[str, float]:
        judged.append(sorted({shard.info.source for shard in shards}))
        return validate(self, network, shards)

    monkeypatch.setattr(InLoopFilter, "validate", noted)
    out = tmp_path / "out"
    arguments = [*command(config, data, out, *SHORT), "--holdout-test=0.25", "--optimiser.lr=1", "--ema=0"]
    assert main([*arguments, "--steps=2"]) == 0
    tested = read_tested(out)
    assert tested is not None
    assert f"test of the weights of step {tested.best_step}: gain " in capsys.readouterr().err
    network, notes = load(out / "best.safetensors")
    assert (tested.step, tested.best_step, tested.sources) == (2, notes["step"], notes["test"])
    assert [len(sources) for sources in judged] == [1, 1]
    assert judged[1] == notes["test"]
    assert not set(notes["test"]) & set(notes["sources"] + notes["held_out"])
    shards = [shard for shard in open_folder(data) if shard.info.source in notes["test"]]
    assert tested.figures == pytest.approx(InLoopFilter(validate_frames=1).validate(network, shards), abs=1e-4)
    judged.clear()
    assert main([*arguments, "--steps=2", "--resume"]) == 0  # nothing left to do
    assert judged == []
    (out / "test.json").unlink()  # as if it had been killed before
    assert main([*arguments, "--steps=2", "--resume"]) == 0
    assert (judged, read_tested(out)) == ([notes["test"]], tested)
    assert main([*arguments, "--resume"]) == 0  # prolonged
    again = read_tested(out)
    assert again is not None
    assert again.step == 4
    assert again.best_step == load(out / "best.safetensors")[1]["step"]
    report(out, tmp_path / "report", tested.figures.keys())
    (out / "test.json").write_text('{"step": 4}')
    assert report_training([str(out), "--out", str(tmp_path / "report")]) == 2
    assert "test.json: best_step: " in capsys.readouterr().err


def report(run: Path, out: Path, figures: Any) -> None:  # noqa: ANN401
    assert report_training([str(run), "--out", str(out)]) == 0
    (row,) = read_results(out)["tables"]["trainings"]
    assert row["test"] == json.loads((run / "test.json").read_text())["figures"]
    assert row["test"].keys() == figures
    assert "| test |" in (out / "report.md").read_text()


def test_a_folder_for_the_test(folders: dict[str, Path], config: Path, tmp_path: Path) -> None:
    one, two, three, _ = folders.values()
    arguments = command(config, one, tmp_path / "out", *SHORT, "--val", str(two), "--test", str(three))
    assert main(arguments) == 0
    tested = read_tested(tmp_path / "out")
    assert tested is not None
    assert tested.sources == [f"{NAMES[2]}.png"]
    assert tested.figures.keys() == {"gain", "gain_22", "gain_37"}


def test_modes_are_tested_as_well(data: Path, tmp_path: Path) -> None:
    options = "--steps=2 --batch=2 --model.pairs=8 --workers=0 --precision=fp32 --holdout=0.25 --holdout-test=0.25"
    assert train_modes(["--data", str(data), "--out", str(tmp_path / "out"), *options.split()]) == 0
    tested = read_tested(tmp_path / "out")
    assert tested is not None
    assert {"regret", "top1"} <= tested.figures.keys()


def test_sources_in_two_parts_are_named(
    folders: dict[str, Path], data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _, _ = map(str, folders.values())
    out = tmp_path / "out"

    def said(folder: str, *more: str) -> str:
        return refused(command(config, Path(folder), out, *SHORT, *more), capsys)

    assert f"{one}: {NAMES[0]}.png is trained on as well" in said(one, "--val", two, "--test", one)
    assert f"{two}: {NAMES[1]}.png is validated on as well" in said(one, "--val", two, "--test", two)
    held_out = load_split(data)
    assert f"{held_out}.png is validated on as well" in said(str(data), "--test", str(folders[held_out]))
    assert "cannot be split" in said(one, "--val", two, "--holdout-test=0.5")
    assert "holdout_test in [0, 1)" in said(one, "--holdout-test=1")
    assert f"{tmp_path / 'none'}: no such folder" in said(one, "--val", two, "--test", str(tmp_path / "none"))
    assert not out.exists()


def load_split(data: Path) -> str:
    """The name of the source that a holdout of 0.25 is."""
    shards = sorted(open_folder(data), key=lambda shard: shard.info.source_sha256)
    return shards[0].info.source.removesuffix(".png")


def test_weights_that_know_the_test_are_refused(
    folders: dict[str, Path], config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, three, four = folders.values()
    first = tmp_path / "first"
    assert main(command(config, one, first, *SHORT, "--val", str(two))) == 0
    for tested, reason in ((one, f"was trained on {NAMES[0]}.png"), (two, f"was chosen by {NAMES[1]}.png")):
        parts = ["--val", str(four), "--test", str(tested), f"--start={first}"]
        error = refused(command(config, three, tmp_path / "out", *SHORT, *parts), capsys)
        assert f"{reason}, tested here" in error
