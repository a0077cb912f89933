"""Run an encoder as a process: without a shell, with a time limit, and leave neither processes nor files behind."""

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from codecnn.codecs.placeholders import find_program
from codecnn.errors import InputError
from codecnn.io.locks import abandoned, locked

POLL_SECONDS = 0.05
VERSION_SECONDS = 30
TAIL_BYTES = 4096


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a temporary folder below $TMPDIR; remove those that dead processes of this machine have left.

    Any OSError, also in the caller's block, becomes an InputError that names the folder.
    """
    prefix, place = f"codecnn.{socket.gethostname()}.", "$TMPDIR"
    try:
        place = tempfile.gettempdir()
        for folder in Path(place).glob(f"{glob.escape(prefix)}*"):
            with abandoned(folder) as is_abandoned:
                if is_abandoned:
                    shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix) as place, locked(Path(place)):
            yield Path(place)
    except OSError as error:
        raise InputError(f"{place}: cannot be used as a scratch folder ({error.strerror})") from error


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
    log = folder / "log"
    arguments = [*kill_with_parent(), find_program(command[0]), *command[1:]]
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=folder, start_new_session=True
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
    if limit.exceeded:
        raise InputError(f"{name} took more than {seconds_per_frame:g} s a frame and was stopped")
    if status:
        cause = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
        raise InputError(f"{name} {cause}: {_last_line(log)}")
    return log.read_text(errors="replace")


def read_output(command: Sequence[str]) -> str:
    """Return the output of a short command, whatever its exit status; InputError if it cannot be started or hangs."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=VERSION_SECONDS
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"{command[0]}: cannot be run ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{command[0]}: did not end within {VERSION_SECONDS} s when asked for its version") from error
    return done.stdout.decode(errors="replace")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, for a group of zombies
        os.killpg(process.pid, signal.SIGKILL)


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
