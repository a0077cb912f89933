"""Choose the shards that are trained on, and those that are validated on."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.training.recipe import Run


class Shards(NamedTuple):
    """Hold the shards of a run; no source is in both parts."""

    training: list[Shard]
    held_out: list[Shard]


def choose_shards(run: Run) -> Shards:
    """Return the shards of a run, those of the QPs of its recipe; InputError if the two parts overlap."""
    qps = set(run.recipe.training.qps)

    def wanted(folder: Path) -> list[Shard]:
        shards = [shard for shard in open_folder(folder) if not qps or shard.info.qp in qps]
        if missing := qps - {shard.info.qp for shard in shards}:
            raise InputError(f"{folder}: no dataset files of QP {', '.join(map(str, sorted(missing)))}")
        return shards

    if run.val is None:
        return split_by_source(wanted(run.data), run.recipe.training.holdout)
    training, held_out = wanted(run.data), wanted(run.val)
    if common := {s.info.source_sha256 for s in training} & {s.info.source_sha256 for s in held_out}:
        names = sorted({s.info.source for s in held_out if s.info.source_sha256 in common})
        raise InputError(f"{run.val}: {', '.join(names)} is trained on as well")
    return Shards(training, held_out)


def split_by_source(shards: Sequence[Shard], share: float) -> Shards:
    """Hold out a share of the sources, at least one: all QPs of a source go together.

    The sources are taken in the order of their SHA-256, which is random enough and does not depend on file names.
    """
    sources = sorted({shard.info.source_sha256 for shard in shards})
    held_out = set(sources[: max(1, round(share * len(sources)))])
    if len(held_out) == len(sources):
        raise InputError(f"{len(sources)} source(s) cannot be split into training and a held-out share of {share}")
    return Shards(
        [shard for shard in shards if shard.info.source_sha256 not in held_out],
        [shard for shard in shards if shard.info.source_sha256 in held_out],
    )
