"""Define a network like AlexNet: large kernels with a stride first, overlapping pooling, two dense layers.

Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", NIPS 2012. Batch norm is in the
place of its normalisation over channels, and the kernels are smaller, as the images are.
"""

from dataclasses import dataclass

from torch import nn

from codecnn.models.backbones.config import BackboneConfig
from codecnn.models.backbones.parts import Backbone, conv_norm_relu
from codecnn.models.backbones.planes import PLANES

RATIOS = (1, 2.5, 4, 4, 2.5)  # features of its five convolutions; 96, 256, 384, 384 and 256 in the original


@dataclass(frozen=True)
class AlexNetConfig(BackboneConfig):
    """Hold the size of an AlexNet; ValueError if a field is out of its range.

    Args:
        width: features of the first convolution; the others have 2.5, 4, 4 and 2.5 times as many.
        hidden: features of both hidden layers in the dense head.
        dropout: probability of dropout before the hidden layers; 0.5 in the original.
    """


class AlexNet(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: AlexNetConfig

    def __init__(self, config: AlexNetConfig) -> None:
        a, b, c, d, e = (round(config.width * ratio) for ratio in RATIOS)
        side, pools = config.size // 2, []
        for _ in range(3):
            pools.append(nn.MaxPool2d(3, 2, 1) if side > 1 else nn.Identity())
            side = -(-side // 2)
        features = nn.Sequential(
            conv_norm_relu(PLANES, a, 5, stride=2),  # (B, a, N / 2, N / 2)
            pools[0],
            conv_norm_relu(a, b, 5),  # (B, b, N / 4, N / 4)
            pools[1],
            conv_norm_relu(b, c, 3),  # (B, c, N / 8, N / 8)
            conv_norm_relu(c, d, 3),
            conv_norm_relu(d, e, 3),
            pools[2],  # (B, e, N / 16, N / 16), or 1x1
        )
        super().__init__(config, features, e * side**2, layers=2)
