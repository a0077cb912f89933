"""Check that shards can be compared with each other."""

import re
from collections.abc import Sequence

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import ShardInfo
from codecnn.errors import InputError

# What all shards of a source have in common, and all points of a codec's curve.
_OF_SOURCE = ("source_sha256", "width", "height", "bit_depth", "chroma", "colour", "first_frames", "every")
_OF_CURVE = ("codec_version", "preset", "ctu_size")


def check_comparable(shards: Sequence[Shard]) -> None:
    """Raise InputError unless shards can be compared.

    All shards of a source must hold the same pictures. The shards of a source and a codec must be points of one curve:
    one for each QP, from the same encoder with the same settings, except for the QP.
    """
    sources: dict[str, Shard] = {}
    curves: dict[tuple[str, str], Shard] = {}
    points: dict[tuple[str, str, int], Shard] = {}
    for shard in shards:
        info = shard.info
        check_equal(shard, sources.setdefault(info.source, shard), _OF_SOURCE)
        first = curves.setdefault((info.source, info.codec), shard)
        check_equal(shard, first, _OF_CURVE)
        if not _equal_apart_from_qp(info, first.info):
            check_equal(shard, first, ("codec_parameters",))
        if (other := points.setdefault((info.source, info.codec, info.qp), shard)) is not shard:
            raise InputError(f"{shard.path}: the same source, codec and QP as {other.path}")


def check_equal(shard: Shard, other: Shard, attributes: Sequence[str]) -> None:
    """Raise InputError if two shards differ in one of the attributes."""
    for name in attributes:
        here, there = getattr(shard.info, name), getattr(other.info, name)
        if here != there:
            raise InputError(f"{shard.path}: {name} is {here!r}, that of {other.path} {there!r}")


def _equal_apart_from_qp(info: ShardInfo, other: ShardInfo) -> bool:
    """Return whether the parameters are the same, except for numbers that are the QP of each."""
    words = [re.findall(r"(?<!\w)-\d+|\d+|\D", text) for text in (info.codec_parameters, other.codec_parameters)]
    both = zip(*words, strict=False)
    qps = str(info.qp), str(other.qp)
    return len(words[0]) == len(words[1]) and all(pair[0] == pair[1] or pair == qps for pair in both)
