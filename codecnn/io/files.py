"""Read regular files only, and write files that are either complete or absent."""

import contextlib
import glob
import os
import secrets
import socket
import stat
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from codecnn.errors import InputError
from codecnn.io.locks import abandoned, lock

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def require_file(path: Path) -> Path:
    """Return the path of a file to read; InputError if it is not a file: reading a named pipe might never end."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{path}: {'no such file' if isinstance(error, FileNotFoundError) else reason}") from error
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: {'a folder' if stat.S_ISDIR(mode) else 'a pipe or a device'}, not a file")
    return path


def keep_inputs(out: Path, inputs: Iterable[Path]) -> None:
    """Raise InputError if the file to write is one of those to read, by any of its names."""
    if os.path.realpath(out) in map(os.path.realpath, inputs):
        raise InputError(f"{out}: would be written over while it is read")


class PartialFile(FileIO):
    """Write a file under a temporary name in the folder of `path`, and rename it when it is finished.

    Use as a context manager; without `publish` nothing is left. No other file has the temporary name, which has a
    random part. The file is locked while it is open, so that other processes can tell whether it is abandoned.
    InputError if there is a pipe or a device such as /dev/null: the new name would destroy it.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(f"{path}: a pipe or a device, not a file to write")
        self.path = path
        while True:
            self.partial = path.with_name(f".{path.name}.{socket.gethostname()}.{secrets.token_hex(8)}.partial")
            with naming(path):
                super().__init__(self.partial, "x+")
            lock(self.fileno(), wait=True)
            if self.partial.exists():  # else it was taken for abandoned before it was locked
                return
            super().close()

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of the data; a file that is not buffered may take a part at a time. OSError with this name."""
        rest = memoryview(data).cast("B")
        length = len(rest)
        with naming(self.path):
            while rest:
                rest = rest[super().write(rest) :]
        return length

    def publish(self) -> None:
        """Give the file its name; even after a power loss no unfinished file has it. OSError with this name."""
        with naming(self.path):
            os.fsync(self.fileno())
            if os.name == "nt":  # Windows does not rename an open file, and cannot open a folder
                super().close()
                self.partial.replace(self.path)
            else:
                self.partial.replace(self.path)
                _flush(self.path.parent)

    def close(self) -> None:
        """Close the file, and remove it if it was not published."""
        super().close()
        self.partial.unlink(missing_ok=True)


def remove_abandoned(path: Path) -> None:
    """Remove unfinished files for `path` of processes of this machine that have ended (not on Windows)."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.{socket.gethostname()}.*.partial"):
        with contextlib.suppress(OSError), abandoned(partial) as is_abandoned:  # OSError: not ours to remove
            if is_abandoned:
                partial.unlink()


def write_whole(path: Path, data: bytes) -> None:
    """Write these bytes to a file; if that fails, nothing changes and the OSError names the file."""
    remove_abandoned(path)
    with PartialFile(path) as file:
        file.write(data)
        file.publish()


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError name this file, and not a temporary one or none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
