"""Share work among processes of this machine."""

from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from typing import Any

from joblib import Parallel

from codecnn.errors import InputError


def in_processes(calls: Iterable[Any], jobs: int, in_order: bool = True) -> Iterator[Any]:
    """Yield what calls return, `jobs` of them made at the same time, a process each; with one in this process.

    calls: from `joblib.delayed`, taken as they are needed. in_order: else results come as they are finished.
    Raises what a call raises, and InputError if a process was killed.
    """
    # Without max_nbytes large arrays are handed over as read-only maps of files, for which numba compiles again.
    parallel = Parallel(n_jobs=jobs, max_nbytes=None, return_as="generator" if in_order else "generator_unordered")
    try:
        yield from parallel(calls)
    except BrokenExecutor as error:
        raise InputError("a worker was killed; give the same command again") from error
