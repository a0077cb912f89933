"""Small trainings: their configuration, and what they leave behind."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from codecnn.models.network import Network
from codecnn.models.weights import read_weights
from experiments.train_filter import main
from tests.forked import Forked

CONFIG = """
model: {channels: 8, blocks: 1, convolutions: 3, growth: 6}
optimiser: {lr: 3.0e-3, warmup: 5}
batch: 6
patch: 24
precision: fp32
steps: 30
log_every: 1
validate_every: 15
validate_frames: 1
checkpoint_every: 10
workers: 0
holdout: 0.25
"""


def command(config: Path, data: Path, out: Path, *more: str) -> list[str]:
    return [str(config), "--data", str(data), "--out", str(out), *more]


def wait_for_lines(run: Forked, metrics: Path, count: int) -> None:
    while run.process.is_alive() and (not metrics.exists() or metrics.read_text().count("\n") < count):
        time.sleep(0.005)


def rows(out: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without the times."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "samples_per_s", "waiting")} for line in lines]


def state_of(out: Path) -> dict[str, Any]:
    """What last.pt holds."""
    state: dict[str, Any] = torch.load(out / "last.pt", weights_only=True)
    return state


def assert_same_run(one: Path, other: Path) -> None:
    assert rows(one) == rows(other)
    for name in ("best.safetensors", "last.safetensors"):
        (model, _, notes), (twin, _, twin_notes) = read_weights(one / name), read_weights(other / name)
        assert isinstance(model, Network)
        assert isinstance(twin, Network)
        for its in (notes, twin_notes):
            assert its.pop("seconds") > 0
        assert notes == twin_notes
        tensors = model.state_dict()
        assert all(torch.equal(tensors[key], tensor) for key, tensor in twin.state_dict().items())
    state, twin_state = state_of(one), state_of(other)
    assert all(torch.equal(state["model"][name], twin_state["model"][name]) for name in state["model"])


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says before it ends with exit code 2."""
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error
