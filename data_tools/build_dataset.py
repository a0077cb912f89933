"""build-dataset: from raw sequences to labelled CTU windows in HDF5.

Encodes every source all-intra at every QP with a real codec, decodes it with and without in-loop filters, cuts the
original, the baseline and the unfiltered picture into CTU windows, labels their blocks with the best intra mode by
Hadamard SATD and by exact DCT SATD, and stores one file a source and QP. A rerun skips what is whole.
"""

import argparse
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NoReturn

from joblib import Parallel, delayed
from tqdm import tqdm

from codecnn.clip import Clip, FormatOptions, open_clip
from codecnn.engine.modes import MODE_SETS, ModeSet, sizes_of
from codecnn.errors import InputError
from codecnn.files import remove_abandoned
from codecnn.intra.block_size import SHAPES, SQUARES, BlockSize
from codecnn.labels import label_picture
from codecnn.store import Shard, ShardInfo, ShardWriter
from data_tools.codecs import CODECS, X265, decoder_version


@dataclass(frozen=True)
class Task:
    """One shard to be made: idempotent, and independent of all others."""

    clip: Clip
    codec: X265
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
    codec = CODECS[args.codec](preset=args.preset)
    lowest, highest = codec.qp_range
    for qp in args.qp:
        if not lowest <= qp <= highest:
            raise InputError(f"QP {qp} is outside of {lowest} to {highest}, the range of {codec.name}")
    options = FormatOptions(args.width, args.height, args.bit_depth, args.fps, args.chroma)
    seen: dict[str, Path] = {}
    for source in args.sources:
        if source.stem in seen:
            raise InputError(f"{source}: would be stored under the same name as {seen[source.stem]}")
        seen[source.stem] = source
        clip = open_clip(source, options, args.frames, args.every)
        fmt, checksum = clip.format, clip.sha256()
        for qp in sorted(set(args.qp)):
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
                decoder_version=decoder_version(),
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


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = Parser(prog="build-dataset", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("sources", nargs="+", type=Path, help="raw .yuv, .y4m, pictures (one-frame clips), or any video")
    add("--out", type=Path, required=True, help="folder for the dataset, made if missing")
    add("--codec", choices=sorted(CODECS), default="x265", help="the encoder")
    add(
        "--preset",
        default="medium",
        choices=("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"),
    )
    add("--qp", type=int, nargs="+", default=[22, 27, 32, 37], help="quantisation parameters")
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
    raw = parser.add_argument_group("raw files", "what the file name does not say, or says wrongly")
    raw.add_argument("--width", type=_positive)
    raw.add_argument("--height", type=_positive)
    raw.add_argument("--bit-depth", type=_positive)
    raw.add_argument("--fps", type=_rate)
    raw.add_argument("--chroma", choices=("400", "420", "422", "444"))
    args = parser.parse_args(argv)
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
    run = Parallel(n_jobs=min(args.jobs, len(missing) or 1), return_as="generator_unordered")
    results = run(delayed(build_shard)(task) for task in missing)
    try:
        failures = [reason for reason in tqdm(results, total=len(missing), unit="file") if reason]
    except KeyboardInterrupt:
        print("build-dataset: interrupted; the same command makes what is missing", file=sys.stderr)
        return 130
    for reason in dict.fromkeys(failures):  # a bad source fails at every QP
        print(f"build-dataset: {reason}", file=sys.stderr)
    return 2 if failures else 0


def _rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except ZeroDivisionError as error:
        raise argparse.ArgumentTypeError(f"{text} is no frame rate") from error


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
