"""Define the arguments of all commands that encode sequences: codec, QPs, and formats of raw files."""

import argparse

from codecnn.codecs.registry import CODECS
from codecnn.video.clip import FormatOptions
from codecnn.video.picture import SCALES
from command_line.arguments import count, positive, rate

ENCODING = ("codec", "preset", "qp", "frames", "width", "height", "bit_depth", "fps", "chroma")


def add_codec(parser: argparse._ActionsContainer, default: str | None) -> None:
    """Add --codec."""
    parser.add_argument("--codec", choices=sorted(CODECS), default=default, help="the encoder")


def add_encoding(parser: argparse._ActionsContainer) -> None:
    """Add --preset, --qp and --frames."""
    add = parser.add_argument
    add("--preset", help="a preset of the encoder; if not given, x264, x265: medium, vvenc: faster, svtav1: 4, vp9: 1")
    add("--qp", type=int, nargs="+", help="quantisation parameters, in the encoder's own scale; if not given, four of "
        "about the same PSNR: x264, x265, vvenc: 22 27 32 37, svtav1, vp9: 14 25 35 43")  # fmt: skip
    add("--frames", type=count, help="take only the first N frames of a source; 0 or not given: all")


def add_raw_formats(parser: argparse._ActionsContainer) -> None:
    """Add the options for formats that the name of a raw file may not state."""
    parser.add_argument("--width", type=positive, help="luma samples in a row of the picture")
    parser.add_argument("--height", type=positive, help="rows of luma samples")
    parser.add_argument("--bit-depth", type=positive, help="bits of a sample")
    parser.add_argument("--fps", type=rate, help="frames a second, such as 50, 59.94 or 30000/1001")
    parser.add_argument("--chroma", choices=tuple(SCALES), help="chroma format; 400 has only luma")


def format_options(args: argparse.Namespace) -> FormatOptions:
    """Return the formats that are given on a command line."""
    names = ("width", "height", "bit_depth", "fps", "chroma", "matrix", "range")
    given = {name: getattr(args, name, None) for name in names}
    return FormatOptions(**{name: value for name, value in given.items() if value is not None})
