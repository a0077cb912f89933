"""The closed form of the peak memory against what the allocator sees."""

from dataclasses import replace

import pytest
import torch

from codecnn.models.closed_forms import MakeOptimiser, OptimiserName, Precision
from codecnn.models.costs import measured_bytes, parameter_count
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.memory import (
    STATES,
    inference_bytes,
    largest_batch,
    measured_inference_bytes,
    measured_training_bytes,
    training_bytes,
)
from codecnn.models.rdn.network import Rdn
from codecnn.training.device import has_bf16
from codecnn.training.optimisers import make_optimiser
from codecnn.training.recipe import Optimiser

CPU = torch.device("cpu")
S = RdnConfig(channels=32, blocks=3, convolutions=6, growth=16)
CONFIGS = [
    S,
    replace(S, blocks=4, growth=24),
    RdnConfig(24, 4, 4, 12, head="6x6 by 2"),
    RdnConfig(16, 1, 6, 8, head="one 5x5", input="baseline"),
    RdnConfig(16, 3, 6, 8, margin=6),
    RdnConfig(16, 2, 2, 4),
]


def test_what_is_measured_is_the_peak() -> None:
    def work() -> None:
        held = torch.ones(1000, dtype=torch.float64)
        del held
        kept = torch.ones(500, dtype=torch.float64)
        assert len(torch.ones(700, dtype=torch.float64)) > len(kept)

    assert measured_bytes(work, CPU) == 8 * 1200


@pytest.mark.parametrize("config", CONFIGS)
def test_inference(config: RdnConfig) -> None:
    for batch, size in ((1, 128), (4, 64)):
        assert inference_bytes(config, batch, size) == pytest.approx(
            measured_inference_bytes(config, batch, size, CPU), rel=0.02
        )


# Without instructions for it PyTorch converts to float32 on the way, which takes more memory.
NEEDS_BF16 = pytest.mark.skipif(not has_bf16(CPU), reason="this processor has no bf16")


def by(name: OptimiserName) -> MakeOptimiser:
    return lambda network: make_optimiser(network, Optimiser(name))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("precision", [pytest.param("bf16", marks=NEEDS_BF16), "fp32"])
def test_training(config: RdnConfig, precision: Precision) -> None:
    for batch, patch in ((4, 64), (4, 96)):
        measured = measured_training_bytes(config, batch, patch, precision, CPU, by("muon"))
        assert training_bytes(config, batch, patch, precision) == pytest.approx(measured, rel=0.03)


@NEEDS_BF16
@pytest.mark.parametrize("config", [S, replace(S, blocks=4, growth=24), RdnConfig(12, 2, 4, 10)])
@pytest.mark.parametrize(("batch", "patch", "more"), [(4, 32, 0.1), (1, 64, 0.25)])
def test_training_on_few_features(config: RdnConfig, batch: int, patch: int, more: float) -> None:
    """The workspace of the convolutions comes on top, of no more than a share, which depends on the processor."""
    closed, measured = (
        training_bytes(config, batch, patch),
        measured_training_bytes(config, batch, patch, "bf16", CPU, by("muon")),
    )
    assert closed <= measured <= closed * (1 + more)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "muon"])
def test_optimisers(name: OptimiserName) -> None:
    model = Rdn(S)
    optimiser = make_optimiser(model, Optimiser(name))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    kept = [value for state in optimiser.state.values() for key, value in state.items() if key != "step"]
    as_adam = sum(p.numel() for key, p in model.named_parameters() if p.ndim == 1 or key == "last.weight")
    more = as_adam if name == "muon" else 0
    assert sum(tensor.numel() for tensor in kept) == STATES[name] * parameter_count(model) + more

    found, adams = (measured_training_bytes(S, 2, 64, "fp32", CPU, by(n)) for n in (name, "adam"))
    closed, closed_adams = (training_bytes(S, 2, 64, "fp32", n) for n in (name, "adam"))
    assert found - adams == pytest.approx(closed - closed_adams + 4 * more, abs=1000)


def test_the_largest_batch_fits_and_one_more_does_not() -> None:
    for need in (training_bytes, inference_bytes):
        for memory in (10**8, 2**30, need(S, 7, 64), need(S, 8, 64) - 1):
            batch = largest_batch(S, 64, memory, need)
            assert need(S, batch, 64) <= memory < need(S, batch + 1, 64)
    assert largest_batch(S, 64, training_bytes(S, 7, 64)) == 7
    assert largest_batch(S, 64, 1000) == 0
