"""Whether a dataset file holds what it says: its arrays against their checksums, and all numbers against each other."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from codecnn.dataset import ctu
from codecnn.dataset.schema import LABEL_FIELDS, SIGNALS, arrays_of
from codecnn.dataset.store import Shard
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import MODE_SETS, count_of
from codecnn.labels.search import NO_LABEL

_ROWS = 64  # read at a time


def complaints(path: Path) -> Iterator[str]:
    """What is wrong with a dataset file, a line for each fault; nothing if it is as it was written.

    Raises nothing for a damaged file: that is a complaint.
    """
    try:
        shard = Shard(path)
        with h5py.File(path, "r") as file:
            yield from _arrays(shard, file)
            yield from _numbers(shard, file)
            for size in shard.info.blocks:
                yield from _labels(shard, size)
    except InputError as error:
        yield str(error).removeprefix(f"{path}: ")
    except (ArithmeticError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        yield f"cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})"


def _arrays(shard: Shard, file: h5py.File) -> Iterator[str]:
    """The rows of every array have the checksum that was taken of them, and samples fit the bit depth."""
    peak = (1 << shard.info.bit_depth) - 1
    for name in arrays_of(shard.info):
        checksum, highest = hashlib.sha256(), 0
        for start in range(0, len(file[name]), _ROWS):
            values = file[name][start : start + _ROWS]
            checksum.update(np.ascontiguousarray(values).data)
            if name.split("/")[0] in SIGNALS:
                highest = max(highest, int(values.max()))
        if checksum.hexdigest() != file[name].attrs.get("sha256"):
            yield f"{name} has another checksum than when it was written"
        if highest > peak:
            yield f"{name} has a sample of {highest}, above {peak}"


def _numbers(shard: Shard, file: h5py.File) -> Iterator[str]:
    """CTUs, bits and QPs are those that the attributes make expect."""
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


def _labels(shard: Shard, size: BlockSize) -> Iterator[str]:
    """Blocks inside the picture have a mode of the set and a cost, all others have none."""
    ctus, labels = shard.ctus, shard.labels(size)
    _, rows, columns = labels.hadamard_mode.shape
    bottom = (np.arange(rows) + 1) * size.height
    right = (np.arange(columns) + 1) * size.width
    inside = (bottom <= ctus["height"][:, None])[:, :, None] & (right <= ctus["width"][:, None])[:, None]
    modes = next((mode_set for mode_set in MODE_SETS if mode_set == shard.info.label_modes), MODE_SETS[0])
    for mode, cost, name in (
        (labels.hadamard_mode, labels.hadamard_cost, LABEL_FIELDS[0]),
        (labels.dct_mode, labels.dct_cost, LABEL_FIELDS[2]),
    ):
        if wrong := np.count_nonzero(~np.where(inside, mode < count_of(modes), mode == NO_LABEL)):
            yield f"labels/{size}/{name}: {wrong} blocks have a mode out of range, or not where the picture is"
        if wrong := np.count_nonzero(~np.where(inside, cost >= 0, np.isnan(cost))):
            name = name.replace("mode", "cost")
            yield f"labels/{size}/{name}: {wrong} blocks have a cost below 0, or not where the picture is"
