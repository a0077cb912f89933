"""Read the figures and the hours of trainings from their run folders."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codecnn.errors import InputError
from codecnn.models.chroma_rdn import ChromaRdn
from codecnn.models.costs import kmac_per_sample
from codecnn.models.in_loop_filter import FilterNetwork
from codecnn.models.weights import read_weights
from codecnn.tasks.registry import TASKS
from codecnn.training.final_test import read_tested
from codecnn.training.metrics_log import Row, Validation, read_rows, validations

SETTINGS = {"optimiser.name": "optimiser", "optimiser.lr": "lr", "loss": "loss", "batch": "batch", "patch": "patch"}
OF_ALL_TASKS = {"optimiser.name", "optimiser.lr", "batch"}
OF_A_STEP = {"lr", "seconds", "samples_per_s", "waiting"}  # in a row of the log, beside the figures


@dataclass(frozen=True)
class Training:
    """Hold a run up to its last validation."""

    name: str
    figure: str  # the name of the figure that decides
    kmac: float  # per luma sample; NaN for a network that is no in-loop filter
    settings: dict[str, Any]  # of the recipe
    stages: int  # before it
    validations: list[Validation]
    learning: list[Row]  # the figures of the loss on training batches, with their steps
    test: dict[str, float] | None  # the figures of the test; None for a training without one
    hours: list[float]  # at the validations, of this stage and the stages before; NaN if a stage before has no time

    @property
    def last(self) -> Validation:
        """Return the last validation."""
        return self.validations[-1]


def read(folder: Path, name: str) -> Training:
    """Return the training in a run folder; InputError if there is none, or if it was never validated.

    name: in the report.
    """
    weights, file = folder / "last.safetensors", folder / "metrics.jsonl"
    network, task, notes = read_weights(weights)
    recipe = notes.get("recipe") or {}
    if missing := OF_ALL_TASKS - recipe.keys():
        raise InputError(f"{weights}: its notes do not tell {', '.join(sorted(missing))}")
    decides, rows = TASKS[task].decides, read_rows(file)
    found = validations(file, rows, decides)
    times = {row["step"]: row["seconds"] for row in rows if "seconds" in row}
    if "step" in notes and "seconds" in notes:
        times[notes["step"]] = notes["seconds"]  # of the last step; the log may end before it
    if not times:
        raise InputError(f"{file}: tells no time")
    stages = notes.get("stages", [])
    before = sum(math.nan if stage.get("seconds") is None else stage["seconds"] for stage in stages)
    steps = sorted(times)
    seconds = np.interp([validation.step for validation in found], steps, [times[step] for step in steps])
    settings = {name: recipe[name] for name in SETTINGS if name in recipe}
    hours = [(before + second) / 3600 for second in seconds.tolist()]
    kmac = kmac_per_sample(network) if isinstance(network, FilterNetwork | ChromaRdn) else math.nan
    learning = [{k: v for k, v in row.items() if k not in OF_A_STEP} for row in rows if "lr" in row]
    test = tested.figures if (tested := read_tested(folder)) else None
    return Training(name, decides, kmac, settings, len(stages), found, learning, test, hours)


def as_row(training: Training) -> dict[str, Any]:
    """Return all numbers of a training, for JSON."""
    return vars(training) | {"validations": [{"step": v.step, **v.figures} for v in training.validations]}
