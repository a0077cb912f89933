"""Train networks that give every intra mode a probability, from what a decoder knows: the price of a mode."""

import math
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
from codecnn.labels.block_grid import TRANSPOSED
from codecnn.labels.mode_price import Decided, fit_price
from codecnn.labels.mode_sets import count_of, exchanged_modes
from codecnn.models.blocks import ModeConfig
from codecnn.models.mode_context import Context, ModeCoder
from codecnn.models.network import Network
from codecnn.models.registry import check_kind
from codecnn.tasks.coded_frames import CodedFrame, Frames
from codecnn.tasks.task import Sums


class Batch(NamedTuple):
    """Hold B blocks with their modes, decided at the price of the most probable modes, and the costs of all modes."""

    context: Context[Any]
    modes: Any  # (B,) int64
    costs: Any  # (B, modes) float32: J / lambda, in bits; None where they are not needed


@dataclass(frozen=True)
class ModeCoding:
    """Give the modes that an encoder decides for a large probability.

    Args:
        decisions: whose modes are learned. mpm: those of the least J + lambda * bits at the price of the most probable
            modes, decided in decoding order. own: those of the least J + lambda * bits at the price that the network
            itself gives at that moment.
        blocks: most blocks of a frame in a batch.
        price_frames: frames of each QP on which the price of the most probable modes is counted.
        validate_frames: held-out frames of each QP to validate on, spread evenly.
    """

    name: ClassVar[str] = "mode-coding"
    decides: ClassVar[str] = "cost"
    larger_is_better: ClassVar[bool] = False
    network: ClassVar[str] = "absolute_coder"

    decisions: Literal["mpm", "own"] = "own"
    blocks: int = 256
    price_frames: int = 32
    validate_frames: int = 16

    def __post_init__(self) -> None:
        for name in ("blocks", "price_frames", "validate_frames"):
            if not 1 <= (value := getattr(self, name)) < 1 << 31:
                raise ValueError(f"{name} must be from 1 to 2^31 - 1, not {value!s:.40}")

    def draws(self, shards: Sequence[Shard], config: ModeConfig) -> "BlocksOfFrames":
        """Return what draws blocks of frames; InputError if no frame holds one."""
        check_kind(config, ModeCoder, "a mode coder")
        return BlocksOfFrames(shards, config, self)

    def sums(self, network: nn.Module, batch: Batch) -> Sums:
        """Return the bits a mode, and in percent how often the network gives the mode the largest probability."""
        prices = prices_of(network(batch.context))
        modes = batch.modes if batch.costs is None else (batch.costs + prices.detach()).argmin(1)
        count = prices.new_tensor(float(len(prices)))
        bits = prices.gather(1, modes[:, None]).sum()
        return {"loss": (bits, count), "top1": (100 * (prices.argmin(1) == modes).sum(), count)}

    def validate(self, network: Network, shards: Sequence[Shard]) -> dict[str, float]:
        """Return "cost", the whole cost J + lambda * bits against that of the most probable modes, in percent.

        Both with the decisions of their own price, which is counted on the same frames for the most probable modes;
        mean over the QPs, and "cost_<QP>" for each. "bits" is what a mode takes, and "top1" how often it is the most
        probable, in percent, both for the modes decided at the price of the most probable modes.
        """
        assert isinstance(network, ModeCoder)
        frames = Frames(shards, network.config.size, network.config.modes)
        gains, bits, hits = {}, [], []
        for qp, numbers in frames.spread(self.validate_frames).items():
            chosen = [frames.read(number) for number in numbers]
            pictures = [frame.priced() for frame in chosen]
            price = fit_price(network.config.modes, pictures)
            whole = np.zeros(2)
            for frame, picture in zip(chosen, pictures, strict=True):
                coded = price.decide(picture), decide(network, frame, picture.costs)
                whole += [whole_cost(picture.costs, decided).sum() for decided in coded]
                prices = prices_for(network, frame, coded[0].modes)
                bits.append(np.take_along_axis(prices, coded[0].modes[:, None], 1))
                hits.append(prices.argmin(1) == coded[0].modes)
            gains[qp] = 100 * (whole[1] / whole[0] - 1)
        found = {"cost": float(np.mean([*gains.values()])), "bits": float(np.concatenate(bits).mean())}
        found["top1"] = 100 * float(np.concatenate(hits).mean())
        return found | {f"cost_{qp}": float(gain) for qp, gain in gains.items()}

    def notes(self, shards: Sequence[Shard]) -> dict[str, Any]:
        """Return how many frames were trained on."""
        return {"frames": sum(shard.frames for shard in shards)}


