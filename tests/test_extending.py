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

from tests.forked import Forked, start
from tests.reports.results_schema import read_results

ROOT = Path(__file__).parent.parent
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
USE = """
import pathlib
import extended
from codecnn.dataset.reader import Shard
from data_tools.build_dataset import main as build_dataset
from experiments.reports.gain.command import main as report_gain
from experiments.reports.complexity.command import main as report_complexity
from experiments.train_filter import main as train_filter

data, out = map(pathlib.Path, arguments)
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
    assert len(code) == 8
    assert max(sum(map(bool, block.splitlines())) for block in code) < 40  # lines that are not empty
    main = next(block for block in code if "__main__" in block)  # it ends the module
    (folder / "extended.py").write_text("\n".join([*(block for block in code if block is not main), main]))
    return folder


def begin(module: Path, code: str, arguments: list[str], errors: Path) -> Forked:
    """Run code in a process of its own, where the module can be imported: it adds to registers."""

    def run(arguments: list[str]) -> int:
        sys.path.insert(0, str(module))
        names: dict[str, Any] = {"arguments": arguments, "code": 0}
        exec(code, names)
        return int(names["code"])

    return start(run, arguments, errors)


def test_everything_else_that_is_added_is_used(module: Path, data: Path, tmp_path: Path) -> None:
    code, errors = begin(module, USE, [str(data), str(tmp_path)], tmp_path / "errors").end()
    assert code == 0, errors
    gain = read_results(tmp_path / "gain")
    assert "kMAC/px, input baseline" in gain["about"]["network"]
    (cost,) = read_results(tmp_path / "cost")["tables"]["networks"]
    assert (cost["kmac"], cost["needs"], cost["kmac_measured"] > 0) == (None, [], True)
    assert (tmp_path / "bits" / "report.md").read_text().count("\n| ") == 9


OPTIONS = ["--steps=80", "--batch=6", "--precision=fp32", "--holdout=0.25", "--validate-every=20", "--log-every=5"]
OPTIONS += ["--optimiser.warmup=5", "--optimiser.lr=1e-3", "--checkpoint-every=10", "--workers=1", "--ema=0.9"]


TRAIN = "import extended; code = extended.main(arguments)"


def options(data: Path, out: Path, *more: str) -> list[str]:
    return ["--data", str(data), "--out", str(out), *OPTIONS, *more]


def state_of(out: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(out / "last.pt", weights_only=True)
    return state


def figures(out: Path) -> list[float]:
    rows = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [row["squared_error"] for row in rows if "squared_error" in row]


def test_a_block_task_with_batch_norm_learns_and_resumes_bit_for_bit(module: Path, data: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert begin(module, TRAIN, options(data, whole), tmp_path / "errors").end() == (0, "")
    falls = figures(whole)
    assert len(falls) == 4
    assert falls[-1] < 0.8 * falls[0]
    begun = begin(module, TRAIN, options(data, parts), tmp_path / "errors")
    metrics = parts / "metrics.jsonl"
    while begun.process.is_alive() and (not metrics.exists() or metrics.read_text().count("\n") < 3):
        time.sleep(0.005)
    begun.process.terminate()
    assert begun.end()[0] == 128 + signal.SIGTERM
    assert 15 <= state_of(parts)["progress"]["step"] < 80
    assert begin(module, TRAIN, options(data, parts, "--resume"), tmp_path / "errors").end() == (0, "")
    one, two = state_of(whole), state_of(parts)
    for part in ("model", "average"):
        assert "first.1.running_var" in one[part]
        assert all(torch.equal(one[part][name], two[part][name]) for name in one[part]), part
    assert figures(parts) == falls
    average, running = (one[part]["first.1.running_var"] for part in ("average", "model"))
    assert not torch.equal(average, torch.ones_like(average))  # the buffers are averaged as well
    assert not torch.equal(average, running)


def test_a_block_task_trains_in_two_processes(module: Path, data: Path, tmp_path: Path) -> None:
    """By torchrun itself, which is tried here only."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "extended"]
    environment = os.environ | ONE_THREAD | {"PYTHONPATH": f"{module}{os.pathsep}{ROOT}"}
    command = [*launch, *options(data, tmp_path / "two", "--patience=1")]
    subprocess.run(command, env=environment, check=True, timeout=300, capture_output=True)
    falls = figures(tmp_path / "two")
    assert len(falls) >= 2
    assert min(falls) < falls[0]
