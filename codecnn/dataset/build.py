"""Build datasets: encode sources all-intra, label their blocks, and store them as shards."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from joblib import delayed
from numpy.typing import NDArray

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.codecs.codec import Codec, CodedFrame
from codecnn.codecs.libavcodec import decoder_version
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import CODING, CODING_MAPS, LABEL_MAPS, PREDICTION, RD_MAPS, SIGNALS, ShardInfo, Signal
from codecnn.dataset.writer import ShardWriter
from codecnn.errors import InputError, InputWarning
from codecnn.intra.block_size import BlockSize
from codecnn.io.files import remove_abandoned
from codecnn.io.processes import in_processes
from codecnn.labels.magnitude_bits import rd_measure
from codecnn.labels.mode_sets import ModeSet
from codecnn.labels.rate_distortion import Coding
from codecnn.video.clip import Clip
from codecnn.video.format_options import FormatOptions
from codecnn.video.picture import Picture
from codecnn.video.sources import Source, open_sources

if TYPE_CHECKING:
    from codecnn.dataset.block_data import Decided


@dataclass(frozen=True)
class Settings:
    """Say how datasets are built; without label sizes there are no labels."""

    codec: Codec
    qps: Sequence[int] = ()  # none: the defaults of the codec
    formats: FormatOptions = field(default_factory=FormatOptions)
    first_frames: int = 0  # of each source; 0: all
    every: int = 1  # of these, every n-th is taken
    as_clip: bool = False  # the pictures of a folder are one clip
    ctu_size: int = 128
    margin: int = 2
    label_sizes: Sequence[BlockSize] = ()
    label_modes: ModeSet = "vvc-67"
    label_references: Literal["unfiltered", "original"] = "unfiltered"
    labels_rd: bool = False  # labels by rate-distortion cost too
    block_data: bool = False  # what the encoder decided, and its prediction; of HEVC streams
    storage: Literal["fast", "compact"] = "fast"


class ShardTask(NamedTuple):
    """Hold one shard to be made: it can be made again, and does not depend on others."""

    clip: Clip
    codec: Codec
    info: ShardInfo
    path: Path
    storage: Literal["fast", "compact"]


def plan(sources: Iterable[Path], out: Path, settings: Settings) -> Iterator[ShardTask]:
    """Give the shards of all sources at all QPs; InputError before anything is encoded if one cannot be made."""
    codec = settings.codec
    lowest, highest = codec.qp_range
    qps = sorted(set(settings.qps or codec.default_qps))
    for qp in qps:
        if not lowest <= qp <= highest:
            raise InputError(f"QP {qp} is outside of {lowest} to {highest}, the range of {codec.name}")
    if settings.labels_rd:
        try:
            rd_measure(Coding(codec.name, qps[0]))
        except ValueError as error:
            raise InputError(f"labels by rate-distortion cost cannot be made: {error}") from error
    if settings.block_data and codec.decoder != "hevc":
        raise InputError(f"the encoder's decisions are read from HEVC streams, which {codec.name} does not make")
    found = open_sources(sources, settings.formats, settings.first_frames, settings.every, settings.as_clip)
    for source in found:
        checksum = source.clip.sha256()
        for qp in qps:
            info = _info(source, checksum, qp, settings)
            path = out / f"{source.stored_as}_{codec.name}_qp{qp}.h5"
            yield ShardTask(source.clip, codec, info, path, settings.storage)


def _info(source: Source, checksum: str, qp: int, settings: Settings) -> ShardInfo:
    clip, codec, labelled = source.clip, settings.codec, bool(settings.label_sizes)
    fmt = clip.format
    depth = codec.coded_bit_depth or fmt.bit_depth
    if settings.block_data and (fmt.chroma not in ("400", "420") or depth > 10):
        limits = "read at 4:0:0 and 4:2:0 and up to 10 bit"
        raise InputError(f"{clip.path}: the encoder's decisions are {limits}, not at {fmt.chroma} and {depth} bit")
    kinds = {LABEL_MAPS: labelled, RD_MAPS: labelled and settings.labels_rd, CODING_MAPS: settings.block_data}
    return ShardInfo(
        source=source.name,
        source_sha256=checksum,
        width=fmt.width,
        height=fmt.height,
        bit_depth=fmt.bit_depth,
        chroma=fmt.chroma,
        fps=str(fmt.fps),
        colour=clip.colour,
        scan=clip.scan,
        first_frames=settings.first_frames,
        every=settings.every,
        codec=codec.name,
        codec_version=codec.version(),
        preset=codec.preset,
        codec_parameters=codec.describe(qp),
        decoder_version=decoder_version(codec.decoder),
        unfiltered_by=codec.unfiltered_by,
        qp=qp,
        ctu_size=settings.ctu_size,
        margin=settings.margin,
        label_sizes=" ".join(map(str, settings.label_sizes)),
        label_modes=settings.label_modes if labelled else "none",
        label_references=settings.label_references if labelled else "none",
        signals=" ".join((*SIGNALS, PREDICTION) if settings.block_data else SIGNALS),
        maps=" ".join(name for names, wanted in kinds.items() if wanted for name in names),
        rd_measure=rd_measure(Coding(codec.name, qp)) if labelled and settings.labels_rd else "",
        package_version=version("codecnn"),
        coded_bit_depth=codec.coded_bit_depth if codec.coded_bit_depth != fmt.bit_depth else 0,
        unfiltered_stream="second" if codec.encodes_twice else "same",
    )


def is_whole(task: ShardTask) -> bool:
    """Return whether a shard is there already; InputError if a file is there that is not this one."""
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


def build_shard(task: ShardTask) -> str | None:
    """Make one shard; return None, or in one line the reason why it could not be made."""
    info = task.info
    remove_abandoned(task.path)
    try:
        with ShardWriter(task.path, info, task.storage) as writer, task.clip.unchanged(info.source_sha256):
            for frame, decided in _coded(task):
                signals = {"original": frame.original, "baseline": frame.baseline, "unfiltered": frame.unfiltered}
                maps = _label(signals, info) if info.blocks else {}
                if decided:
                    signals[PREDICTION] = decided.prediction
                    (four,) = CODING[0].sizes
                    maps[four] = {**maps.get(four, {}), **decided.maps}
                writer.append(signals, frame.bits, frame.qp_used, maps, frame.unfiltered_bits, frame.in_loop_filters)
    except InputError as error:
        return str(error)
    except OSError as error:  # one of the file in the making names it
        where = error.filename or f"{task.clip.path}: cannot be coded at QP {info.qp}"
        return f"{where}: {error.strerror or ' '.join(str(error).split())}"
    return None


def _coded(task: ShardTask) -> Iterator[tuple[CodedFrame, "Decided | None"]]:
    """Yield the coded frames of a shard, with what their encoder decided where that is stored."""
    frames = task.codec.encode(task.clip, task.info.qp)
    if PREDICTION not in task.info.signal_names:
        return ((frame, None) for frame in frames)
    from codecnn.dataset.block_data import with_decisions  # slow to load

    return with_decisions(frames, task.info, f"{task.clip.path} at QP {task.info.qp}")


def _label(signals: Mapping[Signal, Picture], info: ShardInfo) -> dict[BlockSize, dict[str, NDArray]]:
    """Return the labels of a frame as maps by block; as in an encoder, all is at the coded bit depth."""
    from codecnn.labels.search import label_picture  # slow to load, and not needed without labels

    depth = info.bit_depth_of("baseline")
    original, reference = (convert_bit_depth(signals[name], depth).y for name in ("original", info.label_references))
    coding = Coding(info.codec, info.qp) if info.rd_measure else None
    labels = label_picture(original, reference, depth, info.blocks, info.ctu_size, info.mode_set, coding=coding)
    return {size: of_size.maps() for size, of_size in labels.items()}


def build_all(tasks: Sequence[ShardTask], jobs: int = 1) -> Iterator[str | None]:
    """Make shards, `jobs` at a time in processes of this machine.

    Gives what build_shard returns, as the shards are finished. Raises InputError if a worker was killed.
    """
    if any(task.info.blocks for task in tasks):
        import codecnn.labels.search  # noqa: F401 - so that its warning is given here, not by every worker
    workers = min(jobs, len(tasks) or 1)
    build = build_shard if workers == 1 else _build_quietly
    yield from in_processes((delayed(build)(task) for task in tasks), workers, in_order=False)


def _build_quietly(task: ShardTask) -> str | None:
    """Make one shard in a worker; what it warns of was said when its source was opened."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        return build_shard(task)
