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
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from codecnn.codecs.choice import choose_codec
from codecnn.codecs.codec import Codec, decoder_version
from codecnn.dataset.schema import ShardInfo
from codecnn.dataset.store import Shard, ShardWriter
from codecnn.errors import InputError
from codecnn.io.files import remove_abandoned
from codecnn.labels.mode_sets import ModeSet
from codecnn.labels.search import label_picture
from codecnn.video.clip import Clip, FormatOptions, open_clip
from data_tools.arguments import parse


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
    except OSError as error:  # of the file in the making, if it names no other
        return f"{error.filename or task.path}: {error.strerror}"
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
        if source.name.startswith("."):
            raise InputError(f"{source}: a name that begins with a dot would be overlooked in a dataset")
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
                preset=codec.preset,
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


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    args = parse(argv, __doc__)
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


if __name__ == "__main__":
    sys.exit(main())
