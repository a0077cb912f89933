"""How every command ends when it is interrupted, or memory is too little."""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import numpy as np
import pytest
import torch

from codecnn.models.weights import find_weights
from command_line.parser import run_command
from data_tools import build_dataset
from experiments import quantise_filter as quantise
from experiments import refit_basis, train_filter, training_command
from experiments.export import onnx_graph as export_onnx
from experiments.reports.codecs import command as report_codecs
from experiments.reports.complexity import command as report_complexity
from experiments.reports.decisions import command as report_decisions
from experiments.reports.gain import command as report
from experiments.reports.labels import command as report_labels
from experiments.reports.training import command as report_training
from experiments.reports.where import command as report_where
from experiments.studies import ablate_network as ablate
from experiments.studies import compare_backbones
from experiments.studies import compare_labels as compare
from experiments.studies import sweep_network as sweep

GOLDEN = Path(__file__).parent / "golden"
COMMANDS = pytest.mark.parametrize(
    ("command", "name", "arguments"),
    [
        (export_onnx, "export-onnx", ["rdn_s"]),
        (quantise, "quantise-filter", ["rdn_s", "--data", "data"]),
        (refit_basis, "refit-basis", ["rdn_s", "--data", "data"]),
        (report, "report-gain", ["rdn_s", "--data", "data"]),
        (report_codecs, "report-codecs", ["data"]),
        (report_complexity, "report-complexity", ["rdn_s"]),
        (report_decisions, "report-decisions", ["clip.yuv"]),
        (report_labels, "report-labels", ["data"]),
        (report_training, "report-training", ["run"]),
        (report_where, "report-where", ["rdn_s", "--data", "data"]),
    ],
)


@COMMANDS
def test_an_interruption_is_one_line_and_exit_code_130(
    command: ModuleType,
    name: str,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run", interrupted)
    assert command.main([*arguments, "--out", "out"]) == 130
    assert capsys.readouterr().err == f"{name}: interrupted\n"


def refused(command: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        code = command.main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@COMMANDS
def test_an_empty_path_is_refused(
    command: ModuleType, name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It would be the current folder."""
    assert refused(command, [*arguments, "--out", ""], capsys) == f"{name}: argument --out: the path is empty\n"
    for place, word in enumerate(arguments):
        if not word.startswith("--"):
            emptied = [*arguments[:place], "", *arguments[place + 1 :], "--out", "out"]
            assert "empty" in refused(command, emptied, capsys)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (build_dataset, ["a.png"]),
        (train_filter, ["demo", "--data", "data"]),
        (ablate, ["study.yaml", "--data", "data"]),
        (compare, ["study.yaml", "--data", "data", "--test", "test"]),
        (compare_backbones, ["study.yaml", "--data", "data"]),
        (sweep, ["study.yaml", "--data", "data", "--trials", "1"]),
    ],
)
def test_an_empty_folder_to_write_is_refused(
    command: ModuleType, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "argument --out: the path is empty" in refused(command, [*arguments, "--out", ""], capsys)


@pytest.mark.parametrize(("command", "arguments"), [(export_onnx, ["rdn_s"]), (quantise, ["rdn_s", "--data", "data"])])
@pytest.mark.parametrize("folder", [".", "..", "/"])
def test_a_folder_is_no_file_to_write(
    command: ModuleType, arguments: list[str], folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(command, [*arguments, "--out", folder], capsys)
    assert error.endswith(f"argument --out: {folder} is a folder, not a file to write\n")


@pytest.mark.parametrize(("command", "more"), [(export_onnx, []), (quantise, ["--data"]), (refit_basis, ["--data"])])
def test_what_is_read_is_not_written_over(
    command: ModuleType, more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, shard = tmp_path / "a.safetensors", tmp_path / "b.h5"
    before = {file: find_weights("rdn_xs").read_bytes(), shard: (GOLDEN / "schema_3.h5").read_bytes()}
    for path, content in before.items():
        path.write_bytes(content)
    for path in before if more else [file]:
        assert command.main([str(file), *more, *[str(tmp_path)][: len(more)], "--out", str(path)]) == 2
        assert capsys.readouterr().err.endswith(f": {path}: would be written over while it is read\n")
    assert all(path.read_bytes() == content for path, content in before.items())


def of_numpy(_: object) -> None:
    np.empty(1 << 60, np.uint8)


def of_pytorch(_: object) -> None:
    torch.empty(1 << 60, dtype=torch.uint8)


def of_python(_: object) -> None:
    bytes(1 << 60)


def of_a_gpu(_: object) -> None:
    raise torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 1.00 GiB"
    )


def of_a_worker(_: object) -> None:
    """As PyTorch raises it again, with the worker's traceback."""
    raise MemoryError("Caught MemoryError in DataLoader worker process 0.\nTraceback:\n  File\nMemoryError: no page")


@pytest.mark.parametrize(
    ("lack", "said"),
    [
        (of_numpy, ": Unable to allocate 1.00 EiB"),
        (of_pytorch, "can't allocate memory: you tried to allocate 1152921504606846976 bytes"),
        (of_python, "too little memory\n"),
        (of_a_gpu, ": CUDA out of memory. Tried to allocate 2.00 GiB."),
        (of_a_worker, ": MemoryError: no page\n"),
    ],
)
def test_too_little_memory_is_one_line_and_exit_code_2(
    lack: Callable[[object], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("report-gain", lack, argparse.Namespace()) == 2
    error = capsys.readouterr().err
    assert error.startswith("report-gain: too little memory")
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "more"),
    [(ablate, []), (compare, ["--test", "test"]), (compare_backbones, []), (sweep, ["--trials", "1"])],
)
def test_too_little_memory_for_a_study(
    command: ModuleType, more: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = command.__name__.rpartition(".")[2].replace("_", "-")
    monkeypatch.setattr(command, name.partition("-")[0], lambda *_: of_pytorch(None))
    assert command.main(["study.yaml", "--data", "data", "--out", "out", *more]) == 2
    assert capsys.readouterr().err.startswith(f"{name}: too little memory: ")


def test_too_little_memory_for_a_training(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(training_command, "train", lambda *_: of_pytorch(None))
    assert train_filter.main(["demo", "--precision=fp32", "--data", "data", "--out", "out"]) == 2
    assert capsys.readouterr().err.startswith("train-filter: too little memory: ")


def test_other_errors_of_pytorch_are_no_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="must match"):
        run_command("report-gain", lambda _: print(torch.zeros(2) + torch.zeros(3)), argparse.Namespace())


def test_names_that_the_output_cannot_encode_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, "ascii", write_through=True))
    assert run_command("x", lambda args: print("日本"), argparse.Namespace()) == 0
    assert output.getvalue() == b"\\u65e5\\u672c\n"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [(report_codecs, ["data"]), (quantise, ["rdn_s", "--data", "data"]), (ablate, ["study.yaml", "--data", "data"])],
)
def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_read(
    command: ModuleType, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other arguments name nothing that exists either."""
    file = tmp_path / "file"
    file.touch()
    for place, reason in ((file / "x" / "y", f"{file} is not a folder"), (tmp_path / ("a" * 300) / "y", "too long")):
        error = refused(command, [*arguments, "--out", str(place)], capsys)
        assert "argument --out: " in error
        assert error.endswith(f"{reason}\n")
