"""Train on a task as a command line says: what all training commands have in common."""

import codecnn.torch_settings  # noqa: F401

# isort: split

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from textwrap import shorten
from typing import Any

from codecnn.errors import InputError
from codecnn.tasks.task import Task
from codecnn.training.device import choose_device, has_bf16
from codecnn.training.loop import Event, train
from codecnn.training.processes import Processes
from codecnn.training.recipe import Run
from codecnn.training.signals import caught_signals
from codecnn.training.transfer import Account
from command_line.parser import enough_memory, run_command
from command_line.progress import Progress, complain, say
from command_line.verbosity import taken_out
from experiments.run_arguments import parse_run


def training_command(prog: str, task: type[Task[Any]], argv: Sequence[str] | None) -> int:
    """Train as the command line says: 0 when done, 2 if it cannot be, 128 + signal when stopped by one."""
    words, verbosity = taken_out(sys.argv[1:] if argv is None else argv)
    return run_command(
        prog, lambda words: train_with_bar(prog, parse_run(prog, task, words)), words, verbosity=verbosity
    )


def train_with_bar(prog: str, run: Run) -> int:
    """Train with a progress bar; return the exit code, 0 or 128 + signal. InputError or OSError for every error."""
    bar, training = Bar(), run.recipe.training
    try:
        with said_in_one_line(), enough_memory():
            first = Processes.of_environment().first
            if first and training.precision == "bf16" and not has_bf16(choose_device(training.device)):
                complain(f"{prog}: warning: this processor has no bf16; --precision=fp32 is faster")
            outcome = train(run, bar.show, caught_signals, partial(say_account, prog))
    finally:
        bar.close()
    if outcome.test:
        figures = in_words(outcome.test.figures)
        complain(f"test of the weights of step {outcome.test.best_step}: {figures}")
    if outcome.finished:
        return 0
    if first:
        complain(f"stopped after step {outcome.step}; give --resume to continue")
    return 128 + outcome.signal


def say_account(prog: str, account: Account) -> None:
    """Print what a training takes over from the weights of another network, and what it does not."""
    for line in account.lines():
        complain(f"{prog}: {line}")


def in_words(figures: Mapping[str, float]) -> str:
    """Return the figures of a validation or test in one line."""
    return "  ".join(f"{name} {value:+.3f}" for name, value in figures.items())


@contextmanager
def said_in_one_line() -> Iterator[None]:
    """Raise InputError for unforeseen errors, such as those of a compiler, unless CODECNN_TRACEBACK is set."""
    try:
        yield
    except (InputError, OSError):
        raise
    except Exception as error:
        if os.environ.get("CODECNN_TRACEBACK"):
            raise
        said = shorten(f"{type(error).__name__}: {error}", 300)
        raise InputError(f"{said} (CODECNN_TRACEBACK=1 shows where)") from error


class Bar:
    """Show the steps of a training as a bar, with the loss, and the figures of validations above it."""

    def __init__(self) -> None:
        self.bar: Progress | None = None

    def show(self, event: Event) -> None:
        """Move the bar to a step."""
        if self.bar is None:
            self.bar = Progress(total=event.steps, initial=event.step - 1, unit="step")
        self.bar.update()
        if event.loss is not None:
            self.bar.set_postfix(loss=f"{event.loss:.5f}")
        if event.figures is not None:
            say(f"step {event.step}: {in_words(event.figures)}")

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()
