"""Give modes probabilities by absolute values of learned transforms of the references, and the neighbours' modes.

When rows and columns of a picture are exchanged, horizontal and vertical modes change places, and so do the neighbours.
The network has this symmetry: every feature comes with another one, which is what it would be of the exchanged picture.
A pair costs no more than a single feature, because one half of it needs only the sums of mirrored inputs, the other
half only their differences. The probabilities do not depend on brightness and contrast beside the quantisation step.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.labels.block_grid import NEIGHBOURS, TRANSPOSED
from codecnn.labels.mode_sets import ModeSet, count_of, exchanged_modes
from codecnn.models.mode_context import Context, ModeCoder
from codecnn.models.modes.symmetry import unfolded_modes
from codecnn.models.network import ParameterGroups

SIZES = (4, 8, 16, 32)
MOST = 1 << 12  # pairs or hidden pairs that a file may ask for
SPREAD = 0.3  # of the first numbers that the modes of neighbours add


@dataclass(frozen=True)
class AbsoluteCoderConfig:
    """Hold size and form of an AbsoluteCoder; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples: 4, 8, 16 or 32.
        modes: mode set: vvc-67 or hevc-35.
        lines: reference lines that it looks at, 1 to 3.
        pairs: pairs of learned linear functions of the reference samples.
        hidden: pairs of numbers in which their absolute values and the modes of the neighbours are joined.
        dropout: share of the absolute values that is left out in training.
    """

    size: int = 8
    modes: ModeSet = "vvc-67"
    lines: int = 3
    pairs: int = 512
    hidden: int = 160
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.size not in SIZES or self.lines not in (1, 2, 3):
            raise ValueError(f"size must be one of {SIZES} and lines 1 to 3, not {self.size} and {self.lines!r:.80}")
        if not (1 <= self.pairs <= MOST and 1 <= self.hidden <= MOST and 0 <= self.dropout < 1):
            raise ValueError(
                f"pairs and hidden must be 1 to {MOST} and dropout in [0, 1), "
                f"not {self.pairs!r:.80}, {self.hidden!r:.80} and {self.dropout}"
            )
        if self.modes == "vvc-67-mrl":
            raise ValueError("modes must be vvc-67 or hevc-35, which have one reference line, not vvc-67-mrl")


class AbsoluteCoder(ModeCoder):
    """Give logits by about (samples + 2 x hidden) x pairs + modes x hidden multiply-accumulates a block.

    samples: 4 N + 1, 8 N + 4 or 12 N + 9 on the reference lines. What the modes of neighbours add is looked up.
    """

    config: AbsoluteCoderConfig
    mirror: Tensor  # the modes of an exchanged picture

    def __init__(self, config: AbsoluteCoderConfig) -> None:
        super().__init__()
        self.config, count = config, count_of(config.modes)
        on_a_side = sum(2 * config.size + line for line in range(config.lines))
        self.even = nn.Linear(on_a_side + config.lines + 4, config.pairs, bias=False)
        self.odd = nn.Linear(on_a_side + 2, config.pairs, bias=False)
        self.norm = nn.BatchNorm1d(config.pairs)
        self.joined_even = nn.Linear(config.pairs, config.hidden, bias=False)
        self.joined_odd = nn.Linear(config.pairs, config.hidden, bias=False)
        self.joined_norm = nn.BatchNorm1d(config.hidden)
        self.neighbours = nn.Embedding(NEIGHBOURS * (count + 1), config.hidden + count)
        nn.init.normal_(self.neighbours.weight[:, : config.hidden], std=SPREAD)
        nn.init.zeros_(self.neighbours.weight[:, config.hidden :])
        angular = count - 2
        self.last_even = nn.Linear(config.hidden, 2 + angular // 2 + 1)  # planar, DC, half of the angles, the diagonal
        self.last_odd = nn.Linear(config.hidden, angular // 2, bias=False)
        self.register_buffer("mirror", torch.tensor([*exchanged_modes(count), count]), persistent=False)

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layers and of the table apart."""
        apart = ("last", "neighbours")
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith(apart)]
        return ParameterGroups(hidden, [p for name, p in self.named_parameters() if name.startswith(apart)])

    def features(self, context: Context[Tensor]) -> Tensor:
        """Return (B, 2, hidden): of the picture, and of the exchanged picture."""
        even, odd = folded(context, self.config.size, self.config.lines)
        even, odd = self.even(even), self.odd(odd)  # (B, pairs)
        magnitudes = self.norm(torch.cat((even + odd, even - odd))).abs()  # (2 B, pairs)
        first, second = F.dropout(magnitudes, self.config.dropout, self.training).chunk(2)
        even, odd = self.joined_even(first + second), self.joined_odd(first - second)  # (B, hidden)
        return torch.stack(self.joined_norm(torch.cat((even + odd, even - odd))).chunk(2), 1)

    def logits(self, features: Tensor, modes: Tensor) -> Tensor:
        """Return (B, modes)."""
        count, hidden = count_of(self.config.modes), self.config.hidden
        both = torch.stack((modes, self.mirror[modes][:, TRANSPOSED]), 1)  # (B, 2, NEIGHBOURS)
        told = self.neighbours(both + (count + 1) * torch.arange(NEIGHBOURS, device=modes.device)).sum(2)
        first, second = F.relu(features + told[..., :hidden]).unbind(1)
        even, odd = self.last_even(first + second), self.last_odd(first - second)
        told = told[..., hidden:]
        return unfolded_modes(even, odd).add(told[:, 0]).add(told[:, 1, self.mirror[:-1]])


def folded(context: Context[Tensor], size: int, lines: int) -> tuple[Tensor, Tensor]:
    """Return what an exchange of rows and columns keeps, and what changes its sign, of the surroundings of blocks.

    They are sums and differences of samples at mirrored places, and of the numbers that belong to the left side and to
    the top, with the QP and the contrast in quantisation steps: (B, side + lines + 4) and (B, side + 2), float32, where
    `side` counts the samples on one side of all lines. The mean of the samples is made 0 and their mean magnitude 1;
    flat surroundings stay flat.
    """
    parts = [count for line in range(lines) for count in (2 * size + line, 1, 2 * size + line)]
    references = context.references[:, : sum(parts)].float() / context.peak.float()[:, None]
    references = references - references.mean(1, keepdim=True)
    contrast = references.abs().mean(1, keepdim=True) + 1 / 512
    qp = context.qp.float()[:, None]
    steps = torch.log2(256 * contrast) - (qp - 4) / 6
    split = torch.split(references / contrast, parts, 1)
    left, corner, top = (torch.cat(split[place::3], 1) for place in range(3))
    of_left, of_top = context.available.float().chunk(2, 1)
    even = torch.cat((top + left, corner, of_top + of_left, (qp - 32) / 8, (steps - 1) / 2), 1)
    return even, torch.cat((top - left, of_top - of_left), 1)
