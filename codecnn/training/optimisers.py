"""Make the optimiser of a recipe, and the learning rate of each step."""

import math
from collections import defaultdict
from typing import Any

import torch

from codecnn.models.network import Network
from codecnn.training.layers import shares_by_depth
from codecnn.training.muon import Muon
from codecnn.training.recipe import Optimiser


def make_optimiser(network: Network, choice: Optimiser) -> torch.optim.Optimizer:
    """Return an optimiser of the parameters of a network; each group has a `share` of the learning rate.

    Parameters that are frozen are in it as well, so that it has the same form, and never move: they have no gradient.
    """
    hidden, output = network.parameter_groups()
    by_depth = shares_by_depth(network, choice.deeper)
    groups: list[dict[str, Any]] = []
    for parameters, share, orthogonal in ((hidden, 1.0, True), (output, choice.last, False)):  # outputs are few
        together = defaultdict(list)
        for parameter in parameters:
            together[share * by_depth.get(parameter, 1.0)].append(parameter)
        groups += [{"params": its, "share": own, "orthogonal": orthogonal} for own, its in together.items()]
    decay, momentum = choice.weight_decay, choice.momentum
    if choice.name == "muon":
        return Muon(groups, choice.lr, momentum, decay)
    if choice.name == "adam":
        return torch.optim.Adam(groups, choice.lr, betas=(momentum, 0.999), weight_decay=decay)
    if choice.name == "adamw":
        return torch.optim.AdamW(groups, choice.lr, betas=(momentum, 0.999), weight_decay=decay)
    if choice.name == "sgd":
        return torch.optim.SGD(groups, choice.lr, momentum=momentum, weight_decay=decay)
    return torch.optim.RMSprop(groups, choice.lr, momentum=momentum, weight_decay=decay)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group: the rate of the step, times the share of the group."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]


def learning_rate(choice: Optimiser, step: int, steps: int) -> float:
    """Return the rate of a step: linear over the warm-up, then constant or half a cosine down to 0."""
    if step < choice.warmup:
        return choice.lr * (step + 1) / choice.warmup
    if choice.schedule == "constant":
        return choice.lr
    return choice.lr * 0.5 * (1 + math.cos(math.pi * (step - choice.warmup) / (steps - choice.warmup)))
