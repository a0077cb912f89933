"""Check that coded frames belong to the clip: their number, size, format and QP. Errors name the clip."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import av

from codecnn.errors import InputError
from codecnn.video.clip import Clip
from codecnn.video.picture import Picture


def check_qp(clip: Clip, encoder: str, qp: int, used: int) -> None:
    """Raise InputError if the encoder used another QP than the requested one."""
    if used != qp:
        raise InputError(f"{clip.path}: QP {qp} was asked for, {encoder} used {used}")


def check_unfiltered(clip: Clip, encoder: str, filters: Mapping[str, bool]) -> None:
    """Raise InputError if a filter was on in an encoding that was to have none."""
    if on := ", ".join(name for name, is_on in filters.items() if is_on and name != "LMCS"):
        raise InputError(f"{clip.path}: {encoder} was to encode without in-loop filters, but {on} was on")


def read_source(clip: Clip) -> Iterator[Picture]:
    """Read the clip's frames; InputError with the name of its file if it cannot be read any more."""
    try:
        yield from clip.frames()
    except OSError as error:
        raise InputError(f"{clip.path}: cannot be read ({error.strerror})") from error


def crop_to_original(decoded: Picture, original: Picture, size: tuple[int, int], bit_depth: int) -> Picture:
    """Return the part of a decoded picture that the original has: no padding, and at 4:0:0 no chroma.

    `size` is the (height, width) that the encoder was given. Raises ValueError if the decoded picture has another size,
    chroma format or bit depth than asked for.
    """
    # FFmpeg's h264 decoder adds grey chroma to 4:0:0.
    only_luma = len(original.planes) == 1 and len(decoded.planes) > 1
    picture = Picture.of([decoded.y], decoded.bit_depth) if only_luma else decoded
    wanted, found = (size, original.chroma, bit_depth), (picture.y.shape, picture.chroma, picture.bit_depth)
    if found != wanted:
        raise ValueError(f"what was encoded is {_format(*wanted)}, what was decoded {_format(*found)}")
    return picture.crop(*original.y.shape)


def _format(size: tuple[int, ...], chroma: str, bit_depth: int) -> str:
    return f"{size[1]}x{size[0]} {chroma} at {bit_depth} bit"


@contextmanager
def name_failures(clip: Clip, encoder: str, qp: int) -> Iterator[None]:
    """Turn an error of the encoder, the decoder or the check of a picture into an InputError that names the clip."""
    try:
        yield
    except InputError:
        raise
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{clip.path}: {encoder} or its decoder failed at QP {qp} ({error})") from error


def zip_frames(clip: Clip, *streams: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the items of all streams side by side, one a frame; InputError unless all are as long as the first."""
    for index, row in enumerate(zip_longest(*streams)):
        if row[0] is None:
            raise InputError(f"{clip.path}: more than its {index} frames came back from encoder and decoder")
        if any(item is None for item in row):
            raise InputError(f"{clip.path}: only the first {index} of its frames came back from encoder and decoder")
        yield row
