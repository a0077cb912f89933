"""Define planar YUV pictures and their formats."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from codecnn.errors import InputError

Plane = NDArray[Any]  # (height, width), uint8 or uint16

# Chroma format -> for each plane, how many luma rows and columns correspond to one row and column of the plane.
SCALES: dict[str, tuple[tuple[int, int], ...]] = {
    "400": ((1, 1),),
    "420": ((1, 1), (2, 2), (2, 2)),
    "422": ((1, 1), (1, 2), (1, 2)),
    "444": ((1, 1), (1, 1), (1, 1)),
}
BIT_DEPTHS = (8, 10, 12)


@dataclass(frozen=True)
class VideoFormat:
    """Hold the luma width and height, bits per sample, frames per second and chroma format of a clip."""

    width: int
    height: int
    bit_depth: int = 8
    fps: Fraction = Fraction(30)
    chroma: str = "420"

    def check(self, source: Path) -> None:
        """Raise InputError if chroma format, bit depth, size or frame rate is not supported."""
        if self.chroma not in SCALES:
            raise InputError(f"{source}: chroma format {self.chroma} is not supported, only 400, 420, 422 and 444 are")
        if self.bit_depth not in BIT_DEPTHS:
            raise InputError(f"{source}: {self.bit_depth} bits per sample are not supported, only 8, 10 and 12 are")
        if not (16 <= self.width <= 16384 and 16 <= self.height <= 16384):
            raise InputError(f"{source}: size {self.width}x{self.height} is outside of 16x16 to 16384x16384")
        if not 0 < self.fps <= 1000 or self.fps.denominator >= 1 << 20:
            raise InputError(
                f"{source}: frame rate {self.fps} is not above 0, at most 1000, with a denominator below 2^20"
            )

    @property
    def dtype(self) -> np.dtype:
        """Return the type of a sample, in memory and, as little-endian, in a raw file."""
        return np.dtype(np.uint8) if self.bit_depth == 8 else np.dtype("<u2")

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """Return (height, width) of Y, U and V, at 4:0:0 of Y only; odd luma sizes round up in chroma."""
        return tuple((-(-self.height // down), -(-self.width // across)) for down, across in SCALES[self.chroma])

    @property
    def frame_bytes(self) -> int:
        """Return the number of bytes of one frame in a raw file."""
        return sum(h * w for h, w in self.plane_shapes) * self.dtype.itemsize


@dataclass(frozen=True)
class Picture:
    """Hold one picture: planes (height, width), uint8 at 8 bit and uint16 above, values 0..2^bit_depth-1.

    At 4:0:0, u and v have the shape (0, 0). Several windows are held in the same way, with a leading axis.
    """

    y: Plane
    u: Plane
    v: Plane
    bit_depth: int

    @classmethod
    def of(cls, planes: Iterable[Plane], bit_depth: int) -> Self:
        """Make a Picture of Y, U and V in this order, or of Y only."""
        y, *chroma = planes
        u, v = chroma or (y[..., :0, :0],) * 2
        return cls(y, u, v, bit_depth)

    @property
    def planes(self) -> tuple[Plane, ...]:
        """Return Y, U and V, at 4:0:0 only Y."""
        return (self.y, self.u, self.v) if self.u.size else (self.y,)

    @property
    def chroma(self) -> str:
        """Return the chroma format that fits the sizes of the planes; ValueError if none does."""
        shapes = tuple(plane.shape[-2:] for plane in self.planes)
        for chroma in SCALES:
            if VideoFormat(shapes[0][1], shapes[0][0], chroma=chroma).plane_shapes == shapes:
                return chroma
        raise ValueError(f"planes of {shapes} are of no chroma format")

    def pad(self, height: int, width: int) -> "Picture":
        """Repeat the last row and column up to a luma height and width, for an encoder."""
        shapes = VideoFormat(width, height, chroma=self.chroma).plane_shapes
        padded = (
            np.pad(p, ((0, h - p.shape[0]), (0, w - p.shape[1])), mode="edge")
            for p, (h, w) in zip(self.planes, shapes, strict=True)
        )
        return Picture.of(padded, self.bit_depth)

    def crop(self, height: int, width: int) -> "Picture":
        """Keep the top left part of the given luma size; the inverse of `pad`."""
        shapes = VideoFormat(width, height, chroma=self.chroma).plane_shapes
        return Picture.of((p[:h, :w] for p, (h, w) in zip(self.planes, shapes, strict=True)), self.bit_depth)


def check_picture(picture: Picture, what: str) -> Picture:
    """Return the picture; InputError that begins with `what` if a plane is of another type, or a sample too large."""
    peak = (1 << picture.bit_depth) - 1
    for name, plane in zip("YUV", picture.planes, strict=False):
        if plane.dtype not in (np.uint8, np.uint16):
            raise InputError(f"{what} has {name} samples of {plane.dtype}, not uint8 or uint16")
        if plane.itemsize * 8 > picture.bit_depth and (highest := int(plane.max())) > peak:
            raise InputError(
                f"{what} has a {name} sample of {highest}, above {peak}: the data are not {picture.bit_depth} bit"
            )
    return picture


def check_samples(picture: Picture, source: Path, frame: int) -> Picture:
    """Return the picture of a frame; InputError if a sample is above its bit depth."""
    return check_picture(picture, f"{source}: frame {frame}")
