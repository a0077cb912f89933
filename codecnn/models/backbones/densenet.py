"""Define a densely connected network with bottlenecks and compression, DenseNet-BC.

Huang et al., "Densely connected convolutional networks", CVPR 2017.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codecnn.models.backbones.config import BackboneConfig, ranged
from codecnn.models.backbones.parts import Backbone
from codecnn.models.backbones.planes import PLANES


@dataclass(frozen=True)
class DenseNetConfig(BackboneConfig):
    """Hold the size of a DenseNet; ValueError if a field is out of its range.

    Args:
        width: features of the first convolution; twice the growth rate in the original.
        growth: features that a layer adds, the growth rate.
        depth: layers in a dense block.
        bottleneck: features between the 1x1 and the 3x3 convolution of a layer, in growth rates.
        compression: features after a transition between blocks, to those before it.
    """

    growth: int = ranged(4, 1, 512)
    depth: int = ranged(2, 1, 64)
    bottleneck: int = ranged(4, 1, 16)
    compression: float = ranged(0.5, 0.1, 1)


class DenseNet(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: DenseNetConfig

    def __init__(self, config: DenseNetConfig) -> None:
        layers: list[nn.Module] = [nn.Conv2d(PLANES, config.width, 3, 2, 1, bias=False)]
        count = config.width
        for block in range(config.size.bit_length() - 2):
            if block:
                kept = max(1, int(count * config.compression))
                layers += [_norm_relu_conv(count, kept, 1), nn.AvgPool2d(2)]
                count = kept
            for _ in range(config.depth):
                layers.append(Layer(count, config.growth, config.bottleneck))
                count += config.growth
        layers += [nn.BatchNorm2d(count), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        super().__init__(config, nn.Sequential(*layers), count)


class Layer(nn.Module):
    """Add new features to an image: (B, inputs, H, W) to (B, inputs + growth, H, W)."""

    def __init__(self, inputs: int, growth: int, bottleneck: int) -> None:
        super().__init__()
        within = bottleneck * growth
        self.new = nn.Sequential(_norm_relu_conv(inputs, within, 1), _norm_relu_conv(within, growth, 3))

    def forward(self, image: Tensor) -> Tensor:
        """Return old and new features."""
        return torch.cat((image, self.new(image)), 1)


def _norm_relu_conv(inputs: int, outputs: int, kernel: int) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), conv)
