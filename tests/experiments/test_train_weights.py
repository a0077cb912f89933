"""All weights from pictures: the whole table against the parsers of its commands, and a short chain to the end."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from codecnn.models.rdn.integer import IntegerRdn
from codecnn.models.weights import find_weights, read_weights
from codecnn.tasks.chroma_filter import ChromaFilter
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.tasks.intra_mode import IntraMode
from codecnn.tasks.intra_prediction import IntraPrediction
from codecnn.tasks.mode_coding import ModeCoding
from data_tools import arguments, build_dataset, hash_pictures
from experiments import quantise_filter, refit_basis, train_filter
from experiments.run_arguments import parse_run
from experiments.train_weights import command, stages
from experiments.train_weights.stages import STAGES, Stage
from tests.pictures import photograph
from tests.weights_files import load_filter

TASKS = {
    "train-filter": InLoopFilter,
    "train-chroma": ChromaFilter,
    "train-modes": IntraMode,
    "train-predictor": IntraPrediction,
    "train-mode-coding": ModeCoding,
}
MAINS = {
    "build-dataset": build_dataset.main,
    "train-filter": train_filter.main,
    "quantise-filter": quantise_filter.main,
    "refit-basis": refit_basis.main,
}
CONFIG = """
model: {channels: 6, blocks: 1, convolutions: 3, growth: 4}
batch: 2
patch: 16
precision: fp32
workers: 0
validate_every: 100
checkpoint_every: 100
holdout: 0.5
"""


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_command_line_can_be_read(stage: Stage, tmp_path: Path) -> None:
    name, *words = stages.words_of(stage, tmp_path, [Path("pictures")], steps=7)
    if name in TASKS:
        run = parse_run(name, TASKS[name], words)
        assert (run.out, run.recipe.training.steps) == (tmp_path / "runs" / stage.name, 7)
        assert run.recipe.training.start in ("", *(str(tmp_path / "runs" / need) for need in stage.needs))
    elif name == "build-dataset":
        assert arguments.parse(words, None).sources == [Path("pictures")]
    else:
        parsers = {"quantise-filter": quantise_filter, "refit-basis": refit_basis, "hash-pictures": hash_pictures}
        assert parsers[name].parse(words).out.parent == tmp_path / "weights"


def test_a_stage_comes_after_those_that_it_needs() -> None:
    names = [stage.name for stage in STAGES]
    for place, stage in enumerate(STAGES):
        assert {*stage.needs} <= {*names[:place]}, stage.name


def test_all_weights_that_come_with_the_project_have_a_stage(tmp_path: Path) -> None:
    shipped = find_weights("rdn_s").parent
    made = {stage.result(tmp_path).name if not stage.trains else f"{stage.name}.safetensors" for stage in STAGES}
    assert {file.name for file in shipped.iterdir() if file.suffix != ".md"} <= made


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line for a short chain on three small pictures; its commands run in this process."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "pictures").mkdir()
    for name in ("astronaut", "chelsea", "coffee"):
        Image.fromarray(photograph(name, 64, 72).y).save(tmp_path / "pictures" / f"{name}.png")
    config = tmp_path / "config.yaml"
    table = (
        Stage("train", "build-dataset {photographs} --qp 32 37 --no-labels", ships=False),
        Stage("first", f"train-filter {config} --data {{train}}", ships=False),
        Stage("rdn", f"train-filter {config} --start {{first}} --data {{train}}"),
        Stage("rdn_int16", "quantise-filter {rdn} --data {train}"),
        Stage("rdn_refit", "refit-basis {rdn} --data {train}"),
        Stage("other", f"train-filter {config} --data {{train}}"),
    )
    for module in (command, stages):
        monkeypatch.setattr(module, "STAGES", table)
    return [str(tmp_path / "pictures"), "--out", str(tmp_path / "out"), "--steps", "2"]


def test_the_chain_is_made_once_and_goes_on_where_it_stopped(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, ran = tmp_path / "out", []

    def execute(words: Sequence[str]) -> int:
        ran.append(list(words))
        if words[0] == "refit-basis" and len(ran) < 6:
            return 143  # as after SIGTERM
        return MAINS[words[0]](list(words[1:]))

    monkeypatch.setattr(command, "execute", execute)
    assert command.main([*small, "--only", "rdn_refit", "rdn_int16"]) == 143
    assert "train-weights: rdn_refit: ended with exit code 143" in capsys.readouterr().err
    assert [words[0] for words in ran] == [
        "build-dataset", "train-filter", "train-filter", "quantise-filter", "refit-basis",
    ]  # fmt: skip
    assert sorted(file.name for file in (out / "weights").iterdir()) == ["rdn.safetensors", "rdn_int16.safetensors"]
    (out / "done" / "rdn").unlink()  # as if it was killed at the end of its training
    assert command.main([*small, "--only", "rdn_refit", "rdn_int16"]) == 0
    assert [(words[0], "--resume" in words) for words in ran[5:]] == [("train-filter", True), ("refit-basis", False)]
    network, _, notes = read_weights(out / "weights" / "rdn.safetensors")
    assert (notes["step"], [stage["step"] for stage in notes["stages"]]) == (2, [2])
    quantised, _ = load_filter(out / "weights" / "rdn_int16.safetensors")
    assert isinstance(quantised, IntegerRdn)
    assert quantised.config == network.config
    assert (out / "weights" / "rdn.refit").exists()

    capsys.readouterr()
    assert command.main([*small, "--dry-run"]) == 0
    *done, line = capsys.readouterr().out.splitlines()
    assert done == [f"# {name} is done" for name in ("train", "first", "rdn", "rdn_int16", "rdn_refit")]
    assert shlex.split(line)[-4:] == ["--steps", "2", "--out", str(out / "runs" / "other")]
    assert len(ran) == 7

    (out / "done" / "rdn").write_text((out / "done" / "rdn").read_text() + "\nof another training")
    assert command.main([*small, "--dry-run"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"train-weights: {out / 'runs' / 'rdn'}: made from what was made anew since")


def test_what_cannot_be_is_one_line(small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([*small, "--only", "rdn_x"]) == 2
    assert capsys.readouterr().err == (
        "train-weights: no stage rdn_x, only train, first, rdn, rdn_int16, rdn_refit, other\n"
    )
    for folder in ("done", "runs/first"):
        (tmp_path / "out" / folder).mkdir(parents=True)
    (tmp_path / "out" / "done" / "first").write_text("train-filter another")
    assert command.main([*small, "--dry-run"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"train-weights: {tmp_path / 'out' / 'runs' / 'first'}: made by another command, ")


def test_a_command_runs_in_a_process_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert command.execute(["train-filter", "no_such_config", "--out", "out", "--data", "data"]) == 2
    assert capfd.readouterr().err.startswith("train-filter: ")
