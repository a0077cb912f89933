"""Search sizes of networks with Optuna, and keep the trials in a file."""

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
    """Open the file of a search, or begin it; InputError if it is no file of Optuna, or has other settings.

    `settings` holds all that must stay the same while a search goes on, in types that JSON has. The sampler is a
    tree-structured Parzen estimator, seeded anew for every trial, so that an interruption changes none.
    """

    def __init__(self, path: Path, ranges: dict[str, tuple[int, int]], seed: int, settings: dict[str, Any]) -> None:
        self.seed = seed
        self.ranges: dict[str, BaseDistribution] = {name: IntDistribution(*ends) for name, ends in ranges.items()}
        try:
            self.study = optuna.create_study(
                # Not by a URL: signs such as ? in the path would be taken for a part of it.
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
        """Return the sizes of a trial, which is made now if it is the next one; None if a kill has left it without."""
        if number == len(self.study.trials):
            self.study.sampler = optuna.samplers.TPESampler(seed=self.seed + number)
            self.study.ask(self.ranges)
        sizes: dict[str, int] = self.study.trials[number].params
        if sizes.keys() == self.ranges.keys():
            return sizes
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        return None

    def tell(self, number: int, figure: float, cost: float) -> None:
        """Tell the result of a trial; the cost is made small, the figure large."""
        self.study.tell(number, [figure, cost], skip_if_finished=True)

    def reject(self, number: int) -> None:
        """Say that a trial is not trained."""
        self.study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
