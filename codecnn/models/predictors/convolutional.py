"""Predict blocks by convolutions along the lines of samples above and left of them.

Dumas et al., "Context-adaptive neural network-based prediction for image compression", IEEE TIP 29, 2020, predict large
blocks by convolutions of what is above and of what is left, a fully connected layer, and convolutions of the block.
Here both sides share their kernels, as a transposed block has the transposed prediction.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.models.network import ParameterGroups
from codecnn.models.predictors.neighbourhood import Neighbourhood, Predictor, check_predictor
from codecnn.models.predictors.normalise import SIDE, normalised

CELLS = 4  # across a block, and down; the last convolution gives all samples of a cell
TAPS = 5
MOST = 1 << 12  # channels, and features, that a file may ask for


@dataclass(frozen=True)
class ConvolutionalConfig:
    """Hold size and form of a Convolutional; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples: 4, 8, 16, 32 or 64.
        lines: lines of samples around the block, 1 to 16 and at most size.
        predictions: predictions of a block, of which an encoder chooses one.
        channels: of all convolutions.
        hidden: features of the fully connected layer.
    """

    size: int = 16
    lines: int = 8
    predictions: int = 1
    channels: int = 48
    hidden: int = 256

    def __post_init__(self) -> None:
        check_predictor(self)
        if not (1 <= self.channels <= MOST and 1 <= self.hidden <= MOST):
            raise ValueError(f"channels and hidden must be 1 to {MOST}, not {self.channels} and {self.hidden}")


class Convolutional(Predictor):
    """Predict blocks: each convolution of a side halves its length, until a position belongs to a cell of the block."""

    config: ConvolutionalConfig

    def __init__(self, config: ConvolutionalConfig) -> None:
        super().__init__()
        self.config = config
        channels, scale = config.channels, config.size // CELLS
        length, inputs, sides = config.lines + 2 * config.size, config.lines + 1, []
        for _ in range(scale.bit_length() - 1):
            sides.append(nn.Conv1d(inputs, channels, TAPS, stride=2, padding=TAPS // 2))
            length, inputs = -(-length // 2), channels
        self.sides = nn.ModuleList(sides)
        self.first = nn.Linear(2 * inputs * length, config.hidden)
        self.side = nn.Linear(SIDE, config.hidden, bias=False)
        self.cells = nn.Linear(config.hidden, channels * CELLS**2)
        self.block = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, config.predictions * scale**2, 3, padding=1, bias=False)
        nn.init.normal_(self.last.weight, std=0.01)  # near the mean of the samples, and different predictions

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layer apart."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()))

    def forward(self, around: Neighbourhood[Tensor]) -> Tensor:
        """Return predictions (B, predictions, N, N) of blocks."""
        given, lines = normalised(around), self.config.lines
        corner = given.above[..., :lines]
        left = torch.cat((corner, given.left), 1).mT  # (B, L, L + 2 N), as above
        left_known = torch.cat((around.above_known[:, :lines], around.left_known), 1)
        known = torch.stack((around.above_known, left_known), 1)[:, :, None].float()
        features = torch.cat((torch.stack((given.above, left), 1), known), 2).flatten(0, 1)  # (2 B, L + 1, L + 2 N)
        for layer in self.sides:
            features = torch.relu(layer(features))
        features = features.reshape(len(given.side), -1)  # (B, 2 channels x length)
        features = torch.relu(self.first(features) + self.side(given.side))
        cells = torch.relu(self.cells(features)).view(-1, self.config.channels, CELLS, CELLS)
        cells = cells + torch.relu(self.block(cells))
        return given.restored(F.pixel_shuffle(self.last(cells), self.config.size // CELLS))
