"""HDF5 files of CTU windows, written and read: one file (a shard) holds one clip at one QP.

    /original, /baseline, /unfiltered   each with y (n, S, S) and, by chroma format, u and v: (n, S/2, S/2) at 4:2:0,
                                        (n, S, S/2) at 4:2:2, (n, S, S) at 4:4:4, none at 4:0:0; S = ctu_size + 2 margin
    /ctu                                (n,) of frame, x, y, width, height: where the CTU is, and its valid part
    /bits, /qp_used                     (frames,)
    /labels/<size>/                     hadamard_mode, hadamard_cost, dct_mode, dct_cost: (n, rows, columns) of blocks

One chunk holds one CTU window. The attributes are the fields of ShardInfo: all that is needed to make the file again,
and, for a check, the number of frames, the sum of their bits, and the sha256 of the rows of every array.
"""

import dataclasses
import hashlib
import os
import resource
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from codecnn.dataset import ctu
from codecnn.dataset.schema import (
    CTU_DTYPE,
    LABEL_FIELDS,
    SIGNALS,
    ShardInfo,
    Signal,
    arrays_of,
    check_arrays,
    read_info,
)
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.io.files import Sink, partial_path, publish
from codecnn.labels.search import SizeLabels
from codecnn.video.picture import SCALES, Picture


class ShardWriter:
    """Writes a shard under a temporary name beside `path` and renames it when whole; on an error nothing is left.

    Use as a context manager; append one frame at a time. `storage` is "fast" (uncompressed) or "compact" (gzip).
    """

    def __init__(self, path: Path, info: ShardInfo, storage: Literal["fast", "compact"] = "fast") -> None:
        self.path, self.info = path, info
        self.partial = partial_path(path)
        self.frames = self.total_bits = 0
        self.checksums: dict[str, Any] = {}  # by dataset, of its rows as they are appended
        self.sink = Sink(self.partial)
        try:
            self._create_all(info, storage)
        except BaseException:
            self.partial.unlink()
            raise

    def _create_all(self, info: ShardInfo, storage: Literal["fast", "compact"]) -> None:
        # Without a chunk cache, whose chunks are written when the last reference to a dataset is gone: the order of the
        # chunks in the file must not hang on a profiler that looks at the stack.
        self.file = h5py.File(self.sink, "w", libver="v110", rdcc_nbytes=0)
        compact = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if storage == "compact" else {}
        for name, array in arrays_of(info).items():
            shape, maximum, chunks = (0, *array.item), (None, *array.item), (array.chunk, *array.item)
            options = compact if array.item else {}
            self.file.create_dataset(name, shape, array.dtype, maxshape=maximum, chunks=chunks, **options)
            self.checksums[name] = hashlib.sha256()

    def _append(self, name: str, rows: NDArray) -> None:
        dataset = self.file[name]
        start = len(dataset)
        dataset.resize(start + len(rows), axis=0)
        rows = np.ascontiguousarray(rows, dataset.dtype)
        dataset[start:] = rows
        self.checksums[name].update(rows)

    def append(
        self,
        original: Picture,
        baseline: Picture,
        unfiltered: Picture,
        bits: int,
        qp_used: int,
        labels: dict[BlockSize, SizeLabels],
    ) -> None:
        """Add one frame: its three signals, the bits it took, the QP it was really coded with, its labels by size."""
        size, margin = self.info.ctu_size, self.info.margin
        for signal, picture in zip(SIGNALS, (original, baseline, unfiltered), strict=True):
            if (shapes := tuple(plane.shape for plane in picture.planes)) != self.info.format.plane_shapes:
                raise ValueError(f"{signal} has planes of {shapes}, not {self.info.format.plane_shapes}")
            for name, plane, scale in zip(self.info.planes, picture.planes, SCALES[self.info.chroma], strict=True):
                self._append(f"{signal}/{name}", ctu.tile(plane, size, margin, scale))
        where = ctu.positions(self.info.height, self.info.width, size)
        self._append("ctu", np.array([(self.frames, *row) for row in where], CTU_DTYPE))
        self._append("bits", np.array([bits]))
        self._append("qp_used", np.array([qp_used]))
        for block, result in labels.items():
            for name in LABEL_FIELDS:
                rows, columns = size // block.height, size // block.width
                self._append(f"labels/{block}/{name}", _by_ctu(getattr(result, name), rows, columns))
        self.frames, self.total_bits = self.frames + 1, self.total_bits + bits
        self.sink.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for name, value in dataclasses.asdict(self.info).items():
                self.file.attrs[name] = value
            self.file.attrs["frames"], self.file.attrs["total_bits"] = self.frames, self.total_bits
            for name, checksum in self.checksums.items():
                self.file[name].attrs["sha256"] = checksum.hexdigest()
            self.file.close()
            self.sink.close()
            if kind is None:
                self.sink.check()
                if self.frames == 0:
                    raise InputError(f"{self.info.source}: no frames")
                publish(self.partial, self.path)
        finally:
            self.partial.unlink(missing_ok=True)


