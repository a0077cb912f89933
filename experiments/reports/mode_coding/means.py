"""Average what modes cost at a price over sources."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from codecnn.labels.mode_sets import ModeSet
from experiments.reports.mode_coding.measure import ENTROPY, Row
from experiments.reports.shared.intervals import Interval, interval_of
from experiments.reports.shared.means import grouped


@dataclass(frozen=True)
class Mean:
    """Hold what modes cost at a price and a QP."""

    size: int
    modes: ModeSet
    price: str
    qp: int
    blocks: int
    bits: float  # of a mode decided at the price of the MPMs, mean over all blocks
    own_bits: float  # of a mode decided at this price, mean over all blocks
    change: Interval | None  # of the whole cost against that at the price of the MPMs, in percent


def means_of(rows: Sequence[Row]) -> list[Mean]:
    """Return the means at each QP, in the order of the rows; an own entropy decides nothing."""
    found = []
    for (size, modes, price, qp), of_price in grouped(rows, "size", "modes", "price", "qp"):
        blocks = np.array([row.blocks for row in of_price])
        bits, own_bits = (float(np.average([getattr(row, n) for row in of_price], weights=blocks)) for n in _BITS)
        change = None if price == ENTROPY else interval_of([100 * row.change for row in of_price])
        found.append(Mean(size, modes, price, qp, int(blocks.sum()), bits, own_bits, change))
    return sorted(found, key=lambda mean: (mean.size, mean.modes))


_BITS = ("bits", "own_bits")
