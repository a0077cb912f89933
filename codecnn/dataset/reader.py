"""Read datasets of CTU windows: HDF5 files (shards), each of one clip at one QP. See `codecnn.dataset.schema`."""

import contextlib
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from codecnn.dataset import ctu
from codecnn.dataset.opening import check_arrays, check_numbers, read_info
from codecnn.dataset.schema import LABEL_MAPS, OPTIONAL_SIGNALS, RD_MAPS, SIGNALS, Signal, split_filters
from codecnn.dataset.stored_rows import Rows, rows_of
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.io.files import require_file
from codecnn.labels.label import SizeLabels
from codecnn.video.picture import SCALES, Picture


class CtuWindow(NamedTuple):
    """Hold one CTU of one clip at one QP: YUV windows with their margin, and the size of the valid part."""

    original: Picture
    baseline: Picture
    unfiltered: Picture
    qp: int  # in the scale of HEVC, as networks are told
    valid_height: int
    valid_width: int


class Shard:
    """Read one shard; its planes are opened at the first read, so that a Shard can be sent to other processes.

    `bits` and `unfiltered_bits` are the bits of each frame in the streams of the baseline and of the unfiltered signal;
    the latter are None if they were not stored. `in_loop_filters` says by name which filters were on in any frame of
    the baseline's stream; it is empty if that is not known. Raises InputError if the file is no shard: foreign,
    truncated, forged, or of another schema.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path = require_file(Path(path))
        try:
            with h5py.File(path, "r") as file:
                self.info = read_info(path, file)
                check_arrays(path, file, self.info)
                check_numbers(path, file, self.info)
                self.in_loop_filters = split_filters(file.attrs.get("in_loop_filters", ""))
                self.ctus: NDArray[np.void] = file["ctu"][:]
                self.bits: NDArray[np.int64] = file["bits"][:]
                self.unfiltered_bits = self._unfiltered_bits(file)
                self.qp_used: NDArray[np.int32] = file["qp_used"][:]
                self._version = _version(path)
        except InputError:
            raise
        except (ArithmeticError, AttributeError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"{path}: not a readable dataset file ({reason})") from error

    def _unfiltered_bits(self, file: h5py.File) -> NDArray[np.int64] | None:
        """Return the bits of each frame of the unfiltered signal's stream; None if they were not stored."""
        stream = self.info.unfiltered_stream
        stored: NDArray[np.int64] | None = file["unfiltered_bits"][:] if stream == "second" else None
        return self.bits if stream == "same" else stored

    def __len__(self) -> int:
        return len(self.ctus)

    @property
    def frames(self) -> int:
        """Count the frames."""
        return len(self.bits)

    def windows(self, signal: Signal, rows: slice | int) -> Picture:
        """Return the windows of some rows, with a leading axis for a slice, without it for an int."""
        datasets = _datasets(self.path, self._version, os.getpid())
        planes = (datasets[f"{signal}/{name}"][rows] for name in self.info.planes)
        return Picture.of(planes, self.info.bit_depth_of(signal))

    def luma(self, signal: Signal, row: int) -> NDArray:
        """Return the luma of one window, with its margin: (S, S)."""
        return self.part(signal, "y", row, np.s_[:, :])

    def part(self, signal: Signal, plane: str, row: int, area: tuple[slice, slice]) -> NDArray:
        """Return some rows and columns of one plane of a window, such as "y"; they count from that of its margin."""
        name, rows = f"{signal}/{plane}", _rows(self.path, self._version)
        if rows is not None:
            return rows[name].read(self.path, self._version, row, area[0])[:, area[1]]
        window: NDArray = _datasets(self.path, self._version, os.getpid())[name][row]
        return window[area]

    def __getitem__(self, row: int) -> CtuWindow:
        original, baseline, unfiltered = (self.windows(signal, row) for signal in SIGNALS)
        here = self.ctus[row]
        return CtuWindow(original, baseline, unfiltered, self.info.hevc_qp, int(here["height"]), int(here["width"]))

    def picture(self, signal: Signal, frame: int) -> Picture:
        """Return one whole frame of a signal, put together from its CTUs; IndexError if there is no such frame."""
        if not 0 <= frame < self.frames:
            raise IndexError(f"{self.path}: no frame {frame}, it has {self.frames}")
        info = self.info
        count = len(self.ctus) // self.frames
        windows = self.windows(signal, slice(frame * count, (frame + 1) * count))
        planes = (
            ctu.untile(plane, height, width, info.margin, scale)
            for plane, (height, width), scale in zip(
                windows.planes, info.format.plane_shapes, SCALES[info.chroma], strict=True
            )
        )
        return Picture.of(planes, windows.bit_depth)

    def maps(self, size: BlockSize) -> dict[str, NDArray]:
        """Return the maps of one block size by their names: (n, ctu_size / height, ctu_size / width) each.

        Raises InputError if a block has a value that cannot be.
        """
        found = [block_map for block_map in self.info.block_maps if size in block_map.sizes_in(self.info)]
        with _opened(self.path, self._version) as file:
            maps = {block_map.name: file[block_map.array(size)][:] for block_map in found}
        for block_map in found:
            if wrong := block_map.count_wrong(maps[block_map.name], size, self.ctus, self.info):
                raise InputError(f"{self.path}: {block_map.array(size)}: {wrong} blocks have {block_map.rule}")
        return maps

    def labels(self, size: BlockSize) -> SizeLabels:
        """Return the labels of one block size, every array (n, ctu_size / height, ctu_size / width)."""
        maps = self.maps(size)
        return SizeLabels(*(maps[name] for name in LABEL_MAPS), *(maps.get(name) for name in RD_MAPS))


