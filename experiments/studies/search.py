"""Search the sizes of networks with Optuna, and keep the trials in a file."""

import sqlite3
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.exceptions import OptunaError
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError  # Optuna depends on it

from codecnn.errors import InputError

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Search:
    """Open the file of a search, or create it; InputError if it is no file of Optuna or has other settings.

    settings: all that must not change while a search continues, in types of JSON. The sampler is a tree-structured
    Parzen estimator. It gets a new seed for every trial, so that an interruption does not change later trials.
    """

    def __init__(self, path: Path, ranges: dict[str, tuple[int, int]], seed: int, settings: dict[str, Any]) -> None:
        self.seed = seed
        self.ranges: dict[str, BaseDistribution] = {name: IntDistribution(*ends) for name, ends in ranges.items()}
        try:
            self.study = optuna.create_study(
                # Not by a URL, where characters of the path such as ? have a meaning.
                storage=optuna.storages.RDBStorage("sqlite://", {"creator": lambda: sqlite3.connect(path)}),
                study_name="sweep",
                directions=["maximize", "minimize"],  # figure and cost
                load_if_exists=True,
            )
        except (OptunaError, SQLAlchemyError) as error:
            raise InputError(f"{path}: not readable as a study of Optuna ({str(error).splitlines()[0]})") from error
        before = self.study.user_attrs.get("settings", settings)
        if before != settings:
            names = [name for name in before | settings if before.get(name) != settings.get(name)]
            changes = ", ".join(f"{name} was {before.get(name)!r}, is {settings.get(name)!r}" for name in names)
            raise InputError(f"{path}: cannot go on with another search: {changes}")
        self.study.set_user_attr("settings", settings)

    def sizes(self, number: int) -> dict[str, int] | None:
        """Return the sizes of a trial; if it is the next one it is made now. None if a kill left it without sizes."""
        if number == len(self.study.trials):
            self.study.sampler = optuna.samplers.TPESampler(seed=self.seed + number)
            self.study.ask(self.ranges)
        sizes: dict[str, int] = self.study.trials[number].params
        if sizes.keys() == self.ranges.keys():
            return sizes
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        return None

    def tell(self, number: int, figure: float, cost: float) -> None:
        """Store the result of a trial; the search looks for a large figure and a small cost."""
        self.study.tell(number, [figure, cost], skip_if_finished=True)

    def reject(self, number: int) -> None:
        """Store that a trial is not trained."""
        self.study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)

    def fail(self, number: int) -> None:
        """Store that the training of a trial diverges."""
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
