"""Run a training command: the part that the commands of all tasks share."""

import codecnn.torch_settings  # noqa: F401

# isort: split

import signal
import sys
from collections.abc import Sequence
from typing import Any

from codecnn.errors import InputError
from codecnn.tasks.task import Task
from codecnn.training.device import choose_device, has_bf16
from codecnn.training.loop import Event, train
from codecnn.training.processes import Processes
from codecnn.training.recipe import Run
from codecnn.training.signals import caught_signals
from command_line.parser import enough_memory
from command_line.progress import Progress
from experiments.run_arguments import parse_run


def training_command(prog: str, task: type[Task[Any]], argv: Sequence[str] | None) -> int:
    """Train as the command line says; return 0, 2 if it cannot be done, 128 + the signal that stopped it."""
    try:
        with enough_memory(), caught_signals() as caught:
            return train_with_bar(prog, parse_run(prog, task, sys.argv[1:] if argv is None else argv), caught)
    except (InputError, OSError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2


def train_with_bar(prog: str, run: Run, caught: list[int]) -> int:
    """Train with a progress bar; return the exit code, 0 or 128 + signal."""
    bar, training = Bar(), run.recipe.training
    first = Processes.of_environment(training.batch).first
    if first and training.precision == "bf16" and not has_bf16(choose_device(training.device)):
        print(f"{prog}: warning: this processor has no bf16; --precision=fp32 is faster", file=sys.stderr)
    try:
        outcome = train(run, caught, bar.show)
    finally:
        bar.close()
    if outcome.finished:
        return 0
    if first:
        print(f"stopped after step {outcome.step}; give --resume to continue", file=sys.stderr)
    return 128 + (caught[0] if caught else signal.SIGTERM)


class Bar:
    """Show the progress of a training as a bar with the loss, and print the figures of validations above it."""

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
            self.bar.tell(f"step {event.step}: " + "  ".join(f"{n} {v:+.3f}" for n, v in event.figures.items()))

    def close(self) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()
