"""Train networks that rank intra modes, on labels or on the costs of all modes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from codecnn.dataset.reader import Shard
from codecnn.labels.mode_sets import exchanged_modes
from codecnn.labels.ranking import regret
from codecnn.models.blocks import Blocks, ModeConfig, ModeNetwork, to_tensors
from codecnn.models.network import Network
from codecnn.models.registry import check_kind, family_of
from codecnn.tasks.block_sites import Measure, Site, Sites, lagrangian_of
from codecnn.tasks.task import Sums


class Batch(NamedTuple):
    """Hold B blocks with the costs of all modes."""

    blocks: Blocks[Any]
    costs: Any  # (B, modes) float32, as `Site.costs` returns them


@dataclass(frozen=True)
class IntraMode:
    """Rank the intra modes of a block.

    Args:
        labels: the measure of cost: hadamard or dct, the SATD, or rd, the estimated rate-distortion cost J. The label
            is the mode with the least.
        target: what is learned. hard: the label. soft: probabilities of the modes, as exp(-(cost / least cost - 1) /
            temperature). expected: the least expected cost, under the probabilities of the network.
        temperature: of soft targets.
        blocks: most blocks of a CTU in a batch.
        validate_ctus: CTUs of each held-out file to validate on, spread evenly.
    """

    name: ClassVar[str] = "intra-mode"
    decides: ClassVar[str] = "regret"
    larger_is_better: ClassVar[bool] = False
    network: ClassVar[str] = "absolute"

    labels: Measure = "hadamard"
    target: Literal["hard", "soft", "expected"] = "soft"
    temperature: float = 0.03
    blocks: int = 64
    validate_ctus: int = 4

    def __post_init__(self) -> None:
        if min(self.blocks, self.validate_ctus) < 1 or not 0 < self.temperature < 1e3:
            raise ValueError(
                "blocks and validate_ctus must be 1 or more and temperature above 0 and below 1000, not "
                f"{self.blocks}, {self.validate_ctus} and {self.temperature}"
            )

    def draws(self, shards: Sequence[Shard], config: ModeConfig) -> "BlocksOfCtus":
        """Return what draws blocks of CTUs; InputError if no picture holds one."""
        check_kind(config, ModeNetwork, "one that ranks intra modes")
        return BlocksOfCtus(shards, config, self.labels, self.blocks)

    def sums(self, network: nn.Module, batch: Batch) -> Sums:
        """Return the loss, and in percent how often the first mode is the label, and the regret of the first mode."""
        logits, costs = network(batch.blocks).float(), batch.costs
        least, label = costs.min(1, keepdim=True)
        count = logits.new_tensor(float(len(logits)))
        if self.target == "hard":
            loss = F.cross_entropy(logits, label[:, 0], reduction="sum"), count
        elif self.target == "soft":
            target = torch.softmax((1 - costs / least.clamp(min=1)) / self.temperature, 1)
            loss = -(target * F.log_softmax(logits, 1)).sum(), count
        else:
            loss = (torch.softmax(logits, 1) * (costs - least)).sum(), least.sum().clamp(min=1)
        chosen = logits.argmax(1, keepdim=True)
        more = costs.gather(1, chosen) - least
        return {
            "loss": loss,
            "top1": (100 * (chosen == label).sum(), count),
            "regret": (100 * more.sum(), least.sum().clamp(min=1)),
        }

    def validate(self, network: Network, shards: Sequence[Shard]) -> dict[str, float]:
        """Return in percent: "regret" of the first mode, "top<k>_regret" of the best of the first k, and "top1".

        top1 is the share of blocks whose label comes first.
        """
        assert isinstance(network, ModeNetwork)
        sites = Sites(shards, network.config.size)
        costs, logits = [], []
        for unit in sites.spread(self.validate_ctus):
            site = sites.read(unit)
            costs.append(site.costs(self.labels, network.config.modes))
            logits.append(logits_of(network, site))
        return figures(np.concatenate(costs), np.concatenate(logits))

    def notes(self, shards: Sequence[Shard]) -> dict[str, Any]:
        """Return how many CTUs were trained on."""
        return {"ctus": sum(map(len, shards))}


def figures(costs: NDArray, logits: NDArray) -> dict[str, float]:
    """Return the figures of a ranking by logits, both (N, modes); see `IntraMode.validate`."""
    ranked = np.argsort(-logits, 1, kind="stable")
    found = {"regret": 100 * regret(costs, ranked[:, :1])}
    found |= {f"top{k}_regret": 100 * regret(costs, ranked[:, :k]) for k in (2, 3, 5)}
    return found | {"top1": 100 * float((ranked[:, 0] == costs.argmin(1)).mean())}


@torch.inference_mode()
def logits_of(network: ModeNetwork, site: Site) -> NDArray:
    """Return the logits of the blocks of a site: (n, modes) float32."""
    samples = site.samples_with_costs(network.config.modes) if network.takes_costs else site.samples
    logits: NDArray = network(to_tensors(samples, next(network.parameters()).device)).float().cpu().numpy()
    return logits


class BlocksOfCtus:
    """Draw blocks of a CTU at random, with the costs of all modes."""

    def __init__(self, shards: Sequence[Shard], config: ModeConfig, measure: Measure, most: int) -> None:
        self.sites, self.modes = Sites(shards, config.size), config.modes
        self.measure, self.most = measure, most
        network = family_of(config).network
        self.with_costs = issubclass(network, ModeNetwork) and network.takes_costs
        if measure == "rd":
            for shard in shards:
                lagrangian_of(shard)  # refuses one without a known lambda

    @property
    def units(self) -> int:
        """Count the CTUs that hold a block."""
        return len(self.sites)

    def draw(self, unit: int, step: Generator, own: Generator) -> Batch:
        """Return blocks of one CTU, in one half of the draws transposed."""
        site = self.sites.read(unit, self.most, own)
        samples = site.samples_with_costs(self.modes) if self.with_costs else site.samples
        batch = Batch(samples, site.costs(self.measure, self.modes))
        return transposed(batch) if own.integers(2) else batch


def transposed(batch: Batch) -> Batch:
    """Exchange rows and columns of square blocks, and with them the horizontal and the vertical modes."""
    blocks, side = batch.blocks, batch.blocks.original.shape[1]
    left, corner, top = np.split(blocks.references, (2 * side, 2 * side + 1), axis=1)
    return Batch(
        blocks._replace(
            original=blocks.original.transpose(0, 2, 1),
            references=np.concatenate((top, corner, left), axis=1),
            available=blocks.available[:, [2, 3, 0, 1]],
            costs=None if blocks.costs is None else _mirrored(blocks.costs),
        ),
        _mirrored(batch.costs),
    )


def _mirrored(costs: NDArray) -> NDArray:
    return costs[..., exchanged_modes(costs.shape[-1])]
