"""Run an encoder's command on a clip, and read the files and the log that it writes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.codecs.encoder_process import run_encoder
from codecnn.codecs.frame_checks import read_source
from codecnn.codecs.libavcodec import Decoder, decode, encoder_rate
from codecnn.codecs.placeholders import Command, fill_placeholders, list_placeholders
from codecnn.errors import InputError
from codecnn.video.clip import Clip
from codecnn.video.frames import PIXEL_FORMATS
from codecnn.video.picture import Picture, VideoFormat
from codecnn.video.raw import read_raw, write_raw

DEMUXERS = {"h264": "h264", "hevc": "hevc", "vvc": "vvc"}  # FFmpeg detects the others, which are in containers:
CONTAINERS = "ivf,obu,matroska,mov"  # none of these leads to other files
PLACEHOLDERS = {
    *("encoder", "config", "preset", "qp", "qp_prime", "input", "bitstream", "reconstruction", "frames"),
    *("width", "height", "fps", "fps_rounded", "bit_depth", "chroma", "pixel_format"),
}


@dataclass(frozen=True)
class Run:
    """Hold the files and the log of one run of an encoder."""

    bitstream: Path
    reconstruction: Path
    log: str


def input_pictures(clip: Clip, fmt: VideoFormat) -> Iterator[Picture]:
    """Yield the clip's frames in the encoder's input format: padded, and at its bit depth."""
    return (convert_bit_depth(picture.pad(fmt.height, fmt.width), fmt.bit_depth) for picture in read_source(clip))


def run_command(
    command: Command, values: Mapping[str, object], clip: Clip, fmt: VideoFormat, frames: int, folder: Path, name: str,
    seconds: float,
) -> Run:  # fmt: skip
    """Fill in a command, make `folder`, and run the command there; the raw input file is beside the folder.

    A command without {input} gets the frames on its standard input. `name` is the encoder's name in messages, `seconds`
    the time limit for each frame. Raises InputError as run_encoder does.
    """
    folder.mkdir()
    source = folder.parent / "input.yuv"
    from_file = "input" in list_placeholders(command)
    if from_file and not source.exists():
        write_raw(source, input_pictures(clip, fmt))
    run = Run(folder / "bitstream", folder / "reconstruction.yuv", "")
    clip_values = {
        "input": source,
        "bitstream": run.bitstream,
        "reconstruction": run.reconstruction,
        "width": fmt.width,
        "height": fmt.height,
        "fps": encoder_rate(fmt.fps),
        "fps_rounded": max(1, round(fmt.fps)),
        "bit_depth": fmt.bit_depth,
        "chroma": fmt.chroma,
        "pixel_format": PIXEL_FORMATS[fmt.chroma, fmt.bit_depth],
        "frames": frames,
    }
    arguments = fill_placeholders(command, {**values, **clip_values})
    if from_file:
        log = run_encoder(arguments, folder, name, seconds, frames=frames)
    else:
        log = run_encoder(arguments, folder, name, seconds, (_raw_bytes(p) for p in input_pictures(clip, fmt)))
    return replace(run, log=log)


def find_in_log(pattern: str, run: Run, frames: int, name: str) -> list[int]:
    """Return the number of each frame that the first group of a pattern finds in a run's log.

    Raises InputError if there is not one whole number for each frame.
    """
    found = [match[1] for match in re.finditer(pattern, run.log, re.MULTILINE)]
    if len(found) != frames:
        raise InputError(f"{name} printed {len(found)} times what {pattern} finds, for {frames} frames")
    try:
        return [int(text) for text in found]
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} printed no whole numbers where {pattern} finds them ({error})") from error


def decode_run(
    run: Run, decoder: str, decoders: Sequence[Decoder], qp: int, name: str
) -> Iterator[tuple[bytes, list[Picture]]]:
    """Yield each packet of a run's bitstream with one picture from each decoder.

    Raises InputError if there is no video, and ValueError as `decode` does.
    """
    _check_file(run.bitstream, f"{name} wrote no bitstream")
    demuxer = DEMUXERS.get(decoder)
    only = {"format_whitelist": demuxer or CONTAINERS, "protocol_whitelist": "file"}
    with av.open(f"file:{run.bitstream}", format=demuxer, options=only) as container:
        if not container.streams.video:
            raise InputError(f"{name} wrote a bitstream without video")
        units = (packet for packet in container.demux(video=0) if packet.size)
        for packet, pictures in decode(units, decoders, qp):
            yield bytes(packet), pictures


def read_reconstruction(run: Run, fmt: VideoFormat, name: str) -> Iterator[Picture]:
    """Yield the pictures of a run's reconstruction; InputError if there is none."""
    _check_file(run.reconstruction, f"{name} wrote no reconstruction")
    return read_raw(run.reconstruction, fmt)


def _check_file(path: Path, complaint: str) -> None:
    """Raise InputError unless an output is a file: a named pipe, for example, could never be read to its end."""
    if not path.is_file():
        raise InputError(f"{complaint}, but something else than a file" if path.exists() else complaint)


def _raw_bytes(picture: Picture) -> bytes:
    return b"".join(plane.astype(plane.dtype.newbyteorder("<")).tobytes() for plane in picture.planes)
