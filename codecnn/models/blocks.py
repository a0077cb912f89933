"""Define what block networks take: blocks of one size with what is known before they are coded."""

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from codecnn.intra.block_size import SQUARES
from codecnn.labels.mode_sets import ModeSet, sizes_of
from codecnn.models.network import Network

A = TypeVar("A")  # Tensor, or an array of numpy


class Blocks(NamedTuple, Generic[A]):
    """Hold B blocks of N x N luma samples, in integers, as an encoder has them before it chooses their modes."""

    original: A  # (B, N, N)
    references: A  # (B, 4 N + 1): reference line 0 with substitutes, in the order of `codecnn.intra.references`
    available: A  # (B, 4) 0..1: the shares left, below left, above and above right of the block that are decoded
    qp: A  # (B,)
    peak: A  # (B,): 2^bit_depth - 1
    costs: A | None = None  # (B, 2, modes) float32: both SATDs of all modes, only for networks that take them


def to_tensors(blocks: Blocks[NDArray], device: torch.device | None = None) -> Blocks[Tensor]:
    """Return blocks of numpy as tensors on a device."""
    fields: Iterable[Any] = blocks
    tensors: Iterable[Any] = (None if field is None else torch.from_numpy(field).to(device) for field in fields)
    return Blocks(*tensors)


class ModeConfig(Protocol):
    """Say what a mode network needs to be given; the configuration of every mode network has these."""

    @property
    def size(self) -> int:
        """Return the side of its blocks, in luma samples."""

    @property
    def modes(self) -> ModeSet:
        """Return the mode set that it chooses from."""


def check_block(size: int, modes: ModeSet) -> None:
    """Raise ValueError if there are no mode networks for blocks of this size and mode set."""
    if modes == "vvc-67-mrl":
        raise ValueError("modes must be vvc-67 or hevc-35, which have one reference line, not vvc-67-mrl")
    sizes = [square.width for square in SQUARES if square in sizes_of(modes)]
    if size not in sizes:
        raise ValueError(f"size must be one of {', '.join(map(str, sizes))} for {modes}, not {size!r:.80}")


class ModeNetwork(Network):
    """Serve as the base of networks that rank intra modes.

    `forward` takes Blocks and gives logits, (B, modes): the more, the better the mode. Not `vvc-67-mrl`.
    """

    takes_costs: ClassVar[bool] = False  # whether it needs the SATDs of all modes, in Blocks
    config: ModeConfig
