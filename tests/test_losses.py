"""Losses against numpy, and that the parts of a batch add up to the whole."""

from collections.abc import Callable
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from scipy.linalg import hadamard
from torch import Tensor

from codecnn.losses import (
    EPSILON,
    block_dct_satd,
    block_hadamard_satd,
    charbonnier,
    dct_satd,
    hadamard_satd,
    log_mse,
    mse,
)
from codecnn.models.rdn.network import Yuv
from codecnn.training.batches import Batch
from codecnn.training.recipe import Recipe
from codecnn.transforms import reference as transforms
from experiments.train_filter import loss_of

Loss = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
Measure = Callable[[Tensor, Tensor], Tensor]

RNG = np.random.default_rng(0)
A, B = RNG.random((2, 3, 8, 9))
VALID = RNG.random((3, 8, 9)) < 0.7
SIDES = (4, 8, 16, 32, 64)


def tensors(rows: slice = slice(None)) -> tuple[Tensor, Tensor, Tensor]:
    return torch.from_numpy(A[rows]), torch.from_numpy(B[rows]), torch.from_numpy(VALID[rows])


def tiled(error: np.ndarray, transform: Callable[[np.ndarray], np.ndarray]) -> float:
    """Sum of |coefficients| over the 8x8 tiles of one picture, cut short ones filled up with 0."""
    total = 0.0
    for y in range(0, error.shape[0], 8):
        for x in range(0, error.shape[1], 8):
            part = error[y : y + 8, x : x + 8]
            tile = np.zeros((8, 8))
            tile[: part.shape[0], : part.shape[1]] = part
            total += np.abs(transform(tile)).sum()
    return total


def test_sums_over_the_valid_samples() -> None:
    error = (A - B)[VALID]
    total, count = mse(*tensors())
    assert float(total) == pytest.approx(np.sum(error**2))
    assert int(count) == VALID.sum()
    total, count = charbonnier(*tensors())
    assert float(total) == pytest.approx(np.sum(np.hypot(error, EPSILON)))
    assert int(count) == VALID.sum()


def test_logarithm_of_the_mse_of_every_patch() -> None:
    patches = [(error[valid] ** 2, valid.sum()) for error, valid in zip(A - B, VALID, strict=True)]
    total, count = log_mse(*tensors())
    assert float(total) == pytest.approx(sum(n * np.log(squares.mean() + 1 / 12 / 65025) for squares, n in patches))
    assert int(count) == VALID.sum()


@pytest.mark.parametrize("error", [0.1, 0.4])
def test_a_decibel_is_as_much_for_a_good_patch_as_for_a_poor_one(error: float) -> None:
    before, after = (torch.full((1, 8, 8), scale * error, dtype=torch.float64) for scale in (1, 10**-0.05))
    original, valid = torch.zeros_like(before), torch.ones_like(before, dtype=torch.bool)
    won = log_mse(before, original, valid)[0] - log_mse(after, original, valid)[0]
    assert float(won) == pytest.approx(64 * np.log(10) / 10, rel=1e-3)
    assert float(log_mse(before, original, ~valid)[0]) == 0


@pytest.mark.parametrize(
    ("loss", "transform"),
    [
        (hadamard_satd, lambda tile: hadamard(8) @ tile @ hadamard(8) / 8),
        (dct_satd, lambda tile: dctn(tile, norm="ortho")),
    ],
)
@pytest.mark.parametrize(("height", "width"), [(8, 9), (16, 24), (5, 30)])
def test_satd_sums_over_the_tiles(
    loss: Loss, transform: Callable[[np.ndarray], np.ndarray], height: int, width: int
) -> None:
    a, b = RNG.random((2, 3, height, width))
    valid = RNG.random((3, height, width)) < 0.7
    total, count = loss(torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(valid))
    assert float(total) == pytest.approx(sum(tiled(error, transform) for error in (a - b) * valid))
    assert int(count) == valid.sum()


@pytest.mark.parametrize("loss", [hadamard_satd, dct_satd])
def test_satd_of_white_noise_is_about_its_absolute_error(loss: Loss) -> None:
    noise = torch.from_numpy(np.random.default_rng(1).normal(0, 0.1, (4, 64, 64)))
    total, count = loss(noise, torch.zeros_like(noise), torch.ones_like(noise, dtype=torch.bool))
    assert float(total / count) == pytest.approx(float(noise.abs().mean()), rel=0.02)


@pytest.mark.parametrize("loss", [mse, log_mse, charbonnier, hadamard_satd, dct_satd])
def test_parts_add_up(loss: Loss) -> None:
    parts = [loss(*tensors(slice(i, i + 1))) for i in range(3)]
    total, count = loss(*tensors())
    torch.testing.assert_close(sum(p[0] for p in parts), total)
    assert sum(int(p[1]) for p in parts) == int(count)


