"""Keep a moving average of a network's weights; the averaged weights are validated and saved."""

import copy
from typing import TypeVar

import torch

from codecnn.models.network import Network

N = TypeVar("N", bound=Network)


def average_of(network: N) -> N:
    """Return a copy of a network to hold the average; in evaluation mode and without gradients."""
    return copy.deepcopy(network).eval().requires_grad_(False)


@torch.no_grad()
def update(average: Network, network: Network, ema: float, step: int) -> None:
    """Move the average towards the network, by a decay that is smaller while there is little to average.

    The floating-point buffers, such as the statistics of batch norm, are averaged as well; others are copied.
    """
    decay = min(ema, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for mean, buffer in zip(average.buffers(), network.buffers(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(buffer, 1 - decay)
        else:
            mean.copy_(buffer)
