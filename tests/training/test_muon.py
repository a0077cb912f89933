"""The optimiser, held against PyTorch's own: its Muon takes nothing but matrices, its Adam all the rest."""

from typing import Any

import pytest
import torch
from torch import nn

from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.training.muon import Muon, orthogonal
from codecnn.training.optimisers import make_optimiser
from codecnn.training.recipe import Optimiser


@pytest.mark.parametrize("shape", [(8, 100), (100, 8), (12, 12)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonal(matrix)
    assert found.shape == shape
    values = torch.linalg.svdvals(found)
    assert 0.3 < values.min() < values.max() < 1.3
    torch.testing.assert_close(
        found, u @ torch.diag(torch.diag(u.T @ found @ v.T)) @ v, rtol=0, atol=1e-4
    )  # same vectors
    assert not orthogonal(torch.zeros(shape)).any()


def test_kernels_and_others_are_moved_as_by_pytorch() -> None:
    generator = torch.Generator().manual_seed(7)
    kernel = torch.randn(6, 4, 3, 3, generator=generator)
    kernel = kernel.to(memory_format=torch.channels_last)
    bias, last = torch.randn(6, generator=generator), torch.randn(1, 6, 3, 3, generator=generator)
    ours = [nn.Parameter(p.clone()) for p in (kernel, bias, last)]
    theirs = [nn.Parameter(p.clone()) for p in (kernel.reshape(6, -1), bias, last)]
    groups: list[dict[str, Any]] = [{"params": ours[:2]}, {"params": ours[2:], "orthogonal": False}]
    optimiser = Muon(groups, lr=0.05)
    references = [
        torch.optim.Muon(theirs[:1], lr=0.05, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.Adam(theirs[1:], lr=0.05),
    ]
    for _ in range(5):
        for a, b in zip(ours, theirs, strict=True):
            gradient = torch.randn(a.shape, generator=generator)
            a.grad, b.grad = gradient, gradient.reshape(b.shape).clone()
        for each in (optimiser, *references):
            each.step()
    moved = [(p - start).flatten() for p, start in zip(theirs, (kernel.reshape(6, -1), bias, last), strict=True)]
    for a, start, move in zip(ours, (kernel, bias, last), moved, strict=True):
        error = (a - start).flatten() - move
        assert error.norm() < 0.02 * move.norm()  # PyTorch's iteration is in bfloat16
    torch.testing.assert_close(ours[1:], theirs[1:])


def test_weight_decay_closure_and_what_has_no_gradient() -> None:
    weight, other = nn.Parameter(torch.eye(3)), nn.Parameter(torch.ones(3))
    optimiser = Muon([weight, other], lr=0.1, weight_decay=1.0)

    def closure() -> float:
        weight.grad = torch.zeros(3, 3)
        return 4.0

    assert optimiser.step(closure) == 4.0
    assert torch.diag(weight).max() < 1  # towards zero by the decay alone
    assert torch.equal(other, torch.ones(3))


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_the_last_convolution_moves_by_its_share(name: str) -> None:
    torch.manual_seed(0)
    model = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimiser = make_optimiser(model, Optimiser(name, lr=1.0, last=0.01))  # type: ignore[arg-type]
    for group in optimiser.param_groups:
        group["lr"] = 0.5 * group["share"]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    for key, parameter in model.named_parameters():
        move = (parameter - before[key]).abs()
        if key.startswith("last."):
            torch.testing.assert_close(move, torch.full_like(move, 0.005))
        else:
            assert move.max() > 0.02
