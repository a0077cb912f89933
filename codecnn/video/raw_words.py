"""Look at the bytes of a raw file: whether they are samples of 8 bit, or the halves of 16-bit words."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codecnn.errors import InputError

CHUNK = 1 << 22


@dataclass(frozen=True)
class Depths:
    """Hold which of 8, 10 and 12 bit the samples of a planar file may have, and its largest 16-bit word."""

    possible: frozenset[int] = frozenset((8, 10, 12))
    largest: int = 0


def possible_depths(path: Path, whole: bool) -> Depths:
    """Return which bit depths the samples of a planar file may have.

    At 10 (12) bit every second byte is at most 3 (15). Nothing can be said if the bytes between are not larger. Reads
    the first 4 MiB, or the whole file if `whole` and it is above 8 bit. Raises InputError if words are big-endian, or
    hold their samples in their upper bits, and if the bytes are of two kinds.
    """
    low = high = np.zeros(256, bool)  # which values the first and the second byte of a word have
    largest = 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            halves = np.frombuffer(data[: len(data) // 2 * 2], np.uint8).reshape(-1, 2)
            low = low | (np.bincount(halves[:, 0], minlength=256) > 0)
            high = high | (np.bincount(halves[:, 1], minlength=256) > 0)
            largest = max(largest, int(halves.view("<u2").max(initial=0)))
            if high[16:].any() or not whole:
                break
    if high[16:].any():
        if not low[16:].any():
            raise InputError(f"{path}: its 16-bit words seem to be big-endian; --pixel-format says what it is")
        if not low[np.arange(256) % 16 != 0].any() and high.sum() >= 32:
            raise InputError(f"{path}: its samples seem to lie in the upper bits of 16-bit words, as in p010; "
                "--pixel-format says what it is")  # fmt: skip
        if _take_turns(halves.reshape(-1)):
            raise InputError(f"{path}: its bytes are no planes of 8 bit, they may be packed or of 16 bit; "
                "--pixel-format says what it is")  # fmt: skip
        return Depths(frozenset((8,)))
    if not low[16:].any():
        return Depths()
    return Depths(frozenset((12,) if high[4:].any() else (10,) if whole else (10, 12)), largest)


def _take_turns(data: NDArray) -> bool:
    """Return whether bytes of two, three or four kinds take turns, as in words and in packed samples.

    A byte is then more like that of its kind in the next group than like its neighbour, while in planes neighbours are
    most alike.
    """
    for period in (2, 3, 4):
        kinds = data[: len(data) // period * period].reshape(-1, period).T.astype(np.float32)
        next_group = max(_correlation(kind[:-1], kind[1:]) for kind in kinds)
        neighbour = min(_correlation(kind, other) for kind, other in pairwise(kinds))
        if next_group > 0.5 and neighbour < next_group - 0.2:
            return True
    return False


def _correlation(x: NDArray, y: NDArray) -> float:
    """Return the coefficient of correlation; 1 if there is none, as of constants."""
    deviations = x.std() * y.std()
    return float(((x - x.mean()) * (y - y.mean())).mean() / deviations) if deviations else 1.0
