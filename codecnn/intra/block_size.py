"""Define the sizes of the luma blocks that are predicted."""

from typing import NamedTuple, Self

SIDES = (4, 8, 16, 32, 64)


class BlockSize(NamedTuple):
    """Hold width and height in luma samples; written as 16 if square, else as 16x8."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}" if self.width == self.height else f"{self.width}x{self.height}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse a size from text; ValueError if a side is none of SIDES."""
        sides = text.split("x")
        if len(sides) <= 2 and set(sides) <= {str(side) for side in SIDES}:
            return cls(int(sides[0]), int(sides[-1]))
        raise ValueError(f"{text!r} is no block size such as 16 or 16x8 with sides of {SIDES}")


SQUARES = tuple(BlockSize(side, side) for side in SIDES)
SHAPES = tuple(BlockSize(width, height) for width in SIDES for height in SIDES)
