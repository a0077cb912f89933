"""A training that ends in an error ends: one line, exit code 2, no process left. So does one that is told to stop."""

import json
import os
import resource
import shutil
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import NoReturn

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from codecnn.errors import InputError
from codecnn.tasks.in_loop_filter import InLoopFilter, Patches
from codecnn.training import loop
from codecnn.training.data import Shards, choose_shards
from codecnn.training.processes import Processes
from codecnn.training.recipe import Run
from experiments.train_filter import main
from tests.forked import ranks, start
from tests.training.runs import command, refused, rows


def failing(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


def killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


READING = {
    "an InputError": (failing(InputError("a.h5: damaged")), "train-filter: a.h5: damaged\n"),
    "an OSError": (failing(OSError(5, "Input/output error", "a.h5")), "Input/output error: 'a.h5'"),
    "a KeyError": (failing(KeyError("original/y")), "cannot be read (KeyError: 'original/y')"),
    "too little memory": (
        failing(MemoryError("Unable to allocate 1 EiB")),
        "too little memory: Unable to allocate 1 EiB",
    ),
    "a kill": (killed, "DataLoader worker"),
}


@pytest.mark.parametrize("cause", READING)
def test_an_error_in_a_reading_process(
    cause: str,
    data: Path,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    draw, said = READING[cause]
    monkeypatch.setattr(Patches, "draw", draw)
    assert said in refused(command(config, data, tmp_path / "out", "--workers=2"), capsys)
    assert active_children() == []


@pytest.mark.parametrize("where", ["sums", "validate"])
@pytest.mark.parametrize(
    "error", [RuntimeError("No compiler\n  found"), TypeError("of a network"), ValueError(""), AssertionError()]
)
def test_an_error_in_the_main_process(
    where: str, error: Exception, data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(InLoopFilter, where, failing(error))
    line = refused(command(config, data, tmp_path / "out", "--workers=1", "--validate_every=1"), capsys)
    assert line.startswith(f"train-filter: {type(error).__name__}: {' '.join(str(error).split())}"[:40])
    assert active_children() == []
    monkeypatch.setenv("CODECNN_TRACEBACK", "1")
    with pytest.raises(type(error)):
        main(command(config, data, tmp_path / "again", "--validate_every=1"))
    assert active_children() == []


def test_a_process_whose_error_is_not_caught_ends_too(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python waits for its children at its end: the reading processes, which ignore signals, must be gone by then."""
    monkeypatch.setattr(InLoopFilter, "sums", failing(RuntimeError("of a network")))
    monkeypatch.setenv("CODECNN_TRACEBACK", "1")
    code, errors = start(main, command(config, data, tmp_path / "out", "--workers=1"), tmp_path / "errors").end()
    assert code == 1
    assert errors.rstrip().endswith("RuntimeError: of a network")


def changed(data: Path, folder: Path, change: Callable[[h5py.File], None]) -> Path:
    """A copy of the data with a change in every file."""
    shutil.copytree(data, folder)
    for path in folder.glob("*.h5"):
        with h5py.File(path, "r+") as file:
            change(file)
    return folder


@pytest.mark.parametrize("height", [-5, 0, 30000])
def test_forged_ctu_tables(
    height: int, data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def forge(file: h5py.File) -> None:
        ctus = file["ctu"][:]
        ctus["height"] = height
        file["ctu"][:] = ctus

    folder = changed(data, tmp_path / "data", forge)
    assert f"{folder}/" in refused(command(config, folder, tmp_path / "out", "--workers=1"), capsys)
    assert not (tmp_path / "out").exists()


def test_a_damaged_compressed_chunk(
    data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def damage(file: h5py.File) -> None:
        stored = file["baseline/y"][:]
        del file["baseline/y"]
        compressed = file.create_dataset("baseline/y", data=stored, chunks=(1, *stored.shape[1:]), compression="gzip")
        for row in range(len(stored)):
            compressed.id.write_direct_chunk((row, 0, 0), np.random.default_rng(row).bytes(700))

    folder = changed(data, tmp_path / "data", damage)
    refused(command(config, folder, tmp_path / "out", "--workers=1"), capsys)


def test_a_file_that_is_truncated_meanwhile(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, draw = tmp_path / "data", Patches.draw
    shutil.copytree(data, folder)

    def truncate(self: Patches, *arguments: object) -> object:
        for path in folder.glob("*.h5"):
            os.truncate(path, 5000)
        return draw(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Patches, "draw", truncate)
    refused(command(config, folder, tmp_path / "out", "--workers=1"), capsys)


@pytest.mark.parametrize("files", [30, 45, 60])
def test_too_few_file_descriptors(files: int, data: Path, config: Path, tmp_path: Path) -> None:
    def with_few(arguments: object) -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        return main(arguments)  # type: ignore[arg-type]

    arguments = command(config, data, tmp_path / "out", "--workers=2", "--steps=20")
    code, errors = start(with_few, arguments, tmp_path / "errors").end()
    assert (code, errors.count("\n")) in ((0, 0), (2, 1))


# Divergence


@pytest.mark.parametrize("more", [[], ["--log_every=1000"], ["--log_every=1000", "--steps=3", "--validate_every=1000"]])
def test_a_training_that_diverges_stops_and_says_so(
    more: list[str], data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    wild = ["--optimiser.name=sgd", "--optimiser.lr=1e9", "--clip=0", "--optimiser.warmup=0", "--loss=mse", *more]
    error = refused(command(config, data, out, *wild), capsys)
    assert "the training has diverged" in error
    assert not (out / "best.safetensors").exists()
    assert all(np.isfinite(list(row.values())).all() for row in rows(out))
    state = torch.load(out / "last.pt", weights_only=True)
    assert all(tensor.isfinite().all() for tensor in state["model"].values())
    assert "the training has diverged" in refused([*command(config, data, out, *wild), "--resume"], capsys)


# Several processes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_that_waits_for_another(
    number: signal.Signals, data: Path, config: Path, tmp_path: Path
) -> None:
    environment = ranks(2)[0]
    waiting = start(main, command(config, data, tmp_path / "out"), tmp_path / "errors", environment)
    port = int(environment["MASTER_PORT"])
    while waiting.process.is_alive() and socket.socket().connect_ex(("127.0.0.1", port)):
        time.sleep(0.005)
    assert waiting.process.pid is not None
    os.kill(waiting.process.pid, number)
    assert waiting.end() == (-number, "")
    assert not (tmp_path / "out").exists()


def test_a_signal_ends_a_process_that_waits_for_a_slow_one(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is still looking at its data."""
    share, waits = Processes.share, tmp_path / "waits"

    def slowly(run: Run) -> Shards:
        time.sleep(600 * int(os.environ["RANK"]))
        return choose_shards(run)

    def noted(self: Processes, network: nn.Module) -> nn.Module:
        waits.touch()
        return share(self, network)

    monkeypatch.setattr(loop, "choose_shards", slowly)
    monkeypatch.setattr(Processes, "share", noted)
    arguments = command(config, data, tmp_path / "out")
    waiting, slow = (start(main, arguments, tmp_path / f"errors_{n}", ranks_of) for n, ranks_of in enumerate(ranks(2)))
    while waiting.process.is_alive() and not waits.exists():
        time.sleep(0.005)
    time.sleep(0.2)  # now it waits
    for one in (waiting, slow):
        assert one.process.pid is not None
        os.kill(one.process.pid, signal.SIGINT)
        assert one.end() == (-signal.SIGINT, "")


def test_an_environment_that_is_none_of_torchrun(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("RANK", "first"), ("WORLD_SIZE", "2")):  # without MASTER_ADDR
        monkeypatch.setenv(name, value)
        assert "train-filter: ValueError: " in refused(command(config, data, tmp_path / "out"), capsys)
        monkeypatch.delenv(name)


@pytest.mark.parametrize("refusing", [0, 1])
def test_a_process_that_refuses_ends_the_other(refusing: int, data: Path, config: Path, tmp_path: Path) -> None:
    both = []
    for rank, environment in enumerate(ranks(2)):
        folder = tmp_path / "nowhere" if rank == refusing else data
        arguments = command(config, folder, tmp_path / "out", "--workers=1")
        both.append(start(main, arguments, tmp_path / f"errors_{rank}", environment))
    ends = [one.end() for one in both]
    assert ends[refusing] == (2, f"train-filter: {tmp_path / 'nowhere'}: no such folder\n")
    assert ends[1 - refusing] == (2, "train-filter: another process of this training has ended\n")


@pytest.mark.parametrize("failing_rank", [0, 1])
def test_a_process_that_fails_ends_the_other(
    failing_rank: int, data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Patches.draw

    def fail(self: Patches, unit: int, step: np.random.Generator, own: np.random.Generator) -> object:
        if os.environ["RANK"] == str(failing_rank) and own.random() < 0.05:
            raise InputError("a.h5: damaged")
        return draw(self, unit, step, own)

    monkeypatch.setattr(Patches, "draw", fail)
    both = [
        start(main, command(config, data, tmp_path / "out", "--workers=1"), tmp_path / f"errors_{rank}", environment)
        for rank, environment in enumerate(ranks(2))
    ]
    ends = [one.end() for one in both]
    assert ends[failing_rank] == (2, "train-filter: a.h5: damaged\n")
    assert ends[1 - failing_rank] == (2, "train-filter: another process of this training has ended\n")


def test_a_signal_to_one_process_stops_both(data: Path, config: Path, tmp_path: Path) -> None:
    arguments = command(config, data, tmp_path / "out", "--workers=1", "--steps=2000", "--validate_every=2000")
    first, second = [
        start(main, arguments, tmp_path / f"errors_{rank}", environment) for rank, environment in enumerate(ranks(2))
    ]
    metrics = tmp_path / "out" / "metrics.jsonl"
    while first.process.is_alive() and (not metrics.exists() or metrics.read_text().count("\n") < 3):
        time.sleep(0.005)
    assert second.process.pid is not None
    os.kill(second.process.pid, signal.SIGINT)
    code, errors = first.end()
    assert code == 128 + signal.SIGTERM
    assert "--resume" in errors
    assert second.end() == (128 + signal.SIGINT, "")
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == list(range(1, len(steps) + 1))
