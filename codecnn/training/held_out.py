"""Measure the figures of the loss on held-out batches, so that they compare with those of training."""

from collections.abc import Sequence

import torch

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.models.network import Network
from codecnn.training.batches import Batches, mapped
from codecnn.training.device import to_device
from codecnn.training.metrics_log import HELD_OUT
from codecnn.training.recipe import Recipe


class HeldOut:
    """Hold the same batches of held-out shards for all validations of a run, and for all runs on these shards.

    There are none where the shards can be validated on but not drawn from, such as files of different CTU sizes.
    """

    def __init__(self, recipe: Recipe, shards: Sequence[Shard], device: torch.device) -> None:
        self.task, self.device = recipe.task, device
        try:
            draws = recipe.task.draws(shards, recipe.model)
        except InputError:
            self.steps = range(0)
        else:
            self.steps = range(recipe.training.validate_batches)
            self.batches = Batches(draws, recipe.training.batch, seed=0)

    @torch.no_grad()
    def figures(self, network: Network) -> dict[str, float]:
        """Return the mean of each figure under its name with "held_out_" before it; nothing if there are no batches."""
        totals: dict[str, list[float]] = {}
        for step in self.steps:
            batch = mapped(self.batches[step], lambda tensor: to_device(tensor, device=self.device))
            for name, pair in self.task.sums(network, batch).items():
                total = totals.setdefault(name, [0.0, 0.0])
                for place, value in enumerate(pair):
                    total[place] += float(value)
        return {f"{HELD_OUT}{name}": total / count for name, (total, count) in totals.items() if count}
