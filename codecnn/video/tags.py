"""Define what a file says of its samples beside their format: range, colours and shape."""

from dataclasses import dataclass
from fractions import Fraction

import av

RANGES = {1: "limited", 2: "full"}  # AVColorRange


@dataclass(frozen=True)
class Tags:
    """Hold the range and colours of samples; nothing in them changes a sample.

    The codes are those of ITU-T H.273; 2 is unspecified.
    """

    range: str = "not stated"  # or limited, full
    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    aspect: Fraction | None = None  # width / height of a sample; None: not stated
    siting: str = ""  # of chroma at 4:2:0 and 8 bit, as Y4M names it: jpeg, mpeg2 or paldv


SQUARE = Tags(aspect=Fraction(1))


def tags_of(frame: av.VideoFrame, stream: av.VideoStream) -> Tags:
    """Return what a decoded frame and its stream say."""
    is_full = frame.format.name.startswith("yuvj")
    return Tags(
        "full" if is_full else RANGES.get(frame.color_range, "not stated"),
        frame.color_primaries,
        frame.color_trc,
        frame.colorspace,
        stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or None,
    )
