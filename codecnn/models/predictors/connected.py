"""Predict blocks by fully connected layers.

Dumas et al., "Context-adaptive neural network-based prediction for image compression", IEEE TIP 29, 2020, predict small
blocks so. Here brightness and contrast are taken away, and the network is told which samples are decoded.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codecnn.models.network import ParameterGroups
from codecnn.models.predictors.neighbourhood import Neighbourhood, Predictor, check_predictor
from codecnn.models.predictors.normalise import SIDE, normalised

MOST = 1 << 12  # features, and layers, that a file may ask for


@dataclass(frozen=True)
class ConnectedConfig:
    """Hold size and form of a Connected; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples: 4, 8, 16, 32 or 64.
        lines: lines of samples around the block, 1 to 16 and at most size.
        predictions: predictions of a block, of which an encoder chooses one.
        hidden: features of each layer.
        layers: layers before the last one.
    """

    size: int = 8
    lines: int = 8
    predictions: int = 1
    hidden: int = 512
    layers: int = 2

    def __post_init__(self) -> None:
        check_predictor(self)
        if not (1 <= self.hidden <= MOST and 1 <= self.layers <= 16):
            raise ValueError(f"hidden must be 1 to {MOST} and layers 1 to 16, not {self.hidden} and {self.layers}")


class Connected(Predictor):
    """Predict blocks by layers that are connected fully, with ReLU."""

    config: ConnectedConfig

    def __init__(self, config: ConnectedConfig) -> None:
        super().__init__()
        self.config = config
        samples = config.lines * (config.lines + 4 * config.size)
        self.first = nn.Linear(samples, config.hidden)
        self.side = nn.Linear(SIDE, config.hidden, bias=False)
        self.layers = nn.ModuleList(nn.Linear(config.hidden, config.hidden) for _ in range(config.layers - 1))
        self.last = nn.Linear(config.hidden, config.predictions * config.size**2)
        nn.init.normal_(self.last.weight, std=0.01)  # near the mean of the samples, and different predictions
        nn.init.zeros_(self.last.bias)

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layer apart."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()))

    def forward(self, around: Neighbourhood[Tensor]) -> Tensor:
        """Return predictions (B, predictions, N, N) of blocks."""
        given = normalised(around)
        samples = torch.cat((given.above.flatten(1), given.left.flatten(1)), 1)  # (B, L (L + 4 N))
        features = torch.relu(self.first(samples) + self.side(given.side))  # (B, hidden)
        for layer in self.layers:
            features = torch.relu(layer(features))
        side = self.config.size
        return given.restored(self.last(features).view(-1, self.config.predictions, side, side))
