"""Open any file that holds pictures as a clip of planar frames."""

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from codecnn.errors import InputError, InputWarning
from codecnn.video.colour import Conversion
from codecnn.video.file_names import is_raw_name
from codecnn.video.format_options import NOTHING_STATED, FormatOptions
from codecnn.video.layouts import planar
from codecnn.video.media import open_media
from codecnn.video.picture import Picture, VideoFormat
from codecnn.video.rates import choose_rate
from codecnn.video.raw import count_raw_frames, read_raw
from codecnn.video.raw_format import find_raw_format
from codecnn.video.tags import Tags
from codecnn.video.y4m import MAGIC, frames_within, read_header, read_y4m


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
    tags: Tags = field(default_factory=Tags)
    length: int = 0  # frames in the file, about; 0 if it does not say
    pictures: tuple[Path, ...] = ()  # the files of its frames; none: they are all in `path`

    def frames(self) -> Iterator[Picture]:
        """Read the file again and yield every n-th of its first `first_frames` frames."""
        return islice(self.read(), 0, self.first_frames or None, self.every)

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files that the frames are read from."""
        return self.pictures or (self.path,)

    def sha256(self) -> str:
        """Return the checksum of the source, of all its files one after the other, in hexadecimal."""
        checksum = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while data := file.read(1 << 20):
                    checksum.update(data)
        return checksum.hexdigest()

    @contextmanager
    def unchanged(self, sha256: str) -> Iterator[None]:
        """Check at the end that nothing has changed and the checksum is still this one; InputError if not."""
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
    opener = _open_y4m if is_y4m(path) else _open_raw if is_raw_name(path) else _open_media
    clip = opener(path, options)
    clip.format.check(path)
    _check_options(clip, options)
    if clip.scan.startswith("interlaced"):
        warnings.warn(f"{path}: {clip.scan}; its frames are taken as progressive", InputWarning, stacklevel=2)
    return replace(clip, first_frames=first_frames, every=every)


def is_y4m(path: Path) -> bool:
    """Return whether a file is Y4M, by its suffix or its content."""
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
    stored_as = "" if layout.is_rgb or layout == planar(fmt.chroma, fmt.bit_depth) else f" in {layout.name}"
    conversion = (
        Conversion(options.matrix or "bt709", options.range or "limited", fmt.chroma) if layout.is_rgb else None
    )
    return Clip(
        path,
        fmt,
        conversion.description if conversion else f"YUV as stored{stored_as}, range {found.range}",
        lambda: read_raw(path, fmt, layout, conversion),
        scan=found.scan,
        pixel_format=layout.name,
        conversion=conversion,
        tags=Tags(conversion.range if conversion else found.range),
        length=count_raw_frames(path, fmt, layout),
    )


def _open_y4m(path: Path, options: FormatOptions) -> Clip:
    header = read_header(path)
    fmt = replace(header.format, fps=choose_rate(header.rate, options.fps))
    colour = f"YUV as stored, range {header.tags.range}"
    return Clip(
        path,
        fmt,
        colour,
        lambda: read_y4m(path),
        scan=header.scan,
        tags=header.tags,
        length=frames_within(path, header),
    )


def _open_media(path: Path, options: FormatOptions) -> Clip:
    media = open_media(path, options)
    return Clip(
        path,
        media.format,
        media.colour,
        media.read,
        scan=media.scan,
        conversion=media.conversion,
        tags=media.tags,
        length=media.length,
    )
