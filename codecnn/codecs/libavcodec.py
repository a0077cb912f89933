"""Encode and decode with libavcodec, through PyAV, frame by frame."""

import re
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import chain
from typing import Any, cast

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from codecnn.codecs.encoder_log import log_of_opening
from codecnn.errors import InputError
from codecnn.video.clip import Clip
from codecnn.video.frames import PIXEL_FORMATS, frame_from_picture, picture_from_frame
from codecnn.video.picture import Picture, VideoFormat

Decoder = Callable[[av.Packet | None], Iterable[av.VideoFrame]]  # None: the packets have ended


@cache
def list_formats(library: str) -> tuple[tuple[str, int], ...]:
    """Return the (chroma format, bit depth) pairs that an encoder of FFmpeg takes, as listed by the library."""
    names = {video_format.name for video_format in av.Codec(library, "w").video_formats or ()}
    return tuple(pair for pair, name in PIXEL_FORMATS.items() if name in names)


def check_format(clip: Clip, encoder: str, taken: Iterable[tuple[str, int]]) -> None:
    """Raise InputError if a clip has none of the (chroma format, bit depth) pairs `taken` by an encoder."""
    taken = list(taken)
    fmt = clip.format
    if (fmt.chroma, fmt.bit_depth) not in taken:
        known = ", ".join(f"{chroma} at {bit_depth} bit" for chroma, bit_depth in taken)
        raise InputError(f"{clip.path}: {encoder} does not take {fmt.chroma} at {fmt.bit_depth} bit, only {known}")


def padded_size(fmt: VideoFormat, minimum: int = 2, multiple: int = 2) -> tuple[int, int]:
    """Return the (height, width) of the smallest picture that an encoder takes and a picture of the clip fits into."""

    def padded(length: int) -> int:
        return max(minimum, -(-length // multiple) * multiple)

    return padded(fmt.height), padded(fmt.width)


def open_encoder(library: str, clip: Clip, options: dict[str, str], minimum: int = 2) -> av.VideoCodecContext:
    """Open an encoder with one thread for the pictures of a clip, padded to even sizes of at least `minimum`.

    Raises InputError if it does not take the clip's format, and with the encoder's own reason if it refuses.
    """
    check_format(clip, library, list_formats(library))
    fmt = clip.format
    height, width = padded_size(fmt, minimum)
    encoder = av.CodecContext.create(library, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = height, width
    encoder.pix_fmt = PIXEL_FORMATS[fmt.chroma, fmt.bit_depth]
    encoder.time_base = 1 / encoder_rate(fmt.fps)
    encoder.gop_size = 1
    encoder.thread_count = 1
    encoder.options = options
    try:
        encoder.open()
    except av.FFmpegError as error:
        log = log_of_opening(library, width, height, encoder.pix_fmt, str(encoder_rate(fmt.fps)), options)
        raise InputError(f"{clip.path}: {library} refuses it: {'; '.join(log) or error}") from error
    return encoder


def encoder_rate(fps: Fraction) -> Fraction:
    """Return the frame rate that encoders are told: without long fractions, which they refuse, and at least 2.

    Of a dataset the rate changes only kbit/s. But libvpx takes some 3 % more bits for the same pictures at a rate of 1.
    """
    return max(fps.limit_denominator(1001), Fraction(2))


def encode_pictures(encoder: av.VideoCodecContext, pictures: Iterable[Picture]) -> Iterator[av.Packet]:
    """Yield the packets of pictures, one packet for each picture."""
    for index, picture in enumerate(pictures):
        frame = frame_from_picture(picture.pad(encoder.height, encoder.width))
        frame.pts = index
        yield from encoder.encode(frame)
    yield from encoder.encode(None)


def open_decoder(name: str, **options: str) -> av.VideoCodecContext:
    """Open a decoder of FFmpeg with one thread."""
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    decoder.options = options
    return decoder


def decode(
    units: Iterable[av.Packet], decoders: Sequence[Decoder], qp: int | None = None
) -> Iterator[tuple[av.Packet, list[Picture]]]:
    """Yield each packet with one picture from each decoder, as soon as all are there: little is held in memory.

    Raises ValueError if a picture is not intra, has a pixel format that is not planar, has blocks of another QP than
    `qp` as far as the decoder tells, or belongs to no packet. A packet without a picture from every decoder is not
    yielded.
    """
    done = 0
    waiting: deque[av.Packet] = deque()
    decoded: list[deque[Picture]] = [deque() for _ in decoders]
    for unit in chain(units, [None]):
        if unit is not None:
            waiting.append(unit)
        for decoder, queue in zip(decoders, decoded, strict=True):
            for frame in decoder(unit):
                if frame.pict_type != PictureType.I:
                    kind = PictureType(frame.pict_type).name
                    raise ValueError(f"frame {done + len(queue)} is not intra, but of type {kind}")
                queue.append(picture_from_frame(frame))
                if qp is not None and (others := {*block_qps(frame).tolist()} - {qp}):
                    number = done + len(queue) - 1
                    raise ValueError(f"QP {qp} was asked for, frame {number} has blocks of QP {min(others)}")
        while waiting and all(decoded):
            done += 1
            yield waiting.popleft(), [queue.popleft() for queue in decoded]
    if not waiting and any(decoded):
        raise ValueError(f"{max(map(len, decoded))} more pictures were decoded than the {done} that were encoded")


def block_qps(frame: av.VideoFrame) -> NDArray:
    """Return the QPs of a frame's blocks in the slice's scale, without I_PCM blocks; none if the decoder does not tell.

    FFmpeg's h264 decoder tells with the option `export_side_data=venc_params`.
    """
    stored = cast(Any, frame.side_data).get("VIDEO_ENC_PARAMS")
    if stored is None:
        return np.empty(0, np.int32)
    data = bytes(stored)
    count, offset, size, _, qp = struct.unpack_from("INNii", data)  # AVVideoEncParams
    changes = np.ndarray((count,), np.int32, data, offset + 16, (size,))  # AVVideoBlockParams.delta_qp
    used: NDArray = qp + changes
    of_slice: NDArray = used[used != 0] - 6 * (frame.format.components[0].bits - 8)  # 0: I_PCM
    return of_slice


@cache
def encode_grey_picture(library: str, parameters: str = "", value: str = "") -> bytes:
    """Return the stream of one grey picture: encoders write their version into it."""
    encoder = av.CodecContext.create(library, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width = encoder.height = 64
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1)
    encoder.options = {parameters: value} if parameters else {}
    grey = np.full((64, 64), 128, np.uint8)
    frame = frame_from_picture(Picture(grey, grey[::2, ::2], grey[::2, ::2], 8))
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


@cache
def read_version(library: str, pattern: str) -> str:
    """Return the version that a library logs when it opens an encoder."""
    found = re.search(pattern, "\n".join(log_of_opening(library, 64, 64, "yuv420p", "25", {}, "INFO")))
    return found[1] if found else "version unknown"


def decoder_version(decoder: str) -> str:
    """Return the name and version of a decoder, given by FFmpeg's name or as `reconstruction`."""
    if decoder == "reconstruction":
        return "the encoder's own reconstruction"
    library = "libavcodec " + ".".join(str(part) for part in av.library_versions["libavcodec"])
    return f"{library} with {decoder}" if decoder.startswith("lib") else library
