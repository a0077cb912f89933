"""Find the NAL units of a stream: in a file or bytes, as an Annex B byte stream or in a container."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext

from codecnn.hevc.errors import StreamError, damaged
from codecnn.hevc.nal import NalUnit, split_stream

START = re.compile(rb"\x00{2,}\x01")  # of an Annex B byte stream


def read_nal_units(source: Path | bytes) -> Iterator[NalUnit]:
    """Yield the NAL units of a path or of bytes; StreamError if there is no HEVC stream in them."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    if START.match(data):
        yield from split_stream(data)
    else:
        yield from _demux(data)


def _demux(data: bytes) -> Iterator[NalUnit]:
    """Yield the NAL units of a container that FFmpeg knows."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            streams = [stream for stream in container.streams.video if stream.codec_context.name == "hevc"]
            if len(streams) != 1:
                raise StreamError(f"there are {len(streams)} HEVC streams in it, not one")
            to_bytes = BitStreamFilterContext("hevc_mp4toannexb", streams[0])
            for packet in container.demux(streams[0]):
                for part in to_bytes.filter(packet if packet.size else None):
                    yield from split_stream(bytes(part))
    except av.FFmpegError as error:
        raise damaged(f"FFmpeg finds no stream in it: {error.strerror}") from error