def _by_ctu(blocks: NDArray, rows: int, columns: int) -> NDArray:
    """The blocks of a picture as those of each of its CTUs, which have so many rows and columns."""
    split = blocks.reshape(blocks.shape[0] // rows, rows, blocks.shape[1] // columns, columns)
    return split.swapaxes(1, 2).reshape(-1, rows, columns)


class CtuWindow(NamedTuple):
    """One CTU of one clip at one QP: YUV windows with their margin, and the valid part without it."""

    original: Picture
    baseline: Picture
    unfiltered: Picture
    qp: int
    valid_height: int
    valid_width: int


class Shard:
    """Reads one shard; the planes are opened at the first read, so that a Shard can be sent to worker processes.

    Raises InputError if the file is no shard: foreign, truncated, or of another schema.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with h5py.File(path, "r") as file:
                self.info = read_info(path, file)
                check_arrays(path, file, self.info)
                self.ctus: NDArray[np.void] = file["ctu"][:]
                self.bits: NDArray[np.int64] = file["bits"][:]
                self.qp_used: NDArray[np.int32] = file["qp_used"][:]
                stamp = path.stat()
        except InputError:
            raise
        except (ArithmeticError, AttributeError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path}: not a readable dataset file ({reason})") from error
        self._version = stamp.st_ino, stamp.st_mtime_ns

    def __len__(self) -> int:
        return len(self.ctus)

    @property
    def frames(self) -> int:
        """Frames in the shard."""
        return len(self.bits)

    def windows(self, signal: Signal, rows: slice | int) -> Picture:
        """The windows of the given rows, as planes with a leading axis for a slice, without it for an int."""
        datasets = _datasets(self.path, self._version, os.getpid())
        planes = (datasets[f"{signal}/{name}"][rows] for name in self.info.planes)
        return Picture.of(planes, self.info.bit_depth)

    def __getitem__(self, row: int) -> CtuWindow:
        original, baseline, unfiltered = (self.windows(signal, row) for signal in SIGNALS)
        here = self.ctus[row]
        return CtuWindow(original, baseline, unfiltered, self.info.qp, int(here["height"]), int(here["width"]))

    def picture(self, signal: Signal, frame: int) -> Picture:
        """One whole frame of a signal, put together from its CTUs."""
        info = self.info
        count = len(self.ctus) // self.frames
        windows = self.windows(signal, slice(frame * count, (frame + 1) * count))
        planes = (
            ctu.untile(plane, height, width, info.margin, scale)
            for plane, (height, width), scale in zip(
                windows.planes, info.format.plane_shapes, SCALES[info.chroma], strict=True
            )
        )
        return Picture.of(planes, info.bit_depth)

    def labels(self, size: BlockSize) -> SizeLabels:
        """The labels of one block size, every array (n, ctu_size / height, ctu_size / width)."""
        with h5py.File(self.path, "r") as file:
            group = file[f"labels/{size}"]
            return SizeLabels(**{name: group[name][:] for name in LABEL_FIELDS})


# Opening costs ten times what reading a window does. A file takes some 0.7 MB, and half of the descriptors are left.
_DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
_OPEN_FILES = 512 if _DESCRIPTORS == resource.RLIM_INFINITY else min(512, _DESCRIPTORS // 2)


@lru_cache(maxsize=_OPEN_FILES)
def _datasets(path: Path, version: tuple[int, int], process: int) -> dict[str, h5py.Dataset]:
    """The planes of a file; one that was replaced, or opened before a fork, is opened anew."""
    file = h5py.File(path, "r", rdcc_nbytes=0)
    return {f"{signal}/{name}": dataset for signal in SIGNALS for name, dataset in file[signal].items()}


def dataset_files(folder: Path) -> list[Path]:
    """The dataset files of a folder in the order of their names; InputError if there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder" if not folder.exists() else f"{folder}: not a folder")
    paths = [path for path in sorted(folder.glob("*.h5")) if not path.name.startswith(".")]
    if not paths:
        raise InputError(f"{folder}: no dataset files (*.h5) in it")
    return paths


def open_folder(folder: Path) -> list[Shard]:
    """Every shard of a dataset folder, in the order of their names; InputError if one is damaged or none is there."""
    return [Shard(path) for path in dataset_files(folder)]


class CtuDataset(torch.utils.data.Dataset[CtuWindow]):
    """All CTU windows of several shards, one after the other."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = shards
        self.ends = np.cumsum([len(shard) for shard in shards])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> CtuWindow:
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        shard = int(np.searchsorted(self.ends, index, side="right"))
        return self.shards[shard][index - int(self.ends[shard]) + len(self.shards[shard])]
