"""The schema of a CTU dataset's files: their attributes, and the names, shapes and types of their arrays."""

import re
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

import h5py
import numpy as np

from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.video.picture import SCALES, VideoFormat

SCHEMA = "codecnn-ctu-3"
Signal = Literal["original", "baseline", "unfiltered"]
SIGNALS: tuple[Signal, ...] = ("original", "baseline", "unfiltered")
LABEL_FIELDS = ("hadamard_mode", "hadamard_cost", "dct_mode", "dct_cost")
FPS = re.compile(r"\d{1,9}(/[1-9]\d{0,8})?")
DEFLATE_RATIO = 1032  # what gzip makes smaller at most
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
    schema: str = SCHEMA

    @property
    def format(self) -> VideoFormat:
        """Of the pictures."""
        return VideoFormat(self.width, self.height, self.bit_depth, Fraction(self.fps), self.chroma)

    @property
    def planes(self) -> str:
        """The names of each signal's planes: "yuv", at 4:0:0 "y"."""
        return "yuv"[: len(SCALES[self.chroma])]

    @property
    def blocks(self) -> tuple[BlockSize, ...]:
        """The block sizes that have labels."""
        return tuple(BlockSize.of(text) for text in self.label_sizes.split())


class Array(NamedTuple):
    """One array of a shard, a row for each CTU or frame."""

    item: tuple[int, ...]  # shape of a row
    dtype: np.dtype
    chunk: int  # rows in a chunk


def arrays_of(info: ShardInfo) -> dict[str, Array]:
    """All arrays of a shard by their names."""
    arrays = {
        "ctu": Array((), CTU_DTYPE, 1024),
        "bits": Array((), np.dtype("<i8"), 1024),
        "qp_used": Array((), np.dtype("<i4"), 1024),
    }
    side = info.ctu_size + 2 * info.margin
    for signal in SIGNALS:
        for plane, (down, across) in zip(info.planes, SCALES[info.chroma], strict=True):
            arrays[f"{signal}/{plane}"] = Array((side // down, side // across), info.format.dtype, 1)
    for size in info.blocks:
        item = info.ctu_size // size.height, info.ctu_size // size.width
        for name in LABEL_FIELDS:
            kind = np.dtype("u1" if name.endswith("mode") else "<f4")
            arrays[f"labels/{size}/{name}"] = Array(item, kind, max(1, 4096 // (item[0] * item[1])))
    return arrays


def read_info(path: Path, file: h5py.File) -> ShardInfo:
    """The attributes of an open file; InputError if they are of another schema, or cannot be those of a shard."""
    schema = file.attrs.get("schema", "none")
    if schema != SCHEMA:
        raise InputError(f"{path}: schema {schema!r}, this version reads {SCHEMA!r}")
    values: dict[str, Any] = {}
    for field in fields(ShardInfo):
        if field.name not in file.attrs:
            raise InputError(f"{path}: attribute {field.name!r} is missing")
        value = file.attrs[field.name]
        values[field.name] = value.item() if isinstance(value, np.generic) else value
        if not isinstance(values[field.name], field.type):  # type: ignore[arg-type]
            raise InputError(f"{path}: attribute {field.name!r} is {value!r}, which is no {field.type.__name__}")  # type: ignore[union-attr]
    info = ShardInfo(**values)
    if not FPS.fullmatch(info.fps):
        raise InputError(f"{path}: {info.fps!r} is no frame rate")
    info.format.check(path)
    if info.label_references not in (*SIGNALS, "none") or not -64 <= info.qp <= 255:
        raise InputError(f"{path}: labels from {info.label_references!r} or QP {info.qp} cannot be")
    if info.ctu_size not in (16, 32, 64, 128) or not 0 <= info.margin <= 64 or info.margin % 2:
        raise InputError(f"{path}: CTUs of {info.ctu_size} with a margin of {info.margin} cannot be")
    if max(map(max, info.blocks), default=0) > info.ctu_size:
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
