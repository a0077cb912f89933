"""Define what every network has: a configuration, and groups of parameters."""

from typing import Any, NamedTuple, Self

import torch
from torch import nn


class ParameterGroups(NamedTuple):
    """Hold the parameters of a network in two groups that are trained differently."""

    hidden: list[nn.Parameter]
    output: list[nn.Parameter]  # of the last layer: its own learning rate, and never moved by orthogonal matrices


class Network(nn.Module):
    """Serve as the base of all networks of the registry.

    A network is made from its configuration only, a frozen dataclass with defaults. The argument of its `forward` is a
    NamedTuple, defined beside the task or the kind of network.
    """

    config: Any  # a frozen dataclass; a subclass names its type
    input_planes: tuple[str, ...] = ()  # of its first convolution, where networks of its family differ in them
    memory_format: torch.memory_format = torch.channels_last  # of the images that it makes from its input

    def merged(self) -> Self:
        """Return the network as it is used; one with parts that are for training only overrides this."""
        return self

    def parameter_groups(self) -> ParameterGroups:
        """Return all trained parameters; a network with a last layer that needs small steps overrides this."""
        return ParameterGroups(list(self.parameters()), [])
