"""Run an encoder as a process: without a shell, with a time limit, and leave no process behind."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from codecnn.codecs.encoder_log import find_reason
from codecnn.codecs.placeholders import find_program
from codecnn.codecs.scratch_folder import scratch_folder
from codecnn.errors import InputError

POLL_SECONDS = 0.05
VERSION_SECONDS = 30


@cache
def kill_with_parent() -> tuple[str, ...]:
    """Return the words before a command with which the kernel kills it when the thread that started it has ended.

    These call setpriv of util-linux; without it (macOS) there are none. Children of the command are not killed.
    """
    command = ("setpriv", "--pdeathsig", "KILL")
    with contextlib.suppress(OSError):
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return ()


class _TimeLimit(threading.Thread):
    """Kill a process and its children when it takes longer than `seconds` for each frame that it has received."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float, frames: int) -> None:
        super().__init__(daemon=True)
        self.process, self.seconds, self.frames = process, seconds, frames
        self.finished = threading.Event()
        self.exceeded = False
        self.start()

    def run(self) -> None:
        begin = time.monotonic()
        while not self.finished.wait(POLL_SECONDS):
            if time.monotonic() - begin > self.seconds * max(1, self.frames):
                self.exceeded = True
                _kill_group(self.process)
                return


def run_encoder(
    command: Sequence[str],
    folder: Path,
    name: str,
    seconds_per_frame: float,
    stdin: Iterable[bytes] = (),
    frames: int = 0,
) -> str:
    """Run an encoder in `folder`, write the frames of `stdin` to it one by one, and return its output.

    `name` is its name in messages, `frames` the number of frames that it reads from a file. The process and its
    children have always ended when this returns or raises. Raises InputError if the encoder cannot be started, fails,
    or takes longer than seconds_per_frame for each of its frames.
    """
    ended = _run(command, folder, seconds_per_frame, stdin, frames)
    if ended.exceeded:
        raise InputError(f"{name} took more than {seconds_per_frame:g} s a frame and was stopped")
    if ended.status:
        by_signal = ended.status < 0
        cause = f"was ended by {_signal_name(-ended.status)}" if by_signal else f"ended with exit status {ended.status}"
        raise InputError(f"{name} {cause}: {find_reason(ended.log)}")
    return ended.log


def read_output(command: Sequence[str]) -> str:
    """Return the output of a short command, whatever its exit status; InputError if it cannot be started or hangs."""
    with scratch_folder() as folder:
        ended = _run(command, folder, VERSION_SECONDS)
    if ended.exceeded:
        raise InputError(f"{command[0]}: did not end within {VERSION_SECONDS} s when asked for its version")
    return ended.log


class _Ended(NamedTuple):
    status: int  # below 0: the signal
    exceeded: bool  # the time limit
    log: str


def _run(
    command: Sequence[str], folder: Path, seconds_per_frame: float, stdin: Iterable[bytes] = (), frames: int = 0
) -> _Ended:
    arguments = [*kill_with_parent(), find_program(command[0]), *command[1:]]
    with tempfile.TemporaryFile(dir=folder) as log:  # without a name: the encoder cannot put a pipe in its place
        try:
            process = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder, start_new_session=True
            )
        except OSError as error:
            raise InputError(f"{command[0]}: cannot be run ({error.strerror})") from error
        limit = _TimeLimit(process, seconds_per_frame, frames)
        try:
            assert process.stdin
            # A broken pipe: the encoder has ended before it has read everything; its exit status gives the reason.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                for frame in stdin:
                    limit.frames += 1
                    process.stdin.write(frame)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            limit.finished.set()
            limit.join()
            _kill_group(process)  # not reaped yet, so no other group can have this number
            status = process.wait()
        log.seek(0)
        return _Ended(status, limit.exceeded, log.read().decode(errors="replace"))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, for a group of zombies
        os.killpg(process.pid, signal.SIGKILL)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most real-time signals have no name
        return f"signal {number}"
