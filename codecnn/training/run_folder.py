"""Keep the folder of a training run: last.pt to resume from, metrics.jsonl, and the weights for use."""

import contextlib
import hashlib
import io
import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import torch
from filelock import FileLock, Timeout

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.io.validated import validated
from codecnn.training.metrics_log import read_rows
from codecnn.training.notes import Former
from codecnn.training.recipe import Recipe, describe

# What may change between the parts of a run: it has no part in the result.
FREE = {"device", "workers", "checkpoint_every"}


class Checkpoint(TypedDict):
    """Hold all that training goes on from, in types that torch.load reads without executing anything."""

    recipe: str  # JSON
    data: str  # fingerprint
    step: int
    seconds: float
    former: dict[str, Any]  # the fields of Former
    running: list[list[float]]  # since the last line logged: sum and count of each figure of the loss
    best: float  # the best value of the figure that decides
    stale: int  # validations since then
    model: dict[str, torch.Tensor]
    average: dict[str, torch.Tensor]
    optimiser: dict[str, Any]


@dataclass(frozen=True)
class _Progress:
    """List the plain values of a checkpoint, to check them."""

    recipe: str
    data: str
    step: int
    seconds: float
    former: Former
    running: list[list[float]]
    best: float
    stale: int


def fingerprint(shards: Sequence[Shard]) -> str:
    """Return the SHA-256 of what shards were made from, in their order."""
    return hashlib.sha256(repr([(s.path.name, s.info, len(s)) for s in shards]).encode()).hexdigest()


@contextlib.contextmanager
def locked(folder: Path, needed: bool = True) -> Iterator[None]:
    """Make a folder, and keep other processes from working in it meanwhile; nothing where it is not needed.

    InputError if it cannot be made, or another process works in it. A file system without locks has none.
    """
    if not needed:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder ({error.strerror})") from error
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise InputError(f"{folder}: another process is at work in it") from error
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        lock.release()


class RunFolder:
    """Open the folder of a new run, or of one to resume; InputError if there is a run already, or none."""

    def __init__(self, path: Path, resume: bool) -> None:
        self.path, self.metrics, self.checkpoint = path, path / "metrics.jsonl", path / "last.pt"
        self.board: Any = None
        if resume and not self.checkpoint.exists():
            raise InputError(f"{path}: no last.pt in it, so there is no run to resume")
        if not resume and self.checkpoint.exists():
            raise InputError(f"{path}: holds a run already; give --resume to go on with it, or another --out")

    def save(self, checkpoint: Checkpoint) -> None:
        """Write last.pt, whole or not at all."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_whole(self.checkpoint, buffer.getvalue())

    def load(self, recipe: Recipe, data: str) -> Checkpoint:
        """Read last.pt; InputError if recipe or data differ from those of the run.

        `steps` may differ under the constant schedule only: under the cosine it would change every learning rate.
        """
        try:
            saved: Checkpoint = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            plain = {name: saved.get(name) for name in _Progress.__dataclass_fields__ if name in saved}
            validated(_Progress, plain, "its values")
            before = json.loads(saved["recipe"])
        except (OSError, EOFError, RuntimeError, ValueError, AttributeError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{self.checkpoint}: not a readable checkpoint ({reason})") from error
        now = json.loads(json.dumps(describe(recipe)))
        free = FREE | ({"steps"} if recipe.training.optimiser.schedule == "constant" else set())
        changed = [name for name in now if name not in free and before.get(name) != now[name]]
        if changed:
            changes = ", ".join(f"{name} was {before.get(name)!r}, is {now[name]!r}" for name in changed)
            raise InputError(f"{self.path}: cannot be resumed with another configuration: {changes}")
        if saved["data"] != data:
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
