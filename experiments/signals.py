"""Being stopped by a signal at a step of a training rather than inside of one."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def caught_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list instead of dying of them."""
    caught: list[int] = []
    former = {n: signal.signal(n, lambda number, _: caught.append(number)) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def ignore_signals(_: int) -> None:
    """Leave it to the training process to stop its workers: Ctrl-C reaches them as well."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
