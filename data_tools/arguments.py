"""Read the command line of build-dataset."""

import argparse

from codecnn.intra.block_size import SHAPES, SQUARES, BlockSize
from codecnn.labels.mode_sets import MODE_SETS, ModeSet, largest_ctu, sizes_of
from command_line.arguments import address, jobs, path, positive, seconds, whole_number
from command_line.encoding import SOURCES, add_codec, add_encoding, add_formats
from command_line.parser import Parser


def parse(argv: list[str] | None, description: str | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(prog="build-dataset", description=description)
    add = parser.add_argument
    add("sources", nargs="+", type=path, help=SOURCES)
    add("--out", type=path, required=True, help="folder for the dataset, made if missing")
    codec = parser.add_mutually_exclusive_group()
    add_codec(codec, "x265")
    codec.add_argument("--codec-template", metavar="FILE", help="an encoder of your own, by a YAML file with its "
        "command (docs/codecs.md says what is in it), or one that is there: hm, vtm, "
        "vvencapp")  # fmt: skip
    add("--encoder", default="", metavar="PATH", help="the program that the template's {encoder} stands for")
    add("--encoder-config", default="", metavar="FILE", help="what the template's {config} stands for")
    add("--encoder-timeout", type=seconds, metavar="SECONDS", help="for each frame, until a template's encoder or "
        "vvenc is stopped; 600 if neither this nor the template says it")  # fmt: skip
    add_encoding(parser)
    add("--every", type=positive, default=1, help="of those, take every N-th frame")
    add("--ctu-size", type=_ctu_size, default=128, help="luma samples of a CTU's side: 16, 32, 64 or 128")
    add("--margin", type=_margin, default=2, help="luma samples beyond the CTU on each side; even")
    add("--no-labels", action="store_true", help="store no labels")
    add("--label-sizes", nargs="+", metavar="SIZE", help="block sizes such as 16 or 16x8 (width x height); square "
        "(if not given) or all: all that fit the CTU and the modes")  # fmt: skip
    add("--label-modes", choices=MODE_SETS, help="the 67 modes of VVC (if not given), those with the reference lines "
        "1 and 2 as well, or the 35 of HEVC (--ctu-size 64 or less); "
        "a label is the mode + 67 x the line")  # fmt: skip
    add("--label-references", choices=("unfiltered", "original"), help="the signal that the labels' reference samples "
        "are taken from; unfiltered if not given")  # fmt: skip
    add("--labels-rd", action="store_true", help="labels by estimated rate-distortion cost too, for codecs whose "
        "lambda is known")  # fmt: skip
    add("--block-data", action="store_true", help="what the encoder decided too, read from its HEVC stream: units, "
        "modes, QPs, flags, and the prediction as a fourth signal")  # fmt: skip
    add("--storage", choices=("fast", "compact"), default="fast", help="uncompressed, or gzip")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=jobs, default=1, help="shards made at the same time, a process each")
    where.add_argument("--dask", type=address, metavar="ADDRESS", help="make them on the Dask cluster of this "
        "scheduler, such as tcp://host:8786; its workers must see sources and --out under the same names")  # fmt: skip
    add("--dask-timeout", type=seconds, metavar="SECONDS", help="for how long the scheduler may not answer, or have no "
        "worker; 60 if not given")  # fmt: skip
    add_formats(parser)
    args = parser.parse_args(argv)
    if (args.encoder or args.encoder_config) and not args.codec_template:
        parser.error("--encoder and --encoder-config go with --codec-template")
    if args.dask_timeout and not args.dask:
        parser.error("--dask-timeout goes with --dask")
    labels = {"label_sizes": ["square"], "label_modes": "vvc-67", "label_references": "unfiltered"}
    given = [f"--{name.replace('_', '-')}" for name in (*labels, "labels_rd") if getattr(args, name)]
    if args.no_labels and given:
        parser.error(f"{', '.join(given)}: not with --no-labels")
    for name, value in {**labels, "dask_timeout": 60.0}.items():
        setattr(args, name, getattr(args, name) or value)
    try:
        args.label_sizes = label_sizes(args.label_sizes, args.label_modes, args.ctu_size)
    except ValueError as error:
        parser.error(str(error))
    return args


def label_sizes(words: list[str], modes: ModeSet, ctu_size: int) -> list[BlockSize]:
    """Return the block sizes that are asked for, in order; ValueError for one that is not known or cannot be."""
    if ctu_size > largest_ctu(modes):
        raise ValueError(f"{modes} cannot be with CTUs of {ctu_size}, only of {largest_ctu(modes)} and less")
    known = [size for size in sizes_of(modes) if max(size) <= ctu_size]
    chosen: set[BlockSize] = set()
    for word in words:
        if word in ("square", "all"):
            chosen |= {size for size in known if word == "all" or size in SQUARES}
        elif (size := BlockSize.of(word)) in known:
            chosen.add(size)
        else:
            raise ValueError(f"blocks of {size} cannot be labelled with CTUs of {ctu_size} and the modes {modes}")
    return [size for size in SHAPES if size in chosen]


def _ctu_size(text: str) -> int:
    if (value := whole_number(text)) not in (16, 32, 64, 128):
        raise argparse.ArgumentTypeError(f"{value} is not 16, 32, 64 or 128")
    return value


def _margin(text: str) -> int:
    if not 0 <= (value := whole_number(text)) <= 64 or value % 2:
        raise argparse.ArgumentTypeError(f"{value} is not an even number from 0 to 64")
    return value
