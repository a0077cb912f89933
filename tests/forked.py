"""Commands in forked processes: as in processes of their own, but without the seconds that imports take."""

import faulthandler
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import torch

SOON = 60  # seconds within which a process ends that is not stuck, however busy the machine


class Forked(NamedTuple):
    """A command that runs in a process of its own."""

    process: BaseProcess
    errors: Path

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code, minus the signal for one that was killed by it, and stderr."""
        until = time.monotonic() + SOON
        while (stuck := self.process.is_alive()) and time.monotonic() < until:
            time.sleep(0.005)  # not join, which waits for its children too
        if stuck:
            os.kill(self.process.ident or 0, signal.SIGUSR1)  # print where
            time.sleep(1)
            self.process.kill()
        assert not stuck, f"the process does not end: {self.errors.read_text()}"
        assert self.process.exitcode is not None
        return self.process.exitcode, self.errors.read_text()


def start(
    main: Callable[[list[str]], int],
    arguments: list[str],
    errors: Path,
    environment: dict[str, str] | None = None,
) -> Forked:
    """Start a command in a group of its own; its stderr goes into the file `errors`."""

    def run() -> None:
        os.setsid()
        os.environ.update(environment or {})
        for stream, file in ((1, Path(os.devnull)), (2, errors)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        faulthandler.register(signal.SIGUSR1, file=2)
        torch.set_num_threads(1)
        code = main(arguments)
        sys.stderr.flush()
        sys.exit(code)

    process = get_context("fork").Process(target=run)
    process.start()
    return Forked(process, errors)


def ranks(count: int) -> list[dict[str, str]]:
    """Return the environment of each of the processes that share a training, as torchrun sets it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [common | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
