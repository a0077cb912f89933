"""Define the arguments of all commands that encode sequences: codec, QPs, and formats of raw files."""

import argparse
from dataclasses import fields
from typing import get_args

from codecnn.codecs.registry import CODECS
from codecnn.video.colour import Matrix, Range
from codecnn.video.format_options import FormatOptions
from codecnn.video.layouts import LAYOUTS
from codecnn.video.picture import SCALES
from command_line.arguments import count, positive, rate, whole_number

FORMATS = tuple(field.name for field in fields(FormatOptions))
ENCODING = ("codec", "preset", "qp", "frames", "as_clip", *FORMATS)


def add_codec(parser: argparse._ActionsContainer, default: str | None) -> None:
    """Add --codec."""
    parser.add_argument("--codec", choices=sorted(CODECS), default=default, help="the encoder")


SOURCES = (
    "raw video, Y4M, pictures (clips of one frame) and any video; folders: all pictures and videos in them, in the "
    "order of their names; numbered pictures as one clip, such as frames/%%05d.png. What a file is follows from its "
    "content. YUV is stored as it is. RGB is converted, a grey picture becomes luma (see below). Pictures are turned "
    "as they are shown. Damaged files, linear light, and files with several pictures or videos are refused"
)


def add_encoding(parser: argparse._ActionsContainer) -> None:
    """Add --as-clip, --preset, --qp and --frames."""
    add = parser.add_argument
    add("--as-clip", action="store_true", default=None, help="the pictures of a folder are one clip, in the order of "
        "their names and numbers; each folder in it is another clip; --fps is their rate")  # fmt: skip
    add("--preset", help="a preset of the encoder; if not given, x264, x265: medium, vvenc: faster, svtav1: 4, vp9: 1")
    add("--qp", type=whole_number, nargs="+", help="quantisation parameters, in the encoder's own scale; if not given, "
        "four of about the same PSNR: x264, x265, vvenc: 22 27 32 37, svtav1, vp9: 14 25 35 43")  # fmt: skip
    add("--frames", type=count, help="take only the first N frames of a source; 0 or not given: all")


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Add the formats of raw files, and those that RGB is converted to."""
    raw = parser.add_argument_group("raw files", "what the file name does not say, or says wrongly; an error for any "
        "other source that is not as is said here")  # fmt: skip
    raw.add_argument("--width", type=positive, help="luma samples in a row of the picture")
    raw.add_argument("--height", type=positive, help="rows of luma samples")
    raw.add_argument("--bit-depth", type=positive, help="bits of a sample")
    raw.add_argument("--chroma", choices=tuple(SCALES), help="chroma format; 400 has only luma")
    raw.add_argument("--pixel-format", choices=tuple(LAYOUTS), metavar="FORMAT", help="how the samples lie in a raw "
        "file, by FFmpeg's name, such as yuv420p10le, nv12, p010le, uyvy422 or rgb24")  # fmt: skip
    raw.add_argument("--fps", type=rate, help="frames a second, such as 50, 59.94 or 30000/1001; also of sources "
        "that do not state it exactly")  # fmt: skip
    rgb = parser.add_argument_group("RGB, and grey pictures", "what they are converted to; also by --chroma, 420 if "
        "not given (grey: 400), and --bit-depth, 8 if not given, or 10 if they have more than 8")  # fmt: skip
    rgb.add_argument("--matrix", choices=get_args(Matrix), help="non-constant luminance; bt709 if not given")
    rgb.add_argument("--range", choices=get_args(Range), help="of the samples; limited if not given (grey: full)")


def format_options(args: argparse.Namespace) -> FormatOptions:
    """Return the formats that are given on a command line."""
    return FormatOptions(**{name: getattr(args, name) for name in FORMATS})
