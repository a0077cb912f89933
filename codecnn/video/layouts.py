"""Define how the samples of a frame lie in a raw file."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from codecnn.video.picture import BIT_DEPTHS, SCALES, Plane


@dataclass(frozen=True)
class Layout:
    """Hold how the samples of a raw frame lie: in one or more arrays, one after the other.

    An array is a text with a letter for each of the samples that take turns in it: planar Y, U and V are the arrays
    "y", "u" and "v", NV12 is "y" and "uv", and YUYV is "yuyv". A dot is a sample that is not used, such as alpha.
    """

    name: str  # FFmpeg's, where FFmpeg has one
    arrays: tuple[str, ...]
    chroma: str = "444"
    bit_depth: int = 8
    shift: int = 0  # bits of the 16-bit word below the sample
    big_endian: bool = False

    @property
    def is_rgb(self) -> bool:
        """Return whether the samples are R, G and B."""
        return any("r" in letters for letters in self.arrays)

    @property
    def dtype(self) -> np.dtype:
        """Return the type of a sample in the file."""
        return np.dtype("u1" if self.bit_depth == 8 else ">u2" if self.big_endian else "<u2")

    def frame_bytes(self, width: int, height: int) -> int:
        """Return the number of bytes of one frame."""
        return sum(map(prod, self._shapes(width, height))) * self.dtype.itemsize

    def planes(self, data: bytes, width: int, height: int) -> dict[str, Plane]:
        """Return the planes of one frame by their letters; ValueError if bits below the samples are not 0."""
        samples: NDArray = np.frombuffer(data, self.dtype).astype(self.dtype.newbyteorder("="), copy=False)
        if self.shift:
            if (samples & ((1 << self.shift) - 1)).any():
                raise ValueError(f"the low {self.shift} bits of its words are not 0")
            samples = samples >> self.shift
        planes: dict[str, Plane] = {}
        for letters, shape in zip(self.arrays, self._shapes(width, height), strict=True):
            array, samples = samples[: prod(shape)].reshape(shape), samples[prod(shape) :]
            for letter in set(letters) - {"."}:
                places = [place for place, other in enumerate(letters) if other == letter]
                plane = (array if len(letters) == 1 else array[..., places]).reshape(shape[0], -1)
                across = SCALES[self.chroma][-1][1] if letter in "uv" else 1
                planes[letter] = plane[:, : -(-width // across)]  # at odd widths the last group is not full
        return planes

    def _shapes(self, width: int, height: int) -> list[tuple[int, int, int]]:
        """Return for each array the rows, the groups in a row and the samples in a group."""
        shapes = []
        for letters in self.arrays:
            down, across = (1, letters.count("y") or 1) if "y" in letters or self.is_rgb else SCALES[self.chroma][-1]
            shapes.append((-(-height // down), -(-width // across), len(letters)))
        return shapes


def _planar() -> Iterator[Layout]:
    for chroma in SCALES:
        arrays, name = ("y",) if chroma == "400" else ("y", "u", "v"), "gray" if chroma == "400" else f"yuv{chroma}p"
        yield Layout(name, arrays, chroma)
        for depth in BIT_DEPTHS[1:]:
            yield Layout(f"{name}{depth}le", arrays, chroma, depth)
            yield Layout(f"{name}{depth}be", arrays, chroma, depth, big_endian=True)
    for name, chroma in (("yv12", "420"), ("yv16", "422"), ("yv24", "444")):
        yield Layout(name, ("y", "v", "u"), chroma)


def _semi_planar() -> Iterator[Layout]:
    for name, chroma in (("nv12", "420"), ("nv16", "422"), ("nv24", "444")):
        yield Layout(name, ("y", "uv"), chroma)
    for name, chroma in (("nv21", "420"), ("nv61", "422"), ("nv42", "444")):
        yield Layout(name, ("y", "vu"), chroma)
    for name, chroma in (("p0", "420"), ("p2", "422"), ("p4", "444")):
        for depth in (10, 12):  # at the upper end of the word
            yield Layout(f"{name}{depth}le", ("y", "uv"), chroma, depth, 16 - depth)
            yield Layout(f"{name}{depth}be", ("y", "uv"), chroma, depth, 16 - depth, big_endian=True)
    yield Layout("nv20le", ("y", "uv"), "422", 10)


def _packed() -> Iterator[Layout]:
    for letters in ("yuyv", "uyvy", "yvyu", "vyuy"):
        yield Layout(f"{letters}422", (letters,), "422")
    for depth in (10, 12):
        yield Layout(f"y2{depth}le", ("yuyv",), "422", depth, 16 - depth)
    for name, letters in (("vyu444", "vyu"), ("ayuv", ".yuv"), ("vuya", "vuy."), ("vuyx", "vuy."), ("uyva", "uyv.")):
        yield Layout(name, (letters,))


def _rgb() -> Iterator[Layout]:
    for letters in ("rgb", "bgr"):
        yield Layout(f"{letters}24", (letters,))
        yield Layout(f"{letters}48le", (letters,), bit_depth=16)
        for alpha in "a0":
            yield Layout(f"{letters}{alpha}", (f"{letters}.",))
            yield Layout(f"{alpha}{letters}", (f".{letters}",))
    yield Layout("gbrp", ("g", "b", "r"))


LAYOUTS = {layout.name: layout for kind in (_planar, _semi_planar, _packed, _rgb) for layout in kind()}


def planar(chroma: str, bit_depth: int, endian: str = "le") -> Layout:
    """Return the layout of planar Y, U and V, or of Y only."""
    name = "gray" if chroma == "400" else f"yuv{chroma}p"
    return LAYOUTS[name if bit_depth == 8 else f"{name}{bit_depth}{endian}"]
