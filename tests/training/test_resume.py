"""Going on with a training: after a signal, after a kill, from a checkpoint that is damaged or forged."""

import errno
import fcntl
import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codecnn.errors import InputError
from codecnn.tasks.in_loop_filter import Patches
from codecnn.training.checkpoint import DIGEST, CheckpointFile
from codecnn.training.recipe import Optimiser
from experiments.train_filter import main
from tests.forked import start
from tests.other_process import held_by_another_process
from tests.training.runs import assert_same_run, command, refused, rows, state_of, wait_for_lines
from tests.weights_files import load

LONG = ["--steps=60", "--validate_every=25", "--log_every=3", "--workers=1", "--checkpoint_every=5"]


@pytest.fixture(scope="module")
def whole(data: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A longer run that nothing has interrupted."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert main(command(config, data, out, *LONG)) == 0
    return out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_and_resumed_is_as_if_nothing_had_happened(
    data: Path, config: Path, whole: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    arguments = command(config, data, out, *LONG)
    run = start(main, arguments, tmp_path / "errors")
    wait_for_lines(run, out / "metrics.jsonl", 3)
    assert run.process.pid is not None
    os.killpg(run.process.pid, number)  # as a terminal and most schedulers do: to the reading process too
    code, errors = run.end()
    assert code == 128 + number
    assert re.fullmatch(r"stopped after step \d+; give --resume to continue\n", errors)
    step = state_of(out)["progress"]["step"]
    assert 9 <= step < 60
    # Had it been killed instead, lines after the checkpoint and half a line would be there.
    with (out / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": step + 3, "loss": 9.0}) + '\n{"step": 1, "lo')
    for _ in range(2):  # the second time there is nothing left to do
        assert main([*arguments, "--resume"]) == 0
        assert_same_run(whole, out)


def test_killed_and_resumed_is_as_if_nothing_had_happened(
    data: Path, config: Path, whole: Path, tmp_path: Path
) -> None:
    arguments = command(config, data, tmp_path / "out", *LONG)
    steps = []
    for number in range(3):
        run = start(main, [*arguments, "--resume"] if number else arguments, tmp_path / "errors")
        wait_for_lines(run, tmp_path / "out" / "metrics.jsonl", 4 * number + 3)
        assert run.process.pid is not None
        os.killpg(run.process.pid, signal.SIGKILL)
        assert run.end() == (-signal.SIGKILL, "")
        steps.append(state_of(tmp_path / "out")["progress"]["step"])
    assert 0 < steps[0] <= steps[1] <= steps[2] < 60
    assert main([*arguments, "--resume"]) == 0
    assert_same_run(whole, tmp_path / "out")


def test_a_killed_training_leaves_its_folder_free_while_its_reading_process_lives(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading process has inherited the open lock file, and notices seconds later that it is alone."""
    reader = tmp_path / "reader"

    def stuck(*_: object) -> None:
        reader.write_text(str(os.getpid()))
        time.sleep(600)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(Patches, "draw", stuck)
        run = start(main, command(config, data, out, "--steps=1", "--workers=1"), tmp_path / "errors")
        while run.process.is_alive() and not (reader.exists() and reader.read_text() and (out / "last.pt").exists()):
            time.sleep(0.005)
    run.process.kill()
    assert run.end() == (-signal.SIGKILL, "")
    reading = int(reader.read_text())
    try:
        os.kill(reading, 0)  # it is alive
        assert main(command(config, data, out, "--steps=1", "--resume")) == 0
        os.kill(reading, 0)
    finally:
        os.kill(reading, signal.SIGKILL)


def test_branches_are_kept_in_the_checkpoint_and_merged_in_the_weights(
    data: Path, config: Path, tmp_path: Path
) -> None:
    """A resumed run goes on exactly, though the weights that it has saved for use hold less."""
    variant = ["--model.branches=true", "--model.attention=2", "--model.modulation=3", "--optimiser.schedule=constant"]
    for name, *more in (("whole", "--steps=20"), ("parts", "--steps=10"), ("parts", "--steps=20", "--resume")):
        assert main(command(config, data, tmp_path / name, *variant, *more)) == 0
    whole, parts = (state_of(tmp_path / name) for name in ("whole", "parts"))
    for part in ("model", "average"):
        assert any(tensor.any() for name, tensor in whole[part].items() if name.endswith(".column"))
        assert all(torch.equal(tensor, parts[part][name]) for name, tensor in whole[part].items())
    merged = load(tmp_path / "parts" / "last.safetensors")[0].config
    assert (merged.branches, merged.attention, merged.modulation) == (False, 2, 3)


def test_constant_schedule_may_be_prolonged(data: Path, config: Path, tmp_path: Path) -> None:
    more = ["--optimiser.schedule", "constant", "--validate_every", "4"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(command(config, data, whole, *more, "--steps", "8")) == 0
    assert main(command(config, data, parts, *more, "--steps", "4")) == 0
    assert main(command(config, data, parts, *more, "--steps", "8", "--resume")) == 0
    assert rows(whole) == rows(parts)


def test_bad_resumes(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    again = command(config, data, run)
    assert "--resume" in refused(again, capsys)
    assert "no last.pt" in refused(command(config, data, tmp_path / "none", "--resume"), capsys)
    changed = refused([*again, "--resume", "--model.growth", "7", "--optimiser.lr", "1", "--seed", "1"], capsys)
    assert all(name in changed for name in ("model.growth was 6, is 7", "optimiser.lr", "seed"))
    assert "steps was 30, is 40" in refused([*again, "--resume", "--steps", "40"], capsys)
    fewer = tmp_path / "fewer"
    shutil.copytree(data, fewer)
    (fewer / "coffee_22.h5").unlink()
    assert "other data" in refused([*command(config, fewer, run), "--resume"], capsys)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    (run / "metrics.jsonl").write_bytes(b"rubbish\n")
    assert "metrics.jsonl: not readable as the log" in refused([*again, "--resume"], capsys)


@pytest.mark.parametrize("name", ["last.pt", "metrics.jsonl"])
def test_a_named_pipe_is_refused(
    name: str, data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / name).unlink()
    os.mkfifo(run / name)
    error = refused(command(config, data, run, "--resume"), capsys)
    assert error == f"train-filter: {run / name}: a pipe or a device, not a file\n"


def test_every_flipped_bit_is_found(finished: Path, tmp_path: Path) -> None:
    good = (finished / "last.pt").read_bytes()
    file = CheckpointFile(tmp_path / "last.pt")
    file.path.write_bytes(good)
    assert file.read().progress.step == 30
    rng = np.random.default_rng(3)
    ends = [*range(100), *range(len(good) - 200, len(good))]
    for place in [*ends, *rng.integers(len(good), size=200).tolist()]:
        bad = bytearray(good)
        bad[place] ^= 1 << int(rng.integers(8))
        file.path.write_bytes(bad)
        with pytest.raises(InputError, match="not a readable checkpoint"):
            file.read()


def with_checksum(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()[:-2] + DIGEST.to_bytes(2, "little")
    return content + hashlib.sha256(content).hexdigest().encode()


def changed(path: str, value: object) -> Callable[[dict[str, Any]], object]:
    """A checkpoint with another value at a place such as progress.step."""

    def change(state: dict[str, Any]) -> dict[str, Any]:
        *parts, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
        inner: Any = state
        for part in parts:
            inner = inner[part]
        if value is KeyError:
            del inner[last]
        else:
            inner[last] = value
        return state

    return change


NAN, WEIGHT = torch.full((8, 5, 3, 3), torch.nan), "shallow.weight"
FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a list": lambda _: [1, 2],
    "nothing": lambda _: {},
    "a number": lambda _: 3,
    "code": lambda _: Optimiser(),
    **{f"no {part}": changed(part, KeyError) for part in ("progress", "model", "average", "optimiser")},
    **{f"{part} is text": changed(part, "text") for part in ("progress", "model", "average", "optimiser")},
    **{
        f"another {name}": changed(f"progress/{name}", 1.5) for name in ("recipe", "data", "former", "running", "stale")
    },
    "step below 0": changed("progress/step", -1),
    "step is text": changed("progress/step", "3"),
    "seconds without end": changed("progress/seconds", float("inf")),
    "best is NaN": changed("progress/best", float("nan")),
    "running is no pairs": changed("progress/running", [[1.0]]),
    "running is NaN": changed("progress/running", [[float("nan"), 1.0]]),
    **{f"NaN in {part}": changed(f"{part}/{WEIGHT}", NAN) for part in ("model", "average")},
    "another shape": changed(f"model/{WEIGHT}", torch.zeros(8, 5, 3)),
    "another type": changed(f"model/{WEIGHT}", torch.zeros(8, 5, 3, 3, dtype=torch.float64)),
    "a weight is text": changed(f"model/{WEIGHT}", "text"),
    "a weight too many": changed("model/more", torch.zeros(1)),
    "a weight too few": changed(f"average/{WEIGHT}", KeyError),
    "optimiser without groups": changed("optimiser/param_groups", []),
    "optimiser without state": changed("optimiser/state", 3),
    "optimiser of more weights": changed("optimiser/state/999", {"mean": torch.zeros(1)}),
    "NaN in the optimiser": changed("optimiser/state/0", {"mean": NAN}),
    "another shape in the optimiser": changed("optimiser/state/0", {"mean": torch.zeros(2)}),
    "steps below 0 in the optimiser": changed("optimiser/state/1/step", -3),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_checkpoint_is_one_line(
    name: str, data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "last.pt").write_bytes(with_checksum(FORGED[name](state_of(finished))))
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    error = refused(command(config, data, run, "--resume"), capsys)
    assert error.startswith(f"train-filter: {run}/last.pt: not a readable checkpoint (")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_a_field_that_came_later_had_its_default(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    state = state_of(finished)
    del state["progress"]["recipe"]["freeze"]
    (run / "last.pt").write_bytes(with_checksum(state))
    again = [*command(config, data, run), "--resume"]
    assert "freeze was '', is 'shallow'" in refused([*again, "--freeze=shallow"], capsys)
    assert main(again) == 0


def test_one_process_trains_in_a_folder(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    with held_by_another_process(run):
        error = refused(command(config, data, run, "--resume"), capsys)
        assert error == f"train-filter: {run}: another process is at work in it\n"
    assert main(command(config, data, run, "--resume")) == 0  # the other one was killed


def test_a_file_system_without_locks(data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert main(command(config, data, tmp_path / "out", "--steps=1")) == 0


def test_a_full_disk_is_one_line_and_the_run_can_be_begun_again(data: Path, config: Path, tmp_path: Path) -> None:
    def no_more_than_four_kilobytes(arguments: object) -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        return main(arguments)  # type: ignore[arg-type]

    arguments = command(config, data, tmp_path / "run", "--steps=2")
    code, errors = start(no_more_than_four_kilobytes, arguments, tmp_path / "errors").end()
    assert (code, errors.count("\n")) == (2, 1)
    assert "last.pt" in errors
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    assert main(arguments) == 0
