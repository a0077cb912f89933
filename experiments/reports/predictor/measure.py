"""Measure predictors on the blocks of pictures: their residuals, and what they gain as one more mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.tasks.block_sites import Site, Sites, lagrangian_of
from codecnn.tasks.intra_prediction import predictions_of
from command_line.progress import Progress
from experiments.reports.predictor.candidates import Costs, costs_of, costs_of_modes, j_of_matrices
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

    residuals: dict[str, Costs]  # (n, 1) each, by the name of the prediction
    modes: NDArray  # (n, 67) J of the modes
    candidates: dict[str, NDArray]  # (n, candidates) J of each kind beside the modes


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
        for size, shard in jobs:
            progress.set_description(f"blocks of {size}")
            networks = [named for named in chosen if named.size == size]
            blocks = measure_file(shard, size, networks, ctus)
            residuals += residuals_of(blocks, shard, size)
            gains += gains_of(blocks, shard, size, [named.name for named in networks])
            progress.update()
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
        {
            name: Costs(*map(np.concatenate, zip(*(part.residuals[name] for part in parts), strict=True)))
            for name in first.residuals
        },
        np.concatenate([part.modes for part in parts]),
        {name: np.concatenate([part.candidates[name] for part in parts]) for name in first.candidates},
    )


def measure_site(site: Site, networks: Sequence[Named]) -> Blocks:
    """Measure the blocks of a site."""
    modes, lines = costs_of_modes(site)
    predicted = {named.name: costs_of(predictions_of(named.network, site), site) for named in networks}
    residuals = {BEST: modes.least(), PLANAR: modes.of(0), DC: modes.of(1)}
    residuals |= {name: costs.least() for name, costs in predicted.items()}
    candidates = {MIP: j_of_matrices(site), LINES: lines, **{name: costs.j for name, costs in predicted.items()}}
    return Blocks(residuals, modes.j, candidates)


def residuals_of(blocks: Blocks, shard: Shard, size: int) -> list[Residual]:
    """Return the row of each prediction of the blocks of a file."""
    info, count = shard.info, len(blocks.modes)
    return [
        Residual(size, info.source, info.qp, count, name, *(float(part.sum() / (count * size**2)) for part in costs))
        for name, costs in blocks.residuals.items()
    ]


def gains_of(blocks: Blocks, shard: Shard, size: int, names: Sequence[str]) -> list[Gain]:
    """Return what each kind of candidate gains in a file, at both prices; see `choose`.

    FLAG: only the best candidate of each kind is there, so that nothing is paid but for the kind.
    """
    sets = [(MIP,), (LINES,), (MIP, LINES), *((name,) for name in names), *((MIP, LINES, name) for name in names)]
    info, lagrangian = shard.info, lagrangian_of(shard)
    rows = []
    for price in PRICES:
        every = {"": blocks.modes, **blocks.candidates}
        tables = {kind: j.min(1, keepdims=True) if price == FLAG else j for kind, j in every.items()}
        before = choose([tables[""]], lagrangian).j
        for kinds in sets:
            choice = choose([tables[""], *(tables[kind] for kind in kinds)], lagrangian)
            chosen, change = float(choice.shares[1:].sum()), choice.j / before - 1
            rows.append(Gain(size, info.source, info.qp, " + ".join(kinds), price, chosen, change))
    return rows
