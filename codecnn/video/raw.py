"""Read and write raw planar YUV files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from codecnn.errors import InputError
from codecnn.video.picture import Picture, VideoFormat, check_samples


def picture_from_bytes(data: bytes, fmt: VideoFormat) -> Picture:
    """Make a Picture of one raw frame: Y then U then V, or Y only."""
    samples = np.frombuffer(data, fmt.dtype).astype(fmt.dtype.newbyteorder("="), copy=False)
    ends = np.cumsum([h * w for h, w in fmt.plane_shapes])
    planes = (p.reshape(s) for p, s in zip(np.split(samples, ends[:-1]), fmt.plane_shapes, strict=True))
    return Picture.of(planes, fmt.bit_depth)


def count_raw_frames(path: Path, fmt: VideoFormat) -> int:
    """Count the frames of a raw file; InputError if it is empty or not a whole number of frames."""
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
    """Yield the frames of a raw planar file, one at a time."""
    with path.open("rb") as file:
        for frame in range(count_raw_frames(path, fmt)):
            yield check_samples(picture_from_bytes(file.read(fmt.frame_bytes), fmt), path, frame)


def write_raw(path: Path, pictures: Iterable[Picture]) -> None:
    """Write pictures as raw planar YUV, 10 and 12 bit as little-endian 16-bit words."""
    with path.open("wb") as file:
        for picture in pictures:
            for plane in picture.planes:
                little = plane.dtype.newbyteorder("<")
                file.write(np.ascontiguousarray(plane, little).tobytes())
