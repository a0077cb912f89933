"""Losses against numpy, and that the parts of a batch add up to the whole."""

import numpy as np
import pytest
import torch

from codecnn.losses import EPSILON, charbonnier, mse

RNG = np.random.default_rng(0)
A, B = RNG.random((2, 3, 8, 9))
VALID = RNG.random((3, 8, 9)) < 0.7


def tensors(rows: slice = slice(None)) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.from_numpy(A[rows]), torch.from_numpy(B[rows]), torch.from_numpy(VALID[rows])


def test_sums_over_the_valid_samples() -> None:
    error = (A - B)[VALID]
    total, count = mse(*tensors())
    assert float(total) == pytest.approx(np.sum(error**2))
    assert int(count) == VALID.sum()
    total, count = charbonnier(*tensors())
    assert float(total) == pytest.approx(np.sum(np.hypot(error, EPSILON)))
    assert int(count) == VALID.sum()


@pytest.mark.parametrize("loss", [mse, charbonnier])
def test_parts_add_up(loss: type(mse)) -> None:  # type: ignore[valid-type]
    parts = [loss(*tensors(slice(i, i + 1))) for i in range(3)]
    total, count = loss(*tensors())
    torch.testing.assert_close(sum(p[0] for p in parts), total)
    assert sum(int(p[1]) for p in parts) == int(count)


@pytest.mark.parametrize("loss", [mse, charbonnier])
def test_invalid_samples_have_no_gradient_and_equal_ones_a_finite_one(loss: type(mse)) -> None:  # type: ignore[valid-type]
    a, b, valid = tensors()
    a = torch.where(torch.rand(a.shape) < 0.5, b, a).requires_grad_()
    loss(a, b, valid)[0].backward()
    assert a.grad is not None
    assert a.grad.isfinite().all()
    assert not a.grad[~valid].any()
    assert a.grad[valid & (a != b)].all()
