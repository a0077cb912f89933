"""Planar YUV pictures: their format, the geometry in a file name, raw files read and written."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from codecnn.errors import InputError

Plane = NDArray[Any]  # (height, width), uint8 or uint16

# Common intermediate format and its kin: luma width and height.
NAMED_SIZES = {
    "sqcif": (128, 96),
    "qcif": (176, 144),
    "cif": (352, 288),
    "4cif": (704, 576),
    "16cif": (1408, 1152),
}
CHROMA_FORMATS = ("400", "420", "422", "444")
RATE = r"\d{1,3}(?:\.\d{1,3})?"


@dataclass(frozen=True)
class VideoFormat:
    """Luma width and height in samples, bits per sample, frames per second and chroma format of a clip."""

    width: int
    height: int
    bit_depth: int = 8
    fps: Fraction = Fraction(30)
    chroma: str = "420"

    def check(self, source: Path) -> None:
        """Raise InputError unless the format is one the toolkit handles: 4:2:0, 8 or 10 bit, 16x16 or more."""
        if self.chroma != "420":
            raise InputError(f"{source}: chroma format {self.chroma} is not supported, only 420 is")
        if self.bit_depth not in (8, 10):
            raise InputError(f"{source}: {self.bit_depth} bits per sample are not supported, only 8 and 10 are")
        if not (16 <= self.width <= 16384 and 16 <= self.height <= 16384):
            raise InputError(f"{source}: size {self.width}x{self.height} is outside of 16x16 to 16384x16384")
        if not 0 < self.fps <= 1000 or self.fps.denominator >= 1 << 20:
            raise InputError(
                f"{source}: frame rate {self.fps} is not above 0, at most 1000, with a denominator below 2^20"
            )

    @property
    def dtype(self) -> np.dtype:
        """Sample type in memory and, little-endian, in a raw file."""
        return np.dtype(np.uint8) if self.bit_depth == 8 else np.dtype("<u2")

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(height, width) of Y, U and V; odd luma sizes round up in chroma."""
        chroma = ((self.height + 1) // 2, (self.width + 1) // 2)
        return (self.height, self.width), chroma, chroma

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame in a raw file."""
        return sum(h * w for h, w in self.plane_shapes) * self.dtype.itemsize


@dataclass(frozen=True)
class Picture:
    """One 4:2:0 picture: planes (height, width), uint8 at 8 bit and uint16 above, values 0..2^bit_depth-1."""

    y: Plane
    u: Plane
    v: Plane
    bit_depth: int

    @classmethod
    def of(cls, planes: Iterable[Plane], bit_depth: int) -> Self:
        """Y, U and V in this order as a Picture."""
        y, u, v = planes
        return cls(y, u, v, bit_depth)

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y, U and V."""
        return self.y, self.u, self.v

    def pad(self, height: int, width: int) -> "Picture":
        """Repeat the last row and column up to an even luma height and width (for an encoder)."""
        shapes = VideoFormat(width, height).plane_shapes
        padded = (
            np.pad(p, ((0, h - p.shape[0]), (0, w - p.shape[1])), mode="edge")
            for p, (h, w) in zip(self.planes, shapes, strict=True)
        )
        return Picture.of(padded, self.bit_depth)

    def crop(self, height: int, width: int) -> "Picture":
        """Keep the top-left part of the given luma size; the inverse of pad."""
        shapes = VideoFormat(width, height).plane_shapes
        return Picture.of((p[:h, :w] for p, (h, w) in zip(self.planes, shapes, strict=True)), self.bit_depth)


def format_from_name(path: Path) -> dict[str, int | str | Fraction]:
    """Fields of VideoFormat found in a file name, by the field's own habit of naming.

    Understands `Name_1920x1080_50.yuv`, `Name_1920x1080_50_8bit_420.yuv`, `Name_3840x2160_60fps_10bit_420.yuv`,
    `Name_1920x1080_59.94_yuv420p10le.yuv` and `name_cif.yuv`. What the name does not say is left out. Raises InputError
    for a layout that is not planar and little-endian.
    """
    fields: dict[str, int | str | Fraction] = {}
    tokens = re.split(r"[_\- ]|\.(?!\d)", path.stem.lower())
    for position, token in enumerate(tokens):
        if size := re.fullmatch(r"(\d{2,5})x(\d{2,5})(?:p(\d{0,3}))?", token):
            fields["width"], fields["height"] = int(size[1]), int(size[2])
            following = size[3] or (tokens[position + 1] if position + 1 < len(tokens) else "")
            if re.fullmatch(RATE, following) and following not in CHROMA_FORMATS and Fraction(following) > 0:
                fields["fps"] = Fraction(following)
        elif token in NAMED_SIZES and "width" not in fields:
            fields["width"], fields["height"] = NAMED_SIZES[token]
        elif rate := re.fullmatch(f"({RATE})(fps|hz)", token):
            fields["fps"] = Fraction(rate[1])
        elif depth := re.fullmatch(r"(\d{1,2})b(it|its|pp)?", token):
            fields["bit_depth"] = int(depth[1])
        elif chroma := re.fullmatch(rf"(?:yuv|p)?({'|'.join(CHROMA_FORMATS)})(?:p(\d\d)?(?:le)?)?", token):
            fields["chroma"] = chroma[1]
            if chroma[2]:
                fields["bit_depth"] = int(chroma[2])
        elif re.fullmatch(r"nv12|nv21|p010(le|be)?|yuyv(422)?|uyvy(422)?|(yuv)?4\d\dp\d\dbe", token):
            raise InputError(f"{path}: layout {token} is not supported, only planar YUV, little-endian")
    return fields


def check_samples(picture: Picture, source: Path, frame: int) -> Picture:
    """Raise InputError if a sample is above the picture's bit depth; else return the picture."""
    peak = (1 << picture.bit_depth) - 1
    for name, plane in zip("YUV", picture.planes, strict=True):
        if plane.dtype != np.uint8 and (highest := int(plane.max())) > peak:
            raise InputError(
                f"{source}: frame {frame} has a {name} sample of {highest}, above {peak}: "
                f"the data are not {picture.bit_depth} bit"
            )
    return picture


def picture_from_bytes(data: bytes, fmt: VideoFormat) -> Picture:
    """One raw frame, Y then U then V, as a Picture."""
    samples = np.frombuffer(data, fmt.dtype).astype(fmt.dtype.newbyteorder("="), copy=False)
    ends = np.cumsum([h * w for h, w in fmt.plane_shapes])
    planes = (p.reshape(s) for p, s in zip(np.split(samples, ends[:-1]), fmt.plane_shapes, strict=True))
    return Picture.of(planes, fmt.bit_depth)


def count_raw_frames(path: Path, fmt: VideoFormat) -> int:
    """Frames of a raw file; InputError if it is empty or no whole number of frames."""
    length = path.stat().st_size
    if length == 0:
        raise InputError(f"{path}: the file is empty")
    if length % fmt.frame_bytes:
        raise InputError(
            f"{path}: {length} bytes are no whole number of frames: {fmt.width}x{fmt.height} {fmt.chroma} "
            f"{fmt.bit_depth} bit takes {fmt.frame_bytes} bytes a frame, {length / fmt.frame_bytes:.2f} frames"
        )
    return length // fmt.frame_bytes


def read_raw(path: Path, fmt: VideoFormat) -> Iterator[Picture]:
    """The frames of a raw planar file, one at a time."""
    with path.open("rb") as file:
        for frame in range(count_raw_frames(path, fmt)):
            yield check_samples(picture_from_bytes(file.read(fmt.frame_bytes), fmt), path, frame)


def write_raw(path: Path, pictures: Iterable[Picture]) -> None:
    """Write pictures as raw planar YUV, 10 bit as little-endian 16-bit words."""
    with path.open("wb") as file:
        for picture in pictures:
            for plane in picture.planes:
                little = plane.dtype.newbyteorder("<")
                file.write(np.ascontiguousarray(plane, little).tobytes())
