"""Rank intra modes by absolute values of learned transforms.

The SATD of a mode is a sum of absolute values of linear functions of a block and its references. This network learns
some such functions, shared by all modes, and for each mode a weighted sum of their absolute values.

When rows and columns of a block and its references are exchanged, horizontal and vertical modes change places. The
network has this symmetry: its transforms come in pairs, where one is the other with rows and columns exchanged. A pair
costs no more than a single transform, because one half of it needs only the symmetric part of the samples, the other
half only the antisymmetric part; the same holds for the sums.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.models.blocks import Blocks, ModeNetwork, check_block
from codecnn.models.modes.symmetry import folded, unfolded_modes
from codecnn.models.network import ParameterGroups

MOST_PAIRS = 1 << 13  # a file may ask for


@dataclass(frozen=True)
class AbsoluteConfig:
    """Hold size and form of an Absolute; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples: 4, 8, 16, 32 or 64.
        modes: mode set to choose from: vvc-67 or hevc-35.
        pairs: pairs of learned linear functions of the samples.
        reduction: squares of so many samples on a side are added up first; at least 4 sums are left on a side.
        dropout: share of the absolute values that is left out in training.
    """

    size: int = 8
    modes: ModeSet = "vvc-67"
    pairs: int = 512
    reduction: int = 1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_block(self.size, self.modes)
        if not 1 <= self.pairs <= MOST_PAIRS:
            raise ValueError(f"pairs must be from 1 to {MOST_PAIRS}, not {self.pairs!r:.80}")
        if self.reduction < 1 or self.size % self.reduction or self.size // self.reduction < 4:
            raise ValueError(
                f"reduction must be a divisor of {self.size} that leaves 4 sums or more, not {self.reduction!r:.80}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}")


class Absolute(ModeNetwork):
    """Rank modes: Blocks to logits (B, modes), by (n^2 + 4 n + 7 + modes) x pairs multiply-accumulates a block.

    n: the side of the block divided by the reduction.
    """

    config: AbsoluteConfig

    def __init__(self, config: AbsoluteConfig) -> None:
        super().__init__()
        self.config = config
        size, pairs, angular = config.size // config.reduction, config.pairs, count_of(config.modes) - 2
        self.even = nn.Linear(size * (size + 1) // 2 + 2 * size + 5, pairs, bias=False)
        self.odd = nn.Linear(size * (size - 1) // 2 + 2 * size + 2, pairs, bias=False)
        self.norm = nn.BatchNorm1d(pairs)
        self.last_even = nn.Linear(pairs, 2 + angular // 2 + 1)  # planar, DC, half of the angles and the diagonal
        self.last_odd = nn.Linear(pairs, angular // 2, bias=False)

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layers apart."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last")]
        return ParameterGroups(hidden, [*self.last_even.parameters(), *self.last_odd.parameters()])

    def forward(self, blocks: Blocks[Tensor]) -> Tensor:
        """Return logits (B, modes) of blocks."""
        even, odd = folded(blocks, self.config.reduction)
        even, odd = self.even(even), self.odd(odd)  # (B, pairs)
        coefficients = self.norm(torch.cat((even + odd, even - odd)))  # (2 B, pairs)
        first, second = F.dropout(coefficients.abs(), self.config.dropout, self.training).chunk(2)
        even, odd = self.last_even(first + second), self.last_odd(first - second)
        return unfolded_modes(even, odd)
