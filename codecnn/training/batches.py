"""Make the batch of every step: a pure function of the seed and the step."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import lru_cache
from multiprocessing import get_context, get_start_method
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from codecnn.errors import InputError
from codecnn.tasks.task import Draws
from codecnn.training.signals import ignore_signals

B = TypeVar("B", bound=tuple[Any, ...])


class Batches(Generic[B]):
    """Hold the batches of all steps; item k is the part of process `rank` of the `world` processes that share step k.

    Every epoch is a permutation of all units, and each position of a batch has a random generator of its own. No state
    is kept, so that training can begin at any step, with any number of reading processes.
    """

    def __init__(self, draws: Draws[B], batch: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.draws, self.batch, self.seed = draws, batch, seed
        self.positions = range(batch * rank // world, batch * (rank + 1) // world)

    def __getitem__(self, step: int) -> B:
        """Return a batch: the NamedTuple of the task, with tensors."""
        batch: B = mapped(self.arrays(step), torch.from_numpy)
        return batch

    def arrays(self, step: int) -> B:
        """Return a batch with arrays."""
        batch: B = collated([self._samples(step, position) for position in self.positions])
        return batch

    def _samples(self, step: int, position: int) -> B:
        epoch, place = divmod(step * self.batch + position, self.draws.units)
        unit = int(_permutation(self.seed, epoch, self.draws.units)[place])
        shared = np.random.default_rng((self.seed, step, 0, 1))
        return self.draws.draw(unit, shared, np.random.default_rng((self.seed, step, 1 + position)))

    @contextmanager
    def load(self, first: int, end: int, workers: int) -> Iterator[Iterator[B]]:
        """Read the batches of steps first .. end - 1 ahead, in `workers` processes; 0 reads in this one.

        The processes end with the context, however it ends. Raises InputError, or MemoryError, for a batch that cannot
        be read.
        """
        context, made = _recording_context()
        incoming = None
        try:
            incoming = iter(
                DataLoader(
                    _Reader(self),
                    batch_size=None,  # an item is a whole batch
                    sampler=range(first, end),
                    num_workers=workers,
                    multiprocessing_context=context if workers else None,
                    prefetch_factor=4 if workers else None,
                    collate_fn=_unchanged,  # arrays, since tensors would take a file descriptor each on their way
                    worker_init_fn=ignore_signals,
                )
            )
            yield map(_read, incoming)
        finally:
            # Not when the last reference is gone, which a traceback may hold: Python waits for its children when it
            # ends, and these ignore SIGTERM.
            if workers and incoming is not None:
                incoming._shutdown_workers()  # type: ignore[attr-defined]
            for process in made:
                if process.pid is not None:  # it was started
                    process.kill()
                    process.join()


class _Reader(Dataset[Any]):
    """Read batches, and return an error instead of raising it: PyTorch would raise it again with its traceback."""

    def __init__(self, batches: Batches[Any]) -> None:
        self.batches = batches

    def __getitem__(self, step: int) -> Any:  # noqa: ANN401
        try:
            return self.batches.arrays(step)
        except (InputError, MemoryError) as error:
            return error
        except Exception as error:
            return InputError(f"the batch of step {step} cannot be read ({type(error).__name__}: {error})")


def _recording_context() -> tuple[BaseContext, list[BaseProcess]]:
    """Return a context that makes processes as the default one does, and the list of those that it makes."""
    context: Any = copy(get_context(get_start_method()))
    made: list[BaseProcess] = []
    make = context.Process

    def process(*arguments: Any, **named: Any) -> BaseProcess:  # noqa: ANN401
        made.append(make(*arguments, **named))
        return made[-1]

    context.Process = process
    return context, made


def _unchanged(batch: Any) -> Any:  # noqa: ANN401
    return batch


def _read(batch: Any) -> Any:  # noqa: ANN401
    if isinstance(batch, Exception):
        raise batch
    return mapped(batch, torch.from_numpy)


def collated(samples: Sequence[Any]) -> Any:  # noqa: ANN401
    """Join NamedTuples of arrays (n, ...) along the first axis; a field may be None, or such a tuple again."""
    first = samples[0]
    if first is None:
        return None
    if isinstance(first, tuple):
        return type(first)(*map(collated, zip(*samples, strict=True)))
    return np.concatenate(samples)


def mapped(batch: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """Apply a function to all arrays or tensors of a batch."""
    if isinstance(batch, tuple):
        return type(batch)(*(mapped(field, change) for field in batch))
    return None if batch is None else change(batch)


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch, 0)).permutation(count)
