"""Find the NAL units of a stream: in a file or bytes, as an Annex B byte stream or in a container."""

import io
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
from av.bitstream import BitStreamFilterContext

from codecnn.hevc.errors import StreamError, damaged
from codecnn.hevc.nal import NalUnit, split_stream
from codecnn.io.files import require_file

START = re.compile(rb"\x00{2,}\x01")  # of an Annex B byte stream


def read_nal_units(source: Path | bytes) -> Iterator[NalUnit]:
    """Yield the NAL units of a path or of bytes; StreamError if there is no HEVC stream in them.

    A file is not held in memory; InputError if it is none.
    """
    if isinstance(source, bytes):
        yield from split_stream(source) if START.match(source) else _demux(io.BytesIO(source))
    elif require_file(source).stat().st_size:
        with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from split_stream(data) if START.match(data) else _demux(file)
    else:
        raise damaged("it is empty")


def _demux(file: BinaryIO) -> Iterator[NalUnit]:
    """Yield the NAL units of a container that FFmpeg knows: of its stream, or of the pictures of a HEIC file.

    FFmpeg shows each coded item of HEIC, such as a picture or a tile of it, as a stream of one frame.
    """
    try:
        with av.open(file, "r") as container:
            streams = [stream for stream in container.streams.video if stream.codec_context.name == "hevc"]
            if len(streams) != 1 and not (streams and all(stream.frames == 1 for stream in streams)):
                raise StreamError(f"there are {len(streams)} HEVC streams in it, not one")
            to_bytes = {stream.index: BitStreamFilterContext("hevc_mp4toannexb", stream) for stream in streams}
            for packet in container.demux(streams):
                for part in to_bytes[packet.stream_index].filter(packet if packet.size else None):
                    yield from split_stream(bytes(part))
    except av.FFmpegError as error:
        raise damaged(f"FFmpeg finds no stream in it: {error.strerror}") from error
