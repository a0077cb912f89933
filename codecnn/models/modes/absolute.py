"""Rank intra modes by absolute values of learned transforms.

The SATD of a mode is a sum of absolute values of linear functions of a block and its references. This network learns
some such functions, shared by all modes, and for each mode a weighted sum of their absolute values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.models.blocks import Blocks, ModeNetwork
from codecnn.models.modes.normalise import SIDE, normalised
from codecnn.models.network import ParameterGroups

SIZES = (4, 8, 16, 32, 64)
MOST_TRANSFORMS = 1 << 14  # a file may ask for


@dataclass(frozen=True)
class AbsoluteConfig:
    """Hold size and form of an Absolute; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples: 4, 8, 16, 32 or 64.
        modes: mode set to choose from: vvc-67 or hevc-35.
        transforms: learned linear functions of the samples.
    """

    size: int = 8
    modes: ModeSet = "vvc-67"
    transforms: int = 512

    def __post_init__(self) -> None:
        if self.size not in SIZES or not 1 <= self.transforms <= MOST_TRANSFORMS:
            raise ValueError(
                f"size must be one of {SIZES} and transforms 1 to {MOST_TRANSFORMS}, "
                f"not {self.size} and {self.transforms!r:.80}"
            )
        if self.modes == "vvc-67-mrl":
            raise ValueError("modes must be vvc-67 or hevc-35, which have one reference line, not vvc-67-mrl")


class Absolute(ModeNetwork):
    """Rank modes: Blocks to logits (B, modes), by (N^2 + 4 N + modes) x transforms multiply-accumulates a block."""

    config: AbsoluteConfig

    def __init__(self, config: AbsoluteConfig) -> None:
        super().__init__()
        self.config = config
        self.transforms = nn.Linear(config.size**2 + 4 * config.size + 1, config.transforms, bias=False)
        self.side = nn.Linear(SIDE, config.transforms, bias=False)
        self.norm = nn.BatchNorm1d(config.transforms)
        self.last = nn.Linear(config.transforms, count_of(config.modes))

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layer apart."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()))

    def forward(self, blocks: Blocks[Tensor]) -> Tensor:
        """Return logits (B, modes) of blocks."""
        original, references, side = normalised(blocks)
        samples = torch.cat((original.flatten(1), references), 1)  # (B, N^2 + 4 N + 1)
        coefficients = self.norm(self.transforms(samples) + self.side(side))  # (B, transforms)
        logits: Tensor = self.last(coefficients.abs())
        return logits
