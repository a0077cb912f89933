"""Predict blocks by the 67 modes of H.266, each refined: an encoder signals a mode, a network corrects its prediction.

Cui et al., "Convolutional neural networks based intra prediction for HEVC", DCC 2017, correct the prediction of a mode
by what is around it. Li et al., "Fully connected network-based intra prediction for image coding", IEEE TIP 27, 2018,
predict by fully connected layers from several lines. Here the layers are given both, and which mode it is. Vertical
modes are horizontal ones of the transposed block, so that only half of the modes have to be learned.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from codecnn.intra.vvc_modes import DIAGONAL
from codecnn.models.network import ParameterGroups
from codecnn.models.predictors.directions import MODES, modes_as_matrix, references_of, transposed_references
from codecnn.models.predictors.neighbourhood import Neighbourhood, Predictor, check_predictor
from codecnn.models.predictors.normalise import SIDE, Normalised, normalised, slopes, slopes_of

HORIZONTAL_MODES = DIAGONAL + 1  # planar, DC, and the angular modes up to the diagonal
MOST = 1 << 12  # features that a file may ask for
LARGEST = 32  # the modes as linear functions of the references take 18 MB there, eight times as much at 64


@dataclass(frozen=True)
class RefinementConfig:
    """Hold size and form of a Refinement; ValueError if a field is out of its range.

    Args:
        size: side of the blocks in luma samples: 4, 8, 16 or 32.
        lines: lines of samples around the block, 1 to 16 and at most size.
        hidden: features of a mode, of the samples around the block and of its prediction.
    """

    size: int = 8
    lines: int = 4
    hidden: int = 256

    def __post_init__(self) -> None:
        check_predictor(self)
        if self.size > LARGEST:
            raise ValueError(f"size must be at most {LARGEST}, not {self.size}")
        if not 1 <= self.hidden <= MOST:
            raise ValueError(f"hidden must be 1 to {MOST}, not {self.hidden}")

    @property
    def predictions(self) -> int:
        """Return how many predictions of a block there are: one for each mode."""
        return MODES


class Refinement(Predictor):
    """Predict blocks by modes, and a learned correction of each."""

    config: RefinementConfig
    modes: Tensor  # (4 N + 1, HORIZONTAL_MODES x N^2)

    def __init__(self, config: RefinementConfig) -> None:
        super().__init__()
        self.config = config
        samples, area = slopes_of(config.size, config.lines), config.size**2
        self.register_buffer("modes", modes_as_matrix(config.size)[:, : HORIZONTAL_MODES * area], persistent=False)
        self.around = nn.Linear(samples, config.hidden)
        self.side = nn.Linear(SIDE, config.hidden, bias=False)
        self.mode = nn.Embedding(HORIZONTAL_MODES, config.hidden)
        self.predicted = nn.Linear(area, config.hidden, bias=False)
        self.last = nn.Linear(config.hidden, area)
        nn.init.normal_(self.mode.weight, std=0.1)
        nn.init.normal_(self.last.weight, std=0.002)  # at first hardly a correction
        nn.init.zeros_(self.last.bias)

    def parameter_groups(self) -> ParameterGroups:
        """Return the parameters of the last layer, and what tells the modes apart, in a group of their own."""
        hidden = [*self.around.parameters(), *self.side.parameters(), *self.predicted.parameters()]
        return ParameterGroups(hidden, [*self.mode.parameters(), *self.last.parameters()])

    def forward(self, around: Neighbourhood[Tensor], modes: Tensor | None = None) -> Tensor:
        """Return a prediction for each of the 67 modes: (B, 67, N, N).

        With modes, (B, K) int64 below HORIZONTAL_MODES, return the predictions of these only: (B, K, N, N).
        """
        given = normalised(around)
        references = references_of(given.above, given.left, around.above_known, around.left_known)
        if modes is not None:
            return given.restored(self._refined(given, references, modes))
        every = torch.arange(HORIZONTAL_MODES, device=references.device).expand(len(references), -1)
        straight = self._refined(given, references, every)
        vertical = self._refined(given.transposed(), transposed_references(references), every[:, 2:-1].flip(1)).mT
        return given.restored(torch.cat((straight, vertical), 1))

    def _refined(self, given: Normalised, references: Tensor, modes: Tensor) -> Tensor:
        """Return the predictions of horizontal modes (B, K), in the scale of the normalised samples: (B, K, N, N)."""
        size = self.config.size
        of_modes = (references @ self.modes).view(len(references), HORIZONTAL_MODES, -1)
        predicted = of_modes.gather(1, modes[..., None].expand(-1, -1, size**2))  # (B, K, N^2)
        of_block = self.around(slopes(given)) + self.side(given.side)
        of_mode = self.predicted(predicted) + self.mode(modes).to(of_block.dtype)
        features = torch.relu(of_block[:, None] + of_mode)  # (B, K, hidden)
        corrected: Tensor = predicted + self.last(features)
        return corrected.view(*modes.shape, size, size)
