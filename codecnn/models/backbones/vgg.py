"""Define a network like VGG: pairs of 3x3 convolutions, pooling, two dense layers.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015; batch norm is
added.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from codecnn.models.backbones.config import StagedConfig
from codecnn.models.backbones.parts import Backbone, conv_norm_relu
from codecnn.models.backbones.planes import PLANES


@dataclass(frozen=True)
class VggConfig(StagedConfig):
    """Hold the size of a Vgg; ValueError if a field is out of its range.

    Args:
        width: features of the first pair of convolutions.
        hidden: features of both hidden layers in the dense head.
        dropout: probability of dropout before the hidden layers; 0.5 in the original.
        widening: features of a pair as a multiple of those of the pair before.
    """


class Vgg(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: VggConfig

    def __init__(self, config: VggConfig) -> None:
        stages = [_pair(*ends) for ends in pairwise((PLANES, *config.widths))]
        super().__init__(config, nn.Sequential(*stages), 4 * config.widths[-1], layers=2)


def _pair(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(conv_norm_relu(inputs, outputs, 3), conv_norm_relu(outputs, outputs, 3), nn.MaxPool2d(2))
