"""Load the mode coders of a report, and count what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from codecnn.errors import InputError
from codecnn.labels.block_grid import NEIGHBOURS
from codecnn.labels.mode_sets import ModeSet
from codecnn.models.costs import macs, parameter_count
from codecnn.models.mode_context import Context, ModeCoder
from codecnn.models.registry import name_of
from codecnn.models.weights import find_weights, read_weights
from codecnn.models.weights_header import Notes


class Case(NamedTuple):
    """Hold whose modes are priced: blocks of a size, with a mode set."""

    size: int
    modes: ModeSet

    def __str__(self) -> str:
        return f"blocks of {self.size}x{self.size}, {self.modes}"


class Chosen(NamedTuple):
    """Hold a mode coder with its name in the report, its file and its notes."""

    name: str
    network: ModeCoder
    file: Path
    notes: Notes

    @property
    def case(self) -> Case:
        """Return what it prices."""
        return Case(self.network.config.size, self.network.config.modes)


@dataclass(frozen=True)
class Costs:
    """Hold what a mode coder is, and what it costs."""

    size: int
    modes: ModeSet
    price: str  # its name in the report
    network: str  # of the registry
    parameters: int
    kmac: float  # for a block

    @staticmethod
    def of(chosen: Chosen) -> "Costs":
        """Count the costs of a mode coder."""
        network = chosen.network
        counts = parameter_count(network), kmac_per_block(network)
        return Costs(*chosen.case, chosen.name, name_of(network.config), *counts)


def kmac_per_block(network: ModeCoder) -> float:
    """Count thousand multiply-accumulates for one block."""
    with torch.device("meta"):
        twin = type(network)(network.config).eval()
        counts = torch.zeros(1, 12 * network.config.size + 9), torch.ones(1, 4)
        modes = torch.zeros((1, NEIGHBOURS), dtype=torch.int64)
        return macs(twin, Context(*counts, modes, torch.zeros(1), torch.ones(1))) / 1000


def load_coders(words: Sequence[str]) -> list[Chosen]:
    """Return mode coders by files, run folders, or names; InputError for any other network, and for one twice."""
    found = [_load(word) for word in words]
    for place, chosen in enumerate(found):
        if chosen.name in {other.name for other in found[:place]}:
            raise InputError(f"{chosen.name}: is given twice; a report needs different names")
    return sorted(found, key=lambda chosen: chosen.case)


def _load(word: str) -> Chosen:
    file = find_weights(word)
    network, task, notes = read_weights(file)
    if not isinstance(network, ModeCoder):
        raise InputError(f"{file}: weights of the task {task}, which give modes no probability")
    name = Path(word).stem if word.endswith(".safetensors") else Path(word).name or word
    return Chosen(name, network, file, notes)
