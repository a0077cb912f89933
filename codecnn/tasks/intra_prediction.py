"""Train networks that predict blocks from the decoded samples around them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codecnn.dataset.reader import Shard
from codecnn.models.network import Network
from codecnn.models.predictors.neighbourhood import Predictor, PredictorConfig, to_tensors
from codecnn.models.predictors.refinement import HORIZONTAL_MODES, RefinementConfig
from codecnn.models.registry import check_kind
from codecnn.tasks.block_sites import Measure, Site, Sites
from codecnn.tasks.blocks_to_predict import Batch, BlocksToPredict, ModesToRefine
from codecnn.tasks.neighbourhoods import neighbourhood_of
from codecnn.tasks.task import Sums
from codecnn.transforms.torch_satd import block_dct_satd, block_hadamard_satd, dct_matrix, transformed

LossName = Literal["l1", "l2", "hadamard_satd", "dct_satd", "rate_distortion"]
SATDS: dict[LossName, Measure] = {"hadamard_satd": "hadamard", "dct_satd": "dct"}
FLAT = 0.3  # a mode's SATD per sample, in the scale of 8 bit, below which a smaller one makes no difference


@dataclass(frozen=True)
class IntraPrediction:
    """Predict a block from the decoded samples around it.

    Args:
        loss: what the residual of a block costs. l1, l2: of its samples. hadamard_satd, dct_satd: the sum of its
            absolute coefficients. rate_distortion: a smooth form of J, see `rate_distortion`.
        beside: 0 for predictions in place of all modes. Above 0 they are trained to be chosen beside the 67 modes of
            H.266: the best mode of a block, by the SATD of the loss, is one of the predictions to choose from, and the
            choice is soft, with this temperature as a share of the mode's SATD. What a mode predicts better anyway has
            little weight then. Only for hadamard_satd and dct_satd, whose costs of all modes the label engine has.
        others: where a network gives several predictions, the share of the loss that all of them have, so that none is
            forgotten; the rest is that of the best one.
        tried: modes of a block that a network which refines modes is trained on: those of the least SATD, and the
            last one at random.
        blocks: most blocks of a CTU in a batch.
        validate_ctus: CTUs of each held-out file to validate on, spread evenly.
    """

    name: ClassVar[str] = "intra-prediction"
    decides: ClassVar[str] = "rate_distortion"  # whatever the loss is, so that losses can be compared
    larger_is_better: ClassVar[bool] = False
    network: ClassVar[str] = "mixture"

    loss: LossName = "hadamard_satd"
    beside: float = 0.0
    others: float = 0.05
    tried: int = 4
    blocks: int = 64
    validate_ctus: int = 1

    def __post_init__(self) -> None:
        if min(self.blocks, self.validate_ctus) < 1 or not 0 <= self.others <= 1:
            raise ValueError(
                "blocks and validate_ctus must be 1 or more and others in [0, 1], not "
                f"{self.blocks}, {self.validate_ctus} and {self.others}"
            )
        if not 1 <= self.tried <= HORIZONTAL_MODES:
            raise ValueError(f"tried must be from 1 to {HORIZONTAL_MODES}, not {self.tried}")
        if not 0 <= self.beside <= 10 or (self.beside and self.loss not in SATDS):
            raise ValueError(
                f"beside must be from 0 to 10, and 0 with a loss other than {' and '.join(SATDS)}, not {self.beside}"
            )

    def draws(self, shards: Sequence[Shard], config: PredictorConfig) -> BlocksToPredict:
        """Return what draws blocks of CTUs; InputError if no picture holds one."""
        check_kind(config, Predictor, "one that predicts blocks")
        measure = SATDS.get(self.loss, "dct")
        if isinstance(config, RefinementConfig):
            return ModesToRefine(shards, config, self.blocks, measure, self.tried)
        return BlocksToPredict(shards, config, self.blocks, measure if self.beside else None)

    def sums(self, network: nn.Module, batch: Batch) -> Sums:
        """Return the loss, for each sample of a block in the scale of 8 bit."""
        peak = batch.around.peak.float()[:, None, None, None]
        scale = 256 / (peak + 1)  # to 8 bit
        given = (batch.around,) if batch.modes is None else (batch.around, batch.modes)
        predicted, original = peak * scale * network(*given).float(), scale * batch.original.float()[:, None]
        costs = LOSSES[self.loss](predicted, original, batch.around.qp.float())
        least = costs.min(1).values
        if self.beside:
            of_mode = batch.least[:, None]
            temperature = self.beside * of_mode.clamp(min=FLAT * original[0].numel())
            every = torch.cat((of_mode, costs), 1) / temperature
            least = -temperature[:, 0] * torch.logsumexp(-every, 1)
        share = self.others if costs.shape[1] > 1 else 0.0
        return {"loss": (((1 - share) * least + share * costs.mean(1)).sum(), least.new_tensor(batch.original.numel()))}

    def validate(self, network: Network, shards: Sequence[Shard]) -> dict[str, float]:
        """Return each cost of `LOSSES`, for each sample in the scale of 8 bit.

        The prediction is rounded and clipped. Of several predictions of a block the best one by each cost counts.
        """
        assert isinstance(network, Predictor)
        sites = Sites(shards, network.config.size)
        sums, samples = dict.fromkeys(LOSSES, 0.0), 0
        for unit in sites.spread(self.validate_ctus):
            site = sites.read(unit)
            scale = np.float32(2.0 ** (8 - site.bit_depth))
            predicted = torch.from_numpy(scale * predictions_of(network, site))
            original = torch.from_numpy(scale * site.originals.astype(np.float32))[:, None]
            qp = torch.full((len(original),), float(site.shard.info.hevc_qp))
            for name, cost in LOSSES.items():
                sums[name] += float(cost(predicted, original, qp).min(1).values.double().sum())
            samples += original.numel()
        return {str(name): total / samples for name, total in sums.items()}

    def notes(self, shards: Sequence[Shard]) -> dict[str, Any]:
        """Return how many CTUs were trained on."""
        return {"ctus": sum(map(len, shards))}


@torch.inference_mode()
def predictions_of(network: Predictor, site: Site) -> NDArray:
    """Return the predictions of the blocks of a site, in its bit depth: (n, predictions, N, N) float32, whole numbers.

    They are rounded and clipped, as a codec does.
    """
    device = next(network.parameters()).device
    around = to_tensors(neighbourhood_of(site, network.config.lines), device)
    peak = (1 << site.bit_depth) - 1
    predicted: NDArray = (peak * network(around).float()).round().clamp(0, peak).cpu().numpy()
    return predicted


def l1(predicted: Tensor, original: Tensor, qp: Tensor) -> Tensor:
    """Sum |residual|."""
    return (predicted - original).abs().sum((-2, -1))


def l2(predicted: Tensor, original: Tensor, qp: Tensor) -> Tensor:
    """Sum residual^2."""
    return (predicted - original).square().sum((-2, -1))


def hadamard_satd(predicted: Tensor, original: Tensor, qp: Tensor) -> Tensor:
    """Sum the |coefficients| of the Hadamard transform, in tiles of 8x8 or 4x4."""
    return block_hadamard_satd(predicted, original)


def dct_satd(predicted: Tensor, original: Tensor, qp: Tensor) -> Tensor:
    """Sum the |coefficients| of the DCT-II of the whole block."""
    return block_dct_satd(predicted, original)


def rate_distortion(predicted: Tensor, original: Tensor, qp: Tensor) -> Tensor:
    """Sum ln(1 + 4 c^2) / 4 over the coefficients c of the DCT-II of the whole block, in quantisation steps.

    It has the form of J / step^2: c^2 for a coefficient that is quantised to 0, and the logarithm of a large one, which
    is what its bits cost. All QPs have about the same weight.
    """
    step = (2 ** ((qp - 4) / 6))[:, None, None, None]
    return (4 * (transformed(predicted - original, dct_matrix) / step).square()).log1p().sum((-2, -1)) / 4


# Costs (B, predictions) of predictions (B, predictions, N, N) of blocks (B, 1, N, N) in the scale of 8 bit at QPs (B,).
LOSSES: dict[LossName, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "l2": l2,
    "hadamard_satd": hadamard_satd,
    "dct_satd": dct_satd,
    "rate_distortion": rate_distortion,
}
