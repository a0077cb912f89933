"""The HDF5 schema of a CTU dataset: one file (a shard) holds one clip at one QP.

    /original, /baseline, /unfiltered   each with y (n, S, S) and u, v (n, S/2, S/2); S = ctu_size + 2 margin
    /ctu                                (n,) of frame, x, y, width, height: where the CTU is, and its valid part
    /bits, /qp_used                     (frames,)
    /labels/<size>/                     hadamard_mode, hadamard_cost, dct_mode, dct_cost: (n, rows, columns) of blocks

One chunk holds one CTU window. The attributes are the fields of ShardInfo: all that is needed to make the file again.
"""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from codecnn import ctu
from codecnn.errors import InputError
from codecnn.files import Sink, partial_path, publish
from codecnn.intra.block_size import BlockSize
from codecnn.labels import SizeLabels
from codecnn.yuv import Picture, VideoFormat

SCHEMA = "codecnn-ctu-2"
Signal = Literal["original", "baseline", "unfiltered"]
SIGNALS: tuple[Signal, ...] = ("original", "baseline", "unfiltered")
PLANES = tuple(f"{signal}/{plane}" for signal in SIGNALS for plane in "yuv")
LABEL_FIELDS = ("hadamard_mode", "hadamard_cost", "dct_mode", "dct_cost")
CTU_DTYPE = np.dtype([("frame", "<i4"), ("x", "<i4"), ("y", "<i4"), ("width", "<i2"), ("height", "<i2")])


@dataclass(frozen=True)
class ShardInfo:
    """Everything needed to make a shard again; two shards with equal info hold equal data."""

    source: str  # file name
    source_sha256: str
    width: int
    height: int
    bit_depth: int
    chroma: str
    fps: str  # a fraction, such as 30000/1001
    color: str  # how the samples came about: range, and for RGB sources the matrix and chroma siting
    first_frames: int  # at most so many frames of the source are taken; 0: all
    every: int  # every n-th frame of the source is taken
    codec: str
    codec_version: str
    codec_parameters: str
    decoder_version: str
    unfiltered_by: str  # how the unfiltered picture was obtained
    qp: int
    ctu_size: int
    margin: int
    label_sizes: str  # such as "4 8 16 16x8" (width x height), "" for no labels
    label_modes: str  # the mode set
    label_references: str  # the signal that the reference samples of the labels come from
    package_version: str
    schema: str = SCHEMA

    @property
    def blocks(self) -> tuple[BlockSize, ...]:
        """The block sizes that have labels."""
        return tuple(BlockSize.of(text) for text in self.label_sizes.split())