def _most_open_files() -> int:
    """Return how many files may stay open: opening costs ten times what reading a window does.

    A file takes about 0.7 MB, and half of the descriptors are left to others.
    """
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return 512 if limit == resource.RLIM_INFINITY else min(512, limit // 2)
    return 512


def _version(path: Path) -> tuple[int, int]:
    """Return what tells a file from another one of the same name."""
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns


def _opened(path: Path, version: tuple[int, int]) -> h5py.File:
    """Open a file that was checked before, without a chunk cache; InputError if it is another one now, or is gone."""
    if require_file(path) and _version(path) != version:
        raise InputError(f"{path}: has changed since it was opened")
    return h5py.File(path, "r", rdcc_nbytes=0)


@lru_cache(maxsize=_most_open_files())
def _datasets(path: Path, version: tuple[int, int], process: int) -> dict[str, h5py.Dataset]:
    """Return the planes of a file; one that was replaced, or opened before a fork, is opened anew."""
    file = _opened(path, version)
    signals = [name for name in (*SIGNALS, *OPTIONAL_SIGNALS) if name in file]
    return {f"{signal}/{name}": dataset for signal in signals for name, dataset in file[signal].items()}


@lru_cache(maxsize=1 << 16)  # of some kilobytes each
def _rows(path: Path, version: tuple[int, int]) -> dict[str, Rows] | None:
    """Return where the rows of all planes of a file are; None if they can only be read by HDF5."""
    with _opened(path, version) as file:
        signals = [name for name in (*SIGNALS, *OPTIONAL_SIGNALS) if name in file]
        return rows_of(file, [f"{signal}/{plane}" for signal in signals for plane in file[signal]])


def dataset_files(folder: Path | str) -> list[Path]:
    """Return the dataset files of a folder in the order of their names; InputError if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder" if not folder.exists() else f"{folder}: not a folder")
    paths = [path for path in sorted(folder.glob("*.h5")) if not path.name.startswith(".")]
    if not paths:
        raise InputError(f"{folder}: no dataset files (*.h5) in it")
    return paths


def open_folder(folder: Path | str) -> list[Shard]:
    """Open all shards of a folder, in the order of their names; InputError if one is damaged or none is there."""
    return [Shard(path) for path in dataset_files(folder)]


class CtuDataset:
    """Hold all CTU windows of several shards, one after the other."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = shards
        self.ends = np.cumsum([len(shard) for shard in shards])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> CtuWindow:
        shard, row = self.place(index)
        return shard[row]

    def place(self, index: int) -> tuple[Shard, int]:
        """Return the shard of a window, and its row there."""
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        shard = int(np.searchsorted(self.ends, index, side="right"))
        return self.shards[shard], index - int(self.ends[shard]) + len(self.shards[shard])
