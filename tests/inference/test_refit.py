"""Test the refit of the last convolution: statistics and weights against numpy, the code, and the picture."""

import math
import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codecnn.dataset import ctu
from codecnn.errors import InputError
from codecnn.inference.arithmetic import PRECISION, Decoder, Encoder
from codecnn.inference.filtering import Conditions, Way, ctu_windows, filter_picture
from codecnn.inference.refit.basis import UNIT, Basis, fit_basis, read_basis, save_basis
from codecnn.inference.refit.choice import choose
from codecnn.inference.refit.code import MOST, Correction, costs, decode, encode, step_size
from codecnn.inference.refit.correction import correct, refit
from codecnn.inference.refit.statistics import Statistics, observe
from codecnn.models.in_loop_filter import to_tensors
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.video.picture import Picture, Plane
from tests.filter_windows import windows_of
from tests.pictures import photograph
from tests.small_data import coded

SMALL = RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)
MULTIPLIER = 60 / 255**2


def network(config: RdnConfig = SMALL) -> Rdn:
    torch.manual_seed(0)
    model = Rdn(config).eval()
    with torch.no_grad():
        model.last.weight.normal_(std=1e-3)
    return model


def pictures(name: str = "coffee", bit_depth: int = 8) -> tuple[Plane, Picture, Picture]:
    original = photograph(name, 76, 90, bit_depth)
    return original.y, coded(original, 1.0), coded(original, 0.8)


@pytest.fixture(scope="module")
def basis() -> Basis:
    model = network()
    seen = [observe(model, *pictures(name), 37, 32, "ctu")[1] for name in ("astronaut", "chelsea")]
    return fit_basis(seen, [MULTIPLIER] * 2)


