"""Test histograms of gradients: against SciPy and a plain loop, and on edges whose mode is known."""

import math

import numpy as np
import pytest
from scipy import ndimage

from codecnn.intra import hevc, vvc
from codecnn.labels.gradient_histogram import gradient_histogram
from codecnn.labels.mode_sets import ModeSet, count_of


def orientation(mode: int, modes: ModeSet) -> float:
    """Return the angle of the edges that a mode predicts, in degrees from 0 (to the right) to 180, downwards."""
    codec = hevc if modes == "hevc-35" else vvc
    angle = codec.angle(mode)
    x, y = (-angle, 32) if codec.is_vertical(mode) else (32, -angle)
    return math.degrees(math.atan2(y, x)) % 180


def plain(block: np.ndarray, mask: np.ndarray, modes: ModeSet) -> np.ndarray:
    across, down = (ndimage.sobel(block.astype(float), axis) for axis in (1, 0))
    sums = np.zeros(count_of(modes))
    places = [orientation(mode, modes) for mode in range(2, len(sums))]
    for y, x in np.argwhere(mask):
        gx, gy = across[y + 1, x + 1], down[y + 1, x + 1]
        edge = math.degrees(math.atan2(gx, -gy)) % 180
        apart = [min(abs(edge - place), 180 - abs(edge - place)) for place in places]
        nearest = int(np.argmin(apart))
        if abs(apart[0] - apart[-1]) < 1e-9 and apart[0] <= min(apart) + 1e-9:  # the ends have the same angle
            nearest = 0 if abs(gy) > abs(gx) else len(places) - 1
        if gx or gy:
            sums[2 + nearest] += abs(gx) + abs(gy)
    return sums


@pytest.mark.parametrize("modes", ["vvc-67", "hevc-35"])
def test_a_histogram_is_that_of_a_plain_loop(modes: ModeSet) -> None:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 1024, (12, 7, 10)).astype(np.uint16)
    blocks[:3] = rng.integers(0, 2, (3, 7, 10))  # gradients along the axes and the diagonals, and none
    mask = rng.random((12, 5, 8)) < 0.6
    expected = [plain(block, chosen, modes) for block, chosen in zip(blocks, mask, strict=True)]
    np.testing.assert_allclose(gradient_histogram(blocks, modes, mask), expected)
    np.testing.assert_allclose(gradient_histogram(blocks, modes, mask[0])[0], expected[0])
    whole = gradient_histogram(blocks, modes)
    np.testing.assert_allclose(whole[0], plain(blocks[0], np.ones((5, 8)), modes))


@pytest.mark.parametrize("modes", ["vvc-67", "hevc-35"])
def test_a_grating_gives_its_own_mode_the_most(modes: ModeSet) -> None:
    """Waves along the angle of each mode; those of the first and the last mode are the same."""
    y, x = np.mgrid[:24, :24]
    for mode in range(3, count_of(modes)):
        edge = math.radians(orientation(mode, modes))
        wave = np.sin((x * math.sin(edge) - y * math.cos(edge)) * 2 * math.pi / 24)
        found = gradient_histogram((wave * 1e4).round()[None], modes)[0]
        assert found.argmax() == mode
        assert found[mode] > 0.9 * found.sum()


def test_the_prediction_of_a_mode_has_its_histogram() -> None:
    """The edges in what H.266 predicts, away from where the other side is blended in."""
    rng = np.random.default_rng(0)
    left, top = (ndimage.gaussian_filter(rng.normal(0, 400, 65), 3, mode="nearest") for _ in range(2))
    corner = (left[0] + top[0]) / 2
    refs = np.clip(512 + np.concatenate((left[:64], [corner], top[:64])), 0, 1023).round().astype(np.int64)
    for mode in range(3, 66):
        found = gradient_histogram(vvc.predict(refs, 32, 32, mode, 10)[None, 12:, 12:], "vvc-67")[0]
        assert abs(found.argmax() - mode) <= 1, mode
