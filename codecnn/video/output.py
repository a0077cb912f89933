"""Write pictures, one at a time, as raw video, Y4M, or a losslessly coded video."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from codecnn.errors import InputError, InputWarning
from codecnn.io.files import PartialFile, remove_abandoned
from codecnn.video.frames import PIXEL_FORMATS, frame_from_picture
from codecnn.video.picture import Picture, VideoFormat
from codecnn.video.raw import picture_to_bytes
from codecnn.video.tags import RANGES, Tags
from codecnn.video.y4m import FRAME, header_line

Write = Callable[[Picture, int], None]  # with the time at which a picture is shown, in units of the time base
Opener = Callable[[PartialFile, VideoFormat, Tags, Fraction], AbstractContextManager[Write]]
FFV1 = {"level": "3", "slicecrc": "1", "g": "1"}
# Intra only: with inter pictures libx265 4.2 does not keep every sample of noise, though asked for lossless coding.
X265 = {"preset": "ultrafast", "x265-params": "lossless=1:keyint=1:ctu=16:pools=none:frame-threads=1:log-level=none"}


@contextmanager
def open_output(path: Path, fmt: VideoFormat, tags: Tags, time_base: Fraction | None = None) -> Iterator[Write]:
    """Give a function that writes a picture to a file; the file is there only if all of them could be written.

    The suffix says the kind: .yuv (raw, planar), .y4m, .mkv (FFV1) or .mp4 (HEVC, lossless). Range, colours, shape of
    the samples and times are kept as far as the kind can say them. InputError for another suffix, if the encoder does
    not take the format, and for a picture of another format.

    time_base: the unit of times, in seconds; without one it is a frame.
    """
    opener = KINDS[suffix_of(path)]
    remove_abandoned(path)
    with PartialFile(path) as file:
        with opener(file, fmt, tags, time_base or 1 / fmt.fps) as write:

            def checked(picture: Picture, time: int) -> None:
                found = (*picture.y.shape[::-1], picture.bit_depth, picture.chroma)
                if found != (fmt.width, fmt.height, fmt.bit_depth, fmt.chroma):
                    raise InputError(f"{path}: not all pictures have the format of the first")
                write(picture, time)

            yield checked
        file.publish()


def suffix_of(path: Path) -> str:
    """Return the suffix in small letters; InputError if it is of no kind that is written."""
    if (suffix := path.suffix.lower()) not in KINDS:
        raise InputError(f"{path}: the name ends in none of {', '.join(KINDS)}, which say what is written")
    return suffix


@contextmanager
def _open_raw(file: PartialFile, fmt: VideoFormat, tags: Tags, time_base: Fraction) -> Iterator[Write]:
    def write(picture: Picture, time: int) -> None:
        file.write(picture_to_bytes(picture))

    yield write


@contextmanager
def _open_y4m(file: PartialFile, fmt: VideoFormat, tags: Tags, time_base: Fraction) -> Iterator[Write]:
    def write(picture: Picture, time: int) -> None:
        file.write(FRAME + picture_to_bytes(picture))

    file.write(header_line(fmt, tags))
    yield write


@contextmanager
def _open_media(
    file: PartialFile, fmt: VideoFormat, tags: Tags, time_base: Fraction, container: str, library: str,
    options: dict[str, str],
) -> Iterator[Write]:  # fmt: skip
    try:
        with av.open(file, "w", format=container) as output:
            stream = output.add_stream(library, rate=fmt.fps.limit_denominator(1 << 20), options=options)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = fmt.width, fmt.height
            stream.pix_fmt = PIXEL_FORMATS[fmt.chroma, fmt.bit_depth]
            encoder = stream.codec_context
            encoder.time_base, encoder.thread_count = time_base, 1
            encoder.color_primaries, encoder.color_trc, encoder.colorspace = tags.primaries, tags.transfer, tags.matrix
            encoder.color_range = code = next((code for code, name in RANGES.items() if name == tags.range), 0)
            if tags.aspect:
                encoder.sample_aspect_ratio = tags.aspect
            if container == "mp4":
                encoder.codec_tag = "hvc1"  # as QuickTime wants it
            elif tags.aspect not in (None, 1):  # PyAV does not hand it on to Matroska
                lost = f"samples are shown {tags.aspect} times as wide as high, which is not kept; .mp4 keeps it"
                warnings.warn(f"{file.path}: {lost}", InputWarning, stacklevel=2)

            def write(picture: Picture, time: int) -> None:
                frame = frame_from_picture(picture)
                frame.pts, frame.time_base = time, time_base
                frame.color_primaries, frame.color_trc, frame.colorspace = tags.primaries, tags.transfer, tags.matrix
                frame.color_range = code
                output.mux(stream.encode(frame))

            yield write
            output.mux(stream.encode(None))
    except av.FFmpegError as error:
        what = f"{fmt.width}x{fmt.height} {PIXEL_FORMATS[fmt.chroma, fmt.bit_depth]}"
        raise InputError(f"{file.path}: {library} cannot write {what} ({error.strerror}); .mkv takes it") from error


KINDS: dict[str, Opener] = {
    ".yuv": _open_raw,
    ".y4m": _open_y4m,
    ".mkv": partial(_open_media, container="matroska", library="ffv1", options=FFV1),
    ".mp4": partial(_open_media, container="mp4", library="libx265", options=X265),
}
