"""Rank intra modes for a rate-distortion test, by the SATDs of all modes and the samples.

A search by SATD errs where the cost of the coded residual does not follow it. The network begins with the order of the
DCT SATD, and learns what to add to it: from absolute values of learned transforms of the samples, from learned sums of
the SATDs of all modes relative to the least, and from a layer on top of both. Its transforms and sums come in pairs, as
those of `codecnn.models.modes.absolute`.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.models.blocks import Blocks, ModeNetwork, check_block
from codecnn.models.modes.symmetry import folded, folded_modes, unfolded_modes
from codecnn.models.network import ParameterGroups

MOST_PAIRS = 1 << 13  # a file may ask for
SHARPNESS = 25.0  # of the first logits, in natural logarithms of the DCT SATD
LARGEST = 1.5  # logarithm of a ratio of SATDs that the sums see


@dataclass(frozen=True)
class RankerConfig:
    """Hold size and form of a Ranker; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples.
        modes: mode set to choose from: vvc-67 or hevc-35.
        transforms: pairs of learned linear functions of the samples.
        sums: pairs of learned linear functions of the SATDs.
        hidden: pairs of units of the layer on top of both.
    """

    size: int = 8
    modes: ModeSet = "vvc-67"
    transforms: int = 256
    sums: int = 128
    hidden: int = 128

    def __post_init__(self) -> None:
        check_block(self.size, self.modes)
        if not all(1 <= count <= MOST_PAIRS for count in (self.transforms, self.sums, self.hidden)):
            raise ValueError(
                f"transforms, sums and hidden must be 1 to {MOST_PAIRS}, "
                f"not {self.transforms!r:.40}, {self.sums!r:.40} and {self.hidden!r:.40}"
            )


class Pairs(nn.Module):
    """Compute pairs of linear functions of what is folded, where one is the other with rows and columns exchanged."""

    def __init__(self, even: int, odd: int, pairs: int) -> None:
        super().__init__()
        self.even, self.odd = nn.Linear(even, pairs, bias=False), nn.Linear(odd, pairs, bias=False)
        self.norm = nn.BatchNorm1d(pairs)

    def forward(self, even: Tensor, odd: Tensor) -> Tensor:
        """Return the first of each pair for all blocks, then the second: (2 B, pairs)."""
        even, odd = self.even(even), self.odd(odd)
        functions: Tensor = self.norm(torch.cat((even + odd, even - odd)))
        return functions


class Ranker(ModeNetwork):
    """Rank modes: Blocks with the SATDs of all modes to logits (B, modes)."""

    takes_costs: ClassVar[bool] = True
    config: RankerConfig

    def __init__(self, config: RankerConfig) -> None:
        super().__init__()
        self.config = config
        size, angular = config.size, (count_of(config.modes) - 2) // 2
        features = config.transforms + config.sums
        self.transforms = Pairs(
            size * (size + 1) // 2 + 2 * size + 5, size * (size - 1) // 2 + 2 * size + 2, config.transforms
        )
        self.sums = Pairs(2 * (angular + 3) + 3, 2 * angular, config.sums)
        self.hidden = Pairs(features, features, config.hidden)
        self.last_even = nn.Linear(features + config.hidden, angular + 3)
        self.last_odd = nn.Linear(features + config.hidden, angular, bias=False)
        self.last_weights = nn.Parameter(torch.tensor([0.0, 1.0]))  # of the SATDs of a mode in its own logit
        for parameter in (self.last_even.weight, self.last_even.bias, self.last_odd.weight):
            nn.init.zeros_(parameter)

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layers apart."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last")]
        last = [parameter for name, parameter in self.named_parameters() if name.startswith("last")]
        return ParameterGroups(hidden, last)

    def forward(self, blocks: Blocks[Tensor]) -> Tensor:
        """Return logits (B, modes) of blocks."""
        ratios, level = relative(blocks)
        even, odd = folded_modes(ratios.clamp(max=LARGEST))
        sums = F.relu(self.sums(torch.cat((even.flatten(1), level), 1), odd.flatten(1)))  # (2 B, sums)
        features = torch.cat((self.transforms(*folded(blocks)).abs(), sums), 1)
        first, second = features.chunk(2)
        features = torch.cat((features, F.relu(self.hidden(first + second, first - second))), 1)
        first, second = features.chunk(2)
        learned = unfolded_modes(self.last_even(first + second), self.last_odd(first - second))
        return learned - SHARPNESS * (self.last_weights[:, None] * ratios).sum(1)


def relative(blocks: Blocks[Tensor]) -> tuple[Tensor, Tensor]:
    """Return logarithms of the SATDs of all modes / the least, (B, 2, modes), and of the least and QP, (B, 3).

    The least is in quantisation steps. A share of a step is added to each SATD, since what is less is not coded.
    """
    costs, qp = blocks.costs, blocks.qp.float()[:, None]
    assert costs is not None
    step = blocks.original.shape[1] * torch.exp2((qp - 4) / 6)[..., None]  # (B, 1, 1)
    least = costs.amin(2, keepdim=True)
    ratios = torch.log((costs + step / 4) / (least + step / 4))
    return ratios, torch.cat((torch.log2(least / step + 1 / 8)[..., 0], (qp - 32) / 8), 1)
