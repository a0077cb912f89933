"""What the trainings of all tasks survive: `train-filter` is tested for it in more depth by the other files."""

import os
import resource
import shutil
import signal
from collections.abc import Callable, Sequence
from multiprocessing import active_children
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

from codecnn.errors import InputError
from codecnn.tasks.blocks_to_predict import BlocksToPredict
from codecnn.tasks.intra_mode import BlocksOfCtus
from codecnn.tasks.mode_coding import BlocksOfFrames
from experiments import train_mode_coding, train_modes, train_predictor
from tests.forked import start
from tests.training.runs import assert_same_run, rows, state_of, wait_for_lines

COMMON = "--batch=2 --steps=24 --workers=1 --precision=fp32 --holdout=0.25 --log-every=1 --validate-every=8 --ema=0.5"
COMMON += " --checkpoint-every=5 --optimiser.warmup=2 --validate-batches=2 --blocks=64"


class Case(NamedTuple):
    """The command of a task, its options, what draws its samples, and the figure that decides."""

    main: Callable[[Sequence[str] | None], int]
    options: str
    draws: type
    decides: str

    def command(self, data: Path, out: Path, *more: str) -> list[str]:
        return ["--data", str(data), "--out", str(out), *COMMON.split(), *self.options.split(), *more]


CASES = {
    "intra-mode": Case(train_modes.main, "--model.pairs=8", BlocksOfCtus, "regret"),
    "mode-coding": Case(
        train_mode_coding.main,
        "--model.pairs=8 --model.hidden=8 --price-frames=1 --validate-frames=1 --model.dropout=0.2",
        BlocksOfFrames,
        "cost",
    ),
    "intra-prediction": Case(
        train_predictor.main, "--model.transforms=16 --model.hidden=8", BlocksToPredict, "rate_distortion"
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def refused(case: Case, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert case.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_killed_stopped_and_resumed_is_as_if_nothing_had_happened(case: Case, coded: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    longer = "--steps=60", "--validate-every=25"
    assert case.main(case.command(coded, whole, *longer)) == 0
    assert all({"loss", "lr"} <= row.keys() or {case.decides, "held_out_loss"} <= row.keys() for row in rows(whole))
    arguments = case.command(coded, out, *longer)
    for number, lines in ((signal.SIGKILL, 6), (signal.SIGTERM, 12)):
        run = start(case.main, [*arguments, *(["--resume"] if lines > 6 else [])], tmp_path / "errors")
        wait_for_lines(run, out / "metrics.jsonl", lines)
        assert run.process.pid is not None
        os.killpg(run.process.pid, number)
        assert run.end()[0] == (-number if number == signal.SIGKILL else 128 + number)
    assert 5 < state_of(out)["progress"]["step"] < 60
    assert case.main([*arguments, "--resume"]) == 0
    assert_same_run(whole, out)


def test_early_stopping(case: Case, coded: Path, tmp_path: Path) -> None:
    """A rate of almost 0 does not become better: two validations after the best one are waited for."""
    more = ["--optimiser.lr=1e-30", "--ema=0", "--validate-every=2", "--patience=2", "--workers=0"]
    more += ["--optimiser.name=sgd", "--optimiser.momentum=0"]
    assert case.main(case.command(coded, tmp_path / "out", *more)) == 0
    found = [row[case.decides] for row in rows(tmp_path / "out") if "lr" not in row]
    assert 3 <= len(found) < 12
    assert min(found[-2:]) >= min(found[:-2])
    before = rows(tmp_path / "out")
    assert case.main([*case.command(coded, tmp_path / "out", *more), "--resume"]) == 0  # it stays stopped
    assert rows(tmp_path / "out") == before


def test_a_full_disk_is_one_line_and_the_run_can_be_begun_again(case: Case, coded: Path, tmp_path: Path) -> None:
    def no_more_than_four_kilobytes(arguments: object) -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        return case.main(arguments)  # type: ignore[arg-type]

    arguments = case.command(coded, tmp_path / "run", "--steps=2")
    code, errors = start(no_more_than_four_kilobytes, arguments, tmp_path / "errors").end()
    assert (code, errors.count("\n")) == (2, 1)
    assert "last.pt" in errors
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    assert case.main(arguments) == 0


def test_damaged_and_other_checkpoints_are_refused(
    case: Case, coded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = case.command(coded, run, "--steps=2", "--workers=0")
    assert case.main(arguments) == 0
    capsys.readouterr()
    assert "--resume" in refused(case, arguments, capsys)
    assert "blocks was 64, is 3" in refused(case, [*arguments, "--resume", "--blocks=3"], capsys)
    good = (run / "last.pt").read_bytes()
    for bad in (good[: len(good) // 2], good[:1000] + bytes([good[1000] ^ 1]) + good[1001:], b""):
        (run / "last.pt").write_bytes(bad)
        before = {path.name: path.read_bytes() for path in run.iterdir()}
        assert "last.pt: not a readable checkpoint (" in refused(case, [*arguments, "--resume"], capsys)
        assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    shutil.copytree(coded, tmp_path / "fewer")
    (tmp_path / "fewer" / "coffee_22.h5").unlink()
    (run / "last.pt").write_bytes(good)
    fewer = case.command(tmp_path / "fewer", run, "--steps=2", "--workers=0", "--resume")
    assert "other data" in refused(case, fewer, capsys)


def test_divergence_is_one_line(case: Case, coded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = ["--optimiser.name=sgd", "--optimiser.lr=1e9", "--clip=0", "--optimiser.warmup=0", "--optimiser.last=1e9"]
    error = refused(case, case.command(coded, tmp_path / "out", *wild, "--workers=0"), capsys)
    assert "the training has diverged" in error
    assert not (tmp_path / "out" / "best.safetensors").exists()


def test_an_error_in_a_reading_process_is_one_line(
    case: Case, coded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> NoReturn:
        raise InputError("a.h5: damaged")

    monkeypatch.setattr(case.draws, "draw", fail)
    assert refused(case, case.command(coded, tmp_path / "out"), capsys).endswith(": a.h5: damaged\n")
    assert active_children() == []


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "muon"])
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_every_optimiser_lowers_the_loss(name: str, schedule: str, coded: Path, tmp_path: Path) -> None:
    case, rate = CASES["intra-mode"], {"sgd": 0.05, "rmsprop": 1e-3}.get(name, 1e-2)
    more = [f"--optimiser.name={name}", f"--optimiser.lr={rate}", f"--optimiser.schedule={schedule}", "--workers=0"]
    more += ["--optimiser.last=1", "--optimiser.momentum=0.9", "--optimiser.weight_decay=1e-4", "--validate-every=24"]
    assert case.main(case.command(coded, tmp_path / "out", *more)) == 0
    losses = [row["loss"] for row in rows(tmp_path / "out") if "lr" in row]
    assert sum(losses[-6:]) < 0.97 * sum(losses[:6])
