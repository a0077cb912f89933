"""Define a residual network of bottleneck blocks with projected shortcuts.

He et al., "Deep residual learning for image recognition", CVPR 2016.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from codecnn.models.backbones.config import StagedConfig, ranged
from codecnn.models.backbones.parts import Backbone, SqueezeExcitation, conv_norm, conv_norm_relu
from codecnn.models.backbones.planes import PLANES

BOTTLENECK = 4  # features of a block, to those of the 3x3 convolution within


@dataclass(frozen=True)
class ResNetConfig(StagedConfig):
    """Hold size and form of a ResNet; ValueError if a field is out of its range.

    Args:
        width: features of the first convolution, and of the first stage.
        widening: features of a stage as a multiple of those of the stage before.
        depth: blocks in a stage.
        block: bottleneck, with 1x1, 3x3 and 1x1 convolutions, or basic, with two 3x3.
    """

    depth: int = ranged(1, 1, 64)
    block: Literal["bottleneck", "basic"] = "bottleneck"


class ResNet(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: ResNetConfig

    def __init__(self, config: ResNetConfig, reduction: int = 0) -> None:
        layers, inputs = [conv_norm_relu(PLANES, config.width, 3, stride=2)], config.width
        for stage, outputs in enumerate(config.widths):
            for number in range(config.depth):
                stride = 2 if stage and not number else 1
                layers.append(Block(inputs, outputs, stride, config.block == "bottleneck", reduction))
                inputs = outputs
        super().__init__(config, nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1)), inputs)


class Block(nn.Module):
    """Add what convolutions make from an image to the image; to its projection where the shape changes.

    reduction: of squeeze and excitation before the sum; 0 for none.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, bottleneck: bool, reduction: int) -> None:
        super().__init__()
        within = -(-outputs // BOTTLENECK) if bottleneck else outputs
        layers = [conv_norm_relu(inputs, within, 1)] if bottleneck else []
        layers.append(conv_norm_relu(inputs if not bottleneck else within, within, 3, stride))
        layers.append(conv_norm(within, outputs, 1 if bottleneck else 3))
        if reduction:
            layers.append(SqueezeExcitation(outputs, -(-outputs // reduction), nn.ReLU()))
        self.residual = nn.Sequential(*layers)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride)

    def forward(self, image: Tensor) -> Tensor:
        """Return the image of the block: (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        return nn.functional.relu(self.shortcut(image) + self.residual(image))
