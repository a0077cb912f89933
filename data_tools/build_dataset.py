"""build-dataset: from raw sequences to labelled CTU windows in HDF5.

Encodes every source all-intra at every QP with a real codec, decodes it with and without in-loop filters, cuts the
original, the baseline and the unfiltered picture into CTU windows, labels their blocks with the best intra mode by
Hadamard SATD and by exact DCT SATD, and stores one file a source and QP. A rerun skips what is whole.
"""

import argparse
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from codecnn.clip import Clip, FormatOptions, open_clip
from codecnn.color import Matrix, Range
from codecnn.engine.modes import MODE_SETS, ModeSet, sizes_of
from codecnn.errors import InputError
from codecnn.files import remove_abandoned
from codecnn.intra.block_size import SHAPES, SQUARES, BlockSize
from codecnn.labels import label_picture
from codecnn.schema import ShardInfo
from codecnn.store import Shard, ShardWriter
from codecnn.yuv import SCALES
from data_tools.codecs.choice import CODECS, choose_codec
from data_tools.codecs.codec import Codec, decoder_version
from data_tools.parser import Parser


@dataclass(frozen=True)
class Task:
    """One shard to be made: idempotent, and independent of all others."""

    clip: Clip
    codec: Codec
    info: ShardInfo
    path: Path
    storage: Literal["fast", "compact"]
    label_modes: ModeSet


def build_shard(task: Task) -> str | None:
    """Make one shard; returns None, or the reason in one line if it could not be made."""
    info = task.info
    remove_abandoned(task.path)
    try:
        with ShardWriter(task.path, info, task.storage) as writer:
            for frame in task.codec.encode(task.clip, info.qp):
                reference = frame.original if info.label_references == "original" else frame.unfiltered
                labels = (
                    label_picture(
                        frame.original.y, reference.y, info.bit_depth, info.blocks, info.ctu_size, task.label_modes
                    )
                    if info.blocks
                    else {}
                )
                writer.append(frame.original, frame.baseline, frame.unfiltered, frame.bits, frame.qp_used, labels)
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"{task.path}: cannot be written ({error.strerror})"
    return None


def plan(args: argparse.Namespace) -> Iterator[Task]:
    """Every task that the command line asks for; InputError before anything is encoded if one cannot be done."""
    codec = choose_codec(
        args.codec, args.preset, args.codec_template, args.encoder, args.encoder_config, args.encoder_timeout
    )
    lowest, highest = codec.qp_range
    qps = sorted(set(args.qp or codec.default_qps))
    for qp in qps:
        if not lowest <= qp <= highest:
            raise InputError(f"QP {qp} is outside of {lowest} to {highest}, the range of {codec.name}")
    options = FormatOptions(args.width, args.height, args.bit_depth, args.fps, args.chroma, args.matrix, args.range)
    seen: dict[str, Path] = {}
    for source in args.sources:
        if source.stem in seen:
            raise InputError(f"{source}: would be stored under the same name as {seen[source.stem]}")
        seen[source.stem] = source
        clip = open_clip(source, options, args.frames, args.every)
        fmt, checksum = clip.format, clip.sha256()
        for qp in qps:
            info = ShardInfo(
                source=source.name,
                source_sha256=checksum,
                width=fmt.width,
                height=fmt.height,
                bit_depth=fmt.bit_depth,
                chroma=fmt.chroma,
                fps=str(fmt.fps),
                color=clip.color,
                first_frames=args.frames,
                every=args.every,
                codec=codec.name,
                codec_version=codec.version(),
                codec_parameters=codec.describe(qp),
                decoder_version=decoder_version(codec.decoder),
                unfiltered_by=codec.unfiltered_by,
                qp=qp,
                ctu_size=args.ctu_size,
                margin=args.margin,
                label_sizes="" if args.no_labels else " ".join(map(str, args.label_sizes)),
                label_modes="none" if args.no_labels else args.label_modes,
                label_references="none" if args.no_labels else args.label_references,
                package_version=version("codecnn"),
            )
            path = args.out / f"{source.stem}_{codec.name}_qp{qp}.h5"
            yield Task(clip, codec, info, path, args.storage, args.label_modes)


def is_whole(task: Task) -> bool:
    """Whether the shard is there already; InputError if a file is there that is not this one."""
    if not task.path.exists():
        return False
    there = Shard(task.path).info
    other = [f.name for f in fields(ShardInfo) if getattr(there, f.name) != getattr(task.info, f.name)]
    if other:
        name = other[0]
        raise InputError(
            f"{task.path}: is there already with another {', '.join(other)} "
            f"({getattr(there, name)!r}, now {getattr(task.info, name)!r}); remove it or choose another --out"
        )
    return True


