"""Read pictures and videos of all kinds that FFmpeg decodes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

from codecnn.errors import InputError
from codecnn.video.colour import Conversion, rgb_to_picture
from codecnn.video.container import OpenVideo, decode, open_video
from codecnn.video.format_options import FormatOptions
from codecnn.video.frames import PLANAR, layout_of, picture_from_frame, rgb_from_frame, sample_bits
from codecnn.video.picture import Picture, VideoFormat, check_samples
from codecnn.video.rates import choose_rate
from codecnn.video.refusals import LINEAR_LIGHT
from codecnn.video.tags import Tags, tags_of
from codecnn.video.turn import NAMES, is_sideways, orientation_of, turn, turn_picture

FIELD_ORDERS = {  # AVFieldOrder, by the field that is displayed first
    1: "progressive",
    2: "interlaced, top field first",
    3: "interlaced, bottom field first",
    4: "interlaced, bottom field first",
    5: "interlaced, top field first",
}
LIMITED_RANGE, FULL_RANGE = 1, 2  # AVColorRange
LINEAR, HDR = 8, {16: "PQ", 18: "HLG"}  # AVColorTransferCharacteristic
FLOATING_POINT = ("f16", "f32")  # in names of pixel formats
GREY = ("gray", "ya", "mono")  # how the names of pixel formats without colour begin


@dataclass(frozen=True)
class Media:
    """Hold what a picture or video file is, and how to read its frames."""

    format: VideoFormat
    colour: str  # how the samples come about
    read: Callable[[], Iterator[Picture]]
    scan: str
    conversion: Conversion | None
    tags: Tags  # as stored
    length: int  # frames that the file says it has; 0 if it does not


class _Samples(NamedTuple):
    """Say how frames of one pixel format become pictures."""

    chroma: str
    bit_depth: int
    colour: str
    to_picture: Callable[[av.VideoFrame], Picture]  # ValueError for a frame that cannot
    conversion: Conversion | None = None  # None: the samples are as stored


def open_media(path: Path, options: FormatOptions) -> Media:
    """Decode the first frame of a file, and say how all are read; InputError if the file cannot be read as a whole.

    YUV is taken as it is. RGB is converted as the options say, by default to 4:2:0 by BT.709 with limited range. A grey
    picture becomes full-range luma, unless the options say otherwise. Samples of more than 8 bit that are converted
    become 10 bit by default. A picture is turned as its file says that it is shown.
    """
    with open_video(path) as video:
        stream, about = video.stream, video.picture_file
        if (frame := next(decode(video), None)) is None:
            raise InputError(f"{path}: no frames")
        rate = _rate(video, options)
        scan, codec = _scan(stream, frame), stream.codec_context.name
        tags, length = tags_of(frame, stream), stream.frames
        orientation = about.orientation if about else orientation_of(path, frame)
    if frame.color_trc == LINEAR or any(sign in frame.format.name for sign in FLOATING_POINT):
        raise InputError(f"{path}: {LINEAR_LIGHT}")
    width, height = (frame.height, frame.width) if is_sideways(orientation) else (frame.width, frame.height)
    VideoFormat(width, height).check(path)
    try:
        samples = _samples(frame, codec, about is not None, options, orientation)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    fmt = VideoFormat(width, height, samples.bit_depth, rate, samples.chroma)
    colour = samples.colour + (f"; {NAMES[orientation]}" if orientation in NAMES else "")
    layout = layout_of(frame)

    def read() -> Iterator[Picture]:
        with open_video(path) as video:
            for index, frame in enumerate(decode(video)):
                if layout_of(frame) != layout:
                    raise InputError(f"{path}: frame {index} is {layout_of(frame)}, the first is {layout}")
                try:
                    yield check_samples(samples.to_picture(frame), path, index)
                except ValueError as error:
                    raise InputError(f"{path}: frame {index}: {error}") from error

    return Media(fmt, colour, read, scan, samples.conversion, tags, length)


def _samples(frame: av.VideoFrame, codec: str, is_still: bool, options: FormatOptions, orientation: int) -> _Samples:
    """Decide how frames become pictures; ValueError if that is not supported."""
    name, bits = frame.format.name, sample_bits(frame)
    is_full = name.startswith("yuvj") or frame.color_range == FULL_RANGE
    is_grey = name.startswith(GREY)
    if name in PLANAR and not (is_still and is_grey):
        stored = "full" if is_full else "limited" if frame.color_range == LIMITED_RANGE else "not stated"
        turn_picture(picture_from_frame(frame), orientation)
        transfer = f"; {HDR[frame.color_trc]}" if frame.color_trc in HDR else ""
        return _Samples(
            *PLANAR[name],
            f"YUV as stored, range {stored}{transfer}",
            lambda f: turn_picture(picture_from_frame(f), orientation),
        )
    if not frame.format.is_rgb and not ((is_grey or name == "pal8") and (is_still or is_full)):
        raise ValueError(
            f"pixel format {name} is not supported, only planar 4:0:0, 4:2:0, 4:2:2 and 4:4:4 at 8, 10 and 12 bit, "
            "RGB, and full-range grey"
        )
    rgb = rgb_from_frame(frame)
    is_grey = is_grey or ((name == "pal8" or codec == "gif") and bool((rgb == rgb[..., :1]).all()))
    conversion = Conversion(
        options.matrix or "bt709",
        options.range or ("full" if is_grey else "limited"),
        options.chroma or ("400" if is_grey else "420"),
    )
    bit_depth = options.bit_depth or (10 if bits > 8 else 8)
    is_luma = is_grey and conversion.chroma == "400"
    return _Samples(
        conversion.chroma,
        bit_depth,
        (f"grey as luma, {conversion.range} range" if is_luma else conversion.description)
        + (f"; {bits} bit scaled to {bit_depth}" if bits != bit_depth else ""),
        lambda f: rgb_to_picture(turn(rgb_from_frame(f), orientation), bit_depth, conversion, bits),
        conversion,
    )


def _rate(video: OpenVideo, options: FormatOptions) -> Fraction:
    """Choose the rate; without a duration it is FFmpeg's guess, and a picture of HEIC or AVIF has none."""
    stream, is_timed = video.stream, video.container.duration is not None
    is_picture = not is_timed and video.container.format.name.startswith("mov")
    guess = None if is_picture else stream.guessed_rate
    return choose_rate(stream.average_rate if is_timed and not video.picture_file else None, options.fps, guess)


def _scan(stream: av.VideoStream, frame: av.VideoFrame) -> str:
    """Return what the stream, or its first frame, says of its fields."""
    order = FIELD_ORDERS.get(getattr(stream.codec_context, "field_order", 0), "not stated")
    if frame.interlaced_frame and not order.startswith("interlaced"):
        return "interlaced"
    return order
