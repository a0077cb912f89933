"""Declare what a dataset file (a shard) holds: attributes, signals, maps by block, and the arrays that follow.

One shard holds one clip at one QP, with a row in each array for a CTU window or a frame:

    /<signal>/y, u, v               (n, S, S) and, by chroma format, u and v: (n, S/2, S/2) at 4:2:0, (n, S, S/2) at
                                    4:2:2, (n, S, S) at 4:4:4, none at 4:0:0; S = ctu_size + 2 margin
    /ctu                            (n,) of frame, x, y, width, height: where the CTU is, and its valid part
    /bits, /qp_used                 (frames,)
    /<folder>/<size>/<map>          (n, ctu_size / height, ctu_size / width): a value for each block

One chunk holds one CTU window. The attributes are the fields of ShardInfo: all that is needed to make the file again,
and, for a check, the number of frames, the sum of their bits, and the sha256 of the rows of every array.

Adding a signal or a map by block costs its declaration here, and what computes it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.io.validated import validated
from codecnn.labels.label import NO_LABEL
from codecnn.labels.mode_sets import MODE_SETS, count_of
from codecnn.video.picture import SCALES, VideoFormat

SCHEMA, FORMER_SCHEMA = "codecnn-ctu-4", "codecnn-ctu-3"
Signal = str
SIGNALS: tuple[Signal, ...] = ("original", "baseline", "unfiltered")  # every shard has these
OPTIONAL_SIGNALS: tuple[Signal, ...] = ()  # and may have these
FPS = re.compile(r"\d{1,9}(/[1-9]\d{0,8})?")
DEFLATE_RATIO = 1032  # what gzip makes smaller at most
CTU_DTYPE = np.dtype([("frame", "<i4"), ("x", "<i4"), ("y", "<i4"), ("width", "<i2"), ("height", "<i2")])


@dataclass(frozen=True)
class ShardInfo:
    """Hold all that is needed to make a shard again; two shards with equal info hold equal data."""

    source: str  # file name
    source_sha256: str
    width: int
    height: int
    bit_depth: int
    chroma: str
    fps: str  # a fraction, such as 30000/1001
    colour: str  # how the samples came about: range, and for RGB sources the matrix and chroma siting
    first_frames: int  # the first so many frames of the source are looked at; 0: all
    every: int  # of those, every n-th is taken
    codec: str
    codec_version: str
    preset: str  # the encoder's own name for it; empty: it has none
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
    signals: str = " ".join(SIGNALS)
    maps: str = ""  # the names of the maps by block
    schema: str = SCHEMA

    @property
    def format(self) -> VideoFormat:
        """Return the format of the pictures."""
        return VideoFormat(self.width, self.height, self.bit_depth, Fraction(self.fps), self.chroma)

    @property
    def planes(self) -> str:
        """Return the names of each signal's planes: "yuv", at 4:0:0 "y"."""
        return "yuv"[: len(SCALES[self.chroma])]

    @property
    def blocks(self) -> tuple[BlockSize, ...]:
        """Return the block sizes that have labels."""
        return tuple(BlockSize.of(text) for text in self.label_sizes.split())

    @property
    def signal_names(self) -> tuple[Signal, ...]:
        """Return the names of the signals."""
        return tuple(self.signals.split())

    @property
    def block_maps(self) -> "tuple[BlockMap, ...]":
        """Return the declarations of the maps by block."""
        return tuple(BLOCK_MAPS[name] for name in self.maps.split())


class BlockMap(NamedTuple):
    """Declare a value for every block of some sizes."""

    name: str
    dtype: np.dtype
    outside: float  # the value of a block that is not wholly inside the picture
    valid: Callable[[NDArray, ShardInfo], NDArray[np.bool_]]  # which values of blocks inside can be
    rule: str  # the same in words: "blocks have ..."
    folder: str = "labels"
    sizes: tuple[BlockSize, ...] = ()  # of the blocks; none: those that have labels

    def sizes_in(self, info: ShardInfo) -> tuple[BlockSize, ...]:
        """Return the block sizes that the map is stored for."""
        return self.sizes or info.blocks

    def array(self, size: BlockSize) -> str:
        """Return the name of its array."""
        return f"{self.folder}/{size}/{self.name}"


def _is_mode(modes: NDArray, info: ShardInfo) -> NDArray[np.bool_]:
    mode_set = next((known for known in MODE_SETS if known == info.label_modes), MODE_SETS[0])
    return modes < count_of(mode_set)


def _is_cost(costs: NDArray, info: ShardInfo) -> NDArray[np.bool_]:
    return costs >= 0


def _label_kind(kind: str) -> tuple[BlockMap, BlockMap]:
    """Declare a kind of label: the mode with the least cost under some measure, and that cost."""
    return (
        BlockMap(
            f"{kind}_mode", np.dtype("u1"), NO_LABEL, _is_mode, "a mode out of range, or not where the picture is"
        ),
        BlockMap(f"{kind}_cost", np.dtype("<f4"), np.nan, _is_cost, "a cost below 0, or not where the picture is"),
    )


BLOCK_MAPS: dict[str, BlockMap] = {
    block_map.name: block_map for kind in ("hadamard", "dct") for block_map in _label_kind(kind)
}
LABEL_MAPS = tuple(BLOCK_MAPS)  # what labels by SATD are made of


