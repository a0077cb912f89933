"""show-stream: what is in an HEVC intra bitstream.

Prints its headers, the tools that are on and how much they are used, the bits by syntax, and how often each size of
blocks, each luma mode and each QP occurs. Headers and tools are those of the first picture. --stats writes what is
known of each block as text that YUView opens beside the video.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from codecnn.errors import InputError
from codecnn.hevc import CodedPicture, read
from codecnn.hevc.summary import StreamSummary, summarise
from codecnn.intra.hevc import DC, PLANAR
from codecnn.io.files import PartialFile, keep_inputs, write_whole
from command_line.arguments import count, file_to_write, path
from command_line.parser import Parser, run_command
from command_line.terminal import printable
from data_tools.block_statistics import SUFFIX, picture_text, stream_header
from data_tools.partition_plot import plot_partition


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = Parser(prog="show-stream", description=__doc__)
    parser.add_argument("stream", type=path, help="an HEVC byte stream, or a file in which FFmpeg finds one")
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")
    parser.add_argument("--out", type=_picture, help="draw partition and modes of a picture into this PNG file")
    parser.add_argument("--picture", type=count, help="with --out: which picture is drawn, in output order; 0, the "
        "first, if not given")  # fmt: skip
    parser.add_argument(
        "--stats", type=_statistics, help="write the units of all pictures into this file: .vtmbmsstats"
    )
    args = parser.parse_args(argv)
    if args.picture is not None and not args.out:
        parser.error("--picture: needs --out")
    args.picture = args.picture or 0
    return run_command("show-stream", run, args)


def run(args: argparse.Namespace) -> None:
    """Read the stream, print what is in it, and draw."""
    drawn: list[CodedPicture] = []
    for file in filter(None, (args.out, args.stats)):
        keep_inputs(file, [args.stream])
        file.parent.mkdir(parents=True, exist_ok=True)
    with PartialFile(args.stats) if args.stats else nullcontext() as statistics:

        def pictures() -> Iterator[CodedPicture]:
            for index, picture in enumerate(read(args.stream)):
                if index == args.picture:
                    drawn.append(picture)
                if statistics:
                    head = "" if index else stream_header(picture)
                    statistics.write((head + picture_text(picture, index)).encode())
                yield picture

        summary = summarise(pictures())
        if statistics:
            statistics.publish()
    if args.json:
        print(json.dumps(asdict(summary), indent=1))
    else:
        for line in lines(summary):
            print(printable(line))
    if args.out:
        if not drawn:
            raise InputError(
                f"{args.stream}: there are {summary.pictures} pictures, none has the number {args.picture}"
            )
        write_whole(args.out, plot_partition(drawn[0]))


def _picture(text: str) -> Path:
    return _with_suffix(text, ".png")


def _statistics(text: str) -> Path:
    return _with_suffix(text, SUFFIX)


def _with_suffix(text: str, suffix: str) -> Path:
    file = file_to_write(text)
    if file.suffix.lower() != suffix:
        raise argparse.ArgumentTypeError(f"{text!r:.80} does not end in {suffix}")
    return file


def lines(summary: StreamSummary) -> Iterator[str]:
    """Yield the lines that are printed."""
    yield f"{summary.pictures} pictures, {summary.slices} slice segments of {summary.slice_bytes} bytes"
    for name, value in [*summary.headers.items(), *summary.tools.items()]:
        yield f"{name:25} {_said(value)}"
    yield f"{'hash of the pictures':25} {', '.join(f'{count} {what}' for what, count in summary.hashes.items())}"
    yield ""
    yield "use of tools, % of the area (transform skip: of coded 4x4 blocks, SAO: of CTUs)"
    yield from _shares(summary.used)
    yield ""
    yield f"bits of slice data, {summary.bits['total']:.0f} in all"
    total = max(summary.bits["total"], 1)
    yield from _shares({name: bits / total for name, bits in summary.bits.items() if name != "total" and bits})
    for name in ("coding_units", "prediction_blocks", "transform_units"):
        numbers: dict[int, int] = getattr(summary, name)
        yield ""
        yield f"{name.replace('_', ' ')}, {sum(numbers.values())} in all"
        yield from (f"{f'{size}x{size}':25} {number:8}" for size, number in numbers.items())
    yield ""
    yield "luma modes, % of the area without PCM"
    names = {PLANAR: "planar", DC: "DC"}
    yield from _shares({names.get(mode, f"{mode}"): share for mode, share in enumerate(summary.luma_modes) if share})
    yield ""
    yield "QPs, % of the area"
    yield from _shares({f"{qp}": share for qp, share in summary.qps.items()})


def _shares(shares: Mapping[str, float]) -> Iterator[str]:
    yield from (f"{name:25} {100 * share:8.2f} %" for name, share in shares.items())


def _said(value: object) -> str:
    """Write a value of a header."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(_said, value)) if isinstance(value, list) else f"{value}"


if __name__ == "__main__":
    sys.exit(main())
