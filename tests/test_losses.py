"""Test the losses against numpy, and the sum over parts of a batch against the whole batch."""

from collections.abc import Callable
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from scipy.linalg import hadamard
from torch import Tensor, nn

from codecnn.losses import EPSILON, LOSSES, charbonnier, dct_satd, hadamard_satd, log_mse, mse
from codecnn.models.in_loop_filter import Windows
from codecnn.tasks.in_loop_filter import Batch, InLoopFilter

Loss = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

RNG = np.random.default_rng(0)
A, B = RNG.random((2, 3, 8, 9))
VALID = RNG.random((3, 8, 9)) < 0.7
EVERY_LOSS = (mse, log_mse, charbonnier, hadamard_satd, dct_satd)


class Crop(nn.Module):
    """Return the luma of windows without a margin of 2."""

    def forward(self, windows: Windows[Tensor]) -> Tensor:
        return (windows.y / windows.peak.view(-1, 1, 1))[:, None, 2:-2, 2:-2]


def tensors(rows: slice = slice(None)) -> tuple[Tensor, Tensor, Tensor]:
    return torch.from_numpy(A[rows]), torch.from_numpy(B[rows]), torch.from_numpy(VALID[rows])


def tiled(error: np.ndarray, transform: Callable[[np.ndarray], np.ndarray]) -> float:
    """Sum the |coefficients| over the 8x8 tiles of one picture; tiles at the edge are padded with 0."""
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
def test_a_decibel_counts_the_same_for_good_and_poor_patches(error: float) -> None:
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


@pytest.mark.parametrize("loss", EVERY_LOSS)
def test_sums_and_counts_of_parts_add_up(loss: Loss) -> None:
    parts = [loss(*tensors(slice(i, i + 1))) for i in range(3)]
    total, count = loss(*tensors())
    torch.testing.assert_close(sum(p[0] for p in parts), total)
    assert sum(int(p[1]) for p in parts) == int(count)


@pytest.mark.parametrize("loss", EVERY_LOSS)
def test_gradient_is_zero_for_invalid_samples_and_finite_for_equal_ones(loss: Loss) -> None:
    a, b, valid = tensors()
    a = torch.where(torch.rand(a.shape) < 0.5, b, a).requires_grad_()
    torch.autograd.backward(loss(a, b, valid)[0])
    assert a.grad is not None
    assert a.grad.isfinite().all()
    assert not a.grad[~valid].any()
    if loss in (mse, log_mse, charbonnier):
        assert a.grad[valid & (a != b)].all()
    else:  # the gradient of a sample can be 0 by chance: as many coefficients rise as fall
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


@pytest.mark.parametrize("loss", [hadamard_satd, dct_satd])
def test_gradient_of_the_satd_losses(loss: Loss) -> None:
    a, b, valid = tensors()
    assert torch.autograd.gradcheck(lambda a: loss(a, b, valid)[0], (a.requires_grad_(),))


@pytest.mark.parametrize(("name", "loss"), [(loss.__name__, loss) for loss in EVERY_LOSS])
def test_the_task_chooses_the_loss_by_its_name(name: str, loss: Loss) -> None:
    y = torch.from_numpy(RNG.integers(0, 256, (2, 16, 16)))
    chroma, original = y[:, ::2, ::2], torch.from_numpy(RNG.integers(0, 256, (2, 12, 12)))
    valid, peak = torch.from_numpy(RNG.random((2, 12, 12)) < 0.7), torch.tensor([255, 255])
    batch = Batch(Windows(y, chroma, chroma, None, torch.tensor([22, 37]), peak), original, valid)
    measured = InLoopFilter(loss=name).sums(Crop(), batch)["loss"]  # type: ignore[arg-type]
    expected = loss(y[:, 2:-2, 2:-2] / 255, original / 255, valid)
    torch.testing.assert_close(measured, expected)


def test_every_loss_of_the_task_is_tested() -> None:
    assert {loss.__name__: loss for loss in EVERY_LOSS} == LOSSES
    assert set(get_args(get_type_hints(InLoopFilter)["loss"])) == set(LOSSES)
