"""Say what SIGINT and SIGTERM do in a training: between its steps they stop it, before them they end the process."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def caught_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list instead of dying of them."""
    caught: list[int] = []
    former = {n: signal.signal(n, lambda number, _: caught.append(number)) for n in NUMBERS}
    try:
        yield caught
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def ignore_signals(_: int) -> None:
    """Ignore SIGINT and SIGTERM in a worker process: Ctrl-C reaches it too, but it is the training that stops it."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_IGN)


def unwatched() -> AbstractContextManager[Sequence[int]]:
    """Leave signals to the program."""
    return nullcontext(())


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end this process at once: handlers of Python would wait for the other processes."""
    former = {number: signal.signal(number, signal.SIG_DFL) for number in NUMBERS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
