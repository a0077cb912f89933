"""Rank the modes of blocks: by networks, by their costs, by gradients, and by nothing."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codecnn.labels.gradient_histogram import gradient_histogram
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.models.blocks import Blocks, ModeNetwork
from codecnn.tasks.block_sites import Measure, Site
from codecnn.tasks.intra_mode import logits_of

MEASURE_NAMES: dict[Measure, str] = {"hadamard": "Hadamard SATD", "dct": "DCT SATD", "rd": "J"}
PLANAR, DC = 0, 1
SINGLE, CHANCE = {"planar": PLANAR, "DC": DC}, "random"
SPREAD = np.array([1, 2, 3, 2, 1]) / 9  # of a gradient over the modes that are near
PLANAR_SHARE, DC_SHARE = 6.5, 3.25  # amplitudes given to planar and DC, in means of the angular modes


class Ranking(NamedTuple):
    """Hold a way to rank modes: from a site and its costs, (measures, n, modes), to modes, (n, k), the best first.

    k is 1 for a single mode, else the number of all modes.
    """

    name: str
    rank: Callable[[Site, NDArray], NDArray]
    network: ModeNetwork | None = None
    single: bool = False


def rankings_of(
    networks: Sequence[tuple[str, ModeNetwork]], measures: Sequence[Measure], modes: ModeSet
) -> list[Ranking]:
    """Return the rankings that are compared: one mode, gradients, chance, the measures themselves, and networks."""
    return [
        *(Ranking(name, partial(always, mode), single=True) for name, mode in SINGLE.items()),
        Ranking(CHANCE, Chance(count_of(modes))),
        Ranking("gradient histogram", lambda site, costs: by_gradients(site.samples, modes)),
        *(Ranking(MEASURE_NAMES[measure], partial(by_cost, place)) for place, measure in enumerate(measures)),
        *(Ranking(name, partial(by_network, network), network) for name, network in networks),
    ]


def always(mode: int, site: Site, costs: NDArray) -> NDArray:
    """Return the same single mode for all blocks."""
    return np.full((costs.shape[1], 1), mode)


class Chance:
    """Rank modes at random, from a fixed seed."""

    def __init__(self, modes: int) -> None:
        self.modes, self.rng = modes, np.random.default_rng(0)

    def __call__(self, site: Site, costs: NDArray) -> NDArray:
        """Return a permutation for each block."""
        return descending(self.rng.random((costs.shape[1], self.modes)))


def by_cost(place: int, site: Site, costs: NDArray) -> NDArray:
    """Rank modes by their costs under one of the measures."""
    return descending(-costs[place])


def by_network(network: ModeNetwork, site: Site, costs: NDArray) -> NDArray:
    """Rank modes by the logits of a network."""
    return descending(logits_of(network, site))


def by_gradients(blocks: Blocks[NDArray], modes: ModeSet) -> NDArray:
    """Rank modes by the gradients in blocks and the references beside them: (n, modes).

    The amplitude of a mode is spread over the two on each side of it. Planar and DC take the place of modes with fixed
    shares of the whole amplitude. These shares had the least regret on photographs of the training.
    """
    amplitudes = gradient_histogram(with_references(blocks), modes)
    count = amplitudes.shape[1] - 2
    wide = np.pad(amplitudes[:, 2:], ((0, 0), (2, 2)))
    amplitudes[:, 2:] = sum(weight * wide[:, place : place + count] for place, weight in enumerate(SPREAD))
    mean = amplitudes[:, 2:].mean(1)
    amplitudes[:, PLANAR], amplitudes[:, DC] = PLANAR_SHARE * mean, DC_SHARE * mean
    return descending(amplitudes)


def with_references(blocks: Blocks[NDArray]) -> NDArray:
    """Return blocks with the row above and the column to the left of them: (n, N + 1, N + 1)."""
    side = blocks.original.shape[1]
    left, corner, top = np.split(blocks.references, (2 * side, 2 * side + 1), axis=1)
    row = np.concatenate((corner, top[:, :side]), 1)
    columns = np.concatenate((left[:, :side, None], blocks.original), 2)
    return np.concatenate((row[:, None], columns), 1)


def descending(scores: NDArray) -> NDArray:
    """Return modes in descending order of their scores, the lower of two that are equal first."""
    ranked: NDArray = np.argsort(-scores, 1, kind="stable")
    return ranked
