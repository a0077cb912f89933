"""One run of an encoder's command on a clip, and what is read of the files and the log that it leaves."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av

from codecnn.codecs.bit_depth import with_bit_depth
from codecnn.codecs.codec import source_frames
from codecnn.codecs.command_line import Command, filled, places
from codecnn.codecs.process import run_encoder
from codecnn.codecs.pyav import Decoder, decode
from codecnn.errors import InputError
from codecnn.video.clip import Clip
from codecnn.video.frames import PIXEL_FORMATS
from codecnn.video.picture import Picture, VideoFormat, read_raw, write_raw

DEMUXERS = {"h264": "h264", "hevc": "hevc", "vvc": "vvc"}  # other streams come in containers that say what they are
PLACES = {
    *("encoder", "config", "preset", "qp", "input", "bitstream", "reconstruction", "frames"),
    *("width", "height", "fps", "fps_rounded", "bit_depth", "chroma", "pixel_format"),
}


@dataclass(frozen=True)
class Run:
    """What a run of an encoder left."""

    bitstream: Path
    reconstruction: Path
    log: str


def input_pictures(clip: Clip, fmt: VideoFormat) -> Iterator[Picture]:
    """The clip's frames as the encoder takes them: padded, and at the bit depth of its input."""
    return (with_bit_depth(picture.pad(fmt.height, fmt.width), fmt.bit_depth) for picture in source_frames(clip))


def run_command(
    command: Command, values: Mapping[str, object], clip: Clip, fmt: VideoFormat, frames: int, folder: Path, name: str,
    seconds: float,
) -> Run:  # fmt: skip
    """Fill in a command and run it in `folder`, which it makes; the raw input file stands beside the folder.

    A command without {input} gets the frames on its standard input. Raises InputError as run_encoder does.
    """
    folder.mkdir()
    source = folder.parent / "input.yuv"
    from_file = "input" in places(command)
    if from_file and not source.exists():
        write_raw(source, input_pictures(clip, fmt))
    run = Run(folder / "bitstream", folder / "reconstruction.yuv", "")
    clip_values = {
        "input": source,
        "bitstream": run.bitstream,
        "reconstruction": run.reconstruction,
        "width": fmt.width,
        "height": fmt.height,
        "fps": fmt.fps,
        "fps_rounded": max(1, round(fmt.fps)),
        "bit_depth": fmt.bit_depth,
        "chroma": fmt.chroma,
        "pixel_format": PIXEL_FORMATS[fmt.chroma, fmt.bit_depth],
        "frames": frames,
    }
    arguments = filled(command, {**values, **clip_values})
    if from_file:
        log = run_encoder(arguments, folder, name, seconds, frames=frames)
    else:
        log = run_encoder(arguments, folder, name, seconds, (_raw_bytes(p) for p in input_pictures(clip, fmt)))
    return replace(run, log=log)


def logged(pattern: str, run: Run, frames: int, name: str) -> list[int]:
    """The number that a pattern's first group finds for every frame in a run's log; InputError if not one a frame."""
    found = [match[1] for match in re.finditer(pattern, run.log, re.MULTILINE)]
    if len(found) != frames:
        raise InputError(f"{name} printed {len(found)} times what {pattern} finds, for {frames} frames")
    try:
        return [int(text) for text in found]
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} printed no whole numbers where {pattern} finds them ({error})") from error


def decoded(run: Run, decoder: str, decoders: Sequence[Decoder]) -> Iterator[tuple[bytes, list[Picture]]]:
    """Each packet of a run's bitstream with the pictures that the decoders make of it."""
    with av.open(f"file:{run.bitstream}", format=DEMUXERS.get(decoder)) as container:
        units = (packet for packet in container.demux(video=0) if packet.size)
        for packet, pictures in decode(units, decoders):
            yield bytes(packet), pictures


def reconstructed(run: Run, fmt: VideoFormat, name: str) -> Iterator[tuple[bytes, list[Picture]]]:
    """The pictures of a run's reconstruction, each with an empty packet."""
    if not run.reconstruction.exists():
        raise InputError(f"{name} wrote no reconstruction")
    return ((b"", [picture]) for picture in read_raw(run.reconstruction, fmt))


def _raw_bytes(picture: Picture) -> bytes:
    return b"".join(plane.astype(plane.dtype.newbyteorder("<")).tobytes() for plane in picture.planes)
