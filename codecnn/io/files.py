"""Files that are whole or not there: written under a temporary name, flushed to the disk, renamed."""

import contextlib
import glob
import os
import socket
from pathlib import Path


def partial_path(path: Path) -> Path:
    """The temporary name of a file in the making, in the same folder and of this process alone."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.partial")


def remove_abandoned(path: Path) -> None:
    """Remove what processes of this machine that are gone have left of a file in the making."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.{socket.gethostname()}.*.partial"):
        with contextlib.suppress(PermissionError, ValueError):  # the process is somebody else's; no process number
            try:
                os.kill(int(partial.suffixes[-2][1:]), 0)
            except ProcessLookupError:
                partial.unlink(missing_ok=True)


def publish(partial: Path, path: Path) -> None:
    """Give a finished file its name, in an order that a power loss cannot turn around."""
    _flush(partial)
    partial.replace(path)
    _flush(path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file of these bytes; on an OSError, which names the file, nothing changes."""
    partial = partial_path(path)
    try:
        partial.write_bytes(data)
        publish(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Sink:
    """A file for HDF5 to write to, which keeps its first error for `check` to raise.

    The HDF5 library cannot bear a failed write: on a full disk it prints, leaks and crashes, if not at once then when
    the file is closed. Here every write seems to succeed.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.open("w+b", buffering=0)
        self.error: OSError | None = None

    def check(self) -> None:
        """Raise the first error of all writes so far."""
        if self.error:
            raise self.error

    def write(self, data: memoryview) -> int:
        """Write all of the data, or keep the error."""
        rest = memoryview(data)
        try:
            while rest and not self.error:
                rest = rest[self.file.write(rest) :]
        except OSError as error:
            self.error = error
        return len(data)

    def read(self, size: int) -> bytes:
        """Read as many bytes, zeros where writes have failed."""
        return self.file.read(size).ljust(size, b"\0")

    def truncate(self, size: int) -> int:
        """Set the length, or keep the error."""
        try:
            self.file.truncate(size)
        except OSError as error:
            self.error = self.error or error
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to an offset."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """The offset."""
        return self.file.tell()

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Close the file."""
        self.file.close()
