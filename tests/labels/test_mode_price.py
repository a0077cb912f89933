"""Test the price of modes against a plain computation, and the fit against entropies."""

import math
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from codecnn.intra.block_size import BlockSize
from codecnn.intra.mpm import hevc_mpms, vvc_mpms
from codecnn.labels.block_grid import block_grid
from codecnn.labels.mode_price import MpmPrice, Priced, fit_price, fixed, neighbour_classes, rank_classes
from codecnn.labels.mode_sets import ModeSet, count_of

GRID = block_grid(BlockSize(8, 8), (64, 72), 32)


def picture(modes: ModeSet, seed: int, ranks: int = 1, others: int = 0) -> Priced:
    rng = np.random.default_rng(seed)
    shape = len(GRID.blocks), count_of(modes) + others
    return Priced(GRID, rng.exponential(3, shape).astype(np.float32), rng.integers(0, ranks, shape).astype(np.uint8))


@pytest.mark.parametrize(("modes", "others"), [("vvc-67", 0), ("vvc-67", 2), ("hevc-35", 0)])
def test_decisions_follow_their_definition(modes: ModeSet, others: int) -> None:
    """Others: candidates without a mode, which as neighbours count as if they were missing."""
    given, count = picture(modes, 0, ranks=3, others=others), count_of(modes) + others
    given.costs[:, count_of(modes) :] -= 3
    rng, listed = np.random.default_rng(1), 6 if modes == "vvc-67" else 3
    price = MpmPrice(modes, rng.uniform(0.1, 5, (12, listed + 1, 3)), rng.uniform(0.1, 2, count))
    found = price.decide(given)
    chosen: list[int] = []
    absent = 0 if modes == "vvc-67" else 1
    for block, (left, above) in enumerate(GRID.for_mpm):
        around = [chosen[number] if number >= 0 else absent for number in (left, above)]
        around = [mode if mode < count_of(modes) else absent for mode in around]
        mpms = (vvc_mpms if modes == "vvc-67" else hevc_mpms)(*around)
        group = neighbour_classes(modes)[int(min(left, above) < 0), around[0], around[1]]
        scores = []
        for mode in range(count):
            place = mpms.index(mode) if mode in mpms else listed
            score = price.weights[group, place, given.ranks[block, mode]]
            scores.append(score if mode in mpms else score * price.rest[mode])
        bits = -np.log2(np.array(scores) / sum(scores))
        chosen.append(int(np.argmin(given.costs[block] + bits)))
        assert found.modes[block] == chosen[-1]
        assert found.bits[block] == pytest.approx(bits[chosen[-1]])
    assert {*range(count_of(modes), count)} <= {*chosen}


def entropy(counts: NDArray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def test_the_price_of_given_modes_is_their_entropy_by_class_and_place() -> None:
    """Planar or mode 20 by chance, on many pictures, cost what a count of the two in each class says."""
    rng = np.random.default_rng(0)
    pictures, modes = [], []
    for _ in range(20):
        modes.append(np.where(rng.random(len(GRID.blocks)) < 0.3, 20, 0))
        pictures.append(Priced(GRID, fixed(modes[-1], 67), np.zeros((len(GRID.blocks), 67), np.uint8)))
    price = fit_price("vvc-67", pictures)
    seen: dict[int, Counter[int]] = {}
    for chosen in modes:
        for block, (left, above) in enumerate(GRID.for_mpm):
            around = [chosen[number] if number >= 0 else 0 for number in (left, above)]
            group = int(neighbour_classes("vvc-67")[int(min(left, above) < 0), around[0], around[1]])
            seen.setdefault(group, Counter())[int(chosen[block])] += 1
    expected = sum(entropy(np.array([*c.values()])) * c.total() for c in seen.values())
    found = sum(price.decide(each).bits.sum() for each in pictures)
    assert found == pytest.approx(expected, rel=0.04)  # half a count is added to each of many weights


def test_fitting_lowers_the_whole_cost_and_ranks_that_tell_help() -> None:
    pictures = [picture("vvc-67", seed) for seed in range(4)]

    def whole(price: MpmPrice, of: list[Priced]) -> float:
        total = 0.0
        for each in of:
            decided = price.decide(each)
            total += each.costs[np.arange(len(each.costs)), decided.modes].sum() + decided.bits.sum()
        return total

    plain = fit_price("vvc-67", pictures)
    flat = MpmPrice("vvc-67", np.ones((12, 7, 1)), np.ones(67))
    assert whole(plain, pictures) < whole(flat, pictures)
    told = [each._replace(ranks=rank_classes(-each.costs)) for each in pictures]
    assert whole(fit_price("vvc-67", told), told) < 0.7 * whole(plain, pictures)


def test_fitting_goes_on_from_a_price() -> None:
    pictures = [picture("vvc-67", seed) for seed in range(2)]
    both = fit_price("vvc-67", pictures, rounds=3, start=fit_price("vvc-67", pictures, rounds=4))
    np.testing.assert_array_equal(both.weights, fit_price("vvc-67", pictures, rounds=7).weights)


def test_classes_of_neighbours() -> None:
    classes = neighbour_classes("vvc-67")[0]
    pairs = ((0, 0), (0, 1), (0, 30), (40, 40), (40, 44), (10, 50))
    assert [int(classes[pair]) for pair in pairs] == [0, 1, 2, 3, 4, 5]
    assert (classes == classes.T).all()


def test_ranks_are_in_classes_with_the_largest_first() -> None:
    likeness = np.arange(67, dtype=float)[None]
    classes = rank_classes(likeness)[0]
    assert classes[[66, 65, 64, 63, 62, 61]].tolist() == [0, 1, 2, 3, 3, 4]
    assert classes[0] == 8
    assert math.isclose(len(np.unique(classes)), 9)
