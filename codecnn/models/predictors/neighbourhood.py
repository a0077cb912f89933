"""Define what prediction networks take: the decoded samples around a block, and give: predictions of the block."""

from collections.abc import Iterable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from codecnn.models.network import Network

A = TypeVar("A")  # Tensor, or an array of numpy
SIZES = (4, 8, 16, 32, 64)
MOST_LINES, MOST_PREDICTIONS = 16, 67  # that a file may ask for


class Neighbourhood(NamedTuple, Generic[A]):
    """Hold L lines of decoded samples around B blocks of N x N, in integers, as a decoder has them.

    A sample that is not decoded before the block, or is outside of the picture, is 0.
    """

    above: A  # (B, L, L + 2 N): above left, above, above right of the block
    left: A  # (B, 2 N, L): left of it, and below left
    above_known: A  # (B, L + 2 N) bool: the columns of `above` that are decoded
    left_known: A  # (B, 2 N) bool: the rows of `left` that are decoded
    qp: A  # (B,)
    peak: A  # (B,): 2^bit_depth - 1


def to_tensors(blocks: Neighbourhood[NDArray], device: torch.device | None = None) -> Neighbourhood[Tensor]:
    """Return a neighbourhood of numpy as tensors on a device."""
    fields: Iterable[Any] = blocks
    return Neighbourhood(*(torch.from_numpy(field).to(device) for field in fields))


class PredictorConfig(Protocol):
    """Say what a predictor needs to be given; the configuration of every predictor has these."""

    @property
    def size(self) -> int:
        """Return the side N of its blocks, in luma samples."""

    @property
    def lines(self) -> int:
        """Return the number L of lines around a block: 1 to N, and at most MOST_LINES."""

    @property
    def predictions(self) -> int:
        """Return how many predictions of a block it gives; an encoder chooses one of them."""


def check_predictor(config: PredictorConfig) -> None:
    """Raise ValueError if size, lines or predictions are out of their ranges."""
    size, lines, predictions = config.size, config.lines, config.predictions
    if size not in SIZES or not 1 <= lines <= min(size, MOST_LINES) or not 1 <= predictions <= MOST_PREDICTIONS:
        raise ValueError(
            f"size must be one of {SIZES}, lines 1 to {MOST_LINES} and at most size, and predictions 1 to "
            f"{MOST_PREDICTIONS}, not {size!r:.40}, {lines!r:.40} and {predictions!r:.40}"
        )


def zero_neighbourhood(config: PredictorConfig, count: int) -> Neighbourhood[Tensor]:
    """Return black 8-bit samples around blocks, all of them decoded, on PyTorch's current default device."""
    size, lines = config.size, config.lines
    length = lines + 2 * size
    return Neighbourhood(
        torch.zeros((count, lines, length)),
        torch.zeros((count, 2 * size, lines)),
        torch.ones((count, length), dtype=torch.bool),
        torch.ones((count, 2 * size), dtype=torch.bool),
        torch.zeros(count),
        torch.full((count,), 255.0),
    )


class Predictor(Network):
    """Serve as the base of networks that predict blocks.

    `forward` takes a Neighbourhood and gives the predictions, (B, predictions, N, N), about 0..1 where the peak is 1.
    """

    config: PredictorConfig
