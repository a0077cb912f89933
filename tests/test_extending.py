"""The code of docs/extending.md runs: a network, a loss, a codec, a map, a task and a report are added and used."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.reports.results_schema import read_results
from tests.small_data import write_dataset

ROOT = Path(__file__).parent.parent
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
USE = """
import pathlib, sys
import extended
from codecnn.dataset.reader import Shard
from data_tools.build_dataset import main as build_dataset
from experiments.reports.gain.command import main as report_gain
from experiments.reports.complexity.command import main as report_complexity
from experiments.train_filter import main as train_filter

data, out = map(pathlib.Path, sys.argv[1:])
small = ["--steps=30", "--batch=4", "--patch=24", "--precision=fp32", "--workers=0", "--holdout=0.25", "--log-every=10"]
small += ["--network=tiny", "--model.channels=4"]
assert train_filter([*small, "--data", str(data), "--out", str(out / "run")]) == 0
assert report_gain([str(out / "run"), "--data", str(data), "--out", str(out / "gain")]) == 0
assert report_complexity([str(out / "run"), "--out", str(out / "cost")]) == 0
extended.report_bits(data, out / "bits")
source = out / "grey_64x64.yuv"
source.write_bytes(bytes(range(96)) * 64)
assert build_dataset([str(source), "--codec=quantiser", "--out", str(out / "built"), "--qp", "22", "--no-labels"]) == 0
assert Shard(out / "built" / "grey_64x64_quantiser_qp22.h5").info.codec_version == "quantiser 1"
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a module with all code of the page."""
    folder = tmp_path_factory.mktemp("module")
    page = (ROOT / "docs" / "extending.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(code) == 7
    main = next(block for block in code if "__main__" in block)  # it ends the module
    (folder / "extended.py").write_text("\n".join([*(block for block in code if block is not main), main]))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


def environment(module: Path) -> dict[str, str]:
    return os.environ | ONE_THREAD | {"PYTHONPATH": f"{module}{os.pathsep}{ROOT}"}


def test_everything_else_that_is_added_is_used(module: Path, data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", USE, str(data), str(tmp_path)]
    subprocess.run(command, env=environment(module), check=True, timeout=300, stdout=subprocess.DEVNULL)
    gain = read_results(tmp_path / "gain")
    assert "kMAC/px, input baseline" in gain["about"]["network"]
    (cost,) = read_results(tmp_path / "cost")["tables"]["networks"]
    assert (cost["kmac"], cost["needs"], cost["kmac_measured"] > 0) == (None, [], True)
    assert (tmp_path / "bits" / "report.md").read_text().count("\n| ") == 9


OPTIONS = ["--steps=160", "--batch=6", "--precision=fp32", "--holdout=0.25", "--validate-every=40", "--log-every=5"]
OPTIONS += ["--optimiser.warmup=5", "--optimiser.lr=1e-3", "--checkpoint-every=20", "--workers=1", "--ema=0.9"]


def train(module: Path, data: Path, out: Path, *more: str, processes: int = 1) -> None:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"] if processes == 2 else []
    command = [sys.executable, *launch, "-m", "extended", "--data", str(data), "--out", str(out), *OPTIONS, *more]
    subprocess.run(command, env=environment(module), check=True, timeout=300, capture_output=True)


def state_of(out: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(out / "last.pt", weights_only=True)
    return state


def figures(out: Path) -> list[float]:
    rows = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [row["squared_error"] for row in rows if "squared_error" in row]


def test_a_block_task_with_batch_norm_learns_and_resumes_bit_for_bit(module: Path, data: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(module, data, whole)
    falls = figures(whole)
    assert len(falls) == 4
    assert falls[-1] < 0.8 * falls[0]
    command = [sys.executable, "-m", "extended", "--data", str(data), "--out", str(parts), *OPTIONS]
    process = subprocess.Popen(command, env=environment(module), stderr=subprocess.DEVNULL)
    metrics = parts / "metrics.jsonl"
    while process.poll() is None and (not metrics.exists() or metrics.read_text().count("\n") < 6):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    assert 30 <= state_of(parts)["progress"]["step"] < 160
    train(module, data, parts, "--resume")
    one, two = state_of(whole), state_of(parts)
    for part in ("model", "average"):
        assert "first.1.running_var" in one[part]
        assert all(torch.equal(one[part][name], two[part][name]) for name in one[part]), part
    assert figures(parts) == falls
    average, running = (one[part]["first.1.running_var"] for part in ("average", "model"))
    assert not torch.equal(average, torch.ones_like(average))  # the buffers are averaged as well
    assert not torch.equal(average, running)


def test_a_block_task_trains_in_two_processes(module: Path, data: Path, tmp_path: Path) -> None:
    train(module, data, tmp_path / "two", "--patience=1", processes=2)
    falls = figures(tmp_path / "two")
    assert len(falls) >= 2
    assert min(falls) < falls[0]
