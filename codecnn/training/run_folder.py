"""Keep the folder of a training run: last.pt to resume from, metrics.jsonl, and the weights for use."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.io.files import write_whole
from codecnn.training.checkpoint import Checkpoint, CheckpointFile
from codecnn.training.metrics_log import read_rows
from codecnn.training.recipe import Recipe, Training, describe

# What may change between the parts of a run: it has no part in the result.
WITHOUT_EFFECT = {"device", "workers", "checkpoint_every"}


def fingerprint(shards: Sequence[Shard]) -> str:
    """Return the SHA-256 of what shards were made from, in their order."""
    return hashlib.sha256(repr([(s.path.name, s.info, len(s)) for s in shards]).encode()).hexdigest()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other processes from working in it meanwhile.

    InputError if it cannot be made, or another process works in it. A file system without locks has none.
    """
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
    """Open the folder of a new run, or of one to resume; InputError if there is a run already, or none.

    Use as a context manager: where this process `writes`, other processes are kept out of the folder meanwhile.
    """

    def __init__(self, path: Path, resume: bool, writes: bool = True) -> None:
        self.path, self.metrics, self.checkpoint = path, path / "metrics.jsonl", CheckpointFile(path / "last.pt")
        self.board: Any = None
        self.lock = locked(path) if writes else contextlib.nullcontext()
        if resume and not self.checkpoint.path.exists():
            raise InputError(f"{path}: no last.pt in it, so there is no run to resume")
        if not resume and self.checkpoint.path.exists():
            raise InputError(f"{path}: holds a run already; give --resume to go on with it, or another --out")

    def __enter__(self) -> Self:
        self.lock.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401
        if self.board:
            self.board.close()
        self.lock.__exit__(*error)

    def load(self, recipe: Recipe, data: str) -> Checkpoint:
        """Read last.pt; InputError if recipe or data differ from those of the run.

        `steps` may differ under the constant schedule only: under the cosine it would change every learning rate.
        """
        saved = self.checkpoint.read()
        # A field that the run does not tell came later: it has its default, which is what was done before.
        defaults = Recipe(Training(), type(recipe.task)(), type(recipe.model)())
        now, before = json.loads(json.dumps(describe(recipe))), saved.progress.recipe
        before = json.loads(json.dumps(describe(defaults))) | before
        free = WITHOUT_EFFECT | ({"steps"} if recipe.training.optimiser.schedule == "constant" else set())
        changed = [name for name in now if name not in free and before.get(name) != now[name]]
        if changed:
            changes = ", ".join(f"{name} was {before.get(name)!r}, is {now[name]!r}" for name in changed)
            raise InputError(f"{self.path}: cannot be resumed with another configuration: {changes}")
        if saved.progress.data != data:
            raise InputError(f"{self.path}: cannot be resumed on other data than it was begun with")
        return saved

    def begin_log(self, step: int) -> None:
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
