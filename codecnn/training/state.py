"""Hold the state of a training: its beginning, its checkpoints, its weights files, and when it stops early."""

import json
import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from codecnn.errors import DivergedError, InputError
from codecnn.models.network import Network
from codecnn.models.registry import make_network
from codecnn.models.weights import find_weights, read_weights, save_weights
from codecnn.models.weights_header import Notes
from codecnn.training.average import average_of
from codecnn.training.checkpoint import Checkpoint, Progress
from codecnn.training.data import Shards
from codecnn.training.device import placed
from codecnn.training.layers import freeze, modules_up_to
from codecnn.training.notes import Former, notes_of
from codecnn.training.optimisers import make_optimiser
from codecnn.training.provenance import chosen_by, trained_on
from codecnn.training.recipe import Recipe, Run, describe
from codecnn.training.run_folder import RunFolder, fingerprint
from codecnn.training.transfer import layer_of, transfer


def first_weights(recipe: Recipe, shards: Shards) -> tuple[Network, Former]:
    """Return the network as training begins, and what it was trained with before.

    InputError if nothing of the weights to start from fits, if they were trained on what is held out here, or if a
    layer that would be frozen is none of theirs.
    """
    training, network = recipe.training, make_network(recipe.model)
    frozen = modules_up_to(network, training.freeze)
    if not training.start:
        return network, Former()
    file = find_weights(training.start)
    old, _, notes = read_weights(file)
    if not isinstance(old, Network):
        raise InputError(f"{file}: weights in integers cannot be trained")
    for part, known, was, here in (
        (shards.held_out, trained_on, "trained on", "held out"),
        (shards.test, trained_on, "trained on", "tested"),
        (shards.test, chosen_by, "chosen by", "tested"),
    ):
        if common := known(notes, [shard.info for shard in part]):
            raise InputError(f"{file}: was {was} {', '.join(common)}, {here} here")
    if old.config == recipe.model:
        return old.train(), Former.of(file, notes)
    tensors, account = transfer(old, network, training.added_planes)
    if not account.taken and not account.adapted:
        raise InputError(f"{file}: nothing of {old.config} fits into {recipe.model}")
    if made := [name for name in account.new if layer_of(name) in frozen]:
        raise InputError(f"freeze: {made[0]} is not of {file}: {account.new[made[0]]}")
    network.load_state_dict(tensors)
    return network, Former.of(file, notes, account)


@dataclass
class State:
    """Hold a training between two steps."""

    recipe: Recipe
    data: str  # fingerprint of the shards
    notes: Notes
    former: Former
    network: Network
    average: Network
    optimiser: torch.optim.Optimizer
    running: Tensor  # (figures, 2): sum and count of each figure since the last line logged
    best: float  # of the figure that decides
    began: float  # by time.perf_counter; earlier than now for a run that is resumed
    stale: int = 0  # validations since the best one
    step: int = 0

    @staticmethod
    def begin(run: Run, shards: Shards, folder: RunFolder, device: torch.device) -> "State":
        """Return the state that a run begins with, or goes on from."""
        recipe, began, data = run.recipe, time.perf_counter(), fingerprint(shards.everything)
        saved = folder.load(recipe, data) if run.resume else None
        torch.manual_seed(recipe.training.seed)
        if saved is None:
            network, former = first_weights(recipe, shards)
        else:
            network, former = make_network(recipe.model), saved.progress.former
        network = placed(network, device, recipe.training.channels_last)
        freeze(network, recipe.training.freeze)
        state = State(
            recipe=recipe,
            data=data,
            notes=notes_of(recipe, shards, former, device),
            former=former,
            network=network,
            average=average_of(network),
            optimiser=make_optimiser(network, recipe.training.optimiser),
            running=torch.zeros((1, 2), dtype=torch.float64, device=device),
            best=-math.inf if recipe.task.larger_is_better else math.inf,
            began=began,
        )
        if saved is not None:
            folder.checkpoint.restore(saved, state.network, state.average, state.optimiser)
            progress = saved.progress
            state.running = torch.tensor(progress.running, dtype=torch.float64, device=device)
            state.best, state.stale, state.step = progress.best, progress.stale, progress.step
            state.began -= progress.seconds
        return state

    @property
    def seconds(self) -> float:
        """Return the seconds of training so far, those before an interruption included."""
        return time.perf_counter() - self.began

    @property
    def finished(self) -> bool:
        """Return whether no step is left: all are done, or validations have not become better for too long."""
        training = self.recipe.training
        return self.step >= training.steps or 0 < training.patience <= self.stale

    def means(self) -> list[float]:
        """Return the mean of each figure since the last line logged."""
        values: list[float] = (self.running[:, 0] / self.running[:, 1]).tolist()
        return values

    def check_loss(self, loss: float) -> None:
        """Raise DivergedError if the loss is not finite."""
        if not math.isfinite(loss):
            raise DivergedError(f"step {self.step}: the training has diverged: the loss is {loss}")

    def check_weights(self) -> None:
        """Raise DivergedError if a weight or its average is not finite."""
        for name, tensor in [*self.network.state_dict().items(), *self.average.state_dict().items()]:
            if not tensor.isfinite().all():
                raise DivergedError(f"step {self.step}: the training has diverged: {name} is not finite")

    def judge(self, figure: float) -> bool:
        """Take the figure that decides of a validation, and return whether it is the best so far."""
        better = figure > self.best if self.recipe.task.larger_is_better else figure < self.best
        self.best, self.stale = (figure, 0) if better else (self.best, self.stale + 1)
        return better

    def save(self, folder: RunFolder) -> None:
        """Write the checkpoint, and the averaged weights as last.safetensors; DivergedError if they are not finite."""
        self.check_weights()
        progress = Progress(
            recipe=json.loads(json.dumps(describe(self.recipe))),
            data=self.data,
            former=self.former,
            step=self.step,
            seconds=self.seconds,
            running=self.running.tolist(),
            best=self.best,
            stale=self.stale,
        )
        states = (each.state_dict() for each in (self.network, self.average, self.optimiser))
        folder.checkpoint.write(Checkpoint(progress, *states))
        self.save_weights(folder, "last", {f"best_{self.recipe.task.decides}": self.best})

    def save_weights(self, folder: RunFolder, name: str, figures: Notes) -> None:
        """Write the averaged weights, with notes and some figures of the training."""
        progress = {"step": self.step, "seconds": self.seconds}
        notes = self.notes | progress | figures
        save_weights(folder.path / f"{name}.safetensors", self.average, self.recipe.task.name, notes)
