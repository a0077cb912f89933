"""Read parts of windows of a shard by their place in the file, past HDF5.

HDF5 takes milliseconds to open a file and 0.8 MB to keep it open, so a training on thousands of files would wait for
it. A window whose samples are stored as they are is a chunk of its own: its place is looked up once, and then read.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from codecnn.errors import InputError


class Rows(NamedTuple):
    """Say where the rows of an array are in a file."""

    starts: NDArray[np.int64]  # the first byte of each
    shape: tuple[int, ...]  # of one row
    dtype: np.dtype

    def read(self, path: Path, version: tuple[int, int], row: int, lines: slice = slice(None)) -> NDArray:
        """Return some lines of one row, which is (lines, samples); no more is read.

        InputError if the file is gone, or is another one than when it was checked.
        """
        first, end, _ = lines.indices(self.shape[0])
        found = np.empty((end - first, *self.shape[1:]), self.dtype)
        try:
            with path.open("rb", buffering=0) as file:
                stat = os.fstat(file.fileno())
                file.seek(int(self.starts[row]) + first * found.strides[0])
                read = file.readinto(found.data)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        if (stat.st_ino, stat.st_mtime_ns) != version or read != found.nbytes:
            raise InputError(f"{path}: has changed since it was opened")
        return found


def rows_of(file: h5py.File, names: Iterable[str]) -> dict[str, Rows] | None:
    """Return the places of the rows of arrays; None if one is compressed, or its rows are not chunks of their own."""
    if file.userblock_size:
        return None
    found = {}
    for name in names:
        dataset, row = file[name], file[name].shape[1:]
        if dataset.chunks != (1, *row) or dataset.id.get_create_plist().get_nfilters():
            return None
        starts = np.full(len(dataset), -1)
        chunks: list[h5py.h5d.StoreInfo] = []
        dataset.id.chunk_iter(chunks.append)
        for chunk in chunks:
            starts[chunk.chunk_offset[0]] = chunk.byte_offset
        if (starts < 0).any():
            return None
        found[name] = Rows(starts, row, dataset.dtype)
    return found
