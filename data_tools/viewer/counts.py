"""Count what is in a dataset: files, frames, CTUs, and how often each mode is a label."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import LABEL_KINDS
from codecnn.intra.block_size import BlockSize
from codecnn.labels.label import NO_LABEL

MODES = 256  # that a map can hold


@dataclass
class Stored:
    """Count what is stored of one codec at one QP."""

    files: int = 0
    sources: set[str] = field(default_factory=set)
    frames: int = 0
    ctus: int = 0
    partial: int = 0  # CTUs at the edge of the picture
    bits: int = 0
    samples: int = 0  # luma samples of the pictures

    def add(self, shard: Shard) -> None:
        """Add a shard."""
        info = shard.info
        self.files += 1
        self.sources.add(info.source)
        self.frames += shard.frames
        self.ctus += len(shard)
        self.partial += int(
            np.count_nonzero((shard.ctus["width"] < info.ctu_size) | (shard.ctus["height"] < info.ctu_size))
        )
        self.bits += int(shard.bits.sum())
        self.samples += shard.frames * info.width * info.height


@dataclass
class Labelled:
    """Count the labels of the blocks of one size and mode set."""

    blocks: int = 0
    equal: int = 0  # of those, Hadamard and DCT SATD have the same best mode
    modes: dict[str, NDArray[np.int64]] = field(default_factory=lambda: defaultdict(lambda: np.zeros(MODES, np.int64)))

    def add(self, shard: Shard, size: BlockSize) -> None:
        """Add the labels of a shard; InputError if one cannot be."""
        stored = shard.maps(size)
        maps = {kind: stored[f"{kind}_mode"] for kind in LABEL_KINDS if f"{kind}_mode" in stored}
        inside = maps["hadamard"] != NO_LABEL
        self.blocks += int(inside.sum())
        self.equal += int((inside & (maps["hadamard"] == maps["dct"])).sum())
        for name, numbers in maps.items():
            self.modes[name] += np.bincount(numbers[inside], minlength=MODES)


@dataclass(frozen=True)
class Counts:
    """Hold all counts of a dataset."""

    stored: dict[tuple[str, int], Stored]  # by codec and QP
    labelled: dict[tuple[str, BlockSize], Labelled]  # by mode set and block size


def count(shards: Iterable[Shard]) -> Counts:
    """Count what is in shards; all of their labels are read, and no samples."""
    stored: dict[tuple[str, int], Stored] = defaultdict(Stored)
    labelled: dict[tuple[str, BlockSize], Labelled] = defaultdict(Labelled)
    for shard in shards:
        stored[shard.info.codec, shard.info.qp].add(shard)
        for size in shard.info.blocks:
            labelled[shard.info.label_modes, size].add(shard, size)
    return Counts(dict(sorted(stored.items())), dict(sorted(labelled.items())))
