"""Train a network on a task: the one loop for all tasks.

`codecnn.training.state.State` decides when the training is finished, by its steps or by early stopping.
"""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from codecnn.dataset.reader import Shard
from codecnn.errors import DivergedError, InputError, NotFiniteError
from codecnn.training import average
from codecnn.training.batches import Batches, mapped
from codecnn.training.data import choose_shards, weighted
from codecnn.training.device import choose_device, to_device
from codecnn.training.final_test import Tested, judge
from codecnn.training.held_out import HeldOut
from codecnn.training.optimisers import learning_rate, set_rate
from codecnn.training.processes import Processes
from codecnn.training.recipe import Run
from codecnn.training.run_folder import RunFolder
from codecnn.training.signals import unwatched
from codecnn.training.state import State
from codecnn.training.transfer import Account


class Event(NamedTuple):
    """Describe a finished step."""

    step: int
    steps: int  # of the whole run
    loss: float | None  # mean since the last line logged, where a line is logged
    figures: dict[str, float] | None  # of a validation, where there is one


class Outcome(NamedTuple):
    """Say how far a training came."""

    step: int
    finished: bool  # else it was stopped by a signal
    signal: int = signal.SIGTERM  # the one that has stopped it; where another process was given it, this one
    test: Tested | None = None  # in the first process, where there are shards for a test


def train(
    run: Run,
    tell: Callable[[Event], None] = lambda event: None,
    watched_signals: Callable[[], AbstractContextManager[Sequence[int]]] = unwatched,
    tell_start: Callable[[Account], None] = lambda account: None,
) -> Outcome:
    """Train as a run says, in this process of the one or more that share every batch.

    `tell` is called after every step, in the first process. `watched_signals`, such as `caught_signals`, is entered for
    the steps and gives the signals so far: after the first one the training stops. `tell_start` is called in the first
    process where a new run starts from a network of another form. Raises InputError for what cannot be done,
    DivergedError for a training that diverges; last.pt is then the last good one.
    """
    training, processes = run.recipe.training, Processes.of_environment()
    if training.batch < processes.world:
        raise InputError(f"batch is {training.batch}, too small for {processes.world} processes")
    device = choose_device(training.device)
    with processes.joined(device):
        shards = choose_shards(run)
        draws = run.recipe.task.draws(weighted(shards.training, training.weights), run.recipe.model)
        if shards.test:
            run.recipe.task.draws(shards.test, run.recipe.model)  # refuses what could not be judged at the end
        batches = Batches(draws, training.batch, training.seed, processes.rank, processes.world)
        with RunFolder(run.out, run.resume, writes=processes.first) as folder:
            state = State.begin(run, shards, folder, device)
            if processes.first and not run.resume and state.former.account:
                tell_start(state.former.account)
            network = processes.share(state.network)  # waits for the others: a signal still ends this process
            with batches.load(state.step, training.steps, training.workers) as incoming, watched_signals() as caught:
                outcome = _steps(state, network, incoming, shards.held_out, folder, processes, device, caught, tell)
            if outcome.finished and shards.test and processes.first:
                return outcome._replace(test=judge(run.out, run.recipe, shards.test, outcome.step, device))
            return outcome


def _steps(
    state: State, network: nn.Module, incoming: Iterator[Any], held_out: Sequence[Shard], folder: RunFolder,
    processes: Processes, device: torch.device, caught: Sequence[int], tell: Callable[[Event], None],
) -> Outcome:  # fmt: skip
    training, task, first = state.recipe.training, state.recipe.task, processes.first
    if training.compile:
        network.compile()
    measured = HeldOut(state.recipe, held_out, device)
    if first:
        state.save(folder)
        folder.begin_log(state.step)
    stopping, meter = False, Meter()
    while not state.finished and not stopping:
        started = time.perf_counter()
        batch = mapped(next(incoming), partial(to_device, device=device))
        meter.waited += time.perf_counter() - started

        # One step. The loss is normalised by the samples of all processes, and DDP takes the mean of the gradients.
        torch.manual_seed(seed_of(training.seed, state.step, processes.rank))  # of dropout: it can begin at any step
        rate = learning_rate(training.optimiser, state.step, training.steps)
        set_rate(state.optimiser, rate)
        with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bf16"):
            sums = task.sums(network, batch)
        names = sorted(sums, key=lambda name: name != "loss")  # the loss first
        added = processes.add_up(_stacked([sums[name] for name in names], bool(caught)))
        torch.autograd.backward(sums["loss"][0] * (processes.world / added[1].float()))
        if training.clip:
            nn.utils.clip_grad_norm_(state.network.parameters(), training.clip)
        state.optimiser.step()
        state.optimiser.zero_grad()
        average.update(state.average, state.network, training.ema, state.step)
        state.running = state.running + added[:-1].view(-1, 2)
        state.step += 1
        stopping = bool(added[-1]) if processes.world > 1 else bool(caught)
        logging = state.step % training.log_every == 0
        means = dict(zip(names, state.means(), strict=True)) if logging else {}  # waits for the device
        meter.add(time.perf_counter() - started)

        # Log, validate, save
        if logging:
            state.check_loss(means["loss"])
            row = {"step": state.step, **means, "lr": rate, "seconds": state.seconds}
            if first:
                folder.log(row | {"samples_per_s": meter.steps * training.batch / meter.busy, "waiting": meter.share})
            state.running, meter = torch.zeros_like(state.running), Meter()
        figures = None
        if state.step % training.validate_every == 0 or state.step == training.steps:
            if first:
                state.check_weights()
                try:
                    figures = task.validate(state.average, held_out)
                except NotFiniteError as error:
                    raise DivergedError(f"step {state.step}: the training has diverged: {error}") from error
                folder.log({"step": state.step, **figures, **measured.figures(state.average)})
                if state.judge(figures[task.decides]):
                    state.save_weights(folder, "best", {task.decides: figures[task.decides]})
            state.stale = processes.agreed(state.stale, device)
        if first:
            tell(Event(state.step, training.steps, means.get("loss"), figures))
            if state.step % training.checkpoint_every == 0 or state.finished or stopping:
                state.save(folder)
    return Outcome(state.step, state.finished, caught[0] if caught else signal.SIGTERM)


class Meter:
    """Measure the time of steps, and of waiting for data."""

    def __init__(self) -> None:
        self.steps, self.busy, self.waited = 0, 0.0, 0.0

    def add(self, seconds: float) -> None:
        """Add one step."""
        self.steps, self.busy = self.steps + 1, self.busy + seconds

    @property
    def share(self) -> float:
        """Return the share of the time that was spent waiting."""
        return self.waited / self.busy


def seed_of(*numbers: int) -> int:
    """Return a seed that depends on all of some numbers, such as the seed of a training and the step."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _stacked(sums: Sequence[tuple[Tensor, Tensor]], stop: bool) -> Tensor:
    """Put sums and counts into one tensor of float64, and whether to stop at its end."""
    values = [value.detach().double() for pair in sums for value in pair]
    return torch.stack([*values, values[0].new_tensor(float(stop))])