class BlocksOfFrames:
    """Draw blocks of a frame at random, in one half of the draws transposed."""

    def __init__(self, shards: Sequence[Shard], config: ModeConfig, task: ModeCoding) -> None:
        self.frames, self.task, self.count = Frames(shards, config.size, config.modes), task, count_of(config.modes)
        self.prices = {
            qp: fit_price(config.modes, [self.frames.read(number).priced() for number in numbers])
            for qp, numbers in self.frames.spread(task.price_frames).items()
        }
        self.decided: dict[int, NDArray] = {}  # the modes of frames that were drawn before

    @property
    def units(self) -> int:
        """Count the frames."""
        return len(self.frames)

    def draw(self, unit: int, step: Generator, own: Generator) -> Batch:
        """Return blocks of one frame."""
        frame = self.frames.read(unit)
        if unit not in self.decided:
            self.decided[unit] = self.prices[frame.shard.info.qp].decide(frame.priced()).modes.astype(np.uint8)
        modes = self.decided[unit].astype(np.int64)
        chosen = own.permutation(len(modes))[: self.task.blocks]
        costs = frame.costs(chosen) if self.task.decisions == "own" else None
        batch = Batch(frame.context(neighbours(frame, modes, self.count)[chosen], chosen), modes[chosen], costs)
        return transposed(batch, self.count) if own.integers(2) else batch


def neighbours(frame: CodedFrame, modes: NDArray, count: int) -> NDArray:
    """Return the modes of the neighbours of all blocks, (N, NEIGHBOURS); `count` where there is none."""
    around: NDArray = np.append(modes, count)[frame.grid.neighbours]
    return around


def transposed(batch: Batch, count: int) -> Batch:
    """Exchange rows and columns of pictures, and with them the horizontal and the vertical modes."""
    mirror = np.append(exchanged_modes(count), count)
    context, parts, line = batch.context, [], 0
    rest = context.references
    side = (rest.shape[1] - 9) // 12
    while rest.shape[1]:
        left = 2 * side + line
        parts += [rest[:, left + 1 : 2 * left + 1], rest[:, left : left + 1], rest[:, :left]]
        rest, line = rest[:, 2 * left + 1 :], line + 1
    turned = context._replace(
        references=np.concatenate(parts, 1),
        available=context.available[:, [2, 3, 0, 1]],
        modes=mirror[context.modes][:, TRANSPOSED],
    )
    return Batch(turned, mirror[batch.modes], None if batch.costs is None else batch.costs[:, mirror[:count]])


def prices_of(logits: torch.Tensor) -> torch.Tensor:
    """Return the prices of modes in bits."""
    return -F.log_softmax(logits.float(), 1) / math.log(2)


def on_device(context: Context[NDArray], network: Network) -> Context[torch.Tensor]:
    """Return a context of numpy as tensors on the device of a network."""
    fields: Any = context
    return Context(*(torch.from_numpy(field).to(next(network.parameters()).device) for field in fields))


@torch.inference_mode()
def prices_for(network: ModeCoder, frame: CodedFrame, modes: NDArray) -> NDArray:
    """Return the prices of all modes of all blocks, where the neighbours have these modes: (N, modes) float32."""
    around = neighbours(frame, modes, count_of(network.config.modes))
    prices: NDArray = prices_of(network(on_device(frame.context(around), network))).cpu().numpy()
    return prices


@torch.inference_mode()
def decide(network: ModeCoder, frame: CodedFrame, costs: NDArray) -> Decided:
    """Return the modes of least J + lambda * bits at the price of a network, each given those decoded before it.

    costs: from `CodedFrame.costs`. Blocks that do not depend on each other are decided at once.
    """
    count, grid = count_of(network.config.modes), frame.grid
    context = on_device(frame.context(grid.neighbours), network)
    features, priced_costs = network.features(context), torch.from_numpy(costs).to(context.qp.device)
    around = torch.from_numpy(grid.neighbours).to(context.qp.device)
    modes = around.new_full((len(costs) + 1,), count)  # the last one is the neighbour that there is none of
    bits = torch.empty(len(costs), device=context.qp.device)
    for wave in grid.waves:
        blocks = torch.from_numpy(wave).to(context.qp.device)
        prices = prices_of(network.logits(features[blocks], modes[around[blocks]]))
        modes[blocks] = (priced_costs[blocks] + prices).argmin(1)
        bits[blocks] = prices.gather(1, modes[blocks][:, None])[:, 0]
    return Decided(modes[:-1].cpu().numpy(), bits.double().cpu().numpy())


def whole_cost(costs: NDArray, decided: Decided) -> NDArray:
    """Return J / lambda + bits of each block, (N,) float64."""
    whole: NDArray = np.take_along_axis(costs, decided.modes[:, None], 1)[:, 0] + decided.bits
    return whole
