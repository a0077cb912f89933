"""Define what mode coders take: what a decoder knows of blocks before it reads their modes."""

from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor

from codecnn.models.blocks import ModeConfig
from codecnn.models.network import Network

A = TypeVar("A")  # Tensor, or an array of numpy


class Context(NamedTuple, Generic[A]):
    """Hold the surroundings of B blocks of N x N luma samples, in integers."""

    references: A  # (B, 12 N + 9): reference lines 0, 1, 2, each as in `codecnn.intra.references`, with substitutes
    available: A  # (B, 4) 0..1: the shares left, below left, above and above right of the block that are decoded
    modes: A  # (B, NEIGHBOURS) int64, as in `codecnn.labels.block_grid`; the count of modes where there is none
    qp: A  # (B,)
    peak: A  # (B,): 2^bit_depth - 1


class ModeCoder(Network):
    """Serve as the base of networks that give a probability for every mode, from the decoder's side only.

    The work is in two parts, so that the larger one can be done for all blocks of a picture at once: `features` looks
    at the samples, `logits` adds what the modes of the neighbours tell.
    """

    config: ModeConfig

    def features(self, context: Context[Any]) -> Tensor:
        """Return what the samples around the blocks tell: (B, features). The modes are not used."""
        raise NotImplementedError

    def logits(self, features: Tensor, modes: Tensor) -> Tensor:
        """Return the logarithms of probabilities, up to a constant, (B, modes), from the modes of the neighbours."""
        raise NotImplementedError

    def forward(self, context: Context[Tensor]) -> Tensor:
        """Return logits (B, modes)."""
        return self.logits(self.features(context), context.modes)
