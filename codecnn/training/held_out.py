"""Measure the figures of the loss on held-out batches, so that they compare with those of training."""

import math
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

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
        self.recipe, self.shards, self.device = recipe, shards, device

    @cached_property
    def batches(self) -> Batches[Any] | None:
        """Return what makes the batches, from the first validation on."""
        training = self.recipe.training
        try:
            draws = self.recipe.task.draws(self.shards, self.recipe.model)
        except InputError:
            return None
        return Batches(draws, training.batch, seed=0)

    @torch.no_grad()
    def figures(self, network: Network) -> dict[str, float]:
        """Return the mean of each figure under its name with "held_out_" before it; nothing if there are no batches."""
        totals: dict[str, list[float]] = {}
        for step in range(self.recipe.training.validate_batches):
            if self.batches is None:
                break
            batch = mapped(self.batches[step], partial(to_device, device=self.device))
            for name, (value, count) in self.recipe.task.sums(network, batch).items():
                total = totals.setdefault(name, [0.0, 0.0])
                total[0], total[1] = total[0] + float(value), total[1] + float(count)
        means = {f"{HELD_OUT}{name}": total / count for name, (total, count) in totals.items() if count}
        return {name: mean for name, mean in means.items() if math.isfinite(mean)}
