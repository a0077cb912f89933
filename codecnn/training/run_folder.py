"""The folder of a training run: last.pt to resume from, metrics.jsonl, and the weights for use."""

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NotRequired, TypedDict

import torch

from codecnn.dataset.store import Shard
from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.models.weights import Notes
from codecnn.training.metrics_log import read_rows
from codecnn.training.recipe import Recipe

# What may change between the parts of a run: it has no part in the result.
FREE = {"device", "workers", "checkpoint_every"}


class Former(TypedDict):
    """What the weights that a run starts from were trained with."""

    sources: list[str]  # of all stages
    sources_sha256: NotRequired[list[str]]  # where each stage has told
    stages: list[Notes]  # of each what its notes told, and the sha256 of its weights file


class Checkpoint(TypedDict):
    """All that training goes on from; `step` batches have been trained on."""

    recipe: str
    data: str
    step: int
    seconds: float
    former: Former
    running: list[float]  # sum of the loss, and samples, since the last line of metrics.jsonl
    best: float  # mean gain, dB; -inf before the first validation
    model: dict[str, Any]
    average: dict[str, Any]
    optimiser: dict[str, Any]


def fingerprint(shards: Sequence[Shard]) -> str:
    """SHA-256 of what the shards were made from, in their order."""
    return hashlib.sha256(repr([(s.path.name, s.info, len(s)) for s in shards]).encode()).hexdigest()


def describe(recipe: Recipe) -> dict[str, Any]:
    """The fields of a recipe by their dotted names, as on the command line."""
    flat: dict[str, Any] = {}
    for name, value in dataclasses.asdict(recipe).items():
        flat |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def lock(folder: Path) -> IO[bytes]:
    """Make a folder, and keep other processes from working in it until the file returned is closed.

    InputError if it cannot be made, or another process is at work in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder ({error.strerror})") from error
    file = (folder / ".lock").open("ab")
    try:
        # Not flock: the processes that read batches would inherit it, and they outlive a kill for some seconds.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        file.close()
        raise InputError(f"{folder}: another process is at work in it") from error
    except OSError:
        pass  # a file system without locks
    return file


class RunFolder:
    """Opens the folder of a new run, or of one to resume; InputError if there is a run already, or none."""

    def __init__(self, path: Path, resume: bool) -> None:
        self.path, self.metrics, self.checkpoint = path, path / "metrics.jsonl", path / "last.pt"
        self.board: Any = None
        self.locked: IO[bytes] | None = None
        if resume and not self.checkpoint.exists():
            raise InputError(f"{path}: no last.pt in it, so there is no run to resume")
        if not resume and self.checkpoint.exists():
            raise InputError(f"{path}: holds a run already; give --resume to go on with it, or another --out")

    def lock(self) -> None:
        """Keep other processes from training in the folder, which is made if there is none; InputError if one does."""
        self.locked = lock(self.path)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write last.pt, whole or not at all."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_whole(self.checkpoint, buffer.getvalue())

    def load(self, recipe: Recipe, data: str) -> Checkpoint:
        """Read last.pt; InputError if recipe or data differ from those of the run.

        `steps` may differ under the constant schedule alone: under the cosine it would change every learning rate.
        """
        try:
            saved: Checkpoint = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            before, now = json.loads(saved["recipe"]), json.loads(json.dumps(describe(recipe)))
            data_before, _ = saved["data"], saved["former"]
        except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{self.checkpoint}: not a readable checkpoint ({reason})") from error
        free = FREE | ({"steps"} if recipe.optimiser.schedule == "constant" else set())
        changed = [name for name in now if name not in free and before.get(name) != now[name]]
        if changed:
            changes = ", ".join(f"{name} was {before.get(name)!r}, is {now[name]!r}" for name in changed)
            raise InputError(f"{self.path}: cannot be resumed with another configuration: {changes}")
        if data_before != data:
            raise InputError(f"{self.path}: cannot be resumed on other data than it was begun with")
        return saved

    def begin(self, step: int) -> None:
        """Drop the lines of metrics.jsonl after `step`, open TensorBoard's file; InputError if a line is damaged."""
        rows = read_rows(self.metrics) if self.metrics.exists() else []
        kept = [json.dumps(row) + "\n" for row in rows if row["step"] <= step]
        write_whole(self.metrics, "".join(kept).encode())
        with contextlib.suppress(ImportError):
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(self.path), purge_step=step + 1)

    def log(self, row: dict[str, float]) -> None:
        """Add a line to metrics.jsonl, and its numbers to TensorBoard."""
        with self.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.board:
            for name, value in row.items():
                self.board.add_scalar(name, value, row["step"])
