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
from codecnn.models.predictors.normalise import SIDE, normalised

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
        hidden: features of the correction; 0 for none.
    """

    size: int = 8
    lines: int = 4
    predictions: int = 1
    transforms: int = 384
    hidden: int = 384

    def __post_init__(self) -> None:
        check_predictor(self)
        if self.size > LARGEST:
            raise ValueError(f"size must be at most {LARGEST}, not {self.size}")
        if not (1 <= self.transforms <= MOST and 0 <= self.hidden <= MOST):
            raise ValueError(
                f"transforms must be 1 to {MOST} and hidden 0 to {MOST}, not {self.transforms} and {self.hidden}"
            )


class Mixture(Predictor):
    """Predict blocks by modes in learned shares, and a learned correction."""

    config: MixtureConfig
    modes: Tensor  # (4 N + 1, 67 x N^2)

    def __init__(self, config: MixtureConfig) -> None:
        super().__init__()
        self.config = config
        samples = config.lines * (config.lines + 4 * config.size)
        self.register_buffer("modes", modes_as_matrix(config.size), persistent=False)
        self.transforms = nn.Linear(samples, config.transforms, bias=False)
        self.transforms_side = nn.Linear(SIDE, config.transforms)
        self.shares = nn.Linear(config.transforms, config.predictions * MODES)
        if config.hidden:
            self.first = nn.Linear(samples, config.hidden)
            self.side = nn.Linear(SIDE, config.hidden, bias=False)
            self.second = nn.Linear(config.hidden, config.hidden)
            self.last = nn.Linear(config.hidden, config.predictions * config.size**2)
            nn.init.normal_(self.last.weight, std=0.001)
            nn.init.zeros_(self.last.bias)

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layer apart."""
        hidden = [parameter for name, parameter in self.named_parameters() if not name.startswith("last.")]
        return ParameterGroups(hidden, list(self.last.parameters()) if self.config.hidden else [])

    def forward(self, around: Neighbourhood[Tensor]) -> Tensor:
        """Return predictions (B, predictions, N, N) of blocks."""
        given, config = normalised(around), self.config
        samples = torch.cat((given.above.flatten(1), given.left.flatten(1)), 1)  # (B, L (L + 4 N))
        features = (self.transforms(samples) + self.transforms_side(given.side)).abs()
        shares = self.shares(features).view(-1, config.predictions, MODES).softmax(2)
        references = references_of(given.above, given.left, around.above_known, around.left_known)
        of_modes = (references @ self.modes).view(len(references), MODES, -1)  # (B, 67, N^2)
        predicted = shares @ of_modes  # (B, predictions, N^2)
        if config.hidden:
            features = torch.relu(self.first(samples) + self.side(given.side))
            features = torch.relu(self.second(features))
            predicted = predicted + self.last(features).view(-1, config.predictions, config.size**2)
        return given.restored(predicted.view(-1, config.predictions, config.size, config.size))
