"""Any file with pictures in it as one kind of thing: a clip of 4:2:0 frames."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from codecnn import color
from codecnn.errors import InputError
from codecnn.y4m import read_header, read_y4m
from codecnn.yuv import Picture, VideoFormat, check_samples, count_raw_frames, format_from_name, read_raw

PLANAR = {"yuv420p": 8, "yuvj420p": 8, "yuv420p10le": 10}
RANGES = {1: "limited", 2: "full"}  # AVColorRange
FULL = 2
GREY = {"gray", "gray16be", "gray16le", "ya8", "ya16be", "ya16le", "pal8", "monob", "monow"}
RAW_SUFFIXES = {".yuv", ".raw"}


@dataclass(frozen=True)
class Clip:
    """A source: where it is, its format, how its samples came about, and its frames, read anew at each call."""

    path: Path
    format: VideoFormat
    color: str
    read: Callable[[], Iterator[Picture]]
    first_frames: int = 0  # 0: all
    every: int = 1

    def frames(self) -> Iterator[Picture]:
        """The frames taken: every n-th, at most first_frames of the source's."""
        return islice(self.read(), 0, self.first_frames or None, self.every)

    def sha256(self) -> str:
        """Checksum of the source file, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class FormatOptions:
    """What the user says of raw files; it goes before what their names say."""

    width: int | None = None
    height: int | None = None
    bit_depth: int | None = None
    fps: Fraction | None = None
    chroma: str | None = None


def open_clip(path: Path, options: FormatOptions = FormatOptions(), first_frames: int = 0, every: int = 1) -> Clip:
    """Look at a file's header, name and length, and return it as a Clip.

    Raw planar YUV (.yuv, .raw) takes its geometry from the options and its name; Y4M, pictures and videos say it
    themselves. RGB is converted as color.DESCRIPTION says; 16-bit RGB becomes 10-bit YUV. Raises InputError.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{str(path)!r}: the name is not UTF-8") from error
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    suffix = path.suffix.lower()
    opener = _open_raw if suffix in RAW_SUFFIXES else _open_y4m if suffix == ".y4m" else _open_media
    clip = opener(path, options)
    clip.format.check(path)
    return replace(clip, first_frames=first_frames, every=every)


def _open_raw(path: Path, options: FormatOptions) -> Clip:
    fields = format_from_name(path)
    fields.update({name: value for name, value in vars(options).items() if value is not None})
    if "width" not in fields or "height" not in fields:
        raise InputError(
            f"{path}: no width and height, neither in the name (as in Name_1920x1080_50.yuv) nor as options"
        )
    fmt = VideoFormat(**fields)  # type: ignore[arg-type]
    fmt.check(path)
    count_raw_frames(path, fmt)
    return Clip(path, fmt, "YUV as stored, range not stated", lambda: read_raw(path, fmt))


def _open_y4m(path: Path, options: FormatOptions) -> Clip:
    fmt, color_range, _ = read_header(path)
    return Clip(path, fmt, f"YUV as stored, range {color_range}", lambda: read_y4m(path))


def _open_media(path: Path, options: FormatOptions) -> Clip:
    try:
        with _container(path) as container:
            if not container.streams.video:
                raise InputError(f"{path}: no video in it")
            rate = container.streams.video[0].average_rate or Fraction(1)
            still = container.format.name.endswith("_pipe")  # FFmpeg's names for picture formats
            frame = next(_decoded(container), None)
    except av.FFmpegError as error:
        raise InputError(f"{path}: not a picture or video that can be read ({error.strerror})") from error
    if frame is None:
        raise InputError(f"{path}: no frames")
    name = frame.format.name
    if name in PLANAR:
        range_name = "full" if name == "yuvj420p" else RANGES.get(frame.color_range, "not stated")
        description = f"YUV as stored, range {range_name}"
        fmt = VideoFormat(frame.width, frame.height, PLANAR[name], Fraction(rate))
    elif frame.format.is_rgb or (name in GREY and (frame.color_range == FULL or still)):
        description = color.DESCRIPTION
        fmt = VideoFormat(frame.width, frame.height, _rgb_depth(frame), Fraction(rate))
    else:
        raise InputError(
            f"{path}: pixel format {name} is not supported, only 4:2:0 at 8 and 10 bit, RGB and full-range grey"
        )
    return Clip(path, fmt, description, lambda: _read_media(path, fmt))


def _container(path: Path) -> av.container.InputContainer:
    """Open exactly this file: no protocol before a colon and no pattern of numbers is looked for in its name."""
    return av.open(f"file:{path}", options={"pattern_type": "none"})


def _decoded(container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    """The frames of the first video; a damaged one is an error, it is not concealed."""
    stream = container.streams.video[0]
    stream.codec_context.options = {"err_detect": "explode"}
    return container.decode(stream)


def _rgb_depth(frame: av.VideoFrame) -> int:
    return 10 if max(component.bits for component in frame.format.components) > 8 else 8


def _read_media(path: Path, fmt: VideoFormat) -> Iterator[Picture]:
    try:
        with _container(path) as container:
            count, stated = 0, container.streams.video[0].frames
            for index, frame in enumerate(_decoded(container)):
                if frame.is_corrupt:
                    raise InputError(f"{path}: frame {index} is damaged")
                if (frame.width, frame.height) != (fmt.width, fmt.height):
                    raise InputError(
                        f"{path}: frame {index} is {frame.width}x{frame.height}, the first is {fmt.width}x{fmt.height}"
                    )
                yield check_samples(picture_from_frame(frame), path, index)
                count = index + 1
            if count < stated:
                raise InputError(f"{path}: {count} frames could be decoded of {stated} that it says it has")
    except av.FFmpegError as error:
        raise InputError(f"{path}: decoding failed ({error.strerror})") from error


def picture_from_frame(frame: av.VideoFrame) -> Picture:
    """A decoded frame as a Picture: planes are copied as they are, RGB and grey are converted."""
    if frame.format.name not in PLANAR:
        deep = _rgb_depth(frame) == 10
        rgb = frame.to_ndarray(format="rgb48le" if deep else "rgb24")
        return color.rgb_to_picture(rgb, 10 if deep else 8)
    bit_depth = PLANAR[frame.format.name]
    fmt = VideoFormat(frame.width, frame.height, bit_depth)
    planes = []
    for plane, (height, width) in zip(frame.planes, fmt.plane_shapes, strict=True):
        stride = plane.line_size // fmt.dtype.itemsize
        rows = np.frombuffer(memoryview(plane), fmt.dtype)[: height * stride].reshape(height, stride)
        planes.append(rows[:, :width].astype(fmt.dtype.newbyteorder("="), copy=True))
    return Picture.of(planes, bit_depth)


def frame_from_picture(picture: Picture) -> av.VideoFrame:
    """A Picture as a frame for an encoder; the size must be even."""
    height, width = picture.y.shape
    frame = av.VideoFrame(width, height, "yuv420p" if picture.bit_depth == 8 else "yuv420p10le")
    for plane, samples in zip(frame.planes, picture.planes, strict=True):
        little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
        target = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: len(little)]
        target[:, : little.shape[1] * little.itemsize] = little.view(np.uint8)
    return frame
