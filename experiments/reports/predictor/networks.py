"""Find the predictors that a report is about."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from codecnn.models.costs import macs, parameter_count
from codecnn.models.predictors.neighbourhood import Predictor, zero_neighbourhood
from codecnn.models.weights_header import Notes
from experiments.reports.shared.block_networks import load_networks


class Named(NamedTuple):
    """Hold a predictor with its name, its file and its notes."""

    name: str
    network: Predictor
    file: Path
    notes: Notes

    @property
    def size(self) -> int:
        """Return the side of its blocks."""
        return self.network.config.size

    @property
    def kmac(self) -> float:
        """Return thousand multiply-accumulates per sample of a block."""
        return macs(self.network, zero_neighbourhood(self.network.config, 1)) / self.size**2 / 1000

    @property
    def parameters(self) -> int:
        """Return the number of trained parameters."""
        return parameter_count(self.network)

    @property
    def loss(self) -> str:
        """Return the loss that it was trained with; "" if its file does not tell."""
        return str(self.notes.get("recipe", {}).get("loss", ""))


def find_predictors(words: Sequence[str]) -> list[Named]:
    """Return the predictors of weights files, run folders or names; InputError as `load_networks`."""
    return [Named(*each) for each in load_networks(words, Predictor, "a predictor")]
