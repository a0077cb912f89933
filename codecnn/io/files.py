"""Write files that are either whole or absent: under a temporary name, flushed to the disk, then renamed."""

import contextlib
import glob
import os
import socket
from pathlib import Path


def partial_path(path: Path) -> Path:
    """Return the temporary name of an unfinished file, in the same folder and unique to this process."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.partial")


def remove_abandoned(path: Path) -> None:
    """Remove unfinished files for `path` left behind by processes of this machine that have ended (not on Windows)."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.{socket.gethostname()}.*.partial"):
        with contextlib.suppress(ValueError, PermissionError):  # no process number in the name; not ours to remove
            if not _is_running(int(partial.suffixes[-2][1:])):
                partial.unlink(missing_ok=True)


def publish(partial: Path, path: Path) -> None:
    """Rename a finished file to its final name; even after a power loss no unfinished file has this name."""
    _flush(partial)
    partial.replace(path)
    if os.name != "nt":  # Windows cannot open a folder
        _flush(path.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Write these bytes to a file; if that fails, nothing changes and the OSError names the file."""
    partial = partial_path(path)
    try:
        partial.write_bytes(data)
        publish(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name == "nt":  # there signal 0 is Ctrl+C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows flushes only writable files
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
