"""Give HDF5 a file to write to, and keep write errors away from the HDF5 library."""

import os

from codecnn.io.files import PartialFile, naming


class Sink:
    """Write a file for HDF5, and keep the first error until `check` raises it.

    The HDF5 library does not survive a failed write: on a full disk it prints, leaks memory and crashes, at once or
    when the file is closed. With this class every write appears to succeed.
    """

    def __init__(self, file: PartialFile) -> None:
        self.file = file
        self.error: OSError | None = None

    def check(self) -> None:
        """Raise the first error of all writes so far, with the name of the file."""
        if self.error:
            with naming(self.file.path):
                raise self.error

    def write(self, data: memoryview) -> int:
        """Write all of the data, or keep the error."""
        if not self.error:
            try:
                self.file.write(data)
            except OSError as error:
                self.error = error
        return len(data)

    def read(self, size: int) -> bytes:
        """Read this many bytes; where writes have failed they are zeros."""
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
        """Return the offset."""
        return self.file.tell()

    def flush(self) -> None:
        """Do nothing, since nothing is buffered."""
