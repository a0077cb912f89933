"""Test the SATD of blocks in torch against the numpy form."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from codecnn.transforms import reference
from codecnn.transforms.torch_satd import block_dct_satd, block_hadamard_satd

Measure = Callable[[Tensor, Tensor], Tensor]

RNG = np.random.default_rng(0)
A, B = RNG.random((2, 3, 8, 8))
SIDES = (4, 8, 16, 32, 64)


@pytest.mark.parametrize(
    ("measure", "expected"), [(block_hadamard_satd, reference.satd), (block_dct_satd, reference.dct_satd)]
)
@pytest.mark.parametrize("bit_depth", [8, 10])
def test_satd_equals_the_numpy_form(
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
def test_gradient_of_the_satd(measure: Measure, shape: tuple[int, ...]) -> None:
    a, b = (torch.from_numpy(RNG.random(shape)).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(measure, (a, b))


@pytest.mark.parametrize("measure", [block_hadamard_satd, block_dct_satd])
def test_satd_stays_precise_under_autocast(measure: Measure) -> None:
    results = []
    for enabled in (False, True):
        a = torch.from_numpy(A).float().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            cost = measure(a, torch.from_numpy(B).float())
        torch.autograd.backward(cost.sum())
        results.append((cost, a.grad))
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0)
    assert results[1][0].dtype == torch.float32
    half = torch.from_numpy(A).bfloat16()
    assert torch.equal(measure(half, half.new_zeros(8, 8)), measure(half.float(), torch.zeros(8, 8)))


def test_sides_that_no_tile_fits_are_refused() -> None:
    with pytest.raises(ValueError, match="6x8"):
        block_hadamard_satd(torch.zeros(8, 6), torch.zeros(8, 6))
