"""Check a dataset file: its arrays against their checksums, and all numbers against each other."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

import h5py
import numpy as np

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import arrays_of
from codecnn.errors import InputError

_ROWS = 64  # read at a time


def fingerprint(shards: Sequence[Shard]) -> str:
    """Return the sha256 of what shards hold: of their attributes, and of the checksums of their arrays.

    It is the same for the same files in other folders, under other names, or in another order. Nothing is read again.
    """
    each = []
    for shard in shards:
        with h5py.File(shard.path, "r") as file:
            checksums = [file[name].attrs.get("sha256", "none") for name in arrays_of(shard.info)]
        each.append(hashlib.sha256(repr((astuple(shard.info), checksums)).encode()).digest())
    return hashlib.sha256(b"".join(sorted(each))).hexdigest()


def complaints(path: Path) -> Iterator[str]:
    """Say what is wrong with a dataset file, a line for each fault; nothing if it is as it was written.

    A damaged file raises no error: that is a complaint.
    """
    try:
        shard = Shard(path)
        with h5py.File(path, "r") as file:
            yield from _arrays(shard, file)
            for block_map in shard.info.block_maps:
                for size in block_map.sizes_in(shard.info):
                    name = block_map.array(size)
                    if wrong := block_map.count_wrong(file[name][:], size, shard.ctus, shard.info):
                        yield f"{name}: {wrong} blocks have {block_map.rule}"
    except InputError as error:
        yield str(error).removeprefix(f"{path}: ")
    except (ArithmeticError, OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        yield f"cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})"


def _arrays(shard: Shard, file: h5py.File) -> Iterator[str]:
    """Check that the rows of every array have the checksum that was taken of them, and samples fit the bit depth."""
    for name in arrays_of(shard.info):
        checksum, highest = hashlib.sha256(), 0
        signal = name.split("/")[0]
        peak = (1 << shard.info.bit_depth_of(signal)) - 1
        for start in range(0, len(file[name]), _ROWS):
            values = file[name][start : start + _ROWS]
            checksum.update(np.ascontiguousarray(values).data)
            if signal in shard.info.signal_names:
                highest = max(highest, int(values.max()))
        if checksum.hexdigest() != file[name].attrs.get("sha256"):
            yield f"{name} has another checksum than when it was written"
        if highest > peak:
            yield f"{name} has a sample of {highest}, above {peak}"
