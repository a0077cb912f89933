"""Collect the notes that a weights file stores about its training."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from codecnn.dataset.reader import Shard
from codecnn.models.weights_header import Notes
from codecnn.training.data import Shards
from codecnn.training.device import hardware
from codecnn.training.known_pictures import KnownPicture, add_hash, known_pictures
from codecnn.training.provenance import codecs_of, commit
from codecnn.training.recipe import Recipe, describe
from codecnn.training.transfer import Account
from codecnn.video.perceptual_hash import perceptual_hash

# The notes of former weights that are kept for each stage
STAGE = ("recipe", "transfer", "windows", "codecs", "qps", "step", "seconds", "hardware", "torch", "commit")


@dataclass(frozen=True)
class Former:
    """Hold the former trainings of the weights that a run starts from."""

    sources: list[str] = field(default_factory=list)  # of all stages
    sources_sha256: list[str] | None = field(default_factory=list)  # None where a stage does not tell
    held_out: list[str] = field(default_factory=list)
    held_out_sha256: list[str] | None = field(default_factory=list)
    perceptual_hashes: dict[str, str] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    account: Account | None = None  # of what was taken over; None for all, from a network of the same form

    @staticmethod
    def of(file: Path, notes: Notes, account: Account | None = None) -> "Former":
        """Return the former trainings that a weights file tells of, its own included."""
        stage = {name: notes[name] for name in STAGE if name in notes}
        stage["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        return Former(
            sources=notes.get("sources", []),
            sources_sha256=notes.get("sources_sha256"),
            held_out=notes.get("held_out", []),
            held_out_sha256=notes.get("held_out_sha256"),
            perceptual_hashes=notes.get("perceptual_hashes", {}),
            stages=[*notes.get("stages", []), stage],
            account=account,
        )


def notes_of(recipe: Recipe, shards: Shards, former: Former, device: torch.device) -> Notes:
    """Return the notes of a run, which do not change while it goes on."""
    infos, held_out, test = ([shard.info for shard in part] for part in shards)
    notes: Notes = {
        "sources": sorted({info.source for info in infos} | set(former.sources)),
        "codecs": codecs_of(infos),
        "qps": sorted({info.hevc_qp for info in infos}),
        "bit_depths": sorted({info.format_of("baseline").bit_depth for info in infos}),
        "held_out": sorted({info.source for info in held_out} | set(former.held_out)),
        "perceptual_hashes": _hashes(former, [*shards.training, *shards.held_out]),
        "commit": commit(),
        "hardware": hardware(device),
        "torch": torch.__version__,
        "recipe": describe(recipe),
        "stages": former.stages,
    }
    if test:
        notes["test"] = sorted({info.source for info in test})
    if former.account is not None:
        notes["transfer"] = asdict(former.account)
    if former.sources_sha256 is not None:
        notes["sources_sha256"] = sorted({info.source_sha256 for info in infos} | set(former.sources_sha256))
    if former.held_out_sha256 is not None:
        notes["held_out_sha256"] = sorted({info.source_sha256 for info in held_out} | set(former.held_out_sha256))
    return notes | recipe.task.notes(shards.training)


def _hashes(former: Former, shards: Sequence[Shard]) -> dict[str, str]:
    """Return the perceptual hashes of sources by their names, without those of `known_pictures`.

    All are returned where a former stage has no checksums, as the notes then have none to find the others by.
    """
    before = (former.sources_sha256, former.held_out_sha256)
    known = {} if None in before else known_pictures()
    listed = {known[sha256].hash for part in before for sha256 in part or () if sha256 in known}
    found = {name: its for name, its in former.perceptual_hashes.items() if its not in listed}
    for sha256, shard in {shard.info.source_sha256: shard for shard in shards}.items():
        if sha256 not in known:
            add_hash(found, sha256, KnownPicture(shard.info.source, perceptual_hash(shard.picture("original", 0).y)))
    return found
