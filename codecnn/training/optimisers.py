"""Make the optimiser of a recipe, and the learning rate of each step."""

import math
from typing import Any

import torch

from codecnn.models.network import Network
from codecnn.training.muon import Muon
from codecnn.training.recipe import Optimiser


def make_optimiser(network: Network, choice: Optimiser) -> torch.optim.Optimizer:
    """Return an optimiser of the parameters of a network; each group has a `share` of the learning rate."""
    hidden, output = network.parameter_groups()
    groups: list[dict[str, Any]] = [{"params": hidden, "share": 1.0}]
    if output:
        groups.append({"params": output, "share": choice.last})
    decay, momentum = choice.weight_decay, choice.momentum
    if choice.name == "muon":
        for group in groups[1:]:
            group["orthogonal"] = False  # it has few outputs
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
