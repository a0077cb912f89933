"""Measure the time of several ways to do something."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

from codecnn.training.device import hardware


def in_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Measure the seconds of each way in rounds that run all ways in turn; the first round is for warming up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    return {name: times[1:] for name, times in seconds.items()}


def one_thread_of_this_machine() -> str:
    """Return the words for where times on one thread are measured."""
    with one_thread():
        return f"on one thread of {hardware(torch.device('cpu'))}"


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