class ShardWriter:
    """Writes a shard under a temporary name beside `path` and renames it when whole; on an error nothing is left.

    Use as a context manager; append one frame at a time. `storage` is "fast" (uncompressed) or "compact" (gzip).
    """

    def __init__(self, path: Path, info: ShardInfo, storage: Literal["fast", "compact"] = "fast") -> None:
        self.path, self.info = path, info
        self.partial = partial_path(path)
        self.frames = 0
        self.sink = Sink(self.partial)
        try:
            self._create_all(info, storage)
        except BaseException:
            self.partial.unlink()
            raise

    def _create_all(self, info: ShardInfo, storage: Literal["fast", "compact"]) -> None:
        self.file = h5py.File(self.sink, "w", libver="v110")
        compression = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
        options = compression if storage == "compact" else {}
        side = info.ctu_size + 2 * info.margin
        dtype = VideoFormat(info.width, info.height, info.bit_depth).dtype
        for signal in SIGNALS:
            for plane, extent in (("y", side), ("u", side // 2), ("v", side // 2)):
                self._create(f"{signal}/{plane}", (extent, extent), dtype, 1, options)
        self._create("ctu", (), CTU_DTYPE, 1024)
        self._create("bits", (), np.dtype("<i8"), 1024)
        self._create("qp_used", (), np.dtype("<i4"), 1024)
        for size in info.blocks:
            rows, columns = info.ctu_size // size.height, info.ctu_size // size.width
            for name in LABEL_FIELDS:
                kind = np.dtype("u1" if name.endswith("mode") else "<f4")
                self._create(f"labels/{size}/{name}", (rows, columns), kind, max(1, 4096 // (rows * columns)), options)

    def _create(
        self,
        name: str,
        item: tuple[int, ...],
        dtype: np.dtype,
        rows: int,
        options: dict[str, Any] | None = None,
    ) -> None:
        shape, maximum, chunks = (0, *item), (None, *item), (rows, *item)
        self.file.create_dataset(name, shape, dtype, maxshape=maximum, chunks=chunks, **(options or {}))

    def _append(self, name: str, rows: NDArray) -> None:
        dataset = self.file[name]
        start = len(dataset)
        dataset.resize(start + len(rows), axis=0)
        dataset[start:] = rows

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
            if picture.y.shape != (self.info.height, self.info.width):
                raise ValueError(f"{signal} is {picture.y.shape}, not {(self.info.height, self.info.width)}")
            self._append(f"{signal}/y", ctu.tile(picture.y, size, margin))
            self._append(f"{signal}/u", ctu.tile(picture.u, size // 2, margin // 2))
            self._append(f"{signal}/v", ctu.tile(picture.v, size // 2, margin // 2))
        where = ctu.positions(self.info.height, self.info.width, size)
        self._append("ctu", np.array([(self.frames, *row) for row in where], CTU_DTYPE))
        self._append("bits", np.array([bits]))
        self._append("qp_used", np.array([qp_used]))
        for block, result in labels.items():
            for name in LABEL_FIELDS:
                rows, columns = size // block.height, size // block.width
                self._append(f"labels/{block}/{name}", _by_ctu(getattr(result, name), rows, columns))
        self.frames += 1
        self.sink.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for name, value in dataclasses.asdict(self.info).items():
                self.file.attrs[name] = value
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
                self.info = _read_info(path, file)
                self.ctus: NDArray[np.void] = file["ctu"][:]
                self.bits: NDArray[np.int64] = file["bits"][:]
                self.qp_used: NDArray[np.int32] = file["qp_used"][:]
                short = [name for name in PLANES if len(file[name]) != len(self.ctus)]
                stamp = path.stat()
        except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path}: not a readable dataset file ({reason})") from error
        if short:
            raise InputError(f"{path}: {len(self.ctus)} CTUs are listed, but not all are in {', '.join(short)}")
        if not self.frames or not len(self.ctus) or len(self.ctus) % self.frames:
            raise InputError(f"{path}: {len(self.ctus)} CTUs are no whole number for each of {self.frames} frames")
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
        y, u, v = (datasets[f"{signal}/{plane}"][rows] for plane in "yuv")
        return Picture(y, u, v, self.info.bit_depth)

    def __getitem__(self, row: int) -> CtuWindow:
        original, baseline, unfiltered = (self.windows(signal, row) for signal in SIGNALS)
        here = self.ctus[row]
        return CtuWindow(original, baseline, unfiltered, self.info.qp, int(here["height"]), int(here["width"]))

    def picture(self, signal: Signal, frame: int) -> Picture:
        """One whole frame of a signal, put together from its CTUs."""
        info = self.info
        count = len(self.ctus) // self.frames
        windows = self.windows(signal, slice(frame * count, (frame + 1) * count))
        (h, w), (ch, cw), _ = VideoFormat(info.width, info.height).plane_shapes
        half = info.margin // 2
        return Picture(
            ctu.untile(windows.y, h, w, info.margin),
            ctu.untile(windows.u, ch, cw, half),
            ctu.untile(windows.v, ch, cw, half),
            info.bit_depth,
        )

    def labels(self, size: BlockSize) -> SizeLabels:
        """The labels of one block size, every array (n, ctu_size / height, ctu_size / width)."""
        with h5py.File(self.path, "r") as file:
            group = file[f"labels/{size}"]
            return SizeLabels(**{name: group[name][:] for name in LABEL_FIELDS})


@lru_cache(maxsize=64)  # open files: a descriptor and some 0.7 MB each
def _datasets(path: Path, version: tuple[int, int], process: int) -> dict[str, h5py.Dataset]:
    """The planes of a file; one that was replaced, or opened before a fork, is opened anew."""
    file = h5py.File(path, "r", rdcc_nbytes=0)
    return {name: file[name] for name in PLANES}


def _read_info(path: Path, file: h5py.File) -> ShardInfo:
    schema = file.attrs.get("schema", "none")
    if schema != SCHEMA:
        raise InputError(f"{path}: schema {schema!r}, this version reads {SCHEMA!r}")
    values: dict[str, Any] = {}
    for field in fields(ShardInfo):
        if field.name not in file.attrs:
            raise InputError(f"{path}: attribute {field.name!r} is missing")
        value = file.attrs[field.name]
        values[field.name] = value.item() if isinstance(value, np.generic) else value
    return ShardInfo(**values)


def open_folder(folder: Path) -> list[Shard]:
    """Every shard of a dataset folder, in the order of their names; InputError if one is damaged or none is there."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder" if not folder.exists() else f"{folder}: not a folder")
    shards = [Shard(path) for path in sorted(folder.glob("*.h5")) if not path.name.startswith(".")]
    if not shards:
        raise InputError(f"{folder}: no dataset files (*.h5) in it")
    return shards


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