@contextmanager
def workers(dask: str | None) -> Iterator[None]:
    """Let joblib send its tasks to a Dask cluster if one is named; InputError if there is none."""
    if dask is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--dask needs Dask: pip install 'codecnn[dask]'") from error
    try:
        client = Client(dask, timeout=5)
    except (OSError, ValueError) as error:
        raise InputError(f"{dask}: no Dask scheduler answers ({error})") from error
    with client, parallel_config(backend="dask"):
        yield


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = Parser(prog="build-dataset", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("sources", nargs="+", type=Path, help="raw .yuv, .y4m, pictures (one-frame clips), or any video")
    add("--out", type=Path, required=True, help="folder for the dataset, made if missing")
    codec = parser.add_mutually_exclusive_group()
    codec.add_argument("--codec", choices=sorted(CODECS), default="x265", help="the encoder")
    codec.add_argument("--codec-template", metavar="FILE", help="an encoder of your own, by a YAML file with its "
        "command (data_tools/codecs/template.py says what is in it), or one that is there: hm, vtm, "
        "vvencapp")  # fmt: skip
    add("--encoder", default="", metavar="PATH", help="the program that the template's {encoder} stands for")
    add("--encoder-config", default="", metavar="FILE", help="what the template's {config} stands for")
    add("--encoder-timeout", type=_seconds, metavar="SECONDS", help="for each frame, until a template's encoder or "
        "vvenc is stopped; 600 if neither this nor the template says it")  # fmt: skip
    add("--preset", help="one of the encoder's own; if not given, x264, x265: medium, vvenc: faster, svtav1: 4, vp9: 1")
    add("--qp", type=int, nargs="+", help="quantisation parameters, in the encoder's own scale; if not given, four of "
        "about the same PSNR: x264, x265, vvenc: 22 27 32 37, svtav1, vp9: 14 25 35 43")  # fmt: skip
    add("--frames", type=_count, default=0, help="take the first N frames of a source alone; 0: all")
    add("--every", type=_positive, default=1, help="of those, take every N-th frame")
    add("--ctu-size", type=_ctu_size, default=128, help="luma samples of a CTU's side: 16, 32, 64 or 128")
    add("--margin", type=_margin, default=2, help="luma samples beyond the CTU on each side; even")
    add("--no-labels", action="store_true", help="store no labels")
    add("--label-sizes", nargs="+", default=["square"], metavar="SIZE",
        help="block sizes such as 16 or 16x8 (width x height); square or all: all that fit the CTU and the modes",
    )  # fmt: skip
    add("--label-modes", choices=MODE_SETS, default="vvc-67", help="the 67 modes of VVC, those with the reference "
        "lines 1 and 2 as well, or the 35 modes of HEVC; a label is the mode + 67 x the line")  # fmt: skip
    add("--label-references", choices=("unfiltered", "original"), default="unfiltered",
        help="the signal that the labels' reference samples are taken from")  # fmt: skip
    add("--storage", choices=("fast", "compact"), default="fast", help="uncompressed, or gzip")
    add("--jobs", type=_positive, default=1, help="shards made at the same time, a process each")
    add("--dask", metavar="ADDRESS", help="make them on the Dask cluster of this scheduler, such as tcp://host:8786; "
        "its workers must see sources and --out under the same names")  # fmt: skip
    raw = parser.add_argument_group("raw files", "what the file name does not say, or says wrongly")
    raw.add_argument("--width", type=_positive)
    raw.add_argument("--height", type=_positive)
    raw.add_argument("--bit-depth", type=_positive)
    raw.add_argument("--fps", type=_rate)
    raw.add_argument("--chroma", choices=tuple(SCALES))
    rgb = parser.add_argument_group("RGB, and grey pictures", "what they are converted to; if not given, --chroma is "
        "420, and --bit-depth is 8, or 10 if they have more than 8")  # fmt: skip
    rgb.add_argument("--matrix", choices=get_args(Matrix), default="bt709", help="non-constant luminance")
    rgb.add_argument("--range", choices=get_args(Range), default="limited", help="of the samples")
    args = parser.parse_args(argv)
    if (args.encoder or args.encoder_config) and not args.codec_template:
        parser.error("--encoder and --encoder-config go with --codec-template")
    try:
        args.label_sizes = label_sizes(args.label_sizes, args.label_modes, args.ctu_size)
    except ValueError as error:
        parser.error(str(error))
    return args


def label_sizes(words: list[str], modes: ModeSet, ctu_size: int) -> list[BlockSize]:
    """The block sizes that are asked for, in order; ValueError where one is not known, or nothing that can be."""
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


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    args = parse(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: no worker goes on
    try:
        tasks = list(plan(args))
        args.out.mkdir(parents=True, exist_ok=True)
        missing = [task for task in tasks if not is_whole(task)]
    except (InputError, OSError) as error:
        print(f"build-dataset: {error}", file=sys.stderr)
        return 2
    print(f"{len(tasks)} files asked for, {len(tasks) - len(missing)} there already, {len(missing)} to make")
    try:
        with workers(args.dask):
            jobs = -1 if args.dask else min(args.jobs, len(missing) or 1)
            results = Parallel(n_jobs=jobs, return_as="generator_unordered")(delayed(build_shard)(t) for t in missing)
            failures = [reason for reason in tqdm(results, total=len(missing), unit="file") if reason]
    except KeyboardInterrupt:
        print("build-dataset: interrupted; the same command makes what is missing", file=sys.stderr)
        return 130
    except InputError as error:
        print(f"build-dataset: {error}", file=sys.stderr)
        return 2
    except BrokenExecutor:
        print("build-dataset: a worker was killed; the same command makes what is missing", file=sys.stderr)
        return 2
    for reason in dict.fromkeys(failures):  # a bad source fails at every QP
        print(f"build-dataset: {reason}", file=sys.stderr)
    return 2 if failures else 0


def _rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except ZeroDivisionError as error:
        raise argparse.ArgumentTypeError(f"{text} is no frame rate") from error


def _seconds(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return value


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def _count(text: str) -> int:
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def _ctu_size(text: str) -> int:
    if (value := int(text)) not in (16, 32, 64, 128):
        raise argparse.ArgumentTypeError(f"{value} is not 16, 32, 64 or 128")
    return value


def _margin(text: str) -> int:
    if not 0 <= (value := int(text)) <= 64 or value % 2:
        raise argparse.ArgumentTypeError(f"{value} is not an even number from 0 to 64")
    return value


if __name__ == "__main__":
    sys.exit(main())
