"""Define the configuration of a residual dense network: its size and form."""

from dataclasses import dataclass
from typing import Literal

from codecnn.models.in_loop_filter import Input

HEAD_EATS = 2  # samples that the unpadded convolutions of the head take from each side
# Limits, as a weights file or configuration from elsewhere could otherwise ask for any amount of memory.
LARGEST = {"channels": 1024, "blocks": 64, "convolutions": 64, "growth": 1024, "margin": 128}


@dataclass(frozen=True)
class RdnConfig:
    """Hold the size and form of an Rdn; ValueError if a field is out of range.

    Args:
        channels: features between the blocks, C.
        blocks: residual dense blocks, D.
        convolutions: convolutions in a block, n: n - 1 of 3x3 and the 1x1 that fuses them.
        growth: features that each 3x3 convolution of a block adds, g.
        margin: samples around the output, on each side, that the network gets as input; even, 2 or more.
        input: the picture that is filtered; with "both" it is the baseline, and unfiltered luma is one more plane.
        global_residual: add the shallow features to the fused outputs of the blocks.
        residual_output: add the input luma to the output.
        inner_residual: add a block's input to its output.
        head: the unpadded convolutions at the input. With "6x6 by 2" the network works at half the width and height,
            and each position of its output holds four samples of the residual.
    """

    channels: int = 32
    blocks: int = 3
    convolutions: int = 6
    growth: int = 16
    margin: int = 2
    input: Input = "both"
    global_residual: bool = True
    residual_output: bool = True
    inner_residual: bool = True
    head: Literal["two 3x3", "one 5x5", "6x6 by 2"] = "two 3x3"

    def __post_init__(self) -> None:
        for name, largest in LARGEST.items():
            if getattr(self, name) > largest:
                raise ValueError(f"{name} must be {largest} at most, not {getattr(self, name)!r:.80}")
        if min(self.channels, self.blocks, self.growth) < 1 or self.convolutions < 2:
            raise ValueError(
                "channels, blocks and growth must be 1 or more and convolutions 2 or more, not "
                f"{self.channels}, {self.blocks}, {self.growth} and {self.convolutions}"
            )
        if self.margin < HEAD_EATS or self.margin % 2:
            raise ValueError(f"margin must be even and {HEAD_EATS} or more, not {self.margin}")

    @property
    def planes(self) -> int:
        """Return the number of input planes, P: Y, U, V, QP, and with "both" unfiltered Y."""
        return 5 if self.input == "both" else 4

    @property
    def stride(self) -> int:
        """Return the distance between two positions of the network, in luma samples."""
        return 2 if self.head == "6x6 by 2" else 1

    @property
    def reach(self) -> int:
        """Return how far, in samples, zero padding at an edge changes the output."""
        return self.stride * (self.blocks * (self.convolutions - 1) + 2)
