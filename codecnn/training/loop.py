"""Train a network on a task: the one loop for all tasks.

`codecnn.training.state.State` decides when the training is finished, by its steps or by early stopping.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from codecnn.training import average
from codecnn.training.batches import Batches, mapped
from codecnn.training.data import Shards, choose_shards
from codecnn.training.device import choose_device
from codecnn.training.optimisers import learning_rate, set_rate
from codecnn.training.processes import Processes, process_group_closed
from codecnn.training.recipe import Run
from codecnn.training.run_folder import RunFolder, locked
from codecnn.training.state import State


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


def train(run: Run, caught: Sequence[int] = (), tell: Callable[[Event], None] = lambda event: None) -> Outcome:
    """Train as a run says, in this process of the one or more that share every batch.

    `caught` holds the signals so far: with the first one the training stops after its step. `tell` is called after
    every step, in the first process. Raises InputError for what cannot be done.
    """
    training = run.recipe.training
    processes = Processes.of_environment(training.batch)
    device = choose_device(training.device)
    shards = choose_shards(run)
    draws = run.recipe.task.draws(shards.training, run.recipe.model)
    batches = Batches(draws, training.batch, training.seed, processes.rank, processes.world)
    folder = RunFolder(run.out, run.resume)
    with locked(run.out, needed=processes.first), process_group_closed():
        state = State.begin(run, shards, folder, device)
        return _steps(state, batches, shards, folder, processes, device, caught, tell)


def _steps(
    state: State, batches: Batches[Any], shards: Shards, folder: RunFolder, processes: Processes, device: torch.device,
    caught: Sequence[int], tell: Callable[[Event], None],
) -> Outcome:  # fmt: skip
    training, task, first = state.recipe.training, state.recipe.task, processes.first
    network = processes.share(state.network, device)
    if training.compile:
        network.compile()
    if first:
        state.save(folder)
        folder.begin(state.step)
    incoming = batches.load(state.step, training.steps, training.workers, pinned=device.type == "cuda")
    stopping, meter = False, Meter()
    while not state.finished and not stopping:
        started = time.perf_counter()
        batch = mapped(next(incoming), lambda tensor: tensor.to(device, non_blocking=True))
        meter.waited += time.perf_counter() - started

        # One step. The loss is normalised by the samples of all processes, and DDP takes the mean of the gradients.
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
        means = (state.running[:, 0] / state.running[:, 1]).tolist() if logging else []  # waits for the device
        meter.add(time.perf_counter() - started)

        # Log, validate, save
        if logging:
            row = {"step": state.step, **dict(zip(names, means, strict=True)), "lr": rate, "seconds": state.seconds}
            if first:
                folder.log(row | {"samples_per_s": meter.steps * training.batch / meter.busy, "waiting": meter.share})
            state.running, meter = torch.zeros_like(state.running), Meter()
        figures = None
        if state.step % training.validate_every == 0 or state.step == training.steps:
            if first:
                figures = task.validate(state.average, shards.held_out)
                folder.log({"step": state.step, **figures})
                if state.judge(figures[task.decides]):
                    state.save_weights(folder, "best", {task.decides: figures[task.decides]})
            state.stale = processes.agreed(state.stale, device)
        if first:
            tell(Event(state.step, training.steps, means[0] if logging else None, figures))
            if state.step % training.checkpoint_every == 0 or state.finished or stopping:
                state.save(folder)
    return Outcome(state.step, state.finished)


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


def _stacked(sums: Sequence[tuple[Tensor, Tensor]], stop: bool) -> Tensor:
    """Put sums and counts into one tensor of float64, and whether to stop at its end."""
    values = [value.detach().double() for pair in sums for value in pair]
    return torch.stack([*values, values[0].new_tensor(float(stop))])
