"""Measure the blocks of a file: the costs of the modes, of matrices, of reference lines, and of predictors."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.dataset.reader import Shard
from codecnn.tasks.block_sites import Site, Sites
from codecnn.tasks.intra_prediction import predictions_of
from experiments.reports.predictor.candidates import Costs, costs_of, costs_of_modes, j_of_matrices
from experiments.reports.predictor.networks import Named

BEST, PLANAR, DC = "best of 67 modes", "planar", "DC"
MIP, LINES = "MIP", "lines 1 and 2"


class Blocks(NamedTuple):
    """Hold what was measured on the blocks of one size of one file, or of a part of it."""

    residuals: dict[str, Costs]  # (n, 1) each, by the name of the prediction
    modes: NDArray  # (n, 67) J of the modes
    candidates: dict[str, NDArray]  # (n, candidates) J of each kind beside the modes


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
