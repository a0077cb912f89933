"""Define a network like EfficientNet: inverted bottlenecks, with depth and width that grow together.

Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019; its block is that of
Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018. The size of the image is given
here, so that only depth and width are scaled.
"""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from codecnn.models.backbones.config import StagedConfig, ranged
from codecnn.models.backbones.parts import Backbone, SqueezeExcitation, conv_norm
from codecnn.models.backbones.planes import PLANES

SQUEEZED = 4  # features of a block, to those that their means are squeezed into


@dataclass(frozen=True)
class EfficientNetConfig(StagedConfig):
    """Hold the size of an EfficientNet; ValueError if a field is out of its range.

    The default factors double the multiply-accumulates with the scale; docs/backbones.md says how they were found.

    Args:
        width: features of the first convolution and of the first stage, before scaling.
        widening: features of a stage as a multiple of those of the stage before.
        dropout: probability of dropout before the hidden layer; 0.2 in the original.
        depth: blocks in a stage after the first, which has one, before scaling.
        expansion: features within a block of the later stages, to those of its input.
        scale: compound coefficient: depth is multiplied by deepen^scale and rounded up, widths by broaden^scale.
        deepen: factor of the depth for a scale of 1.
        broaden: factor of the widths for a scale of 1.
    """

    depth: int = ranged(1, 1, 16)
    expansion: int = ranged(4, 1, 16)
    scale: float = ranged(0.0, 0, 4)
    deepen: float = ranged(1.0, 1, 2)
    broaden: float = ranged(1.57, 1, 2)

    @property
    def scaled_depth(self) -> int:
        """Return the blocks in a stage after the first."""
        return math.ceil(self.depth * math.pow(self.deepen, self.scale))

    @property
    def scaled_widths(self) -> list[int]:
        """Return the features of each stage."""
        return [round(width * math.pow(self.broaden, self.scale)) for width in self.widths]


class EfficientNet(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: EfficientNetConfig

    def __init__(self, config: EfficientNetConfig) -> None:
        inputs, *later = config.scaled_widths
        layers: list[nn.Module] = [conv_norm(PLANES, inputs, 3, stride=2), nn.SiLU(), MbConv(inputs, inputs, 1, 1)]
        for outputs in later:
            for number in range(config.scaled_depth):
                layers.append(MbConv(inputs, outputs, config.expansion, 1 if number else 2))
                inputs = outputs
        last = config.expansion * inputs
        layers += [conv_norm(inputs, last, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1)]
        super().__init__(config, nn.Sequential(*layers), last)


class MbConv(nn.Module):
    """Expand by 1x1, filter each feature by 3x3, weigh, and project by 1x1; add the input where the shape is the same.

    (B, inputs, H, W) to (B, outputs, H / stride, W / stride).
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        within = expansion * inputs
        layers: list[nn.Module] = [conv_norm(inputs, within, 1), nn.SiLU()] if expansion > 1 else []
        layers += [conv_norm(within, within, 3, stride, groups=within), nn.SiLU()]
        layers += [SqueezeExcitation(within, -(-inputs // SQUEEZED), nn.SiLU()), conv_norm(within, outputs, 1)]
        self.residual = nn.Sequential(*layers)
        self.adds = inputs == outputs and stride == 1

    def forward(self, image: Tensor) -> Tensor:
        """Return the image of the block."""
        residual: Tensor = self.residual(image)
        return image + residual if self.adds else residual
