"""Collect the notes that a weights file stores about its training."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from codecnn.models.weights_header import Notes
from codecnn.training.data import Shards
from codecnn.training.device import hardware
from codecnn.training.provenance import codecs_of, commit
from codecnn.training.recipe import Recipe, describe

# The notes of former weights that are kept for each stage
STAGE = ("recipe", "windows", "codecs", "qps", "step", "seconds", "hardware", "torch", "commit")


@dataclass(frozen=True)
class Former:
    """Hold the former trainings of the weights that a run starts from."""

    sources: list[str] = field(default_factory=list)  # of all stages
    sources_sha256: list[str] | None = field(default_factory=list)  # None where a stage does not tell
    stages: list[dict[str, Any]] = field(default_factory=list)

    @staticmethod
    def of(file: Path, notes: Notes) -> "Former":
        """Return the former trainings that a weights file tells of, its own included."""
        stage = {name: notes[name] for name in STAGE if name in notes}
        stage["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        return Former(notes.get("sources", []), notes.get("sources_sha256"), [*notes.get("stages", []), stage])


def notes_of(recipe: Recipe, shards: Shards, former: Former, device: torch.device) -> Notes:
    """Return the notes of a run, which do not change while it goes on."""
    infos = [shard.info for shard in shards.training]
    notes: Notes = {
        "sources": sorted({info.source for info in infos} | set(former.sources)),
        "codecs": codecs_of(infos),
        "qps": sorted({info.qp for info in infos}),
        "held_out": sorted({shard.info.source for shard in shards.held_out}),
        "commit": commit(),
        "hardware": hardware(device),
        "torch": torch.__version__,
        "recipe": describe(recipe),
        "stages": former.stages,
    }
    if former.sources_sha256 is not None:
        notes["sources_sha256"] = sorted({info.source_sha256 for info in infos} | set(former.sources_sha256))
    return notes | recipe.task.notes(shards.training)
