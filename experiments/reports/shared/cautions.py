"""Say where a report may promise too much: tests on training data, other codecs, in-loop filters that are off."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import join_filters
from codecnn.models.weights_header import Notes
from codecnn.training.known_pictures import hashes_of
from codecnn.training.provenance import chosen_by, codec_cautions, trained_on
from codecnn.video.perceptual_hash import find_copies
from command_line.progress import complain
from command_line.terminal import printable


def cautions(notes: Notes, shards: Sequence[Shard]) -> list[str]:
    """Return what a reader of a report on shards must know, a sentence for each caution.

    notes: of the weights that the shards are filtered by.
    """
    infos = [shard.info for shard in shards]
    found = []
    if known := trained_on(notes, infos):
        found.append(f"trained on {len(known)} of these clips: {', '.join(known)}")
    if held_out := chosen_by(notes, infos):
        found.append(f"the best checkpoint was chosen by {len(held_out)} of these clips: {', '.join(held_out)}")
    found += _copies(notes, shards, {*known, *held_out})
    if notes.get("sources") and "sources_sha256" not in notes:
        found.append("the weights do not tell the checksums of their training pictures: a renamed one is not noticed")
    return found + codec_cautions(notes, infos) + filters_off(shards)


def filters_off(shards: Sequence[Shard]) -> list[str]:
    """Say for each codec and preset that not all of its in-loop filters were on, where that is recorded."""
    off = {
        f"not all in-loop filters of {shard.info.codec} preset {shard.info.preset or 'none'} were on in the baseline: "
        f"{join_filters(shard.in_loop_filters)}"
        for shard in shards
        if not all(shard.in_loop_filters.values())
    }
    return sorted(off)


def warn(prog: str, found: Sequence[str]) -> None:
    """Print cautions, a line for each."""
    for caution in found:
        complain(f"{prog}: warning: {printable(caution)}")


def _copies(notes: Notes, shards: Sequence[Shard], known: set[str]) -> list[str]:
    """Say which sources that are not known look like pictures of the training, perhaps cropped, scaled or converted."""
    hashes = frozenset(hashes_of(notes).items())
    first = {shard.info.source: shard for shard in shards if shard.info.source not in known} if hashes else {}
    found = []
    for source, shard in first.items():
        if copies := _copies_of(shard.path, shard.info.source_sha256, hashes):
            found.append(f"{source} looks like a copy of {', '.join(copies)}, seen in the training")
    return found


@lru_cache(maxsize=4096)  # networks that a report compares were often trained on the same pictures
def _copies_of(file: Path, source_sha256: str, hashes: frozenset[tuple[str, str]]) -> list[str]:
    """Return the names of the pictures with these hashes that the source of a file seems to be a copy of."""
    return find_copies(Shard(file).picture("original", 0).y, dict(sorted(hashes)))
