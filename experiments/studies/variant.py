"""Hold a variant of a network with its finished trainings: its cost, its figures and how they were measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

import torch

from codecnn.models.costs import parameter_count
from codecnn.models.registry import make_network
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.training.recipe import Recipe, describe
from experiments.studies.trial import Result


@dataclass(frozen=True)
class Spread:
    """Hold mean and sample standard deviation (divisor n - 1; NaN for one value) over the seeds."""

    mean: float
    deviation: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        """Return the spread of values, one for each seed."""
        return Spread(fmean(values) if values else math.nan, stdev(values) if len(values) > 1 else math.nan)

    def __str__(self) -> str:
        return ("" if math.isnan(self.mean) else f"{self.mean:+.3f}") + (
            "" if math.isnan(self.deviation) else f" ± {self.deviation:.3f}"
        )


@dataclass(frozen=True)
class Variant:
    """Hold a variant and its finished trainings. Its figure is the figure that decides in its task."""

    name: str
    recipe: Recipe  # with the first seed
    found: str  # an earlier finding about it, from the file of the study
    results: dict[int, Result]  # by seed
    kmac: float  # as from `experiments.studies.cost.kmac_of`

    @property
    def cost_unit(self) -> str:
        """Return what `kmac` is in."""
        return "kMAC/px" if isinstance(self.recipe.task, InLoopFilter) else "kMAC a sample"

    @property
    def figure(self) -> Spread:
        """Return the figure at the last validation."""
        return Spread.of([result.figure for result in self.results.values()])

    @property
    def by_qp(self) -> dict[int, float]:
        """Return the figure at each QP at the last validation, mean over the seeds."""
        qps = next(iter(self.results.values())).by_qp
        return {qp: fmean(result.by_qp[qp] for result in self.results.values()) for qp in qps}

    def against(self, other: "Variant") -> Spread:
        """Return the differences to the figures of another variant with the same seeds."""
        both = self.results.keys() & other.results.keys()
        return Spread.of([self.results[seed].figure - other.results[seed].figure for seed in sorted(both)])

    @cached_property
    def parameters(self) -> int:
        """Return the number of parameters of the network as it is used."""
        return parameter_count(make_network(self.recipe.model).merged())


def trained_with(variants: Sequence[Variant]) -> dict[str, str]:
    """Return the conditions of the measurements; where trainings differ, all their values."""
    fields = [describe(variant.recipe) for variant in variants]
    notes = [result.notes for variant in variants for result in variant.results.values()]
    facts: dict[str, set[str]] = {
        "training": {_amount(recipe) for recipe in fields},
        "input": {str(recipe.get("model.input", "")) for recipe in fields} - {""},
        "data": {f"{len(n['sources'])} sources, {len(n['held_out'])} others held out to measure on" for n in notes},
        "seeds": {", ".join(map(str, variant.results)) for variant in variants},
        "commit": {n["commit"] for n in notes},
        "report made with PyTorch": {str(torch.__version__)},
    }
    return {name: "; ".join(sorted(values)) for name, values in facts.items() if values}


def _amount(recipe: dict[str, int]) -> str:
    steps, batch, patch = recipe["steps"], recipe["batch"], recipe.get("patch")
    samples = f"patches of {patch}x{patch}" if patch else "units"
    return f"{steps:,} steps of {batch} {samples}: {steps * batch:,} {samples.split()[0]}"
