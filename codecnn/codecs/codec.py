"""What every codec gives: frames with what it made of them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Protocol

import av

from codecnn.errors import InputError
from codecnn.video.clip import Clip
from codecnn.video.picture import Picture


@dataclass(frozen=True)
class CodedFrame:
    """One frame and what the codec made of it."""

    original: Picture
    baseline: Picture  # all in-loop filters on
    unfiltered: Picture  # without in-loop filters; the codec's unfiltered_by says how it was obtained
    bits: int  # of the baseline: coded picture data, and with the first frame the parameter sets; no SEI, no container
    qp_used: int


class Codec(Protocol):
    """An encoder with its settings, and the decoder that goes with it. All-intra, at a constant QP."""

    @property
    def name(self) -> str:
        """The name for files and the command line."""

    @property
    def preset(self) -> str:
        """The preset in use, empty for an encoder without."""

    @property
    def presets(self) -> tuple[str, ...]:
        """Presets that can be asked for; none for an encoder without."""

    @property
    def default_preset(self) -> str:
        """The preset if none is asked for."""

    @property
    def qp_range(self) -> tuple[int, int]:
        """Lowest and highest QP, in the codec's own scale."""

    @property
    def default_qps(self) -> tuple[int, ...]:
        """Four QPs from high quality to low; those of the codecs make about the same PSNR."""

    @property
    def decoder(self) -> str:
        """FFmpeg's name of the decoder, or `reconstruction` where the encoder's own picture is taken."""

    @property
    def unfiltered_by(self) -> str:
        """How the unfiltered picture is obtained."""

    def describe(self, qp: int) -> str:
        """All parameters of an encoding, for a dataset's attributes."""

    def version(self) -> str:
        """The encoder's name and version."""

    def encode(self, clip: Clip, qp: int) -> Iterator[CodedFrame]:
        """Encode and decode a clip frame by frame, in memory that does not grow with its length; InputError."""


def check_qp(clip: Clip, encoder: str, qp: int, used: int) -> None:
    """Raise InputError if the encoder did not use the QP that it was asked for."""
    if used != qp:
        raise InputError(f"{clip.path}: QP {qp} was asked for, {encoder} used {used}")


def source_frames(clip: Clip) -> Iterator[Picture]:
    """The clip's frames; InputError that names its file if it cannot be read any more."""
    try:
        yield from clip.frames()
    except OSError as error:
        raise InputError(f"{clip.path}: cannot be read ({error.strerror})") from error


def fitted(decoded: Picture, original: Picture, size: tuple[int, int]) -> Picture:
    """The part of a decoded picture that the original has: no padding, and at 4:0:0 no chroma.

    `size` is the (height, width) that the encoder was given. Raises ValueError if the decoded picture is of another
    size or chroma format, or of fewer bits than the original.
    """
    # FFmpeg's h264 decoder adds grey chroma to 4:0:0.
    luma_alone = len(original.planes) == 1 and len(decoded.planes) > 1
    picture = Picture.of([decoded.y], decoded.bit_depth) if luma_alone else decoded
    if picture.y.shape != size or picture.chroma != original.chroma or picture.bit_depth < original.bit_depth:
        wanted = _format(size, original)
        raise ValueError(f"what was encoded is {wanted}, what was decoded {_format(decoded.y.shape, decoded)}")
    return picture.crop(*original.y.shape)


def _format(size: tuple[int, ...], picture: Picture) -> str:
    return f"{size[1]}x{size[0]} {picture.chroma} at {picture.bit_depth} bit"


@contextmanager
def failures_named(clip: Clip, encoder: str, qp: int) -> Iterator[None]:
    """Turn an error of the encoder or decoder, or of what they made, into an InputError that names the clip."""
    try:
        yield
    except InputError:
        raise
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{clip.path}: {encoder} or its decoder failed at QP {qp} ({error})") from error


def in_step(clip: Clip, *streams: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """The streams' items side by side; InputError if they are not equally many."""
    for index, row in enumerate(zip_longest(*streams)):
        if any(item is None for item in row):
            raise InputError(f"{clip.path}: of the frames encoded, {index} came back from every decoder, and not all")
        yield row


def decoder_version(decoder: str) -> str:
    """What decodes, with its version."""
    if decoder == "reconstruction":
        return "the encoder's own reconstruction"
    library = "libavcodec " + ".".join(str(part) for part in av.library_versions["libavcodec"])
    return f"{library} with {decoder}" if decoder.startswith("lib") else library
