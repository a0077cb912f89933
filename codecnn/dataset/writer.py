"""Write datasets of CTU windows: HDF5 files (shards), each of one clip at one QP. See `codecnn.dataset.schema`."""

import dataclasses
import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from codecnn.dataset import ctu
from codecnn.dataset.schema import BITS, CTU_DTYPE, ShardInfo, Signal, arrays_of, join_filters
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.io.files import PartialFile
from codecnn.io.hdf5_sink import Sink
from codecnn.video.picture import SCALES, Picture


class ShardWriter:
    """Write a shard under a temporary name beside `path`, and rename it when it is whole.

    After an error nothing is left. Use as a context manager; append one frame at a time. `storage` is "fast"
    (uncompressed) or "compact" (gzip).
    """

    def __init__(self, path: Path, info: ShardInfo, storage: Literal["fast", "compact"] = "fast") -> None:
        self.path, self.info = path, info
        self.partial = PartialFile(path)
        self.frames, self.in_loop_filters = 0, dict[str, bool]()
        self.totals = {name: 0 for name in arrays_of(info) if name in BITS}
        self.checksums: dict[str, Any] = {}  # by dataset, of its rows as they are appended
        self.sink = Sink(self.partial)
        with ExitStack() as opened:  # closed again after an error or an interruption
            opened.callback(self.partial.close)
            # Without a chunk cache, whose chunks are written when the last reference to a dataset is gone: the order of
            # the chunks in the file must not depend on a profiler that looks at the stack.
            self.file = opened.enter_context(h5py.File(self.sink, "w", libver="v110", rdcc_nbytes=0))
            self._create_all(info, storage)
            opened.pop_all()

    def _create_all(self, info: ShardInfo, storage: Literal["fast", "compact"]) -> None:
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
        signals: Mapping[Signal, Picture],
        bits: int,
        qp_used: int,
        maps: Mapping[BlockSize, Mapping[str, NDArray]] = MappingProxyType({}),
        unfiltered_bits: int | None = None,
        in_loop_filters: Mapping[str, bool] = MappingProxyType({}),
    ) -> None:
        """Add one frame: its signals, the bits it took, the QP it was really coded with, and its maps by block.

        A map is on the block grid of the picture padded to whole CTUs, (rows, columns). `unfiltered_bits` are those
        of a second encoding. `in_loop_filters` says by names which filters were on: stored is what was on in any
        frame. ValueError for signals, maps and unfiltered bits other than those that the info announces, InputError
        for bits that cannot be.
        """
        info, size = self.info, self.info.ctu_size
        if wrong := signals.keys() ^ set(info.signal_names):
            raise ValueError(f"signals {', '.join(sorted(wrong))} are missing or not announced")
        for signal, picture in signals.items():
            fmt = info.format_of(signal)
            if (shapes := tuple(plane.shape for plane in picture.planes)) != fmt.plane_shapes:
                raise ValueError(f"{signal} has planes of {shapes}, not {fmt.plane_shapes}")
            if picture.bit_depth != fmt.bit_depth:
                raise ValueError(f"{signal} has {picture.bit_depth} bits, not {fmt.bit_depth}")
            for name, plane, scale in zip(info.planes, picture.planes, SCALES[info.chroma], strict=True):
                self._append(f"{signal}/{name}", ctu.tile(plane, size, info.margin, scale))
        where = ctu.positions(info.height, info.width, size)
        self._append("ctu", np.array([(self.frames, *row) for row in where], CTU_DTYPE))
        counts = {"bits": bits} if unfiltered_bits is None else {"bits": bits, "unfiltered_bits": unfiltered_bits}
        if counts.keys() != self.totals.keys():
            raise ValueError("bits of the unfiltered signal are missing or not announced")
        for name, count in counts.items():
            if not 0 < count <= info.most_bits:  # so an encoder may print
                raise InputError(f"{info.source}: frame {self.frames} of {count} {name} cannot be")
            self._append(name, np.array([count]))
            self.totals[name] += count
        self._append("qp_used", np.array([qp_used]))
        for block_map in info.block_maps:
            for block in block_map.sizes_in(info):
                rows, columns = size // block.height, size // block.width
                self._append(block_map.array(block), _by_ctu(maps[block][block_map.name], rows, columns))
        for name, on in in_loop_filters.items():
            self.in_loop_filters[name] = on or self.in_loop_filters.get(name, False)
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
            self.file.attrs["frames"] = self.frames
            self.file.attrs["in_loop_filters"] = join_filters(self.in_loop_filters)
            for name, total in self.totals.items():
                self.file.attrs[f"total_{name}"] = total
            for name, checksum in self.checksums.items():
                self.file[name].attrs["sha256"] = checksum.hexdigest()
            self.file.close()
            if kind is None:
                self.sink.check()
                if self.frames == 0:
                    raise InputError(f"{self.info.source}: no frames")
                self.partial.publish()
        finally:
            self.partial.close()


def _by_ctu(blocks: NDArray, rows: int, columns: int) -> NDArray:
    """Return the blocks of a picture by CTU, each of so many rows and columns: (CTUs, rows, columns)."""
    split = blocks.reshape(blocks.shape[0] // rows, rows, blocks.shape[1] // columns, columns)
    return split.swapaxes(1, 2).reshape(-1, rows, columns)
