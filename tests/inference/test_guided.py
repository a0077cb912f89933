"""Test weights of residuals by unit: the choice against all levels there are, the code, and the decoder's picture."""

import math
from collections import defaultdict
from itertools import islice, product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codecnn.errors import InputError
from codecnn.inference.arithmetic import PRECISION
from codecnn.inference.chroma import filter_chroma
from codecnn.inference.filtering import Conditions, Way, filter_picture
from codecnn.inference.guided.choice import UnitSums, choose
from codecnn.inference.guided.chroma import guide_chroma
from codecnn.inference.guided.code import START, Context, Counts, Levels, decode, encode
from codecnn.inference.guided.guide import apply, guidable, guide, residuals_of
from codecnn.inference.guided.levels import MOST, STEP, weights_of
from codecnn.inference.refit.statistics import refittable
from codecnn.models.chroma_rdn import ChromaRdn, ChromaRdnConfig
from codecnn.models.in_loop_filter import Input
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights import load_weights
from codecnn.video.picture import Picture, Plane
from tests.pictures import photograph
from tests.small_data import coded

MULTIPLIER = 60 / 255**2
ALL = range(-MOST, MOST + 1)


def network(residuals: int = 2, read: Input = "both") -> Rdn:
    torch.manual_seed(0)
    model = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4, residuals=residuals, input=read)).eval()
    with torch.no_grad():
        model.last.weight.normal_(std=4e-3)
    return model


def pictures(name: str = "coffee", bit_depth: int = 8) -> tuple[Plane, Picture, Picture]:
    original = photograph(name, 77, 91, bit_depth)
    return original.y, coded(original, 1.0), coded(original, 0.8)


def random_levels(shape: tuple[int, int, int], seed: int) -> Levels:
    chance = np.random.default_rng(seed)
    return chance.integers(-MOST, MOST + 1, shape) * (chance.random(shape) < 0.5)


def plain_bits(levels: Levels, units: int | None = None) -> float:
    """The information of levels, or of the first units, written down slowly from what the code is said to be."""
    ones: dict[object, int] = defaultdict(int)
    seen: dict[object, int] = defaultdict(int)
    total = 0.0
    for (row, column, residual), level in islice(np.ndenumerate(levels), units and units * levels.shape[2]):
        left = levels[row, column - 1, residual] if column > 0 else 0
        above = levels[row - 1, column, residual] if row > 0 else 0
        taken: list[tuple[str, int, bool]] = [("other", [left, above].count(0), level != 0)]
        if level != 0:
            taken.append(("below", int(np.sign(left + above)), bool(level < 0)))
            taken += [("on", magnitude, bool(magnitude < abs(level))) for magnitude in range(1, MOST)][: abs(level)]
        for kind, known, decision in taken:
            key = residual, kind, known
            start = START[kind]
            one = (ones[key] + start[0]) / (seen[key] + sum(start))
            one = math.floor(one * 2**PRECISION) / 2**PRECISION
            total -= math.log2(one if decision else 1 - one)
            ones[key] += decision
            seen[key] += 1
    return total


@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 6, 2), (9, 7, 4)])
def test_levels_are_decoded_and_cost_what_the_counts_tell(shape: tuple[int, int, int]) -> None:
    for levels in (random_levels(shape, 1), np.zeros(shape, np.int64), np.full(shape, -MOST)):
        bits = encode(levels)
        decoded = decode(bits, shape)
        assert decoded is not None
        assert np.array_equal(decoded, levels)
        again = decode([*bits, 1, 0, 1], shape)  # what follows belongs to others
        assert again is not None
        assert np.array_equal(again, levels)
        told = plain_bits(levels) + 1
        assert told <= len(bits) <= told + 2.01
    assert encode(None) == [0]
    assert decode([0], shape) is None


def test_the_code_adapts() -> None:
    """A level that all units share costs little, and one that surprises costs more."""
    same = np.full((8, 8, 1), 2)
    assert len(encode(same)) < 64 * 0.6
    assert len(encode(random_levels((8, 8, 1), 2))) > 64 * 1.5


def test_a_decision_that_was_never_made_can_still_be_coded() -> None:
    counts, context = Counts(), Context(0, "other", 0)
    for _ in range(1 << 15):
        counts.add(context, 0)
    assert counts.probability(context) == 1
    assert counts.price(context, 1) == pytest.approx(15)


