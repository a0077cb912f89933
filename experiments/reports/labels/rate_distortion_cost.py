"""Measure what labels cost in J = SSE + lambda * bits, against the best of all modes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import Shard
from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import ModeSet, count_of, reference_lines_of
from codecnn.labels.rate_distortion import (
    CAP,
    CONTEXTS,
    estimated_bits,
    lagrange_multiplier,
    level_counts,
    quantisation_step,
    quantised_dct,
)
from codecnn.labels.torch_engine.costs import gather_blocks, gather_references, predict
from codecnn.labels.torch_engine.stencils import Stencil, stencils_of

_CHUNK = 1 << 16  # samples predicted at a time, by all modes
_CPU = torch.device("cpu")


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
        for best in some.best:
            levels, _ = quantised_dct(residual_of_modes(shard, size, some, best[:, 0]), _step(shard))
            counts += level_counts(levels)
    return counts


def residual_of_modes(shard: Shard, size: BlockSize, drawn: Drawn, modes: np.ndarray) -> np.ndarray:
    """Return the residual of the drawn blocks, each with its mode of (n,): (n, height, width) int32."""
    residual = np.empty((len(modes), size.height, size.width), np.int32)
    planes = _planes(shard, drawn.frame)
    for reference_line in range(reference_lines_of(_mode_set(shard))):
        for stencil in _stencils(shard, size, reference_line):
            which = np.flatnonzero(modes == stencil.number)
            if which.size:
                residual[which] = _residual(shard, planes, drawn.blocks[which], size, reference_line, (stencil,))[:, 0]
    return residual


def costs_of_modes(shard: Shard, size: BlockSize, drawn: Drawn, bits: np.ndarray) -> np.ndarray:
    """Return SSE and bits of the drawn blocks with all modes: (2, n, modes) float64, inf for a mode that cannot be."""
    costs = np.full((2, len(drawn.blocks), count_of(_mode_set(shard))), np.inf)
    planes = _planes(shard, drawn.frame)
    at_once = max(1, _CHUNK // (size.width * size.height))
    for first in range(0, len(drawn.blocks), at_once):
        some = slice(first, first + at_once)
        for reference_line in range(reference_lines_of(_mode_set(shard))):
            stencils = _stencils(shard, size, reference_line)
            residual = _residual(shard, planes, drawn.blocks[some], size, reference_line, stencils)
            levels, sse = quantised_dct(residual, _step(shard))
            for table, found in zip(costs, (sse, estimated_bits(levels, bits)), strict=True):
                table[some, [stencil.number for stencil in stencils]] = found
    first_row = drawn.blocks[:, 1] % shard.info.ctu_size == 0  # where a decoder keeps only reference line 0
    costs[:, first_row, count_of("vvc-67") :] = np.inf
    return costs


def _residual(
    shard: Shard,
    planes: tuple[Tensor, Tensor],
    blocks: np.ndarray,
    size: BlockSize,
    reference_line: int,
    stencils: Sequence[Stencil],
) -> np.ndarray:
    """Return the residual of blocks with each stencil: (n, stencils, height, width) int32."""
    original, reference = planes
    where, depth = torch.from_numpy(blocks), _depth(shard)
    references = gather_references(reference, where, size, depth, reference_line)
    predicted = predict(references, stencils, size, depth, reference_line, strong=_mode_set(shard) == "hevc-35")
    residual: np.ndarray = (gather_blocks(original, where, size)[:, None] - predicted).numpy()
    return residual


def _planes(shard: Shard, frame: int) -> tuple[Tensor, Tensor]:
    """Return the luma of the original and of the picture with the references: (H, W) int32 each."""
    names = "original", shard.info.label_references
    pictures = (convert_bit_depth(shard.picture(name, frame), _depth(shard)) for name in names)
    original, reference = (picture.y.astype(np.int32) for picture in pictures)
    return torch.from_numpy(original), torch.from_numpy(reference)


def _stencils(shard: Shard, size: BlockSize, reference_line: int) -> tuple[Stencil, ...]:
    return stencils_of(_mode_set(shard), size, reference_line, _CPU)


def _mode_set(shard: Shard) -> ModeSet:
    return cast(ModeSet, shard.info.label_modes)


def _depth(shard: Shard) -> int:
    """Return the bit depth of the decoder, at which blocks are predicted and coded."""
    return shard.info.format_of("baseline").bit_depth


def _step(shard: Shard) -> float:
    return quantisation_step(shard.info.qp, _depth(shard))
