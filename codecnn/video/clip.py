"""Open any file that holds pictures as a clip of planar frames."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import av

from codecnn.errors import InputError, InputWarning
from codecnn.video.colour import Conversion, rgb_to_picture
from codecnn.video.file_names import is_raw_name
from codecnn.video.format_options import NOTHING_STATED, FormatOptions
from codecnn.video.frames import PLANAR, picture_from_frame
from codecnn.video.picture import Picture, VideoFormat, check_samples
from codecnn.video.rates import choose_rate
from codecnn.video.raw import read_raw
from codecnn.video.raw_format import find_raw_format
from codecnn.video.y4m import MAGIC, read_header, read_y4m

FIELD_ORDERS = {  # AVFieldOrder, by the field that is displayed first
    1: "progressive",
    2: "interlaced, top field first",
    3: "interlaced, bottom field first",
    4: "interlaced, bottom field first",
    5: "interlaced, top field first",
}
RANGES = {1: "limited", 2: "full"}  # AVColorRange
# Pixel formats of picture files that stand for R'G'B' with R' = G' = B'.
GREY = {"gray", "gray10le", "gray12le", "gray16be", "gray16le", "ya8", "ya16be", "ya16le", "pal8", "monob", "monow"}


@dataclass(frozen=True)
class Clip:
    """Hold a source: its path, its format, the colour conversion of its samples, and how to read its frames."""

    path: Path
    format: VideoFormat
    colour: str  # the range, and for RGB sources the matrix and the chroma siting
    read: Callable[[], Iterator[Picture]]
    first_frames: int = 0  # 0: all
    every: int = 1
    scan: str = "not stated"  # "progressive", or how it is interlaced
    pixel_format: str | None = None  # the layout of a raw file
    conversion: Conversion | None = None  # of RGB; None: the samples are as stored

    def frames(self) -> Iterator[Picture]:
        """Read the file again and yield every n-th of its first `first_frames` frames."""
        return islice(self.read(), 0, self.first_frames or None, self.every)

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files that the frames are read from."""
        return (self.path,)

    def sha256(self) -> str:
        """Return the checksum of the source file, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def unchanged(self, sha256: str) -> Iterator[None]:
        """Hold that what is read of the source meanwhile is what has this checksum; InputError at the end if not."""
        try:
            before = self._stamps()
            yield
            after = self.sha256(), self._stamps()
        except OSError as error:
            if error.filename not in map(str, self.files):
                raise
            raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error
        if after != (sha256, before):
            raise InputError(f"{self.path}: has changed since its checksum was taken; the same command takes it anew")

    def _stamps(self) -> list[tuple[int, ...]]:
        """Return what changes if a file is written to or replaced, even if it gets back its content and times."""
        stats = (file.stat() for file in self.files)
        return [(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats]


def open_clip(path: Path | str, options: FormatOptions = NOTHING_STATED, first_frames: int = 0, every: int = 1) -> Clip:
    """Check the header, name and length of a file, and return it as a Clip.

    A raw file (.yuv, .raw, or such as .nv12) has its format from the options and its name; Y4M, picture and video files
    state their own. Only RGB and grey picture files are converted. Raises InputError, also if an option says something
    that the source is not and cannot be converted to.
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
    opener = _open_y4m if _is_y4m(path) else _open_raw if is_raw_name(path) else _open_media
    clip = opener(path, options)
    clip.format.check(path)
    _check_options(clip, options)
    if clip.scan.startswith("interlaced"):
        warnings.warn(f"{path}: {clip.scan}; its frames are taken as progressive", InputWarning, stacklevel=2)
    return replace(clip, first_frames=first_frames, every=every)


