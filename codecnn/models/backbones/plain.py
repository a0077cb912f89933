"""Define a plain CNN: convolution, batch norm, ReLU and pooling, as often as the size of the block allows.

LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86, 1998; Ioffe and Szegedy, "Batch
normalization", ICML 2015.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import nn

from codecnn.models.backbones.config import StagedConfig
from codecnn.models.backbones.parts import Backbone
from codecnn.models.backbones.planes import PLANES


@dataclass(frozen=True)
class PlainConfig(StagedConfig):
    """Hold size and form of a Plain; ValueError if a field is out of its range.

    Args:
        width: features of the first convolution.
        widening: features of a convolution as a multiple of those of the one before.
        norm: batch norm before or after the ReLU, or none.
    """

    norm: Literal["before", "after", "none"] = "before"


class Plain(Backbone):
    """Rank modes: Blocks to logits (B, modes)."""

    config: PlainConfig

    def __init__(self, config: PlainConfig) -> None:
        stages = [_stage(*ends, config.norm) for ends in pairwise((PLANES, *config.widths))]
        super().__init__(config, nn.Sequential(*stages), 4 * config.widths[-1])


def _stage(inputs: int, outputs: int, norm: str) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=norm == "none"), nn.ReLU()]
    if norm != "none":
        layers.insert(1 if norm == "before" else 2, nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers, nn.MaxPool2d(2))
