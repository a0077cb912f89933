"""Open a dataset file: read its attributes, and check that its arrays are those of a shard and agree with them."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from codecnn.codecs.qps import QPS
from codecnn.dataset import ctu
from codecnn.dataset.schema import (
    BITS,
    BLOCK_MAPS,
    DEFLATE_RATIO,
    FORMER_SCHEMA,
    FPS,
    LABEL_MAPS,
    OPTIONAL_SIGNALS,
    RD_MAPS,
    SCHEMA,
    SIGNALS,
    ShardInfo,
    arrays_of,
)
from codecnn.errors import InputError
from codecnn.io.validated import validated
from codecnn.labels.mode_sets import sizes_of


def read_info(path: Path, file: h5py.File) -> ShardInfo:
    """Return the attributes of an open file; InputError if they are of an unknown schema, or cannot be of a shard.

    A file of before is read as one of today's: it has all signals of the core at one bit depth, and labels by SATD or
    none.
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
    same = str(attributes.get("unfiltered_by", "")).startswith("the same bits")  # so they were described before
    stream = "same" if same else "unknown"
    former = {"rd_measure": "", "scan": "not stated", "coded_bit_depth": 0, "unfiltered_stream": stream}
    attributes = former | attributes
    values: dict[str, Any] = {}
    for field in fields(ShardInfo):
        if field.name not in attributes:
            raise InputError(f"{path}: attribute {field.name!r} is missing")
        values[field.name] = attributes[field.name]
    info = validated(ShardInfo, values, f"{path}: attribute")
    if not FPS.fullmatch(info.fps):
        raise InputError(f"{path}: {info.fps!r} is no frame rate")
    info.format.check(path)
    info.format_of("baseline").check(path)
    if 0 < info.coded_bit_depth <= info.bit_depth:
        raise InputError(f"{path}: {info.coded_bit_depth} coded bits of {info.bit_depth} cannot be")
    if info.label_references not in (*SIGNALS, "none") or info.qp not in QPS:
        raise InputError(f"{path}: labels from {info.label_references!r} or QP {info.qp} cannot be")
    if info.ctu_size not in (16, 32, 64, 128) or not 0 <= info.margin <= 64 or info.margin % 2:
        raise InputError(f"{path}: CTUs of {info.ctu_size} with a margin of {info.margin} cannot be")
    if unknown := [name for name in info.maps.split() if name not in BLOCK_MAPS]:
        raise InputError(f"{path}: maps by block {', '.join(unknown)} are not known")
    if {name in info.maps.split() for name in RD_MAPS} != {bool(info.rd_measure)}:
        raise InputError(
            f"{path}: labels by rate-distortion cost do not go with what is said of them, {info.rd_measure!r:.80}"
        )
    signals = info.signal_names
    if not set(SIGNALS) <= set(signals) <= {*SIGNALS, *OPTIONAL_SIGNALS} or len(set(signals)) < len(signals):
        raise InputError(f"{path}: signals {info.signals!r:.80} cannot be")
    if info.blocks and not set(info.blocks) <= set(sizes_of(info.mode_set)):
        raise InputError(f"{path}: labels of blocks of {info.label_sizes} cannot be with the modes {info.label_modes}")
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
        shape = (frames if name in (*BITS, "qp_used") else ctus, *array.item)
        if (there.shape, there.dtype) != (shape, array.dtype):
            raise InputError(f"{path}: {name} is {there.dtype} {there.shape}, not {array.dtype} {shape}")
        most = there.id.get_storage_size() * (DEFLATE_RATIO if there.compression else 1)
        if most < there.nbytes or there.is_virtual or there.external:
            raise InputError(f"{path}: {name} lacks a part of its {there.nbytes} bytes")


def check_numbers(path: Path, file: h5py.File, info: ShardInfo) -> None:
    """Raise InputError unless the CTUs, bits and QPs of an open file agree with its attributes and each other."""
    frames, attributes = len(file["bits"]), file.attrs
    if frames != attributes.get("frames"):
        raise InputError(f"{path}: {frames} frames are stored, the attributes say {attributes.get('frames')}")
    if used := sorted(set(file["qp_used"][:].tolist()) - {info.qp}):
        raise InputError(f"{path}: QP {', '.join(map(str, used[:9]))} was used, the attributes say {info.qp}")
    where = ctu.positions(info.height, info.width, info.ctu_size)
    expected = np.arange(frames).repeat(len(where)), *np.tile(where, (frames, 1)).T
    ctus = file["ctu"][:]
    if not all(np.array_equal(ctus[name], values) for name, values in zip(ctus.dtype.names, expected, strict=True)):
        raise InputError(f"{path}: the CTUs are not those of {frames} frames of {info.width}x{info.height}")
    for name in (name for name in BITS if name in arrays_of(info)):
        bits, total = file[name][:], attributes.get(f"total_{name}")
        if not 0 < bits.min() <= bits.max() <= info.most_bits:
            raise InputError(f"{path}: a frame of {bits.min()} or of {bits.max()} {name} cannot be")
        if bits.sum() != total:
            raise InputError(f"{path}: the {name} of the frames do not add up to {total}")
