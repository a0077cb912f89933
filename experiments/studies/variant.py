"""A variant of a network with its finished trainings: what it costs and gains, and what that was measured with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import torch

from codecnn.models.rdn.macs import kmac_per_sample, parameter_count
from codecnn.models.rdn.network import Rdn
from codecnn.training.recipe import Recipe
from experiments.studies.trial import Result


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (n - 1; NaN of one value) over the seeds, dB."""

    mean: float
    deviation: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        """That of one value a seed."""
        return Spread(fmean(values), stdev(values) if len(values) > 1 else math.nan)

    def __str__(self) -> str:
        return f"{self.mean:+.3f}" + ("" if math.isnan(self.deviation) else f" ± {self.deviation:.3f}")


@dataclass(frozen=True)
class Variant:
    """A variant and its finished trainings."""

    name: str
    recipe: Recipe  # of its first seed
    found: str  # what was found about it before
    results: dict[int, Result]  # by seed

    @property
    def gain(self) -> Spread:
        """At the last validation."""
        return Spread.of([result.gain for result in self.results.values()])

    @property
    def by_qp(self) -> dict[int, float]:
        """At the last validation, mean over the seeds."""
        qps = next(iter(self.results.values())).by_qp
        return {qp: fmean(result.by_qp[qp] for result in self.results.values()) for qp in qps}

    def against(self, other: "Variant") -> Spread:
        """The gain less that of another variant with the same seed."""
        return Spread.of([result.gain - other.results[seed].gain for seed, result in self.results.items()])

    @property
    def kmac(self) -> float:
        """Thousand MACs per luma sample, at a CTU of 128."""
        return kmac_per_sample(self.recipe.model)

    @property
    def parameters(self) -> int:
        """Of the network."""
        return parameter_count(Rdn(self.recipe.model))


def trained_with(variants: Sequence[Variant]) -> dict[str, str]:
    """What the numbers were measured with; where trainings differ, all that there is."""
    recipes = [variant.recipe for variant in variants]
    notes = [result.notes for variant in variants for result in variant.results.values()]
    seen = {
        f"{r.steps:,} steps of {r.batch} patches of {r.patch}x{r.patch}: {r.steps * r.batch:,} patches" for r in recipes
    }
    data = {f"{len(n['sources'])} sources, {len(n['held_out'])} others held out to measure on" for n in notes}
    facts: dict[str, set[str]] = {
        "training": seen,
        "input": {str(r.model.input) for r in recipes},
        "data": data,
        "seeds": {", ".join(map(str, variant.results)) for variant in variants},
        "commit": {n["commit"] for n in notes},
        "report made with PyTorch": {str(torch.__version__)},
    }
    return {name: "; ".join(sorted(values)) for name, values in facts.items()}
