"""Define a residual network whose blocks weigh their features: squeeze and excitation.

Hu et al., "Squeeze-and-excitation networks", CVPR 2018.
"""

from dataclasses import dataclass

from codecnn.models.backbones.config import ranged
from codecnn.models.backbones.resnet import ResNet, ResNetConfig


@dataclass(frozen=True)
class SeResNetConfig(ResNetConfig):
    """Hold size and form of an SeResNet; ValueError if a field is out of its range.

    Args:
        reduction: features of a block, to those that their means are squeezed into; 16 in the original.
    """

    reduction: int = ranged(4, 1, 1024)


class SeResNet(ResNet):
    """Rank modes: Blocks to logits (B, modes)."""

    config: SeResNetConfig

    def __init__(self, config: SeResNetConfig) -> None:
        super().__init__(config, config.reduction)
