"""Train one network of a study in its own folder, from the beginning or from its checkpoint."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from codecnn.dataset.reader import dataset_files
from codecnn.errors import InputError
from codecnn.models.blocks import ModeNetwork
from codecnn.models.weights import read_weights
from codecnn.tasks.registry import TASKS
from codecnn.training.data import Shards, choose_shards, weighted
from codecnn.training.device import choose_device
from codecnn.training.metrics_log import Validation, read_rows, validations
from codecnn.training.recipe import Run
from codecnn.training.run_folder import RunFolder, fingerprint
from codecnn.training.state import first_weights
from command_line.progress import complain
from command_line.terminal import printable
from experiments.run_arguments import parse_run
from experiments.studies.study_file import Fields
from experiments.training_command import train_with_bar


class StoppedError(Exception):
    """Report that a signal has stopped a training."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code  # the exit code


@dataclass(frozen=True)
class Result:
    """Hold the result of a finished training, read from its folder."""

    decides: str  # the name of the figure that decides
    validations: list[Validation]
    notes: dict[str, Any]  # notes of its weights

    @property
    def last(self) -> Validation:
        """Return the last validation, so that nothing is selected by its result."""
        return max(self.validations, key=lambda validation: validation.step)

    @property
    def figure(self) -> float:
        """Return the figure that decides, at the last validation."""
        return self.last.figures[self.decides]

    @property
    def by_qp(self) -> dict[int, float]:
        """Return the figure that decides for each QP, at the last validation."""
        return self.last.by_qp(self.decides)

    @property
    def curve(self) -> dict[int, float]:
        """Return the figure that decides at every validation, by step."""
        return {validation.step: validation.figures[self.decides] for validation in self.validations}


@dataclass(frozen=True)
class Place:
    """Hold the task and the folders of a study."""

    task: str
    data: Path
    val: Path | None
    out: Path

    def run_of(self, fields: Fields, where: str, name: str) -> Run:
        """Return the run with these fields, in a folder of this name; InputError if a field is not valid."""
        folders = ["--data", str(self.data), "--out", str(self.out / "runs" / name)]
        folders += ["--val", str(self.val)] if self.val else []
        try:
            options = [f"--{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in fields.items()]
            return parse_run(f"train for {where}", TASKS[self.task], [*folders, *options])
        except (InputError, TypeError) as error:  # TypeError: YAML has types that JSON lacks, such as dates
            raise InputError(f"{where}: {error}") from error


@dataclass(frozen=True)
class _Data:
    """Hold what decides on the shards of a run."""

    files: tuple[tuple[Path, int, int], ...]
    val: Path | None
    test: Path | None
    settings: tuple[Any, ...]
    run: Run = field(compare=False)


def shards_of(run: Run) -> Shards:
    """Return the shards of a run; those of the run before if its data are the same, as opening them takes seconds."""
    folders = [folder for folder in (*run.data, run.val, run.test) if folder]
    stats = [(path, path.stat()) for folder in folders for path in dataset_files(folder)]
    files = tuple((path, stat.st_ino, stat.st_mtime_ns) for path, stat in stats)
    training = run.recipe.training
    settings = training.qps, training.holdout, training.holdout_test
    return _opened(_Data(files, run.val, run.test, settings, run))


@lru_cache(maxsize=1)
def _opened(data: _Data) -> Shards:
    return choose_shards(data.run)


def check_run(run: Run, where: str) -> None:
    """Raise InputError if training would refuse this run, before anything is written or trained."""
    try:
        shards = shards_of(run)
        run.recipe.task.draws(weighted(shards.training, run.recipe.training.weights), run.recipe.model)
        choose_device(run.recipe.training.device)
        if (run.out / "last.pt").exists():
            steps_done(run, shards)
        else:
            first_weights(run.recipe, shards)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def finish_run(prog: str, run: Run) -> Result:
    """Train in `run.out`, continuing an interrupted training unless it is finished, and return its result.

    Raises InputError if the training fails, or the folder holds a run of another configuration or on other data, and
    StoppedError if a signal stops it.
    """
    begun = (run.out / "last.pt").exists()
    if (not begun or steps_done(run, shards_of(run)) < run.recipe.training.steps) and (
        code := train_with_bar(prog, replace(run, resume=begun))
    ):
        raise StoppedError(code)
    return read_result(run)


@contextmanager
def kept_going(prog: str, name: str, failed: dict[str, str]) -> Iterator[None]:
    """Let a study go on after a training that fails: note the reason by the name of the training, and print it."""
    try:
        yield
    except InputError as error:
        failed[name] = str(error)
        complain(f"{prog}: {printable(f'{name} failed: {error}')}")


def failures(failed: dict[str, str]) -> dict[str, str]:
    """Return what a report says of the trainings that failed; nothing if there is none."""
    return {"failed": "; ".join(f"{name}: {reason}" for name, reason in failed.items())} if failed else {}


def steps_done(run: Run, shards: Shards) -> int:
    """Return the steps done in `run.out`, all if it stopped early; InputError for another configuration or data."""
    saved = RunFolder(run.out, resume=True).load(run.recipe, fingerprint(shards.everything))
    steps, wanted = saved.progress.step, run.recipe.training.steps
    if steps > wanted:
        raise InputError(f"{run.out}: was trained for {steps} steps already, not {wanted}")
    return wanted if 0 < run.recipe.training.patience <= saved.progress.stale else steps


def read_result(run: Run) -> Result:
    """Return the result of a finished training; InputError if its files are damaged."""
    file, decides = run.out / "metrics.jsonl", run.recipe.task.decides
    found = validations(file, read_rows(file), decides)
    return Result(decides, found, read_weights(run.out / "last.safetensors").notes)


def mode_network(run: Run) -> ModeNetwork:
    """Return the network of a finished run of the task intra mode."""
    network, _, _ = read_weights(run.out / "last.safetensors")
    assert isinstance(network, ModeNetwork)
    return network