def random_sums(residuals: int, seed: int) -> list[list[UnitSums]]:
    chance = np.random.default_rng(seed)
    scale = np.array([1, 0.5, 0.3, 0.2])[:residuals, None, None] / 255

    def unit() -> UnitSums:
        inputs = chance.normal(size=(residuals, 8, 9)) * scale
        wanted = np.tensordot(chance.uniform(-1, 1, residuals), inputs, 1)
        return UnitSums.of(inputs, wanted + chance.normal(size=(8, 9)) / 255)

    return [[unit() for _ in range(3)] for _ in range(2)]


def squared(sums: UnitSums, levels: NDArray) -> float:
    change = levels * STEP
    return float(change @ sums.gram @ change - 2 * sums.moment @ change)


@pytest.mark.parametrize("residuals", [1, 2])
@pytest.mark.parametrize("multiplier", [0.0, MULTIPLIER / 40, MULTIPLIER / 8])
def test_each_unit_has_the_best_of_all_levels(residuals: int, multiplier: float) -> None:
    sums = random_sums(residuals, 1)
    chosen = choose(sums, multiplier)
    assert chosen is not None
    assert chosen.any()
    levels, total = np.zeros_like(chosen), 0.0
    for unit, (row, column) in enumerate(product(range(2), range(3)), 1):
        costs = {}
        for candidate in product(range(-MOST, MOST + 1), repeat=residuals):
            levels[row, column] = candidate
            costs[candidate] = squared(sums[row][column], levels[row, column]) + multiplier * plain_bits(levels, unit)
        levels[row, column] = chosen[row, column]
        assert costs[tuple(chosen[row, column].tolist())] <= min(costs.values()) + 1e-12
        total += squared(sums[row][column], chosen[row, column])
    assert total + multiplier * plain_bits(chosen) < 0


def test_levels_that_do_not_pay_are_not_sent() -> None:
    assert choose(random_sums(2, 1), 1.0) is None


def test_without_a_price_the_choice_is_that_of_least_squares() -> None:
    """Weights on the grid are found again, by numpy's solution and by the choice."""
    chance = np.random.default_rng(4)
    inputs = chance.normal(size=(3, 16, 16))
    levels = np.array([-MOST, 2, MOST])
    error = np.tensordot(levels * STEP, inputs, 1) + chance.normal(size=(16, 16)) / 100
    best = np.linalg.lstsq(inputs.reshape(3, -1).T, error.ravel(), rcond=None)[0]
    assert np.array_equal((best / STEP).round(), levels)
    sums = UnitSums.of(inputs, error)
    np.testing.assert_allclose(np.linalg.solve(sums.gram, sums.moment), best, rtol=1e-9)
    chosen = choose([[sums]], 0.0)
    assert chosen is not None
    assert np.array_equal(chosen[0, 0], levels)


def test_weights() -> None:
    assert np.array_equal(
        weights_of(np.array([[0, 0, 0], [-4, 0, 0], [4, -1, 2]])), np.array([[1, 0, 0], [0, 0, 0], [2, -0.25, 0.5]])
    )


@pytest.mark.parametrize("read", ["both", "unfiltered"])
@pytest.mark.parametrize("way", ["ctu", "picture"])
def test_residuals_are_those_of_networks_of_their_own(read: Input, way: Way) -> None:
    model, (_, baseline, unfiltered) = network(2, read), pictures()
    found = residuals_of(model, baseline, unfiltered, Conditions(37, 32, way))
    picture = unfiltered if read == "unfiltered" else baseline
    for place in range(2):
        single = network(1, read)
        tensors = model.state_dict()
        single.load_state_dict(
            tensors | {name: tensors[name][place : place + 1] for name in ("last.weight", "last.bias")}
        )
        expected = filter_picture(single, baseline, unfiltered, 37, 32, way)
        assert np.array_equal((picture.y + found[place]).round().clip(0, 255), expected)


