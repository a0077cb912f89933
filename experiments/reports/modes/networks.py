"""Load the mode networks of a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from codecnn.errors import InputError
from codecnn.models.blocks import ModeNetwork
from codecnn.models.costs import kmac_per_block, parameter_count
from codecnn.models.registry import name_of
from codecnn.models.weights import find_weights, read_weights
from codecnn.models.weights_header import Notes
from experiments.reports.modes.measure import Case


class Chosen(NamedTuple):
    """Hold a mode network with its name in the report, its file and its notes."""

    name: str
    network: ModeNetwork
    file: Path
    notes: Notes

    @property
    def case(self) -> Case:
        """Return what it chooses."""
        return Case(self.network.config.size, self.network.config.modes)


@dataclass(frozen=True)
class Costs:
    """Hold what a network is, and what it costs."""

    ranking: str
    case: Case
    network: str  # of the registry
    labels: str  # of its training, empty if not known
    parameters: int
    kmac: float  # for a block

    @staticmethod
    def of(chosen: Chosen) -> "Costs":
        """Count the costs of a network."""
        network, recipe = chosen.network, chosen.notes.get("recipe") or {}
        counts = parameter_count(network), kmac_per_block(network)
        return Costs(chosen.name, chosen.case, name_of(network.config), str(recipe.get("labels", "")), *counts)


def load_networks(words: Sequence[str]) -> list[Chosen]:
    """Return mode networks by files, run folders, or names; InputError for any other network, and for one twice."""
    names = [_short(word) for word in words]
    found = [_load(word if names.count(name) > 1 else name, word) for word, name in zip(words, names, strict=True)]
    for place, chosen in enumerate(found):
        if chosen.name in {other.name for other in found[:place]}:
            raise InputError(f"{chosen.name}: is given twice")
    return sorted(found, key=lambda chosen: chosen.case)


def _short(word: str) -> str:
    return Path(word).stem if word.endswith(".safetensors") else Path(word).name or word


def _load(name: str, word: str) -> Chosen:
    file = find_weights(word)
    network, task, notes = read_weights(file)
    if not isinstance(network, ModeNetwork):
        raise InputError(f"{file}: weights of the task {task}, which do not rank intra modes")
    return Chosen(name, network, file, notes)
