"""Define a network that is given its input again, smaller, at every stage.

Each idea is of another paper: the downscaled input at every stage (Mehta et al., "ESPNetv2", CVPR 2019), parallel
convolutions of several dilations (Chen et al., "Rethinking atrous convolution for semantic image segmentation", 2017),
in groups (Xie et al., "Aggregated residual transformations for deep neural networks", CVPR 2017), features that are
cheap functions of others (Han et al., "GhostNet", CVPR 2020), a global context (Cao et al., "GCNet", ICCV workshops
2019), and stacked 1x1 convolutions at the end (Lin et al., "Network in network", ICLR 2014).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.models.backbones.config import StagedConfig, ranged
from codecnn.models.backbones.parts import Backbone, conv_norm, conv_norm_relu
from codecnn.models.backbones.planes import PLANES

DILATIONS = (1, 2)  # of the parallel streams
REDUCTION = 4  # features, to those that a global context is squeezed into


@dataclass(frozen=True)
class ReinjectionConfig(StagedConfig):
    """Hold the size of a Reinjection; ValueError if a field is out of its range.

    Args:
        width: features of the first convolution, and of the first stage.
        widening: features of a stage as a multiple of those of the stage before.
        groups: of the convolutions in the parallel streams; fewer where the features cannot be divided by them.
        tail: stacked 1x1 convolutions at the end.
    """

    width: int = ranged(8, 2, 1024)
    groups: int = ranged(2, 1, 64)
    tail: int = ranged(2, 1, 16)


class Reinjection(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: ReinjectionConfig

    def __init__(self, config: ReinjectionConfig) -> None:
        super().__init__(config, Stages(config), config.widths[-1])


class Stages(nn.Module):
    """Make features by stages, each at half the side of the one before: (B, PLANES, N, N) to (B, features)."""

    def __init__(self, config: ReinjectionConfig) -> None:
        super().__init__()
        before = [config.width, *config.widths[:-1]]
        self.stem = conv_norm_relu(PLANES, config.width, 3, stride=2)
        self.stages = nn.ModuleList(
            Stage(PLANES + inputs, outputs, config.groups)
            for inputs, outputs in zip(before, config.widths, strict=True)
        )
        last = config.widths[-1]
        self.tail = nn.Sequential(*(conv_norm_relu(last, last, 1) for _ in range(config.tail)))

    def forward(self, planes: Tensor) -> Tensor:
        """Return the features."""
        image = self.stem(planes)  # (B, width, N / 2, N / 2)
        for stage in self.stages:
            planes = F.avg_pool2d(planes, 2)
            pooled = F.adaptive_avg_pool2d(image, planes.shape[-1])  # the first is as large already
            image = stage(torch.cat((planes, pooled), 1))
        features: Tensor = self.tail(image).mean((2, 3))
        return features


class Stage(nn.Module):
    """Make features by parallel streams, double them by ghosts, and add the global context: (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        half = -(-outputs // 2)
        self.ghosted = outputs - half
        groups = max(g for g in range(1, groups + 1) if half % g == 0)
        self.reduce = conv_norm_relu(inputs, half, 1)
        self.streams = nn.ModuleList(conv_norm(half, half, 3, groups=groups, dilation=each) for each in DILATIONS)
        self.ghosts = nn.Sequential(conv_norm(self.ghosted, self.ghosted, 3, groups=self.ghosted), nn.ReLU())
        self.context = GlobalContext(outputs)

    def forward(self, image: Tensor) -> Tensor:
        """Return the features."""
        reduced = self.reduce(image)
        features = F.relu(torch.stack([stream(reduced) for stream in self.streams]).sum(0) + reduced)
        joined: Tensor = self.context(torch.cat((features, self.ghosts(features[:, : self.ghosted])), 1))
        return joined


class GlobalContext(nn.Module):
    """Add a function of a weighted mean over the image to every place of it: (B, count, H, W) to the same."""

    def __init__(self, count: int) -> None:
        super().__init__()
        squeezed = -(-count // REDUCTION)
        self.weights = nn.Conv2d(count, 1, 1)
        self.change = nn.Sequential(
            nn.Linear(count, squeezed), nn.LayerNorm(squeezed), nn.ReLU(), nn.Linear(squeezed, count)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the image with its context."""
        weights = torch.softmax(self.weights(image).flatten(1), 1)  # (B, H W)
        mean = (image.flatten(2) @ weights[..., None])[..., 0]  # (B, count)
        changed: Tensor = image + self.change(mean)[..., None, None]
        return changed
