"""Define the configuration of a residual dense network: its size and form."""

from dataclasses import dataclass
from typing import Literal

from codecnn.models.in_loop_filter import Input

TILE = 32  # samples: the means of attention are over tiles of this side
HEAD_EATS = 2  # samples that the unpadded convolutions of the head take from each side
# Limits, as a weights file or configuration from elsewhere could otherwise ask for any amount of memory.
LARGEST = {
    **{"channels": 1024, "blocks": 64, "convolutions": 64, "growth": 1024, "margin": 128, "residuals": 4},
    **{"attention": 1024, "modulation": 1024},
}


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
        residuals: residuals that the network gives, R. The first one makes the filtered luma; with more an encoder can
            choose a weight for each of them.
        branches: train 3x1, 1x3 and 1x1 convolutions beside those of 3x3, but for the first and the last one; they are
            merged into one when the weights are saved for use.
        attention: features that the channels of a block are squeezed to, for a weight of each channel in each tile of
            32x32 samples; 0 for none.
        modulation: hidden features of the dense layers that make a scale and a shift of each channel from the QP, at
            the input of each block and of the last convolution, in place of the QP plane; 0 for the plane.
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
    residuals: int = 1
    branches: bool = False
    attention: int = 0
    modulation: int = 0

    def __post_init__(self) -> None:
        for name, largest in LARGEST.items():
            if getattr(self, name) > largest:
                raise ValueError(f"{name} must be {largest} at most, not {getattr(self, name)!r:.80}")
        if min(self.channels, self.blocks, self.growth, self.residuals) < 1 or self.convolutions < 2:
            raise ValueError(
                "channels, blocks, growth and residuals must be 1 or more and convolutions 2 or more, not "
                f"{self.channels}, {self.blocks}, {self.growth}, {self.residuals} and {self.convolutions}"
            )
        if self.margin < HEAD_EATS or self.margin % 2:
            raise ValueError(f"margin must be even and {HEAD_EATS} or more, not {self.margin}")
        if min(self.attention, self.modulation) < 0:
            raise ValueError(f"attention and modulation must be 0 or more, not {self.attention} and {self.modulation}")
        if self.attention and (self.margin - HEAD_EATS) % TILE:  # else a CTU would not begin with a tile
            raise ValueError(f"margin must be {HEAD_EATS} with attention, or {TILE} n more, not {self.margin}")

    @property
    def planes(self) -> int:
        """Return the number of input planes, P: Y, U, V, QP, and with "both" unfiltered Y."""
        return 5 if self.input == "both" else 4

    @property
    def convolved_planes(self) -> int:
        """Return the number of planes that the first convolution takes: without QP where that modulates features."""
        return self.planes - (self.modulation > 0)

    @property
    def stride(self) -> int:
        """Return the distance between two positions of the network, in luma samples."""
        return 2 if self.head == "6x6 by 2" else 1

    @property
    def reach(self) -> int:
        """Return how far, in samples, zero padding at an edge changes the output; with attention, in whole tiles."""
        if not self.attention:
            return self.stride * (self.blocks * (self.convolutions - 1) + 2)
        positions = self.blocks * (self.convolutions - 1 + TILE // self.stride - 1) + 2
        return -(-self.stride * positions // TILE) * TILE
