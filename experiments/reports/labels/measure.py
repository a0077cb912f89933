"""How far the Hadamard and the DCT label of blocks agree, and what each costs under the other's measure."""

import math
import os
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean, stdev
from typing import NamedTuple, cast

import numpy as np
from scipy.stats import t as student

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import LABEL_MAPS
from codecnn.errors import InputError
from codecnn.intra.block_size import BlockSize
from codecnn.labels.label import SizeLabels
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.labels.rate_distortion import bits_of_magnitudes
from codecnn.labels.search import blocks_of, label_picture
from experiments.reports.labels.regret import Drawn, RateDistortion, count_levels, rate_distortion

_BEST = 3  # modes that are found of each block


@dataclass(frozen=True)
class Row:
    """One block size of one source at one QP; shares are 0..1.

    The regret of a label under a measure is the sum of its costs over the blocks / the sum of the least costs - 1.
    """

    source: str
    qp: int
    size: str
    blocks: int
    top1: float  # share of blocks whose labels are the same mode
    top3: float  # whose DCT label is one of the three best modes by Hadamard SATD
    one_step: float  # whose labels are the same, or both angular, of the same reference line, and one apart
    tied: float  # whose least Hadamard SATD is that of several modes
    hadamard_regret: float  # of the Hadamard label under the DCT SATD
    dct_regret: float  # of the DCT label under the Hadamard SATD
    hadamard_modes: tuple[float, ...]  # share of blocks with each mode
    dct_modes: tuple[float, ...]
    rd: RateDistortion | None


class Interval(NamedTuple):
    """A mean over sequences and half the width of its 95 % t-interval, None for a single sequence."""

    mean: float
    half: float | None
    sequences: int


def interval(rows: Sequence[Row], statistic: str) -> Interval:
    """A statistic of rows, such as "top1" or "rd.difference"; a sequence counts once, with the mean of its rows."""
    of_source: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        of_source[row.source].append(attrgetter(statistic)(row))
    values = [fmean(found) for found in of_source.values()]
    n = len(values)
    half = float(student.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n) if n > 1 else None
    return Interval(fmean(values), half, n)


class _Labelled(NamedTuple):
    """The blocks of one frame that lie wholly inside, in raster order."""

    blocks: np.ndarray  # (N, 4) as `gather_references` takes them
    best: np.ndarray  # (2, N, _BEST) uint8, the best modes by Hadamard and by DCT SATD
    tables: np.ndarray  # (2, N, modes) float32, the costs of all modes


class _Survey(NamedTuple):
    """What is known of a shard before any bits are."""

    sums: np.ndarray  # (8,), of `compare`
    modes: np.ndarray  # (2, modes) int64, how often each is a label
    drawn: list[Drawn]


def measure(shards: Sequence[Shard], size: BlockSize, samples: int, seed: int) -> list[Row]:
    """The rows of all shards of one QP, in their order; they have blocks of that size.

    samples: luma samples to draw of each shard for the rate-distortion cost, 0 for none; of a source the same blocks
    at every QP. The probabilities that the bits come from are counted over both labels of the drawn blocks of all
    shards. Raises InputError if the labels of a shard are not those that `label_picture` finds.
    """
    surveys = [_survey(shard, size, samples, seed) for shard in shards]
    both = list(zip(shards, surveys, strict=True))
    if not samples:
        return [_row(shard, size, survey, None) for shard, survey in both]
    counts = np.sum([count_levels(shard, size, survey.drawn) for shard, survey in both], axis=0)
    bits = bits_of_magnitudes(counts)
    return [_row(shard, size, survey, rate_distortion(shard, size, survey.drawn, bits)) for shard, survey in both]