@pytest.mark.parametrize("loss", [mse, log_mse, charbonnier, hadamard_satd, dct_satd])
def test_invalid_samples_have_no_gradient_and_equal_ones_a_finite_one(loss: Loss) -> None:
    a, b, valid = tensors()
    a = torch.where(torch.rand(a.shape) < 0.5, b, a).requires_grad_()
    torch.autograd.backward(loss(a, b, valid)[0])
    assert a.grad is not None
    assert a.grad.isfinite().all()
    assert not a.grad[~valid].any()
    if loss in (mse, log_mse, charbonnier):
        assert a.grad[valid & (a != b)].all()
    else:  # a sample's gradient may be 0 by chance: as many coefficients gain by it as lose
        assert a.grad.any()


@pytest.mark.parametrize("loss", [hadamard_satd, dct_satd])
def test_satd_of_equal_pictures_has_a_gradient_of_zero(loss: Loss) -> None:
    _, b, valid = tensors()
    a = b.clone().requires_grad_()
    total, _ = loss(a, b, valid)
    torch.autograd.backward(total)
    assert float(total.detach()) == 0
    assert a.grad is not None
    assert not a.grad.any()


@pytest.mark.parametrize(
    ("measure", "expected"), [(block_hadamard_satd, transforms.satd), (block_dct_satd, transforms.dct_satd)]
)
@pytest.mark.parametrize("bit_depth", [8, 10])
def test_satd_of_a_block_is_that_of_the_labels(
    measure: Measure, expected: Callable[[np.ndarray, np.ndarray], np.ndarray], bit_depth: int
) -> None:
    for height in SIDES:
        for width in SIDES:
            a, b = RNG.integers(0, 1 << bit_depth, (2, 3, height, width))
            costs = measure(torch.from_numpy(a).float(), torch.from_numpy(b).float())
            assert costs.dtype == torch.float32
            np.testing.assert_allclose(costs.numpy(), expected(a, b), rtol=2e-6)


@pytest.mark.parametrize("measure", [block_hadamard_satd, block_dct_satd])
@pytest.mark.parametrize("shape", [(2, 4, 12), (2, 8, 8), (8, 16)])
def test_gradient_of_the_satd_of_a_block(measure: Measure, shape: tuple[int, ...]) -> None:
    a, b = (torch.from_numpy(RNG.random(shape)).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(measure, (a, b))


@pytest.mark.parametrize("loss", [hadamard_satd, dct_satd])
def test_gradient_of_the_satd_losses(loss: Loss) -> None:
    a, b, valid = tensors()
    assert torch.autograd.gradcheck(lambda a: loss(a, b, valid)[0], (a.requires_grad_(),))


@pytest.mark.parametrize("measure", [block_hadamard_satd, block_dct_satd])
def test_satd_stays_precise_under_autocast(measure: Measure) -> None:
    results = []
    for enabled in (False, True):
        a = torch.from_numpy(A[:, :8, :8]).float().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            cost = measure(a, torch.from_numpy(B[:, :8, :8]).float())
        torch.autograd.backward(cost.sum())
        results.append((cost, a.grad))
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0)
    assert results[1][0].dtype == torch.float32
    half = torch.from_numpy(A[:, :8, :8]).bfloat16()
    assert torch.equal(measure(half, half.new_zeros(8, 8)), measure(half.float(), torch.zeros(8, 8)))


def test_sides_that_no_tile_fits_are_refused() -> None:
    with pytest.raises(ValueError, match="6x8"):
        block_hadamard_satd(torch.zeros(8, 6), torch.zeros(8, 6))


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("mse", mse),
        ("log_mse", log_mse),
        ("charbonnier", charbonnier),
        ("hadamard_satd", hadamard_satd),
        ("dct_satd", dct_satd),
    ],
)
def test_a_recipe_chooses_the_loss_by_its_name(name: str, loss: Loss) -> None:
    assert name in get_args(get_type_hints(Recipe)["loss"])
    y = torch.from_numpy(RNG.integers(0, 256, (2, 16, 16)))
    chroma, original = y[:, ::2, ::2], torch.from_numpy(RNG.integers(0, 256, (2, 12, 12)))
    valid, peak = torch.from_numpy(RNG.random((2, 12, 12)) < 0.7), torch.tensor([255, 255])
    batch = Batch(Yuv(y, chroma, chroma), None, original, valid, torch.tensor([22, 37]), peak)
    crop = torch.nn.ZeroPad2d(-2)  # the "network"
    measured = loss_of(crop, batch, Recipe(loss=name))  # type: ignore[arg-type]
    expected = loss(y[:, 2:-2, 2:-2] / 255, original / 255, valid)
    torch.testing.assert_close(measured, expected)