def _is_y4m(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() == ".y4m" or file.read(len(MAGIC)) == MAGIC


def _check_options(clip: Clip, options: FormatOptions) -> None:
    """Raise InputError if a clip is not as the user states: options count for raw files, and where RGB is converted."""
    for name, asked in vars(options).items():
        holder = clip.conversion if name in ("matrix", "range") else clip if name == "pixel_format" else clip.format
        there = getattr(holder, name, None)
        if asked is not None and asked != there:
            reason = "its samples are read as they are" if there is None else f"it has {there}, which is not converted"
            raise InputError(f"{clip.path}: --{name.replace('_', '-')} {asked} cannot apply: {reason}")


def _open_raw(path: Path, options: FormatOptions) -> Clip:
    found = find_raw_format(path, options)
    fmt, layout = found.format, found.layout
    conversion = (
        Conversion(options.matrix or "bt709", options.range or "limited", fmt.chroma) if layout.is_rgb else None
    )
    return Clip(
        path,
        fmt,
        conversion.description if conversion else f"YUV as stored, range {found.range}",
        lambda: read_raw(path, fmt, layout, conversion),
        scan=found.scan,
        pixel_format=layout.name,
        conversion=conversion,
    )


def _open_y4m(path: Path, options: FormatOptions) -> Clip:
    header = read_header(path)
    fmt = replace(header.format, fps=choose_rate(header.rate, options.fps))
    return Clip(path, fmt, f"YUV as stored, range {header.range}", lambda: read_y4m(path), scan=header.scan)


def _open_media(path: Path, options: FormatOptions) -> Clip:
    try:
        with _container(path) as container:
            if not container.streams.video:
                raise InputError(f"{path}: no video in it")
            stream = container.streams.video[0]
            still = container.format.name.endswith("_pipe")  # FFmpeg's names for picture formats
            rate = choose_rate(None if still else stream.average_rate, options.fps, stream.guessed_rate)
            frame = next(_decoded(container), None)
            scan = _scan(stream, frame)
    except av.FFmpegError as error:
        raise InputError(f"{path}: not a picture or video that can be read ({error.strerror})") from error
    if frame is None:
        raise InputError(f"{path}: no frames")
    name, stated_range = frame.format.name, RANGES.get(frame.color_range, "not stated")
    layout = _layout(frame)
    if name in PLANAR and not (still and name in GREY):
        chroma, bit_depth = PLANAR[name]
        fmt = VideoFormat(frame.width, frame.height, bit_depth, rate, chroma)
        description = f"YUV as stored, range {'full' if name.startswith('yuvj') else stated_range}"
        return Clip(path, fmt, description, lambda: _read_media(path, layout, picture_from_frame), scan=scan)
    if not (frame.format.is_rgb or (name in GREY and (still or stated_range == "full"))):
        raise InputError(
            f"{path}: pixel format {name} is not supported, only planar 4:0:0, 4:2:0, 4:2:2 and 4:4:4 at 8, 10 and "
            "12 bit, RGB, and full-range grey"
        )
    bit_depth = options.bit_depth or (10 if _is_deep(frame) else 8)
    conversion = Conversion(options.matrix or "bt709", options.range or "limited", options.chroma or "420")
    fmt = VideoFormat(frame.width, frame.height, bit_depth, rate, conversion.chroma)
    fmt.check(path)

    def convert(frame: av.VideoFrame) -> Picture:
        return rgb_to_picture(frame.to_ndarray(format="rgb48le" if _is_deep(frame) else "rgb24"), bit_depth, conversion)

    return Clip(
        path, fmt, conversion.description, lambda: _read_media(path, layout, convert), scan=scan, conversion=conversion
    )


def _container(path: Path) -> av.container.InputContainer:
    """Open exactly this file: FFmpeg must find no protocol and no pattern of numbers in its name."""
    return av.open(f"file:{path}", options={"pattern_type": "none"})


def _decoded(container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    """Decode the frames of the first video; a damaged frame is an error, it is not concealed."""
    stream = container.streams.video[0]
    stream.codec_context.options = {"err_detect": "explode"}
    return container.decode(stream)


def _scan(stream: av.VideoStream, frame: av.VideoFrame | None) -> str:
    """Return what the stream, or its first frame, says of its fields."""
    order = FIELD_ORDERS.get(getattr(stream.codec_context, "field_order", 0), "not stated")
    if frame and frame.interlaced_frame and not order.startswith("interlaced"):
        return "interlaced"
    return order


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
