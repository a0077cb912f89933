"""Choose the shards that are trained on, those that are validated on, and those of the test."""

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path, PurePath
from typing import NamedTuple

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.training.recipe import Run


class Shards(NamedTuple):
    """Hold the shards of a run; no source is in two of its parts."""

    training: list[Shard]
    held_out: list[Shard]  # validated on
    test: list[Shard] = []  # noqa: RUF012 - judged once, at the end

    @property
    def everything(self) -> list[Shard]:
        """Return all shards."""
        return [shard for part in self for shard in part]


def choose_shards(run: Run) -> Shards:
    """Return the shards of a run, those of the QPs of its recipe; InputError if a source is in two parts.

    Several folders of data are one after the other: every window counts once. InputError for a folder given twice.
    """
    training, qps = run.recipe.training, set(run.recipe.training.qps)
    for place, given in enumerate(run.data):
        if given.resolve() in [other.resolve() for other in run.data[:place]]:
            raise InputError(f"{given}: is given twice")

    def wanted(*folders: Path | None) -> list[Shard]:
        given = [folder for folder in folders if folder]
        shards = [shard for folder in given for shard in open_folder(folder) if not qps or shard.info.qp in qps]
        if given and (missing := qps - {shard.info.qp for shard in shards}):
            names = " and ".join(map(str, given))
            raise InputError(f"{names}: no dataset files of QP {', '.join(map(str, sorted(missing)))}")
        return shards

    shares = 0 if run.val else training.holdout, 0 if run.test else training.holdout_test
    shards = split_by_source(wanted(*run.data), *shares)
    val, test = wanted(run.val), wanted(run.test)
    for folder, those, others, how in (
        (run.val, val, [*shards.training, *shards.test], "trained on"),
        (run.test, test, shards.training, "trained on"),
        (run.test, test, [*shards.held_out, *val], "validated on"),
    ):
        if common := {s.info.source_sha256 for s in others} & {s.info.source_sha256 for s in those}:
            names = sorted({s.info.source for s in those if s.info.source_sha256 in common})
            raise InputError(f"{folder}: {', '.join(names)} is {how} as well")
    return Shards(shards.training, shards.held_out + val, shards.test + test)


def weighted(shards: Sequence[Shard], weights: Mapping[str, int]) -> list[Shard]:
    """Return shards as often as the weights of their sources say; InputError if a weight is of none, or none is left.

    weights: by patterns that are matched from the right with folder and source, as `PurePath.match` does.
    """
    names = [PurePath(shard.path.absolute().parent.name, shard.info.source) for shard in shards]
    for pattern in weights:
        if not any(name.match(pattern) for name in names):
            raise InputError(f"weights: no source to train on is called {pattern}")
    times = (prod(weight for pattern, weight in weights.items() if name.match(pattern)) for name in names)
    found = [shard for shard, count in zip(shards, times, strict=True) for _ in range(count)]
    if not found:
        raise InputError("weights: they leave no source to train on")
    return found


def split_by_source(shards: Sequence[Shard], share: float, test: float = 0) -> Shards:
    """Hold out a share of the sources to validate on, and one for the test: all QPs of a source go together.

    A share above 0 is at least one source. The sources are taken in the order of their SHA-256, which is random enough
    and does not depend on file names.
    """
    sources = sorted({shard.info.source_sha256 for shard in shards})
    counts = [max(1, round(part * len(sources))) if part else 0 for part in (share, test)]
    if sum(counts) >= len(sources):
        raise InputError(
            f"{len(sources)} source(s) cannot be split into training and a held-out share of {share}"
            + (f", and a test of {test}" if test else "")
        )
    held_out, tested = set(sources[: counts[0]]), set(sources[counts[0] : sum(counts)])
    return Shards(
        [shard for shard in shards if shard.info.source_sha256 not in held_out | tested],
        [shard for shard in shards if shard.info.source_sha256 in held_out],
        [shard for shard in shards if shard.info.source_sha256 in tested],
    )
