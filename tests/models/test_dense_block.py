"""The backward pass of a dense block against autograd's own."""

import pytest
import torch

from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import DenseBlock


def gradients(block: DenseBlock, x: torch.Tensor) -> list[torch.Tensor]:
    x = x.detach().clone().requires_grad_()
    output = block(x)
    weights = torch.sin(torch.arange(output.numel(), dtype=output.dtype)).reshape(output.shape)
    return [output.detach(), *torch.autograd.grad((output * weights).sum(), [x, *block.parameters()])]


@pytest.mark.parametrize("config", [RdnConfig(6, 1, 4, 5), RdnConfig(3, 1, 2, 4, inner_residual=False)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_are_autograds(config: RdnConfig, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    block = DenseBlock(config).double().to(memory_format=layout)  # type: ignore[call-overload]
    x = torch.randn(2, config.channels, 7, 9, dtype=torch.float64).to(memory_format=layout)
    for own, autograds in zip(gradients(block.train(), x), gradients(block.eval(), x), strict=True):
        torch.testing.assert_close(own, autograds)


def test_under_autocast_it_is_as_near_as_autograd() -> None:
    torch.manual_seed(0)
    block = DenseBlock(RdnConfig(16, 1, 5, 16))
    x = torch.randn(2, 16, 24, 24)
    exact = gradients(block.eval(), x)
    with torch.autocast("cpu", torch.bfloat16):
        own, autograds = gradients(block.train(), x), gradients(block.eval(), x)
    assert torch.equal(own[0], autograds[0])
    for one, other, true in zip(own, autograds, exact, strict=True):
        assert one.dtype == other.dtype
        assert (one - true).norm() < 1.1 * (other - true).norm() + 1e-3 * true.norm()


def test_it_keeps_only_what_is_linear_in_the_convolutions() -> None:
    """The last concatenation and what was added to it, where autograd keeps every concatenation."""
    kept: list[int] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    config = RdnConfig(8, 1, 6, 8)
    block, x = DenseBlock(config), torch.randn(1, 8, 16, 16)
    weights = sum(c.weight.numel() for c in block.modules() if isinstance(c, torch.nn.Conv2d))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        block(x)
    assert sum(kept) == (8 + 5 * 8 + 5 * 8) * 256 + weights


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_backward_pass_has_the_precision_of_the_forward_pass(precision: torch.dtype) -> None:
    torch.manual_seed(0)
    block, x = DenseBlock(RdnConfig(16, 1, 5, 16)), torch.randn(2, 16, 24, 24)

    def found(autocast_backward: bool) -> tuple[torch.Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            loss = block(x).square().sum()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast_backward):
            return torch.autograd.grad(loss, [*block.parameters()])

    for inside, outside in zip(found(True), found(False), strict=True):
        assert torch.equal(inside, outside)


def test_second_derivatives_are_refused() -> None:
    block, x = DenseBlock(RdnConfig(6, 1, 4, 5)).double(), torch.randn(1, 6, 7, 9, dtype=torch.float64)
    for loss in (block(x.requires_grad_()).square().sum(), block(x).sum()):
        with pytest.raises(RuntimeError, match="cannot be differentiated"):
            torch.autograd.grad(loss, x, create_graph=True)
