"""Define a network of inception modules: parallel convolutions of several sizes behind 1x1 bottlenecks.

Szegedy et al., "Going deeper with convolutions", CVPR 2015, with batch norm as in Ioffe and Szegedy, ICML 2015.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from codecnn.models.backbones.config import StagedConfig, ranged
from codecnn.models.backbones.parts import Backbone, conv_norm_relu
from codecnn.models.backbones.planes import PLANES


@dataclass(frozen=True)
class InceptionConfig(StagedConfig):
    """Hold the size of an Inception; ValueError if a field is out of its range.

    Args:
        width: features of the first convolution.
        widening: features of a module as a multiple of those of the module before.
        dropout: probability of dropout before the hidden layer; 0.4 in the original.
        bottlenecks: 1x1 convolutions before the larger ones.
    """

    width: int = ranged(8, 4, 1024)
    bottlenecks: bool = True


class Inception(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: InceptionConfig

    def __init__(self, config: InceptionConfig) -> None:
        first, *others = config.widths
        layers: list[nn.Module] = [conv_norm_relu(PLANES, first, 3, stride=2)]
        layers.append(Branches(first, first, config.bottlenecks))
        for ends in pairwise((first, *others)):
            layers += [nn.MaxPool2d(2), Branches(*ends, config.bottlenecks)]
        super().__init__(config, nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1)), config.widths[-1])


class Branches(nn.Module):
    """Join 1x1, 3x3 and 5x5 convolutions and a pooling: (B, inputs, H, W) to (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, bottlenecks: bool) -> None:
        super().__init__()
        five = pool = -(-outputs // 8)
        one = -(-outputs // 4)
        three = outputs - one - five - pool
        self.branches = nn.ModuleList(
            [
                conv_norm_relu(inputs, one, 1),
                _convolution(inputs, three, 3, -(-inputs // 2) if bottlenecks else 0),
                _convolution(inputs, five, 5, -(-inputs // 6) if bottlenecks else 0),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_norm_relu(inputs, pool, 1)),
            ]
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the joined features."""
        return torch.cat([branch(image) for branch in self.branches], 1)


def _convolution(inputs: int, outputs: int, kernel: int, bottleneck: int) -> nn.Module:
    if not bottleneck:
        return conv_norm_relu(inputs, outputs, kernel)
    return nn.Sequential(conv_norm_relu(inputs, bottleneck, 1), conv_norm_relu(bottleneck, outputs, kernel))
