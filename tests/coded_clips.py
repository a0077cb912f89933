"""Make clips for the tests of the codecs, and read coded streams with another build of ffmpeg."""

import os
import re
import struct
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.codecs.codec import CodedFrame
from codecnn.codecs.registry import CODECS
from codecnn.codecs.vvenc import find_ffmpeg
from codecnn.errors import InputError
from codecnn.metrics import psnr
from codecnn.video.clip import Clip, open_clip
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from tests.extras import ALL_INSTALLED
from tests.pictures import photograph


def other_ffmpeg() -> str:
    """Return the ffmpeg of imageio-ffmpeg, or a path to nothing if there is none."""
    try:
        return find_ffmpeg()
    except InputError:
        return "/no-ffmpeg-of-imageio-ffmpeg"


@cache
def _known_to_other_ffmpeg() -> set[str]:
    """Return the encoders and decoders of the other ffmpeg."""
    try:
        listed = [
            subprocess.run([other_ffmpeg(), "-v", "error", kind], capture_output=True, text=True, check=True).stdout
            for kind in ("-encoders", "-decoders")
        ]
    except (OSError, subprocess.CalledProcessError):
        return set()
    return set(re.findall(r"^ [VASFXBD.]{6} (\S+)", "".join(listed), re.MULTILINE))


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test if the other ffmpeg lacks one of these encoders and decoders; fail where it should be there."""
    missing = [name for name in names if name not in _known_to_other_ffmpeg()]
    reason = f"no ffmpeg of imageio-ffmpeg with {' and '.join(missing)}"
    if missing and os.environ.get(ALL_INSTALLED):
        raise RuntimeError(reason)
    return pytest.mark.skipif(bool(missing), reason=reason)


EVERY_CODEC = [
    pytest.param(codec, id=name, marks=[needs("libvvenc")] if name == "vvenc" else []) for name, codec in CODECS.items()
]


def make_clip(
    folder: Path, height: int, width: int, bit_depth: int = 8, frames: Sequence[str] = ("chelsea",), chroma: str = "420"
) -> Clip:
    path = folder / f"clip_{width}x{height}_25_{bit_depth}bit_{chroma}.yuv"
    write_raw(path, [photograph(name, height, width, bit_depth, chroma) for name in frames])
    return open_clip(path)


def quality(frame: CodedFrame, signal: str = "baseline") -> float:
    """Return the PSNR-Y of a signal, at the bit depth that it was decoded to."""
    picture: Picture = getattr(frame, signal)
    return psnr(convert_bit_depth(frame.original, picture.bit_depth).y, picture.y, picture.bit_depth)


def read_headers(stream: Path) -> dict[str, list[int]]:
    """Return all syntax elements of a stream's headers, from the output of FFmpeg's trace_headers."""
    command = [other_ffmpeg(), "-v", "verbose", "-i", f"file:{stream}", "-c", "copy", "-bsf:v", "trace_headers"]
    done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True)
    found: dict[str, list[int]] = {}
    for match in re.finditer(r"^\[trace_headers @ \w+\] \d+ +(\S+) +[01]+ = (-?\d+)$", done.stderr, re.MULTILINE):
        found.setdefault(match[1], []).append(int(match[2]))
    return found


def decode_elsewhere(stream: Path, decoder: str, like: Picture) -> list[list[np.ndarray]]:
    """Return the planes of all pictures of a stream, from a decoder of the other ffmpeg."""
    pixel_format = "yuv420p" if like.bit_depth == 8 else "yuv420p10le"
    command = [other_ffmpeg(), "-v", "error", "-c:v", decoder, "-i", f"file:{stream}", "-f", "rawvideo"]
    done = subprocess.run([*command, "-pix_fmt", pixel_format, "-"], capture_output=True, check=True)
    samples = np.frombuffer(done.stdout, "u1" if like.bit_depth == 8 else "<u2")
    sizes = [plane.size for plane in like.planes]
    return [
        [
            part.reshape(plane.shape)
            for part, plane in zip(np.split(frame, np.cumsum(sizes)[:-1]), like.planes, strict=True)
        ]
        for frame in samples.reshape(-1, sum(sizes))
    ]


def write_ivf(path: Path, frames: Sequence[bytes], fourcc: bytes, height: int, width: int) -> Path:
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, fourcc, width, height, 25, 1, len(frames), 0)
    units = (struct.pack("<IQ", len(frame), index) + frame for index, frame in enumerate(frames))
    path.write_bytes(header + b"".join(units))
    return path
