"""Check a dataset file: its arrays against their checksums, and all numbers against each other."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from codecnn.dataset import ctu
from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import BlockMap, arrays_of
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import MODE_SETS

_ROWS = 64  # read at a time


def complaints(path: Path) -> Iterator[str]:
    """Say what is wrong with a dataset file, a line for each fault; nothing if it is as it was written.

    A damaged file raises no error: that is a complaint.
    """
    try:
        shard = Shard(path)
        with h5py.File(path, "r") as file:
            yield from _arrays(shard, file)
            yield from _numbers(shard, file)
            for block_map in shard.info.block_maps:
                for size in block_map.sizes_in(shard.info):
                    yield from _map(shard, block_map, size, file[block_map.array(size)][:])
    except InputError as error:
        yield str(error).removeprefix(f"{path}: ")
    except (ArithmeticError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        yield f"cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})"


def _arrays(shard: Shard, file: h5py.File) -> Iterator[str]:
    """Check that the rows of every array have the checksum that was taken of them, and samples fit the bit depth."""
    peak = (1 << shard.info.bit_depth) - 1
    for name in arrays_of(shard.info):
        checksum, highest = hashlib.sha256(), 0
        for start in range(0, len(file[name]), _ROWS):
            values = file[name][start : start + _ROWS]
            checksum.update(np.ascontiguousarray(values).data)
            if name.split("/")[0] in shard.info.signal_names:
                highest = max(highest, int(values.max()))
        if checksum.hexdigest() != file[name].attrs.get("sha256"):
            yield f"{name} has another checksum than when it was written"
        if highest > peak:
            yield f"{name} has a sample of {highest}, above {peak}"


def _numbers(shard: Shard, file: h5py.File) -> Iterator[str]:
    """Check that CTUs, bits and QPs agree with the attributes."""
    info = shard.info
    if shard.frames != file.attrs.get("frames"):
        yield f"{shard.frames} frames are stored, the attributes say {file.attrs.get('frames')}"
    if shard.bits.sum() != file.attrs.get("total_bits") or shard.bits.min() <= 0:
        yield f"the bits of the frames, from {shard.bits.min()} on, do not add up to {file.attrs.get('total_bits')}"
    if used := sorted(set(shard.qp_used.tolist()) - {info.qp}):
        yield f"QP {', '.join(map(str, used))} was used, the attributes say {info.qp}"
    where = ctu.positions(info.height, info.width, info.ctu_size)
    expected = [(frame, *map(int, row)) for frame in range(shard.frames) for row in where]
    if shard.ctus.tolist() != expected:
        yield f"the CTUs are not those of {shard.frames} frames of {info.width}x{info.height}"
    if info.label_sizes and info.label_modes not in MODE_SETS:
        yield f"labels of {info.label_modes!r}, which is no mode set"


def _map(shard: Shard, block_map: BlockMap, size: BlockSize, values: NDArray) -> Iterator[str]:
    """Check that blocks inside the picture have a valid value, all others the one that says so."""
    ctus = shard.ctus
    _, rows, columns = values.shape
    bottom = (np.arange(rows) + 1) * size.height
    right = (np.arange(columns) + 1) * size.width
    inside = (bottom <= ctus["height"][:, None])[:, :, None] & (right <= ctus["width"][:, None])[:, None]
    outside = np.isnan(values) if np.isnan(block_map.outside) else values == block_map.outside
    if wrong := np.count_nonzero(~np.where(inside, block_map.valid(values, shard.info), outside)):
        yield f"{block_map.array(size)}: {wrong} blocks have {block_map.rule}"
