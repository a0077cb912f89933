"""Find the predictors that a report is about."""

from pathlib import Path
from typing import NamedTuple

from codecnn.errors import InputError
from codecnn.models.costs import macs, parameter_count
from codecnn.models.predictors.neighbourhood import Predictor, zero_neighbourhood
from codecnn.models.weights import find_weights, read_weights
from codecnn.models.weights_header import Notes


class Named(NamedTuple):
    """Hold a predictor with its name."""

    name: str
    network: Predictor
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


def find_predictors(names: list[str]) -> list[Named]:
    """Return the predictors of weights files, run folders or names; InputError if one is none, or two have one name."""
    found: list[Named] = []
    for name in names:
        file = find_weights(name)
        network, task, notes = read_weights(file)
        if not isinstance(network, Predictor):
            raise InputError(f"{file}: weights of the task {task}, not of a predictor")
        found.append(Named(file.parent.name if Path(name).is_dir() else file.stem, network, notes))
        if found[-1].name in [named.name for named in found[:-1]]:
            raise InputError(f"{file}: two of the weights are named {found[-1].name}")
    return found
