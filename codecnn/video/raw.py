"""Read and write raw files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from codecnn.errors import InputError
from codecnn.video.colour import Conversion, rgb_to_picture
from codecnn.video.layouts import Layout, planar
from codecnn.video.picture import Picture, VideoFormat, check_samples


def picture_from_bytes(
    data: bytes, fmt: VideoFormat, layout: Layout | None = None, conversion: Conversion | None = None
) -> Picture:
    """Make a Picture of one raw frame; without a layout it is planar: Y then U then V, or Y only.

    R, G and B are converted. ValueError if the data do not have this layout.
    """
    layout = layout or planar(fmt.chroma, fmt.bit_depth)
    planes = layout.planes(data, fmt.width, fmt.height)
    if layout.is_rgb:
        return rgb_to_picture(
            np.stack([planes[letter] for letter in "rgb"], axis=2), fmt.bit_depth, conversion or Conversion()
        )
    return Picture.of((planes[letter] for letter in "yuv" if letter in planes), fmt.bit_depth)


def count_raw_frames(path: Path, fmt: VideoFormat, layout: Layout | None = None) -> int:
    """Count the frames of a raw file; InputError if it is empty or not a whole number of frames."""
    layout = layout or planar(fmt.chroma, fmt.bit_depth)
    length, frame = path.stat().st_size, layout.frame_bytes(fmt.width, fmt.height)
    if length == 0:
        raise InputError(f"{path}: the file is empty")
    if length % frame:
        raise InputError(
            f"{path}: {length} bytes are no whole number of frames: {fmt.width}x{fmt.height} {layout.name} takes "
            f"{frame} bytes a frame: {length // frame} frames and {length % frame} bytes"
        )
    return length // frame


def read_raw(
    path: Path, fmt: VideoFormat, layout: Layout | None = None, conversion: Conversion | None = None
) -> Iterator[Picture]:
    """Yield the frames of a raw file, one at a time; without a layout it is planar."""
    layout = layout or planar(fmt.chroma, fmt.bit_depth)
    with path.open("rb") as file:
        for frame in range(count_raw_frames(path, fmt, layout)):
            data = file.read(layout.frame_bytes(fmt.width, fmt.height))
            try:
                picture = picture_from_bytes(data, fmt, layout, conversion)
            except ValueError as error:
                raise InputError(f"{path}: frame {frame} is not {layout.name}: {error}") from error
            yield check_samples(picture, path, frame)


def write_raw(path: Path, pictures: Iterable[Picture]) -> None:
    """Write pictures as raw planar YUV, 10 and 12 bit as little-endian 16-bit words."""
    with path.open("wb") as file:
        for picture in pictures:
            file.write(picture_to_bytes(picture))


def picture_to_bytes(picture: Picture) -> bytes:
    """Return the samples of a picture as a frame of a raw file: planar, little-endian."""
    return b"".join(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).tobytes() for plane in picture.planes)
