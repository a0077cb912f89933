"""Measure how far the Hadamard and the DCT label of blocks agree, and what each costs under the other's measure."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.intra.block_size import SHAPES, BlockSize
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.labels.rate_distortion import bits_of_magnitudes
from command_line.progress import Progress
from experiments.reports.labels.agreement import compare, label_frame
from experiments.reports.labels.rate_distortion_cost import Drawn, RateDistortion, count_levels, rate_distortion


@dataclass(frozen=True)
class Row:
    """Hold one block size of one source at one QP; shares are 0..1.

    The regret of a label under a measure is the sum of its costs over the blocks / the sum of the least costs - 1.
    """

    source: str
    qp: int
    size: str
    blocks: int
    top1: float  # share of blocks whose labels are the same mode
    top3: float  # share of blocks whose DCT label is one of the three best modes by Hadamard SATD
    one_step: float  # share of blocks whose labels are the same, or angular, of one reference line and one apart
    tied: float  # share of blocks in which several modes have the least Hadamard SATD
    hadamard_regret: float  # of the Hadamard label under the DCT SATD
    dct_regret: float  # of the DCT label under the Hadamard SATD
    hadamard_modes: tuple[float, ...]  # share of blocks with each mode
    dct_modes: tuple[float, ...]
    rd: RateDistortion | None


class _Survey(NamedTuple):
    """Hold the measurements of a shard that do not need bits."""

    sums: np.ndarray  # (8,), of `compare`
    modes: np.ndarray  # (2, modes) int64, how often each is a label
    drawn: list[Drawn]


def measure_all(shards: Sequence[Shard], samples: int, seed: int) -> list[Row]:
    """Measure all sizes at all QPs; InputError if no block lies wholly inside of its picture."""
    jobs = []
    for size in SHAPES:
        of_size = [shard for shard in shards if size in shard.info.blocks and blocks_inside(shard, size)]
        jobs += [(size, [s for s in of_size if s.info.qp == qp]) for qp in sorted({s.info.qp for s in of_size})]
    if not jobs:
        raise InputError(f"{shards[0].path.parent}: no picture holds a block")
    rows: list[Row] = []
    with Progress(total=sum(len(chosen) for _, chosen in jobs), unit="file") as progress:
        for size, chosen in jobs:
            progress.set_description(f"blocks of {size}")
            rows += measure(chosen, size, samples, seed)
            progress.update(len(chosen))
    return rows


def measure(shards: Sequence[Shard], size: BlockSize, samples: int, seed: int) -> list[Row]:
    """Measure one block size of all shards of one QP, a row for each shard, in their order.

    samples: luma samples to draw from each shard for the rate-distortion cost, 0 for none; the same blocks of a source
    are drawn at every QP. The bits are estimated with probabilities that are counted over both labels of the drawn
    blocks of all shards. Raises InputError if the labels of a shard are not the ones that `label_picture` finds.
    """
    surveys = [_survey(shard, size, samples, seed) for shard in shards]
    both = list(zip(shards, surveys, strict=True))
    if not samples:
        return [_row(shard, size, survey, None) for shard, survey in both]
    counts = np.sum([count_levels(shard, size, survey.drawn) for shard, survey in both], axis=0)
    bits = bits_of_magnitudes(counts)
    return [_row(shard, size, survey, rate_distortion(shard, size, survey.drawn, bits)) for shard, survey in both]


def blocks_inside(shard: Shard, size: BlockSize) -> int:
    """Count the blocks of a size that lie wholly inside of a frame."""
    return (shard.info.width // size.width) * (shard.info.height // size.height)


def _survey(shard: Shard, size: BlockSize, samples: int, seed: int) -> _Survey:
    inside = blocks_inside(shard, size)
    wanted = min(inside * shard.frames, -(-samples // (size.width * size.height)))
    rng = np.random.default_rng([seed, zlib.crc32(shard.info.source.encode()), *size])
    chosen = np.sort(rng.choice(inside * shard.frames, wanted, replace=False))
    stored = shard.labels(size)
    survey = _Survey(np.zeros(8), np.zeros((2, count_of(cast(ModeSet, shard.info.label_modes))), np.int64), [])
    for frame in range(shard.frames):
        blocks, best, tables = label_frame(shard, stored, size, frame)
        survey.sums[:] += compare(tables, best).sum(0)
        for histogram, modes in zip(survey.modes, best, strict=True):
            histogram += np.bincount(modes[:, 0], minlength=len(histogram))
        here = chosen[chosen // inside == frame] - frame * inside
        survey.drawn.append(Drawn(frame, blocks[here], best[:, here]))
    return survey


def _row(shard: Shard, size: BlockSize, survey: _Survey, rd: RateDistortion | None) -> Row:
    blocks = int(survey.modes[0].sum())
    same, among, near, tied, dct_of_hadamard, least_dct, hadamard_of_dct, least_hadamard = survey.sums.tolist()
    hadamard_modes, dct_modes = (tuple((histogram / blocks).tolist()) for histogram in survey.modes)
    return Row(
        source=shard.info.source,
        qp=shard.info.qp,
        size=str(size),
        blocks=blocks,
        top1=same / blocks,
        top3=among / blocks,
        one_step=near / blocks,
        tied=tied / blocks,
        hadamard_regret=dct_of_hadamard / least_dct - 1 if least_dct else 0.0,  # no residual at all
        dct_regret=hadamard_of_dct / least_hadamard - 1 if least_hadamard else 0.0,
        hadamard_modes=hadamard_modes,
        dct_modes=dct_modes,
        rd=rd,
    )
