"""Test the weighing of residuals in training: against numpy, and that a network learns what only weights can tell."""

import numpy as np
import pytest
import torch
from scipy.ndimage import laplace
from torch import Tensor

from codecnn.inference.guided.levels import MOST, STEP
from codecnn.models.in_loop_filter import Windows
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.guided import guided
from codecnn.tasks.in_loop_filter import Batch, InLoopFilter
from tests.pictures import photograph


@pytest.mark.parametrize("residuals", [1, 2, 4])
def test_weights_are_those_of_least_squares_in_steps(residuals: int) -> None:
    chance = np.random.default_rng(residuals)
    luma, original = chance.random((2, 5, 12, 12))
    restored = luma[:, None] + chance.normal(size=(5, residuals, 12, 12)) / 20
    valid = chance.random((5, 12, 12)) < 0.7
    wanted = chance.integers(-MOST - 2, MOST + 3, (5, residuals)) * STEP + np.eye(1, residuals)  # some out of range
    original = luma + np.einsum("br,brhw->bhw", wanted, restored - luma[:, None]) + chance.normal(size=luma.shape) / 500
    planes, picture, target = (torch.from_numpy(each.astype(np.float32)) for each in (restored, luma, original))
    found = guided(planes, picture, target, torch.from_numpy(valid)).numpy()
    for place in range(5):
        inputs = (restored[place] - luma[place])[:, valid[place]]
        (best, *_) = np.linalg.lstsq(inputs.T, (original - luma)[place][valid[place]], rcond=None)
        best -= np.eye(1, residuals)[0]
        weights = np.clip(np.rint(best / STEP), -MOST, MOST) * STEP + np.eye(1, residuals)[0]
        expected = luma[place] + np.tensordot(weights, restored[place] - luma[place], 1)
        np.testing.assert_allclose(found[place], expected, atol=1e-5)


def test_patches_with_nothing_valid_or_without_residuals_stay_as_they_are() -> None:
    luma = torch.rand(2, 8, 8)
    restored = torch.stack((luma, luma), 1).requires_grad_()
    valid = torch.ones(2, 8, 8, dtype=torch.bool)
    valid[1] = False
    found = guided(restored, luma, luma + 0.1, valid)
    torch.testing.assert_close(found, luma)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert restored.grad is not None
    assert restored.grad.isfinite().all()


def signed_batch() -> Batch:
    """Patches that a codec has made sharper or softer, which they do not show."""
    picture = photograph("astronaut", 64, 128).y.astype(np.float64)
    detail = laplace(picture)
    tiles = [each.reshape(4, 16, 8, 16).swapaxes(1, 2).reshape(32, 16, 16) for each in (picture, detail)]
    signs = np.where(np.random.default_rng(0).random(32) < 0.5, -1, 1)[:, None, None]
    original = (tiles[0] + 0.25 * signs * tiles[1]).round().clip(0, 255)
    windows = np.stack([np.pad(tile, 2, mode="edge") for tile in tiles[0]])
    y, sides = torch.from_numpy(windows.astype(np.uint8)), torch.zeros(32, 0, 0)
    given = Windows[Tensor](y, sides, sides, None, torch.full((32,), 32.0), torch.full((32,), 255.0))
    return Batch(given, torch.from_numpy(original.astype(np.uint8)), torch.ones(32, 16, 16, dtype=torch.bool))


def test_a_network_learns_what_only_weights_can_tell() -> None:
    torch.manual_seed(0)
    config = RdnConfig(channels=8, blocks=1, convolutions=2, growth=4, input="baseline", residuals=2)
    model, task, batch = Rdn(config), InLoopFilter(loss="mse", patch=16), signed_batch()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(150):
        sums = {name: value / count for name, (value, count) in task.sums(model, batch).items()}
        torch.testing.assert_close(sums["loss"], 0.25 * sums["plain"] + 0.75 * sums["guided"])
        optimiser.zero_grad()
        torch.autograd.backward(sums["loss"])
        optimiser.step()
    nothing = float(((batch.original - batch.windows.y[:, 2:-2, 2:-2].float()) / 255).square().mean())
    assert float(sums["plain"]) > 0.8 * nothing  # no sign is right for all
    assert float(sums["guided"]) < 0.4 * nothing


def test_one_residual_has_one_loss() -> None:
    model, batch = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4, input="baseline")), signed_batch()
    assert InLoopFilter(plain=0.5).sums(model, batch).keys() == {"loss"}


@pytest.mark.parametrize("plain", [-0.1, 1.1, float("nan")])
def test_impossible_shares(plain: float) -> None:
    with pytest.raises(ValueError, match="plain must be from 0 to 1"):
        InLoopFilter(plain=plain)
