"""Compute the convolutions of a dense block, with a backward pass written by hand.

Autograd keeps every concatenation and works on slices of their gradients. These slices have few channels, so vector
instructions are badly used. The gradient of a dense block is again a dense block, run from the last convolution to the
first. Computed in this way it needs no slices, and only the last concatenation is kept.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def dense_block(x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Tensor:
    """Return the fused features (B, C, H, W) of a block's input (B, C, H, W), without the inner residual.

    weights: (g, C + i g, 3, 3) for the convolutions i = 0 .. L - 1, then (C, C + L g, 1, 1) for the fusing convolution.
    biases: one for each of the weights. Under autocast both passes are computed in the precision of autocast.
    RuntimeError if the gradients are to be differentiated again (create_graph).
    """
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        precision = torch.get_autocast_dtype(kind)
        x, weights, biases = x.to(precision), [w.to(precision) for w in weights], [b.to(precision) for b in biases]
    fused: Tensor = _DenseBlock.apply(x, len(weights), *weights, *biases)  # type: ignore[no-untyped-call]
    return fused


class _DenseBlock(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, count: int, *parameters: Tensor) -> Tensor:  # noqa: ANN401
        weights, biases = parameters[:count], parameters[count:]
        features, grown = x, []
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            grown.append(F.conv2d(features, weight, bias, padding=1).relu_())
            features = torch.cat((features, grown[-1]), 1)  # (B, C + i g, H, W)
        ctx.save_for_backward(features, *grown, *weights)
        return F.conv2d(features, weights[-1], biases[-1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        if torch.is_grad_enabled():  # set by create_graph; once_differentiable does not notice every such use
            raise RuntimeError("the gradients of a dense block cannot be differentiated")
        with torch.autocast(gradient.device.type, enabled=False):  # keeps the precision of the forward pass
            return _gradients(gradient, *ctx.saved_tensors)


def _gradients(gradient: Tensor, features: Tensor, *saved: Tensor) -> tuple[Tensor | None, ...]:
    """Return the gradients of the arguments of `forward`; None for `count`.

    gradient: of the result of `forward`. features, saved: the tensors that `forward` saved.
    """
    layers = len(saved) // 2
    grown, weights, fuse = saved[:layers], saved[layers:-1], saved[-1]
    growth, channels = weights[0].shape[:2]
    starts = [channels + i * growth for i in range(layers)]

    def before_relu(i: int, later: Tensor | None) -> Tensor:
        """Return the gradient of the output of convolution i before its ReLU, or the gradient of x for i = -1.

        later: the gradients of the convolutions i + 1 .. L - 1, the last one first.
        """
        part = slice(starts[i], starts[i] + growth) if i >= 0 else slice(channels)
        own = F.conv2d(gradient, _back([fuse], part))
        if later is not None:
            own += F.conv2d(later, _back(weights[i + 1 :], part), padding=1)
        return torch.ops.aten.threshold_backward(own, grown[i], 0) if i >= 0 else own

    later = before_relu(layers - 1, None)
    for i in reversed(range(layers - 1)):
        later = torch.cat((later, before_relu(i, later)), 1)  # (B, (L - i) g, H, W)

    of_weights, of_biases = _weight_gradients(later, features, 3)  # as if every convolution had all features as input
    each = zip(starts, reversed(torch.split(of_weights, growth)), strict=True)
    of_fuse, of_fuse_bias = _weight_gradients(gradient, features, 1)
    return (
        before_relu(-1, later),
        None,
        *(of_weight[:, :start] for start, of_weight in each),
        of_fuse,
        *reversed(torch.split(of_biases, growth)),
        of_fuse_bias,
    )


def _back(weights: Sequence[Tensor], part: slice) -> Tensor:
    """Return the kernel from the outputs of convolutions, the last one first, back to a part of their inputs."""
    return torch.cat([weight[:, part].flip(2, 3) for weight in reversed(weights)]).transpose(0, 1)


def _weight_gradients(gradient: Tensor, features: Tensor, kernel: int) -> tuple[Tensor, Tensor]:
    """Return the gradients of the weight and the bias of a convolution that keeps height and width."""
    weight = features.new_empty((gradient.shape[1], features.shape[1], kernel, kernel))
    pads = [kernel // 2] * 2
    _, of_weight, of_bias = torch.ops.aten.convolution_backward(
        gradient, features, weight, [len(weight)], [1, 1], pads, [1, 1], False, [0, 0], 1, [False, True, True]
    )
    return of_weight, of_bias
