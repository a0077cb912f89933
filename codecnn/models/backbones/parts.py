"""Define the parts that backbones share: input, convolutions, squeeze and excitation, dense head."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from codecnn.labels.mode_sets import count_of
from codecnn.models.backbones.config import BackboneConfig
from codecnn.models.backbones.planes import NUMBERS, input_planes
from codecnn.models.blocks import Blocks, ModeNetwork
from codecnn.models.network import ParameterGroups


class Backbone(ModeNetwork):
    """Serve as the base of backbones: features of the input planes, and a dense head.

    A backbone makes its features, and says how many they are.
    """

    config: BackboneConfig

    def __init__(self, config: BackboneConfig, features: nn.Module, count: int, layers: int = 1) -> None:
        super().__init__()
        self.config = config
        self.features = features  # (B, PLANES, N, N) to (B, count), or to an image with as many values
        self.head = Head(config, count, layers)
        self.apply(initialise)

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layer apart."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("head.last.")]
        return ParameterGroups(hidden, list(self.head.last.parameters()))

    def forward(self, blocks: Blocks[Tensor]) -> Tensor:
        """Return logits (B, modes) of blocks."""
        planes, side = input_planes(blocks)
        logits: Tensor = self.head(self.features(planes), side)
        return logits


class Head(nn.Module):
    """Make logits (B, modes) from features and the numbers beside the planes (B, NUMBERS), by dense layers."""

    def __init__(self, config: BackboneConfig, count: int, layers: int) -> None:
        super().__init__()
        sizes = [count + NUMBERS, *[config.hidden] * layers]
        dense = [(nn.Dropout(config.dropout), nn.Linear(*ends), nn.ReLU()) for ends in pairwise(sizes)]
        self.hidden = nn.Sequential(*(layer for three in dense for layer in three))
        self.last = nn.Linear(config.hidden, count_of(config.modes))

    def forward(self, features: Tensor, side: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.last(self.hidden(torch.cat((features.flatten(1), side), 1)))
        return logits


def initialise(module: nn.Module) -> None:
    """Set weights at random so that ReLU layers keep the variance of what they are given, and biases to 0.

    He et al., "Delving deep into rectifiers", ICCV 2015.
    """
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Module:
    """Return a convolution, padded so that only the stride changes the size of the image, and batch norm."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def conv_norm_relu(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    """Return a padded convolution, batch norm and ReLU."""
    return nn.Sequential(conv_norm(inputs, outputs, kernel, stride), nn.ReLU())


class SqueezeExcitation(nn.Module):
    """Weigh the features of an image by a function of their means.

    Hu et al., "Squeeze-and-excitation networks", CVPR 2018.
    """

    def __init__(self, count: int, squeezed: int, activation: nn.Module) -> None:
        super().__init__()
        layers = nn.Linear(count, squeezed), activation, nn.Linear(squeezed, count), nn.Sigmoid()
        self.weights = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """Return the weighted image, (B, count, H, W)."""
        weighted: Tensor = image * self.weights(image.mean((2, 3)))[..., None, None]
        return weighted
