"""Open any file that holds pictures as a clip of planar frames."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av

from codecnn.errors import InputError
from codecnn.video.colour import Conversion, Matrix, Range, rgb_to_picture
from codecnn.video.file_names import format_from_name
from codecnn.video.frames import PLANAR, picture_from_frame
from codecnn.video.picture import Picture, VideoFormat, check_samples
from codecnn.video.raw import count_raw_frames, read_raw
from codecnn.video.y4m import read_header, read_y4m

RANGES = {1: "limited", 2: "full"}  # AVColorRange
# Pixel formats of picture files that stand for R'G'B' with R' = G' = B'.
GREY = {"gray", "gray10le", "gray12le", "gray16be", "gray16le", "ya8", "ya16be", "ya16le", "pal8", "monob", "monow"}
RAW_SUFFIXES = {".yuv", ".raw"}


@dataclass(frozen=True)
class Clip:
    """Hold a source: its path, its format, the colour conversion of its samples, and how to read its frames."""

    path: Path
    format: VideoFormat
    colour: str  # the range, and for RGB sources the matrix and the chroma siting
    read: Callable[[], Iterator[Picture]]
    first_frames: int = 0  # 0: all
    every: int = 1

    def frames(self) -> Iterator[Picture]:
        """Read the file again and yield every n-th of its first `first_frames` frames."""
        return islice(self.read(), 0, self.first_frames or None, self.every)

    def sha256(self) -> str:
        """Return the checksum of the source file, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class FormatOptions:
    """Hold the format that the user states for raw files, and for the YUV to which RGB is converted.

    For raw files it overrides the file name. RGB becomes 4:2:0 unless `chroma` is given. RGB of 8 bit stays at 8
    bit and deeper RGB becomes 10 bit, unless `bit_depth` is given.
    """

    width: int | None = None
    height: int | None = None
    bit_depth: int | None = None
    fps: Fraction | None = None
    chroma: str | None = None
    matrix: Matrix = "bt709"
    range: Range = "limited"


def open_clip(
    path: Path | str, options: FormatOptions = FormatOptions(), first_frames: int = 0, every: int = 1
) -> Clip:
    """Check the header, name and length of a file, and return it as a Clip.

    Raw planar YUV (.yuv, .raw) takes its geometry from the options and its name; Y4M, picture and video files state
    their own. Only RGB and grey picture files are converted. Raises InputError.
    """
    path = Path(path)
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
    stated = {name: getattr(options, name) for name in ("width", "height", "bit_depth", "fps", "chroma")}
    fields.update({name: value for name, value in stated.items() if value is not None})
    if "width" not in fields or "height" not in fields:
        raise InputError(
            f"{path}: no width and height, neither in the name (as in Name_1920x1080_50.yuv) nor as options"
        )
    fmt = VideoFormat(**fields)  # type: ignore[arg-type]
    fmt.check(path)
    count_raw_frames(path, fmt)
    return Clip(path, fmt, "YUV as stored, range not stated", lambda: read_raw(path, fmt))


def _open_y4m(path: Path, options: FormatOptions) -> Clip:
    fmt, stated_range, _ = read_header(path)
    return Clip(path, fmt, f"YUV as stored, range {stated_range}", lambda: read_y4m(path))


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
    name, stated_range = frame.format.name, RANGES.get(frame.color_range, "not stated")
    layout = _layout(frame)
    if name in PLANAR and not (still and name in GREY):
        chroma, bit_depth = PLANAR[name]
        fmt = VideoFormat(frame.width, frame.height, bit_depth, Fraction(rate), chroma)
        description = f"YUV as stored, range {'full' if name.startswith('yuvj') else stated_range}"
        return Clip(path, fmt, description, lambda: _read_media(path, layout, picture_from_frame))
    if not (frame.format.is_rgb or (name in GREY and (still or stated_range == "full"))):
        raise InputError(
            f"{path}: pixel format {name} is not supported, only planar 4:0:0, 4:2:0, 4:2:2 and 4:4:4 at 8, 10 and "
            "12 bit, RGB, and full-range grey"
        )
    bit_depth = options.bit_depth or (10 if _is_deep(frame) else 8)
    conversion = Conversion(options.matrix, options.range, options.chroma or "420")
    fmt = VideoFormat(frame.width, frame.height, bit_depth, Fraction(rate), conversion.chroma)
    fmt.check(path)

    def convert(frame: av.VideoFrame) -> Picture:
        return rgb_to_picture(frame.to_ndarray(format="rgb48le" if _is_deep(frame) else "rgb24"), bit_depth, conversion)

    return Clip(path, fmt, conversion.description, lambda: _read_media(path, layout, convert))


def _container(path: Path) -> av.container.InputContainer:
    """Open exactly this file: FFmpeg must find no protocol and no pattern of numbers in its name."""
    return av.open(f"file:{path}", options={"pattern_type": "none"})


def _decoded(container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    """Decode the frames of the first video; a damaged frame is an error, it is not concealed."""
    stream = container.streams.video[0]
    stream.codec_context.options = {"err_detect": "explode"}
    return container.decode(stream)


def _is_deep(frame: av.VideoFrame) -> bool:
    return max(component.bits for component in frame.format.components) > 8


def _layout(frame: av.VideoFrame) -> str:
    return f"{frame.width}x{frame.height} {frame.format.name}"


def _read_media(path: Path, layout: str, to_picture: Callable[[av.VideoFrame], Picture]) -> Iterator[Picture]:
    try:
        with _container(path) as container:
            count, stated = 0, container.streams.video[0].frames
            for index, frame in enumerate(_decoded(container)):
                if frame.is_corrupt:
                    raise InputError(f"{path}: frame {index} is damaged")
                if _layout(frame) != layout:
                    raise InputError(f"{path}: frame {index} is {_layout(frame)}, the first is {layout}")
                yield check_samples(to_picture(frame), path, index)
                count = index + 1
            if count < stated:
                raise InputError(f"{path}: {count} frames could be decoded of {stated} that it says it has")
    except av.FFmpegError as error:
        raise InputError(f"{path}: decoding failed ({error.strerror})") from error
