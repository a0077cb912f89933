"""Predict blocks by a mixture of the 67 modes of H.266, and by a correction of it.

The decoder-side derivation of modes (DIMD) mixes the modes of the strongest gradients around a block with planar:
Abdoli et al., "Decoder-side intra mode derivation for next generation video coding", ICME 2020. Here a network says how
much of each mode there is. Its features are absolute values of learned transforms of the samples around the block: what
tells a direction does not depend on the sign of an edge.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codecnn.models.network import ParameterGroups
from codecnn.models.predictors.directions import MODES, modes_as_matrix, references_of
from codecnn.models.predictors.neighbourhood import Neighbourhood, Predictor, check_predictor
from codecnn.models.predictors.normalise import SIDE, normalised, slopes, slopes_of

MOST = 1 << 12  # features that a file may ask for
LARGEST = 32  # the modes as linear functions of the references take 35 MB there, eight times as much at 64


@dataclass(frozen=True)
class MixtureConfig:
    """Hold size and form of a Mixture; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples: 4, 8, 16 or 32.
        lines: lines of samples around the block, 1 to 16 and at most size.
        predictions: predictions of a block, of which an encoder chooses one.
        transforms: learned linear functions of the samples around the block, for the shares of the modes.
        hidden: features of the correction that two layers with ReLU give.
        linear: features of the correction that are linear functions of the samples, as in MIP.
    """

    size: int = 8
    lines: int = 4
    predictions: int = 1
    transforms: int = 256
    hidden: int = 128
    linear: int = 64

    def __post_init__(self) -> None:
        check_predictor(self)
        if self.size > LARGEST:
            raise ValueError(f"size must be at most {LARGEST}, not {self.size}")
        counts = self.transforms, self.hidden, self.linear
        if not all(1 <= count <= MOST for count in counts):
            raise ValueError(f"transforms, hidden and linear must be 1 to {MOST}, not {counts}")


class Mixture(Predictor):
    """Predict blocks by modes in learned shares, and a learned correction."""

    config: MixtureConfig
    modes: Tensor  # (4 N + 1, 67 x N^2)

    def __init__(self, config: MixtureConfig) -> None:
        super().__init__()
        self.config = config
        samples = slopes_of(config.size, config.lines)
        self.register_buffer("modes", modes_as_matrix(config.size), persistent=False)
        self.transforms = nn.Linear(samples, config.transforms, bias=False)
        self.transforms_side = nn.Linear(SIDE, config.transforms)
        self.shares = nn.Linear(config.transforms, config.predictions * MODES)
        self.first = nn.Linear(samples, config.hidden)
        self.side = nn.Linear(SIDE, config.hidden, bias=False)
        self.second = nn.Linear(config.hidden, config.hidden)
        self.linear = nn.Linear(samples, config.linear, bias=False)
        self.last = nn.Linear(config.hidden + config.linear, config.predictions * config.size**2)
        nn.init.normal_(self.last.weight, std=0.001)  # at first hardly a correction
        nn.init.zeros_(self.last.bias)

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layer apart."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()))

    def forward(self, around: Neighbourhood[Tensor]) -> Tensor:
        """Return predictions (B, predictions, N, N) of blocks."""
        given, config = normalised(around), self.config
        samples = slopes(given)
        features = (self.transforms(samples) + self.transforms_side(given.side)).abs()
        shares = self.shares(features).view(-1, config.predictions, MODES).softmax(2)
        references = references_of(given.above, given.left, around.above_known, around.left_known)
        of_modes = (references @ self.modes).view(len(references), MODES, -1)  # (B, 67, N^2)
        hidden = torch.relu(self.second(torch.relu(self.first(samples) + self.side(given.side))))
        correction = self.last(torch.cat((hidden, self.linear(samples)), 1))
        predicted = shares @ of_modes + correction.view(-1, config.predictions, config.size**2)
        return given.restored(predicted.view(-1, config.predictions, config.size, config.size))