class Array(NamedTuple):
    """Describe one array of a shard, with a row for each CTU or frame."""

    item: tuple[int, ...]  # shape of a row
    dtype: np.dtype
    chunk: int  # rows in a chunk


def arrays_of(info: ShardInfo) -> dict[str, Array]:
    """Return all arrays of a shard by their names."""
    arrays = {
        "ctu": Array((), CTU_DTYPE, 1024),
        "bits": Array((), np.dtype("<i8"), 1024),
        "qp_used": Array((), np.dtype("<i4"), 1024),
    }
    side = info.ctu_size + 2 * info.margin
    for signal in info.signal_names:
        for plane, (down, across) in zip(info.planes, SCALES[info.chroma], strict=True):
            arrays[f"{signal}/{plane}"] = Array((side // down, side // across), info.format.dtype, 1)
    for size in dict.fromkeys(size for block_map in info.block_maps for size in block_map.sizes_in(info)):
        item = info.ctu_size // size.height, info.ctu_size // size.width
        for block_map in info.block_maps:
            if size in block_map.sizes_in(info):
                chunk = max(1, 4096 // (item[0] * item[1]))
                arrays[block_map.array(size)] = Array(item, block_map.dtype, chunk)
    return arrays


def read_info(path: Path, file: h5py.File) -> ShardInfo:
    """Return the attributes of an open file; InputError if they are of an unknown schema, or cannot be of a shard.

    A file of the former schema is read as one of today's: it has all signals of the core, and labels by SATD or none.
    """
    schema = file.attrs.get("schema", "none")
    if schema not in (SCHEMA, FORMER_SCHEMA):
        raise InputError(f"{path}: schema {schema!r}, this version reads {SCHEMA!r}")
    attributes = {name: v.item() if isinstance(v, np.generic) else v for name, v in file.attrs.items()}
    if schema == FORMER_SCHEMA:
        maps = " ".join(LABEL_MAPS) if attributes.get("label_sizes") else ""
        attributes |= {"schema": SCHEMA, "signals": " ".join(SIGNALS), "maps": maps}
        if "color" in attributes:
            attributes["colour"] = attributes["color"]
    values: dict[str, Any] = {}
    for field in fields(ShardInfo):
        if field.name not in attributes:
            raise InputError(f"{path}: attribute {field.name!r} is missing")
        values[field.name] = attributes[field.name]
    info = validated(ShardInfo, values, f"{path}: attribute")
    if not FPS.fullmatch(info.fps):
        raise InputError(f"{path}: {info.fps!r} is no frame rate")
    info.format.check(path)
    if info.label_references not in (*SIGNALS, "none") or not -64 <= info.qp <= 255:
        raise InputError(f"{path}: labels from {info.label_references!r} or QP {info.qp} cannot be")
    if info.ctu_size not in (16, 32, 64, 128) or not 0 <= info.margin <= 64 or info.margin % 2:
        raise InputError(f"{path}: CTUs of {info.ctu_size} with a margin of {info.margin} cannot be")
    if unknown := [name for name in info.maps.split() if name not in BLOCK_MAPS]:
        raise InputError(f"{path}: maps by block {', '.join(unknown)} are not known")
    signals = info.signal_names
    if not set(SIGNALS) <= set(signals) <= {*SIGNALS, *OPTIONAL_SIGNALS} or len(set(signals)) < len(signals):
        raise InputError(f"{path}: signals {info.signals!r:.80} cannot be")
    sizes = [size for block_map in info.block_maps for size in block_map.sizes_in(info)]
    if max(map(max, [*info.blocks, *sizes]), default=0) > info.ctu_size:
        raise InputError(f"{path}: labels of blocks of {info.label_sizes} cannot be with CTUs of {info.ctu_size}")
    return info


def check_arrays(path: Path, file: h5py.File, info: ShardInfo) -> None:
    """Raise InputError unless an open file has all arrays of a shard, in shapes and types that belong together.

    Nothing is read, and no array is longer than what is stored of it can make: HDF5 itself takes what was never
    written for zeros, as many as a forged shape may ask for.
    """
    arrays = arrays_of(info)
    if missing := [name for name in arrays if name not in file]:
        raise InputError(f"{path}: {', '.join(missing)} not in it")
    frames, ctus = len(file["bits"]), len(file["ctu"])
    columns, rows = -(-info.width // info.ctu_size), -(-info.height // info.ctu_size)
    if not frames or ctus != frames * columns * rows:
        raise InputError(f"{path}: {ctus} CTUs are not {columns}x{rows} in each of {frames} frames")
    for name, array in arrays.items():
        there = file[name]
        shape = (frames if name in ("bits", "qp_used") else ctus, *array.item)
        if (there.shape, there.dtype) != (shape, array.dtype):
            raise InputError(f"{path}: {name} is {there.dtype} {there.shape}, not {array.dtype} {shape}")
        most = there.id.get_storage_size() * (DEFLATE_RATIO if there.compression else 1)
        if most < there.nbytes or there.is_virtual or there.external:
            raise InputError(f"{path}: {name} lacks a part of its {there.nbytes} bytes")