def unrounded(model: Rdn, frame: tuple[Plane, Picture, Picture], way: Way) -> NDArray[np.float64]:
    """The output of a network for all samples of a picture, in units of the peak."""
    _, baseline, unfiltered = frame
    if way == "ctu":
        windows = to_tensors(ctu_windows(model.config, baseline, unfiltered, 37, 32))
    else:
        margin = model.config.margin
        borders = (margin, margin // 2, margin // 2, margin)
        planes = map(partial(np.pad, mode="edge"), (*baseline.planes, unfiltered.y), borders)
        windows = to_tensors(windows_of([plane[None] for plane in planes], 37, baseline.bit_depth))
    with torch.inference_mode():
        luma = model(windows)[:, 0].double().numpy()
    return (ctu.untile(luma, *baseline.y.shape) if way == "ctu" else luma[0]).ravel()


@pytest.mark.parametrize("way", ["ctu", "picture"])
@pytest.mark.parametrize("margin", [2, 4])
def test_statistics_give_the_weights_of_least_squares(way: Way, margin: int) -> None:
    """The oracle finds the input of each weight as the output of a network in which no other weight of `last` is."""
    config = RdnConfig(channels=4, blocks=1, convolutions=2, growth=4, margin=margin)
    model, frame = network(config), pictures()
    original, baseline, unfiltered = frame
    filtered, seen = observe(model, *frame, 37, 32, way)
    assert np.array_equal(filtered, filter_picture(model, baseline, unfiltered, 37, 32, way))
    errors = original.ravel() / 255 - unrounded(model, frame, way)
    assert seen.samples == len(errors)
    assert seen.energy == pytest.approx(errors @ errors, rel=1e-5)
    inputs = np.empty((len(errors), 37))
    nothing = baseline.y.ravel() / 255
    weights = torch.nn.utils.parameters_to_vector(model.last.parameters())
    for place in range(37):
        one = torch.zeros_like(weights)
        one[place] = 1
        torch.nn.utils.vector_to_parameters(one, model.last.parameters())
        inputs[:, place] = unrounded(model, frame, way) - nothing
    expected = np.linalg.lstsq(inputs, errors, rcond=None)[0]
    found = np.linalg.solve(seen.gram, seen.moment)
    np.testing.assert_allclose(inputs @ found, inputs @ expected, atol=2e-5)
    gains = [errors @ errors - np.square(errors - inputs @ each).sum() for each in (found, expected)]
    assert gains[0] == pytest.approx(gains[1], rel=1e-4)
    assert gains[0] > 0


def test_the_directions_are_whitened(basis: Basis) -> None:
    model = network()
    seen = [observe(model, *pictures(name), 37, 32, "ctu")[1] for name in ("astronaut", "chelsea")]
    mean = sum(basis.floats.T @ each.gram @ basis.floats * (UNIT**2 / each.samples / 2) for each in seen)
    np.testing.assert_allclose(mean, np.eye(len(basis.classes)), atol=1e-3)
    assert basis.classes[0] == 0
    assert (np.diff(basis.classes) <= 0).all()


@pytest.mark.parametrize("length", [0, 1, 7, 400])
def test_decisions_are_decoded_and_cost_what_they_tell(length: int) -> None:
    chance = random.Random(length)
    message = []
    for _ in range(length):
        probability = min(max(int(chance.random() ** 3 * (1 << PRECISION)), 1), (1 << PRECISION) - 1)
        message.append((int(chance.random() * (1 << PRECISION) < probability), probability))
    coder = Encoder()
    for decision, probability in message:
        coder.put(decision, probability)
    bits = coder.finish()
    decoder = Decoder(bits)
    assert [decoder.get(probability) for _, probability in message] == [decision for decision, _ in message]
    told = -sum(math.log2((p if d else (1 << PRECISION) - p) / (1 << PRECISION)) for d, p in message)
    assert told <= len(bits) <= told + 2.01


@pytest.mark.parametrize("prior", [0, 7, 15])
def test_a_correction_is_decoded_and_its_bits_are_those_that_it_was_chosen_by(basis: Basis, prior: int) -> None:
    chance = np.random.default_rng(prior)
    count = len(basis.classes)
    for levels in (np.zeros(count), chance.geometric(0.3, count) * chance.integers(-1, 2, count), np.full(count, MOST)):
        correction = Correction(9, prior, tuple(int(level) for level in levels))
        bits = encode(basis, correction)
        assert decode(basis, bits) == correction
        assert decode(basis, [*bits, 1, 0, 1]) == correction  # what follows belongs to others
        zero, first, more = costs(basis, prior).T
        estimate = np.where(levels == 0, zero, first + more * (np.abs(levels) - 1)).sum() + 10
        if abs(levels).max() < MOST:  # the last magnitude needs no end
            assert estimate - 0.01 <= len(bits) <= estimate + 2.01
    assert encode(basis, None) == [0]
    assert decode(basis, [0]) is None


def test_steps_halve_with_every_second_index() -> None:
    steps = [math.ldexp(m, -s) for m, s in map(step_size, range(32))]
    assert steps[:4] == [2, 1.5, 1, 0.75]
    assert all(later == earlier / 2 for earlier, later in zip(steps, steps[2:], strict=False))


def test_the_choice_is_better_than_none_and_than_plain_rounding(basis: Basis) -> None:
    _, seen = observe(network(), *pictures("motorcycle_left"), 37, 32, "ctu")
    gram, moment = basis.floats.T @ seen.gram @ basis.floats, basis.floats.T @ seen.moment
    correction = choose(basis, seen, MULTIPLIER)
    assert correction is not None
    size = math.ldexp(*_signed(step_size(correction.step)))

    def cost(levels: NDArray) -> float:
        change = levels * size
        bits = len(encode(basis, Correction(correction.step, correction.prior, tuple(levels.astype(int).tolist()))))
        return float(change @ gram @ change - 2 * moment @ change + MULTIPLIER * bits)

    chosen = cost(np.array(correction.levels))
    assert chosen < MULTIPLIER
    assert chosen <= cost(np.rint(np.linalg.solve(gram, moment) / size).clip(-MOST, MOST)) + 4 * MULTIPLIER
    assert choose(basis, seen, 1e6) is None  # bits that cost more than all errors


def _signed(step: tuple[int, int]) -> tuple[int, int]:
    return step[0], -step[1]


@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("way", ["ctu", "picture"])
def test_the_decoder_makes_the_picture_of_the_encoder(basis: Basis, way: Way, bit_depth: int) -> None:
    model = network()
    frames = [pictures(name, bit_depth) for name in ("coffee", "motorcycle_left")]
    found = refit(model, basis, frames, Conditions(37, 32, way), MULTIPLIER)
    correction = decode(basis, found.bits)
    assert correction is not None
    decoder = correct(model, basis, correction)
    saved = 0.0
    for (original, baseline, unfiltered), plain, corrected in zip(frames, found.plain, found.corrected, strict=True):
        assert np.array_equal(plain, filter_picture(model, baseline, unfiltered, 37, 32, way))
        assert np.array_equal(corrected, filter_picture(decoder, baseline, unfiltered, 37, 32, way))
        saved += sum(s * np.square(p.astype(float) - original).sum() for s, p in ((1, plain), (-1, corrected)))
    assert saved / ((1 << bit_depth) - 1) ** 2 > MULTIPLIER * (len(found.bits) - 1)
    assert torch.equal(model.last.weight, network().last.weight)  # the filter itself is as it was


def test_a_correction_that_does_not_pay_is_one_bit(basis: Basis) -> None:
    model, frame = network(), pictures()
    found = refit(model, basis, [frame], Conditions(37, 32), multiplier=1e4)
    assert found.bits == [0]
    assert np.array_equal(found.corrected[0], found.plain[0])


def test_a_basis_is_saved_and_belongs_to_its_weights(basis: Basis, tmp_path: Path) -> None:
    file = tmp_path / "a.refit"
    save_basis(file, basis, "1f", {"sources": ["a.png"]})
    read, notes = read_basis(file, "1f", 37)
    assert np.array_equal(read.directions, basis.directions)
    assert np.array_equal(read.classes, basis.classes)
    assert (read.exponent, notes) == (basis.exponent, {"sources": ["a.png"]})
    cut = tmp_path / "cut.refit"
    cut.write_bytes(file.read_bytes()[:-9])
    for path, sha256, inputs, reason in (
        (file, "2f", 37, "made for other weights"),
        (file, "1f", 109, "not 109"),
        (cut, "1f", 37, "not a basis"),
        (tmp_path / "none.refit", "1f", 37, "no such file"),
    ):
        with pytest.raises(InputError, match=reason) as raised:
            read_basis(path, sha256, inputs)
        assert str(path) in str(raised.value)


def test_features_that_are_zero_have_no_basis() -> None:
    with pytest.raises(ValueError, match="zero"):
        fit_basis([Statistics(np.zeros((37, 37)), np.zeros(37), 1.0, 9)], [MULTIPLIER])
