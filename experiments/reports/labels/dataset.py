"""Check and describe the dataset files that a label report is made of."""

from collections.abc import Sequence
from importlib.metadata import version

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.labels.mode_sets import MODE_SETS
from codecnn.labels.rate_distortion import lagrange_multiplier
from experiments.reports.shared.one_comparison import check_comparable, check_equal


def check(shards: Sequence[Shard], samples: int) -> None:
    """Raise InputError unless all files can be measured together."""
    for shard in shards:
        info = shard.info
        if not info.blocks:
            raise InputError(f"{shard.path}: has no labels")
        if info.label_modes not in MODE_SETS:
            raise InputError(f"{shard.path}: labels of {info.label_modes!r}, which is no mode set")
        check_equal(shard, shards[0], ("codec", "label_modes", "label_references"))
        if samples:
            try:
                lagrange_multiplier(info.codec, info.qp, info.format_of("baseline").bit_depth)
            except ValueError as error:
                raise InputError(f"{shard.path}: {error}; --samples 0 leaves the rate-distortion cost out") from error
    check_comparable(shards)


def describe(shards: Sequence[Shard], samples: int, seed: int) -> dict[str, str]:
    """Describe what the numbers of a report were measured on."""
    infos = [shard.info for shard in shards]
    first = infos[0]
    versions = {info.codec_version + (f", preset {info.preset}" if info.preset else "") for info in infos}
    frames = {shard.info.source: shard.frames for shard in shards}
    return {
        "data": f"{len(shards)} files, {sum(frames.values())} frames of {len(frames)} sequences: "
        + ", ".join(f"{source} ({number})" for source, number in frames.items()),
        "codec": f"{first.codec}: {'; '.join(sorted(versions))}; all-intra, "
        f"QP {', '.join(map(str, sorted({info.qp for info in infos})))}",
        "labels": f"{first.label_modes}, references from the {first.label_references} picture",
        "settings": f"{samples} samples for the rate-distortion cost, seed {seed}",
        "package": f"codecnn {version('codecnn')}",
    }
