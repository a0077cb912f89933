"""Measure what labels cost in J = SSE + lambda * bits, against the best of all modes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import Shard
from codecnn.intra.block_size import BlockSize
from codecnn.labels.rate_distortion import (
    CAP,
    CONTEXTS,
    lagrange_multiplier,
    level_counts,
    quantisation_step,
    quantised_dct,
)
from codecnn.labels.residuals import residuals_of
from codecnn.labels.tables import rate_distortion_tables


class Drawn(NamedTuple):
    """Hold the blocks of one frame for which the rate-distortion cost is measured."""

    frame: int
    blocks: np.ndarray  # (n, 4) as `gather_references` takes them
    best: np.ndarray  # (2, n, 3) uint8, the best modes by Hadamard and by DCT SATD


@dataclass(frozen=True)
class RateDistortion:
    """Hold the costs J of both labels, summed over the blocks; the least J is the cost of the best of all modes.

    A regret is the sum of J / the sum of the least J - 1. A difference is the sum of the Hadamard label minus the sum
    of the DCT label: above 0 where the DCT label is better.
    """

    blocks: int
    hadamard_regret: float
    dct_regret: float
    difference: float  # of J, as a share of the least J: that of the two regrets
    hadamard_top3_regret: float  # when J chooses among the three best modes by Hadamard SATD
    dct_top3_regret: float
    top3_difference: float
    sse_difference: float  # as a share of the DCT label's SSE
    bits_difference: float  # as a share of the DCT label's bits
    hadamard_better: float  # the share of blocks where the Hadamard label has the lower J
    dct_better: float


def rate_distortion(shard: Shard, size: BlockSize, drawn: Sequence[Drawn], bits: np.ndarray) -> RateDistortion:
    """Measure both labels of the drawn blocks of a shard.

    bits: of each magnitude, as `codecnn.labels.rate_distortion.bits_of_magnitudes` returns them.
    """
    lagrangian = lagrange_multiplier(shard.info.codec, shard.info.qp, _depth(shard))
    parts = [compare_costs(costs_of_modes(shard, size, some, bits), some.best, lagrangian) for some in drawn]
    blocks = sum(len(part) for part in parts)
    sums = np.sum([part.sum(0) for part in parts], axis=0).tolist()
    hadamard, dct, least, hadamard_top3, dct_top3, *split, hadamard_better, dct_better = sums
    hadamard_sse, dct_sse, hadamard_bits, dct_bits = split
    return RateDistortion(
        blocks=blocks,
        hadamard_regret=hadamard / least - 1,
        dct_regret=dct / least - 1,
        difference=(hadamard - dct) / least,
        hadamard_top3_regret=hadamard_top3 / least - 1,
        dct_top3_regret=dct_top3 / least - 1,
        top3_difference=(hadamard_top3 - dct_top3) / least,
        sse_difference=hadamard_sse / dct_sse - 1 if dct_sse else 0.0,
        bits_difference=hadamard_bits / dct_bits - 1,
        hadamard_better=hadamard_better / blocks,
        dct_better=dct_better / blocks,
    )


def compare_costs(costs: np.ndarray, best: np.ndarray, lagrangian: float) -> np.ndarray:
    """Compare the costs of both labels of every block: (n, 11) float64.

    costs: (2, n, modes), SSE and bits of all modes; best: (2, n, 3), the best modes by Hadamard and by DCT SATD.
    Columns: J of the Hadamard label, the DCT label, the best of all modes, the best of each three; SSE of the Hadamard
    and the DCT label, bits of the two; whether the Hadamard label has the lower J, whether the DCT label has.
    """
    sse, bits = costs
    j = sse + lagrangian * bits
    tried = [np.take_along_axis(j, modes.astype(int), axis=1) for modes in best]
    hadamard, dct = (costs_of[:, 0] for costs_of in tried)
    labels = [modes[:, :1].astype(int) for modes in best]
    split = [np.take_along_axis(part, label, axis=1)[:, 0] for part in (sse, bits) for label in labels]
    columns = hadamard, dct, j.min(1), tried[0].min(1), tried[1].min(1), *split, hadamard < dct, dct < hadamard
    return np.stack([column.astype(np.float64) for column in columns], axis=1)


def count_levels(shard: Shard, size: BlockSize, drawn: Sequence[Drawn]) -> np.ndarray:
    """Count the levels of drawn blocks, with both of their labels, as `level_counts` does."""
    counts = np.zeros((CONTEXTS, CAP + 1), np.int64)
    for some in drawn:
        planes = _planes(shard, some.frame)
        for best in some.best:
            residuals = residuals_of(*planes, some.blocks, size, _depth(shard), shard.info.mode_set, best[:, 0])
            levels, _ = quantised_dct(residuals, _step(shard))
            counts += level_counts(levels)
    return counts


def costs_of_modes(shard: Shard, size: BlockSize, drawn: Drawn, bits: np.ndarray) -> np.ndarray:
    """Return SSE and bits of the drawn blocks with all modes: (2, n, modes) float64, inf for a mode that cannot be."""
    planes, info = _planes(shard, drawn.frame), shard.info
    costs = rate_distortion_tables(
        *planes, drawn.blocks, size, _depth(shard), info.mode_set, info.ctu_size, _step(shard), bits
    )
    return costs.astype(np.float64)


def _planes(shard: Shard, frame: int) -> tuple[NDArray, NDArray]:
    """Return the luma of the original and of the picture with the references: (H, W) uint16 each."""
    names = "original", shard.info.label_references
    pictures = (convert_bit_depth(shard.picture(name, frame), _depth(shard)) for name in names)
    original, reference = (picture.y.astype(np.uint16) for picture in pictures)
    return original, reference


def _depth(shard: Shard) -> int:
    """Return the bit depth of the decoder, at which blocks are predicted and coded."""
    return shard.info.format_of("baseline").bit_depth


def _step(shard: Shard) -> float:
    return quantisation_step(shard.info.qp, _depth(shard))
