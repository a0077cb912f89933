"""Tell whether the process that made a file or a folder is still running, by a lock that it holds.

Process numbers do not tell it: those of one container mean nothing in another one that sees the same folder.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def lock(descriptor: int, wait: bool) -> bool:
    """Lock an open file or folder until it is closed or the process ends.

    Returns False if another process has locked it, or if there are no such locks, as on Windows and on some network
    file systems.
    """
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return True
    return False


@contextlib.contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Tell whether no process has locked a file or a folder, and keep it locked meanwhile; False if it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)  # NFS locks what it may write
    except OSError:  # gone, or of another user
        yield False
        return
    try:
        yield lock(descriptor, wait=False)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; OSError if it was taken for abandoned before."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        lock(descriptor, wait=True)
        folder.stat()
        yield
    finally:
        os.close(descriptor)
