"""Make temporary folders that leave nothing behind, whatever ends the process."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from codecnn.errors import InputError
from codecnn.io.locks import abandoned, locked

PREFIX = "codecnn.scratch."


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a temporary folder below $TMPDIR; remove those that dead processes have left.

    Any OSError, also in the caller's block, becomes an InputError that names the folder.
    """
    place = "$TMPDIR"
    try:
        place = tempfile.gettempdir()
        for folder in Path(place).glob(f"{PREFIX}*"):
            with abandoned(folder) as is_abandoned:
                if is_abandoned:
                    shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=PREFIX) as place, locked(Path(place)):
            yield Path(place)
    except OSError as error:
        raise InputError(f"{place}: cannot be used as a scratch folder ({error.strerror})") from error
