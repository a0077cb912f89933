"""Streams for the tests: those of tests/golden/hevc_streams with what HM and libavcodec made of them, and x265's."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType

from codecnn.codecs.libavcodec import open_decoder
from codecnn.video.frames import PIXEL_FORMATS, frame_from_picture, picture_from_frame
from codecnn.video.picture import Picture
from tests.pictures import photograph

DEC265 = shutil.which("libde265-dec265") or shutil.which("dec265")  # of the Debian package libde265-examples
GOLDEN = Path(__file__).parents[1] / "golden" / "hevc_streams"
TRUTH: dict[str, dict[str, Any]] = json.loads((GOLDEN / "truth.json").read_text())["streams"]
CONSTANT = (
    "keyint=1:min-keyint=1:bframes=0:scenecut=0:rc-lookahead=0:lookahead-slices=0:info=0:frame-threads=1:log-level=none"
)


def md5s(picture: Picture) -> list[str]:
    return [hashlib.md5(np.ascontiguousarray(plane).tobytes()).hexdigest() for plane in picture.planes]


def pictures(height: int, width: int, bit_depth: int = 8, chroma: str = "420") -> list[Picture]:
    return [photograph(name, height, width, bit_depth, chroma) for name in ("astronaut", "motorcycle_left")]


def encode(content: Sequence[Picture], preset: str, parameters: str) -> list[av.Packet]:
    """Encode pictures by x265, all intra unless the parameters say otherwise."""
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.height, encoder.width = content[0].y.shape
    encoder.pix_fmt = PIXEL_FORMATS[content[0].chroma, content[0].bit_depth]
    encoder.time_base = Fraction(1)
    encoder.thread_count = 1
    encoder.options = {"preset": preset, "x265-params": f"{CONSTANT}:{parameters}"}
    packets = []
    for index, picture in enumerate(content):
        frame = frame_from_picture(picture)
        frame.pts = index
        packets += encoder.encode(frame)
    return packets + encoder.encode(None)


def decode_unfiltered(packets: Sequence[av.Packet]) -> list[Picture]:
    """Decode by libavcodec, without in-loop filters."""
    return decode(packets, skip_loop_filter="all")


def decode(packets: Sequence[av.Packet], **options: str) -> list[Picture]:
    """Decode by libavcodec."""
    decoder = open_decoder("hevc", **options)
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    assert all(frame.pict_type == PictureType.I for frame in frames)
    return [picture_from_frame(frame) for frame in frames]
