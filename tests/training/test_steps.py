"""The steps of a training, against the same steps in plain PyTorch, in one process and in two."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from codecnn.dataset.reader import open_folder
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.in_loop_filter import Patches
from codecnn.training import average, loop
from codecnn.training.batches import Batches
from codecnn.training.data import split_by_source
from codecnn.training.optimisers import learning_rate
from experiments.train_filter import main
from tests.forked import ranks, start
from tests.training.runs import command, state_of

STEPS, LR, LAST, MOMENTUM, DECAY, WARMUP = 4, 0.05, 0.2, 0.5, 0.3, 2
OPTIONS = [f"--steps={STEPS}", "--batch=5", "--optimiser.name=sgd", f"--optimiser.lr={LR}", f"--optimiser.last={LAST}"]
OPTIONS += [f"--optimiser.momentum={MOMENTUM}", "--optimiser.schedule=constant", f"--optimiser.warmup={WARMUP}"]
OPTIONS += [f"--ema={DECAY}", "--loss=mse", "--seed=2"]
CLIP = 0.02  # below the norm of every gradient here


def by_hand(data: Path, clip: float) -> dict[str, dict[str, torch.Tensor]]:
    torch.manual_seed(2)
    network = Rdn(RdnConfig(channels=8, blocks=1, convolutions=3, growth=6))
    mean = copy.deepcopy(network)
    batches = Batches(Patches(split_by_source(open_folder(data), 0.25)[0], network.config, 24), 5, seed=2)
    names, parameters = zip(*network.named_parameters(), strict=True)
    moved = [torch.zeros_like(parameter) for parameter in parameters]
    for step in range(STEPS):
        batch = batches[step]
        error = (network(batch.windows)[:, 0] - batch.original / 255) * batch.valid
        gradients = torch.autograd.grad((error**2).sum() / batch.valid.sum(), parameters)
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        assert norm > 2 * CLIP
        decay = min(DECAY, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, parameter, before, gradient, kept in zip(
                names, parameters, moved, gradients, mean.parameters(), strict=True
            ):
                before.mul_(MOMENTUM).add_(gradient * (clip / norm if clip else 1))
                parameter -= LR * min(1, (step + 1) / WARMUP) * (LAST if name.startswith("last.") else 1) * before
                kept.copy_(decay * kept + (1 - decay) * parameter)
    return {"model": network.state_dict(), "average": mean.state_dict()}


def differing(data: Path, config: Path, out: Path, processes: int = 1, clip: float = 0.0) -> list[str]:
    """Which parts of the state after some steps are not those by hand."""
    arguments = command(config, data, out, *OPTIONS, f"--clip={clip}")
    if processes == 1:
        assert main(arguments) == 0
    else:
        started = [
            start(main, arguments, out.with_name(f"{out.name}_{number}"), environment)
            for number, environment in enumerate(ranks(processes))
        ]
        assert [one.end() for one in started] == [(0, "")] * processes
    state, expected = state_of(out), by_hand(data, clip)
    return [
        part
        for part, tensors in expected.items()
        if not all(torch.allclose(state[part][name], tensor, rtol=1e-4, atol=1e-6) for name, tensor in tensors.items())
    ]


@pytest.mark.parametrize(("processes", "clip"), [(1, 0.0), (1, CLIP), (2, 0.0), (2, CLIP)])
def test_the_steps_are_those_by_hand(data: Path, config: Path, tmp_path: Path, processes: int, clip: float) -> None:
    assert differing(data, config, tmp_path / "out", processes, clip) == []


update, backward = average.update, torch.autograd.backward
MUTANTS: dict[str, tuple[Any, str, Callable[..., Any], list[str]]] = {
    "decay": (average, "update", lambda a, n, ema, step: update(a, n, ema / 2, step), ["average"]),
    "no decay at the beginning": (average, "update", lambda a, n, ema, step: update(a, n, ema, 9), ["average"]),
    "twice the gradient": (torch.autograd, "backward", lambda loss: backward(2 * loss), ["model", "average"]),
    "half the gradient": (torch.autograd, "backward", lambda loss: backward(loss / 2), ["model", "average"]),
    "rate of the next step": (loop, "learning_rate", lambda c, i, n: learning_rate(c, i + 1, n), ["model", "average"]),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_other_steps_are_noticed(
    data: Path, config: Path, tmp_path: Path, mutant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, name, replacement, parts = MUTANTS[mutant]
    monkeypatch.setattr(where, name, replacement)
    assert differing(data, config, tmp_path / "out") == parts


def test_a_wrong_scale_in_two_processes_is_noticed(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.autograd, "backward", lambda loss: backward(loss / 2))  # as if DDP gave the sum
    assert differing(data, config, tmp_path / "out", processes=2) == ["model", "average"]