@pytest.mark.parametrize("read", ["both", "unfiltered"])
def test_weights_are_applied_unit_by_unit(read: Input) -> None:
    """Sample by sample, in a picture whose last units are cut off."""
    model, (_, baseline, unfiltered) = network(2, read), pictures(bit_depth=10)
    picture = unfiltered if read == "unfiltered" else baseline
    residuals = residuals_of(model, baseline, unfiltered, Conditions(37, 32)) * 20
    levels = random_levels((3, 3, 2), 5)
    levels[0, 0], levels[2, 2] = (0, 0), (-MOST, 0)
    filtered = apply(residuals, picture.y, 10, levels, 32)
    assert filtered.dtype == picture.y.dtype
    for (y, x), sample in np.ndenumerate(filtered):
        first, second = levels[y // 32, x // 32] / 4
        value = int(picture.y[y, x]) + (1 + first) * residuals[0, y, x] + second * residuals[1, y, x]
        assert sample == min(max(round(value), 0), 1023)
    assert np.array_equal(filtered[64:, 64:], picture.y[64:, 64:])  # switched off


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("way", ["ctu", "picture"])
@pytest.mark.parametrize("residuals", [1, 2])
def test_the_decoder_makes_the_picture_of_the_encoder(way: Way, bit_depth: int, residuals: int) -> None:
    model, frame, conditions = network(residuals), pictures(bit_depth=bit_depth), Conditions(37, 32, way)
    found = guide(model, *frame, conditions, 32, MULTIPLIER / 10)
    original, baseline, unfiltered = frame
    assert np.array_equal(found.plain, filter_picture(model, baseline, unfiltered, 37, 32, way))
    levels = decode(found.bits, (3, 3, residuals))
    assert levels is not None
    decoded = apply(residuals_of(model, baseline, unfiltered, conditions), baseline.y, bit_depth, levels, 32)
    assert np.array_equal(found.guided, decoded)
    saved = sum(s * np.square(p.astype(float) - original).sum() for s, p in ((1, found.plain), (-1, decoded)))
    assert saved / ((1 << bit_depth) - 1) ** 2 > MULTIPLIER / 10 * (len(found.bits) - 1)


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("read", ["both", "unfiltered"])
def test_chroma_is_decoded_from_levels_of_each_plane(read: Input, bit_depth: int) -> None:
    """The filter adds a constant to U and V: in the second unit of U half of it is right, and V needs nothing."""
    original, deep = photograph("coffee", 78, 90, bit_depth), bit_depth == 10
    worse = original.u.astype(int) - (16 if deep else 4)
    worse[:16, 16:32] += 8 if deep else 2  # the second unit
    u = worse.clip(0, None).astype(original.u.dtype)
    baseline = Picture(original.y, u, original.v, bit_depth)
    model = ChromaRdn(ChromaRdnConfig(4, 1, 2, 4, input=read)).eval()
    with torch.no_grad():
        assert model.last.bias is not None
        model.last.bias[:] = torch.tensor([(16 if deep else 4) / ((1 << bit_depth) - 1)] * 2)
    conditions = Conditions(37, 32)
    of_u, of_v = guide_chroma(model, original, baseline, baseline, conditions, 32, MULTIPLIER / 100)
    plain = filter_chroma(model, baseline, baseline, 37, 32)
    assert all(np.array_equal(its.plain, plane) for its, plane in zip((of_u, of_v), plain, strict=True))
    levels = decode(of_u.bits, (3, 3, 1))
    assert levels is not None
    assert levels[..., 0].tolist() == [[0, -2, 0], [0, 0, 0], [0, 0, 0]]
    switched_off = decode(of_v.bits, (3, 3, 1))
    assert switched_off is not None
    assert (switched_off == -MOST).all()
    inside = u > 0
    assert np.array_equal(of_u.guided[inside], original.u[inside])
    assert np.array_equal(of_v.guided, original.v)


def test_weights_that_do_not_pay_are_one_bit() -> None:
    found = guide(network(), *pictures(), Conditions(37, 32), 32, multiplier=1e4)
    assert found.bits == [0]
    assert np.array_equal(found.guided, found.plain)


def test_what_cannot_be_weighed_or_refitted() -> None:
    integers = load_weights("rdn_s_int16")
    with pytest.raises(InputError, match=r"^a: only the residuals of a network of floats"):
        guidable(integers, "a")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^a: .* only if the network has one residual"):
        refittable(network(2), "a")
