"""Count what the mode coders of a report cost."""

from dataclasses import dataclass

import torch

from codecnn.labels.block_grid import NEIGHBOURS
from codecnn.labels.mode_sets import ModeSet
from codecnn.models.costs import macs, parameter_count
from codecnn.models.mode_context import Context, ModeCoder
from codecnn.models.registry import name_of
from experiments.reports.shared.block_networks import Chosen, case_of


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
    def of(chosen: Chosen[ModeCoder]) -> "Costs":
        """Count the costs of a mode coder."""
        network = chosen.network
        counts = parameter_count(network), kmac_per_block(network)
        return Costs(*case_of(network.config), chosen.name, name_of(network.config), *counts)


def kmac_per_block(network: ModeCoder) -> float:
    """Count thousand multiply-accumulates for one block."""
    with torch.device("meta"):
        twin = type(network)(network.config).eval()
        counts = torch.zeros(1, 12 * network.config.size + 9), torch.ones(1, 4)
        modes = torch.zeros((1, NEIGHBOURS), dtype=torch.int64)
        return macs(twin, Context(*counts, modes, torch.zeros(1), torch.ones(1))) / 1000
