"""Measure predictors on the blocks of pictures: their residuals, and what they gain as one more mode."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.intra.mip import mip_modes
from codecnn.tasks.block_sites import Site, Sites, lagrangian_of
from codecnn.tasks.intra_prediction import predictions_of
from command_line.progress import Progress
from experiments.reports.predictor.candidates import MODES, Costs, costs_of, costs_of_modes, j_of_matrices
from experiments.reports.predictor.choice import choose
from experiments.reports.predictor.networks import Named

BEST, PLANAR, DC = "best of 67 modes", "planar", "DC"
MIP, LINES = "MIP", "lines 1 and 2"
FLAG, INDEX = PRICES = "flag", "flag and index"


@dataclass(frozen=True)
class Residual:
    """Hold the residual of one prediction of the blocks of a picture: means per sample in the scale of 8 bit."""

    size: int
    source: str
    qp: int
    blocks: int
    prediction: str  # the name of a predictor or mode; of several predictions the best one by each measure
    hadamard_satd: float
    dct_satd: float
    mse: float
    j: float


@dataclass(frozen=True)
class Gain:
    """Hold what candidates beside the 67 modes change in J over all blocks of a picture."""

    size: int
    source: str
    qp: int
    candidates: str  # names of predictors, MIP and reference lines
    price: str  # one of PRICES
    chosen: float  # share of the blocks, 0..1, with one of the candidates
    change: float  # of J, 0.01 is one percent more


class Blocks(NamedTuple):
    """Hold what was measured on the blocks of one size of one file, or of a part of it."""

    shard: Shard
    residuals: dict[str, Costs]  # (n, 1) each, by the name of the prediction
    modes: NDArray  # (n,) J of the best of the 67 modes
    label: NDArray  # (n,) this mode
    candidates: dict[str, NDArray]  # (n,) J of the best candidate of each kind beside the modes


def measure(chosen: Sequence[Named], shards: Sequence[Shard], ctus: int) -> tuple[list[Residual], list[Gain]]:
    """Measure predictors on shards, size by size.

    ctus: of each file, spread evenly; 0 for all. InputError if no picture holds a block, or J cannot be computed.
    """
    for shard in shards:
        lagrangian_of(shard)
    sizes = sorted({named.size for named in chosen})
    jobs = [(size, shard) for size in sizes for shard in Sites(shards, size).shards if size <= smaller_side(shard)]
    residuals: list[Residual] = []
    gains: list[Gain] = []
    with Progress(total=len(jobs), unit="file") as progress:
        for size in sizes:
            progress.set_description(f"blocks of {size}")
            networks, found = [named for named in chosen if named.size == size], []
            for shard in (shard for its, shard in jobs if its == size):
                found.append(measure_file(shard, size, networks, ctus))
                residuals += residuals_of_file(found[-1], size)
                progress.update()
            for qp in sorted({blocks.shard.info.qp for blocks in found}):
                gains += gains_of([blocks for blocks in found if blocks.shard.info.qp == qp], size, networks)
    return residuals, gains


def smaller_side(shard: Shard) -> int:
    """Return the smaller of width and height."""
    return min(shard.info.width, shard.info.height)


def measure_file(shard: Shard, size: int, networks: Sequence[Named], ctus: int) -> Blocks:
    """Measure the blocks of one size of a file, or of some of its CTUs."""
    sites = Sites([shard], size)
    parts = [measure_site(sites.read(unit), networks) for unit in sites.spread(ctus or len(sites))]
    first = parts[0]
    return Blocks(
        shard,
        {
            name: Costs(*map(np.concatenate, zip(*(part.residuals[name] for part in parts), strict=True)))
            for name in first.residuals
        },
        np.concatenate([part.modes for part in parts]),
        np.concatenate([part.label for part in parts]),
        {name: np.concatenate([part.candidates[name] for part in parts]) for name in first.candidates},
    )


def measure_site(site: Site, networks: Sequence[Named]) -> Blocks:
    """Measure the blocks of a site."""
    modes, lines = costs_of_modes(site)
    predicted = {named.name: costs_of(predictions_of(named.network, site), site).least() for named in networks}
    candidates = {MIP: j_of_matrices(site).min(1), LINES: lines.min(1)}
    candidates |= {name: costs.j[:, 0] for name, costs in predicted.items()}
    residuals = {BEST: modes.least(), PLANAR: modes.of(0), DC: modes.of(1), **predicted}
    return Blocks(site.shard, residuals, modes.j.min(1), modes.j.argmin(1), candidates)


def residuals_of_file(blocks: Blocks, size: int) -> list[Residual]:
    """Return the row of each prediction of the blocks of a file."""
    info, count = blocks.shard.info, len(blocks.modes)
    return [
        Residual(size, info.source, info.qp, count, name, *(float(part.sum() / (count * size**2)) for part in costs))
        for name, costs in blocks.residuals.items()
    ]


def gains_of(found: Sequence[Blocks], size: int, networks: Sequence[Named]) -> list[Gain]:
    """Return what each kind of candidate gains in each file of one QP, at both prices; see the page."""
    modes = float(entropy(np.bincount(np.concatenate([blocks.label for blocks in found]), minlength=MODES)))
    index = {MIP: math.log2(2 * mip_modes(size, size)), LINES: 1 + modes}
    index |= {named.name: math.log2(named.network.config.predictions) for named in networks}
    names = [named.name for named in networks]
    sets = [(MIP,), (LINES,), (MIP, LINES), *((name,) for name in names), *((MIP, LINES, name) for name in names)]
    rows = []
    for blocks in found:
        info, lagrangian = blocks.shard.info, lagrangian_of(blocks.shard)
        for price in PRICES:
            bits = dict.fromkeys(index, 0.0) if price == FLAG else index
            before = blocks.modes + lagrangian * (0.0 if price == FLAG else modes)
            for kinds in sets:
                costs = np.stack([before, *(blocks.candidates[kind] + lagrangian * bits[kind] for kind in kinds)], 1)
                choice = choose(costs, lagrangian)
                change = choice.j / before.sum(dtype=np.float64) - 1
                chosen = float(choice.shares[1:].sum())
                rows.append(Gain(size, info.source, info.qp, " + ".join(kinds), price, chosen, change))
    return rows


def entropy(counts: NDArray) -> float:
    """Return the entropy of counts in bits."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
