"""Read the command line of filter-video."""

import argparse
from pathlib import Path

from codecnn.codecs.registry import CODECS
from codecnn.video.output import KINDS
from command_line.arguments import count, file_to_write, folder_to_write, path, qp
from command_line.encoding import add_formats
from command_line.parser import Parser
from experiments.reports.shared.arguments import add_chroma_weights, add_device, add_weights


def parse(argv: list[str] | None, description: str | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="filter-video", description=description)
    add = parser.add_argument
    add_weights(parser)
    add("source", type=path, metavar="IN", help="a coded video, AVC, HEVC, VVC, AV1 or VP9, in a container or not; or "
        "decoded pictures, as raw video, Y4M or coded without loss, with --qp; or a folder of such files")  # fmt: skip
    add("--out", type=path, required=True, metavar="OUT", help="the file to write; its suffix says what: .yuv, .y4m, "
        ".mkv (FFV1) or .mp4 (lossless HEVC). For a folder IN a folder, made if missing")  # fmt: skip
    add_chroma_weights(parser)
    add("--unfiltered", type=path, metavar="FILE", help="the decoded pictures before the in-loop filters, where IN "
        "does not give them; for a folder IN a folder with files of the same names")  # fmt: skip
    add("--qp", type=qp, help="the QP, in the scale of HEVC (docs/conventions.md); needed for decoded "
        "pictures; of a coded video it takes the place of what the stream tells of each frame")  # fmt: skip
    add("--reference", type=path, metavar="FILE", help="the original: PSNR before and after is printed. For a folder "
        "IN one file for all, or a folder with files of the same names apart from the suffix")  # fmt: skip
    add("--codec", choices=sorted(CODECS), help="the encoder of IN, where the stream does not tell it; only for the "
        "warning where the weights are for another")  # fmt: skip
    add("--preset", help="the preset of the encoder of IN, which no stream tells; only for that warning")
    add("--way", choices=("ctu", "picture"), help="filter CTU by CTU, as in training, or whole pictures; if not "
        "given, as it was trained, or as the contract of a foreign filter says")  # fmt: skip
    add("--frames", type=count, default=0, help="filter only the first N frames; 0: all")
    add("--suffix", choices=tuple(KINDS), default=".mkv", help="what is written for the files of a folder")
    add_device(parser)
    add_formats(parser)
    args = parser.parse_args(argv)
    try:
        _check_place(args.source, args.out)
    except argparse.ArgumentTypeError as error:
        parser.error(f"argument --out: {error}")
    return args


def _check_place(source: Path, out: Path) -> None:
    """Raise ArgumentTypeError if the output cannot be written, or would be among the files to filter."""
    if source.is_dir():
        folder_to_write(str(out))
        if out.exists() and out.samefile(source):
            raise argparse.ArgumentTypeError(f"{out} is the folder of the files to filter")
    elif file_to_write(str(out)).suffix.lower() not in KINDS:
        raise argparse.ArgumentTypeError(f"{out} does not end in {', '.join(KINDS)}")
