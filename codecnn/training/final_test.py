"""Judge the best weights of a finished training once, on sources that had no part in it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.io.files import require_file, write_whole
from codecnn.io.validated import validated
from codecnn.models.network import Network
from codecnn.models.weights import read_weights
from codecnn.training.device import placed
from codecnn.training.recipe import Recipe

NAME = "test.json"  # in the run folder


@dataclass(frozen=True)
class Tested:
    """Hold the figures of a test."""

    step: int  # at which the training ended
    best_step: int  # whose weights were judged
    sources: list[str]
    figures: dict[str, float]


def judge(run_folder: Path, recipe: Recipe, shards: Sequence[Shard], step: int, device: torch.device) -> Tested:
    """Return the figures of best.safetensors of a training that has ended at a step, and keep them in test.json.

    Figures that are there already for the same end are returned as they are. InputError as the task's `validate`.
    """
    file = run_folder / NAME
    if (known := read_tested(run_folder)) and known.step == step:
        return known
    network, _, notes = read_weights(run_folder / "best.safetensors")
    assert isinstance(network, Network)
    figures = recipe.task.validate(placed(network, device, recipe.training.channels_last), shards)
    tested = Tested(step, notes["step"], sorted({shard.info.source for shard in shards}), figures)
    write_whole(file, (json.dumps(asdict(tested), indent=1) + "\n").encode())
    return tested


def read_tested(run_folder: Path) -> Tested | None:
    """Return the figures of the test of a run, None if there was no test; InputError if the file is damaged."""
    file = run_folder / NAME
    if not file.exists():
        return None
    try:
        content = json.loads(require_file(file).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not readable as the figures of a test ({error!s:.80})") from error
    return validated(Tested, content, str(file))
