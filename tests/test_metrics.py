"""Test the quality metrics against scikit-image and closed forms."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from codecnn.metrics import bd_rate, psnr, psnr_gain, ssim
from tests.pictures import photograph


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_psnr_equals_scikit_image(bit_depth: int) -> None:
    a, b = (photograph(name, 128, 200, bit_depth).y for name in ("astronaut", "coffee"))
    expected = peak_signal_noise_ratio(a, b, data_range=(1 << bit_depth) - 1)
    assert psnr(a, b, bit_depth) == pytest.approx(expected, abs=1e-12)
    assert psnr(a, a, bit_depth) == math.inf


def test_unsigned_differences_do_not_wrap() -> None:
    a, b = np.full((4, 4), 1, np.uint8), np.full((4, 4), 2, np.uint8)
    assert psnr(a, b, 8) == psnr(b, a, 8) == pytest.approx(20 * math.log10(255))


def test_a_gain_is_a_ratio_of_errors_and_undefined_without_error() -> None:
    original = np.zeros((16, 16), np.uint8)
    baseline, filtered = original + np.uint8(2), original + np.uint8(1)
    assert psnr_gain(original, baseline, filtered, 8) == pytest.approx(20 * math.log10(2))
    assert math.isnan(psnr_gain(original, original, filtered, 8))
    assert math.isnan(psnr_gain(original, baseline, original, 8))
    assert math.isnan(psnr_gain(original, original, original, 8))


def test_ssim_is_one_for_equal_planes_and_falls_with_noise() -> None:
    plane = photograph("astronaut", 128, 128).y
    noisy = np.clip(plane + np.random.default_rng(0).normal(0, 10, plane.shape), 0, 255).astype(np.uint8)
    assert ssim(plane, plane, 8) == pytest.approx(1)
    assert 0.3 < ssim(plane, noisy, 8) < 0.9


def test_bd_rate_of_a_curve_at_nine_tenths_of_the_rate() -> None:
    bits, quality = [100.0, 200.0, 400.0, 800.0], [30.0, 33.0, 36.0, 39.0]
    assert bd_rate(bits, quality, [0.9 * b for b in bits], quality) == pytest.approx(-10)
    assert bd_rate(bits, quality, bits, quality) == pytest.approx(0)


def test_bd_rate_of_the_jvet_sheets() -> None:
    """Move a straight line in log rate up by 0.2 dB: the rate falls by 2^(-0.2 / 3) at equal quality."""
    bits, quality = [100.0, 200.0, 400.0, 800.0], [30.0, 33.0, 36.0, 39.0]
    better = [q + 0.2 for q in quality]
    assert bd_rate(bits, quality, bits, better) == pytest.approx(100 * (2 ** (-0.2 / 3) - 1), abs=1e-6)


def test_bd_rate_is_undefined_for_few_points_and_curves_that_do_not_rise() -> None:
    assert math.isnan(bd_rate([1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3]))
    assert math.isnan(bd_rate([1, 2, 3, 4], [1, 2, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]))
    assert math.isnan(bd_rate([1, 2, 3, 4], [1, 2, 3, math.inf], [1, 2, 3, 4], [1, 2, 3, 4]))


def test_bd_rate_is_undefined_if_the_curves_overlap_too_little() -> None:
    bits, quality = [100.0, 200.0, 400.0, 800.0], [30.0, 32.0, 34.0, 36.0]
    rates = [bd_rate(bits, quality, bits, [q + more for q in quality]) for more in (2.9, 3.1, 7.0)]
    assert rates[0] == pytest.approx(100 * (2 ** (-2.9 / 2) - 1))
    assert math.isnan(rates[1])
    assert math.isnan(rates[2])
