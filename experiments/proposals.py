"""The sizes of networks that Optuna proposes one after the other, with what came of them, kept in a file."""

from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.exceptions import OptunaError
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError  # Optuna depends on it

from codecnn.errors import InputError

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Proposals:
    """Opens the file, or begins it; InputError if it is none of Optuna's.

    The sampler is a tree-structured Parzen estimator, seeded anew for every proposal: an interruption changes none.
    """

    def __init__(self, path: Path, ranges: dict[str, tuple[int, int]], seed: int) -> None:
        self.seed = seed
        self.ranges: dict[str, BaseDistribution] = {name: IntDistribution(*ends) for name, ends in ranges.items()}
        try:
            self.study = optuna.create_study(
                storage=f"sqlite:///{path}",
                study_name="sweep",
                directions=["maximize", "minimize"],  # gain and cost
                load_if_exists=True,
            )
        except (OptunaError, SQLAlchemyError) as error:
            raise InputError(f"{path}: not readable as a study of Optuna ({str(error).splitlines()[0]})") from error

    def sizes(self, number: int) -> dict[str, int] | None:
        """Those of a proposal, which is made now if it is the next; None if a kill has left it without."""
        if number == len(self.study.trials):
            self.study.sampler = optuna.samplers.TPESampler(seed=self.seed + number)
            self.study.ask(self.ranges)
        sizes: dict[str, int] = self.study.trials[number].params
        if sizes.keys() == self.ranges.keys():
            return sizes
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        return None

    def tell(self, number: int, gain: float, cost: float) -> None:
        """What came of a proposal; known already if it was told before."""
        self.study.tell(number, [gain, cost], skip_if_finished=True)

    def reject(self, number: int) -> None:
        """A proposal is not tried."""
        self.study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