def blocks_inside(shard: Shard, size: BlockSize) -> int:
    """How many blocks of a size lie wholly inside of a frame."""
    return (shard.info.width // size.width) * (shard.info.height // size.height)


def _survey(shard: Shard, size: BlockSize, samples: int, seed: int) -> _Survey:
    inside = blocks_inside(shard, size)
    wanted = min(inside * shard.frames, -(-samples // (size.width * size.height)))
    rng = np.random.default_rng([seed, zlib.crc32(shard.info.source.encode()), *size])
    chosen = np.sort(rng.choice(inside * shard.frames, wanted, replace=False))
    stored = shard.labels(size)
    survey = _Survey(np.zeros(8), np.zeros((2, count_of(cast(ModeSet, shard.info.label_modes))), np.int64), [])
    for frame in range(shard.frames):
        blocks, best, tables = _label(shard, stored, size, frame)
        survey.sums[:] += compare(tables, best).sum(0)
        for histogram, modes in zip(survey.modes, best, strict=True):
            histogram += np.bincount(modes[:, 0], minlength=len(histogram))
        here = chosen[chosen // inside == frame] - frame * inside
        survey.drawn.append(Drawn(frame, blocks[here], best[:, here]))
    return survey


def compare(tables: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Both labels of every block side by side: (N, 8) float64.

    tables: (2, N, modes), the costs of all modes by Hadamard and by DCT SATD; best: (2, N, 3), the best modes by each.
    Columns: same mode, DCT label among the three best by Hadamard, within one step, several modes with the least
    Hadamard cost (each 0 or 1); DCT cost of the Hadamard and of the DCT label, Hadamard cost of the DCT and of the
    Hadamard label.
    """
    hadamard, dct = (modes[:, 0].astype(int) for modes in best)
    angular = (hadamard % count_of("vvc-67") >= 2) & (dct % count_of("vvc-67") >= 2)
    block = np.arange(len(hadamard))
    columns = (
        hadamard == dct,
        (best[0] == dct[:, None]).any(1),
        (hadamard == dct) | (angular & (abs(hadamard - dct) <= 1)),  # two angular ones of different lines are further
        (tables[0] == tables[0].min(1, keepdims=True)).sum(1) > 1,
        tables[1, block, hadamard],
        tables[1, block, dct],
        tables[0, block, dct],
        tables[0, block, hadamard],
    )
    return np.stack([column.astype(np.float64) for column in columns], axis=1)


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


def _label(shard: Shard, stored: SizeLabels, size: BlockSize, frame: int) -> _Labelled:
    """Label one frame again; InputError if other labels are stored."""
    info = shard.info
    names = "original", info.label_references
    original, reference = (shard.picture(name, frame).y for name in names)
    modes = cast(ModeSet, info.label_modes)
    common = info.bit_depth, (size,), info.ctu_size, modes, _BEST
    found = label_picture(original, reference, *common, tables=True, threads=os.cpu_count() or 1)[size]
    if not _holds(shard, stored, frame, found):
        raise InputError(f"{shard.path}: labels of {size} that this version does not find; build the file again")
    assert found.tables is not None
    grid = info.height // size.height, info.width // size.width
    best, tables = (
        np.stack([part[: grid[0], : grid[1]].reshape(grid[0] * grid[1], -1) for part in parts])
        for parts in ((found.hadamard_mode, found.dct_mode), (found.tables.hadamard, found.tables.dct))
    )
    return _Labelled(blocks_of(grid, size, original.shape, info.ctu_size), best, tables)


def _holds(shard: Shard, stored: SizeLabels, frame: int, found: SizeLabels) -> bool:
    """Whether the stored labels of a frame, CTU by CTU, are the best of those found."""
    across, count = -(-shard.info.width // shard.info.ctu_size), len(shard) // shard.frames
    for name in LABEL_MAPS:
        ctus = getattr(stored, name)[frame * count : (frame + 1) * count]  # (CTUs, rows, columns)
        best = getattr(found, name)[..., 0]
        blocks = ctus.reshape(-1, across, *ctus.shape[1:]).swapaxes(1, 2).reshape(best.shape)
        if not np.array_equal(blocks, best, equal_nan=True):
            return False
    return True
