"""Count what the mode networks of a report cost."""

from dataclasses import dataclass

from codecnn.models.blocks import ModeNetwork
from codecnn.models.costs import kmac_per_block, parameter_count
from codecnn.models.registry import name_of
from experiments.reports.shared.block_networks import Case, Chosen, case_of


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
    def of(chosen: Chosen[ModeNetwork]) -> "Costs":
        """Count the costs of a network."""
        network, labels = chosen.network, (chosen.notes.get("recipe") or {}).get("labels", "")
        counts = parameter_count(network), kmac_per_block(network)
        return Costs(chosen.name, case_of(network.config), name_of(network.config), str(labels), *counts)
