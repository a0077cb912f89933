"""Test the quality metrics against scikit-image and closed forms."""

import math
import warnings

import bjontegaard
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

from codecnn.metrics import bd_rate, bd_rate_or_reason, flicker, ms_ssim, psnr, psnr_gain, ssim
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


Curve = list[tuple[float, float]]  # kbit/s and PSNR in dB, from the highest rate to the lowest

# Points of JCTVC-E137 with the BD-rate of its spreadsheet, which interpolates by PCHIP, to 12 digits; also the oracle
# of the BD-rate of VMAF, https://github.com/Netflix/vmaf/blob/master/python/test/bd_rate_calculator_test.py
SHEET: list[tuple[Curve, Curve, float]] = [
    (
        [(108048.8736, 43.6471), (61279.976, 40.3953), (33905.6656, 37.247), (18883.6928, 34.2911)],
        [(108061.2784, 43.6768), (61299.9936, 40.4232), (33928.7472, 37.2761), (18910.912, 34.3147)],
        -0.465215420752807,
    ),
    (
        [(40433.8848, 37.5761), (7622.7456, 35.3756), (2394.488, 33.8977), (1017.6184, 32.0603)],
        [(40370.12, 37.5982), (7587.0024, 35.4025), (2390.0944, 33.9194), (1017.0984, 32.0822)],
        -1.8779823450567612,
    ),
]


def rate_of(anchor: Curve, test: Curve) -> float:
    """The BD-rate of two curves."""
    return bd_rate(*(list(column) for curve in (anchor, test) for column in zip(*curve, strict=True)))


@pytest.mark.parametrize(("anchor", "test", "expected"), SHEET)
def test_bd_rate_is_that_of_the_sheet_of_jct_vc(anchor: Curve, test: Curve, expected: float) -> None:
    assert rate_of(anchor, test) == pytest.approx(expected, abs=1e-10)
    shuffled = [anchor[place] for place in (2, 0, 3, 1)], [test[place] for place in (1, 3, 0, 2)]
    assert rate_of(*shuffled) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("method", ["akima", "cubic"])
def test_another_interpolation_is_noticed(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The points of the sheet tell the interpolations apart, the lines of the other tests do not."""
    original = bjontegaard.bd_rate
    monkeypatch.setattr(
        bjontegaard, "bd_rate", lambda *points, **options: original(*points, **options | {"method": method})
    )
    assert any(rate_of(anchor, test) != pytest.approx(expected, abs=1e-4) for anchor, test, expected in SHEET)


def test_bd_rate_of_lines() -> None:
    """Move a straight line in log rate up by 0.2 dB: the rate falls by 2^(-0.2 / 3) at equal quality."""
    bits, quality = [100.0, 200.0, 400.0, 800.0], [30.0, 33.0, 36.0, 39.0]
    better = [q + 0.2 for q in quality]
    assert bd_rate(bits, quality, bits, better) == pytest.approx(100 * (2 ** (-0.2 / 3) - 1), abs=1e-6)


GOOD = [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("bits", "quality", "reason"),
    [
        ([1, 2, 3], [1, 2, 3], "fewer than four QPs"),
        ([], [], "fewer than four QPs"),
        (GOOD, [1, 2, 2, 3], "PSNR and bits do not rise together"),
        ([4, 3, 2, 1], GOOD, "PSNR and bits do not rise together"),
        ([808, 784, 784, 760], [40, 39, 39.5, 38], "PSNR and bits do not rise together"),  # of a real encoder
        (GOOD, [1, 2, 3, math.inf], "a PSNR that is not defined"),
        (GOOD, [1, math.nan, 3, 4], "a PSNR that is not defined"),
        ([0, 2, 3, 4], GOOD, "a point without bits"),
        ([-1, 2, 3, 4], GOOD, "a point without bits"),
    ],
)
def test_bd_rate_that_is_not_defined_has_its_reason(bits: list[float], quality: list[float], reason: str) -> None:
    """And no warning of NumPy or of the library."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for curves in ((GOOD, GOOD, bits, quality), (bits, quality, GOOD, GOOD)):
            percent, said = bd_rate_or_reason(*curves)
            assert math.isnan(percent)
            assert said.startswith(reason)


def test_bd_rate_of_bits_that_are_too_far_apart_has_its_reason() -> None:
    found = bd_rate_or_reason([1e-20 * bits for bits in GOOD], GOOD, [1e300 * bits for bits in GOOD], GOOD)
    assert found.reason == "the bits of the two curves are too far apart"


def test_bd_rate_is_undefined_if_the_curves_overlap_too_little() -> None:
    bits, quality = [100.0, 200.0, 400.0, 800.0], [30.0, 32.0, 34.0, 36.0]
    rates = [bd_rate_or_reason(bits, quality, bits, [q + more for q in quality]) for more in (2.9, 3.1, 7.0)]
    assert rates[0].percent == pytest.approx(100 * (2 ** (-2.9 / 2) - 1))
    assert math.isnan(rates[1].percent)
    assert rates[1].reason == rates[2].reason == "the PSNR ranges of the two curves overlap by less than half"


def slow_ms_ssim(a: np.ndarray, b: np.ndarray, peak: float) -> float:
    """Wang, Simoncelli and Bovik, written out: 11x11 Gaussian windows, halved four times by the mean of 2x2."""

    def blurred(plane: np.ndarray) -> np.ndarray:
        whole: np.ndarray = gaussian_filter(plane, 1.5, radius=5)[5:-5, 5:-5]
        return whole

    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            a, b = ((p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4 for p in (a, b))
        mean_a, mean_b = blurred(a), blurred(b)
        var_a, var_b, both = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2, blurred(a * b) - mean_a * mean_b
        c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
        structure = (2 * both + c2) / (var_a + var_b + c2)
        luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1) if scale == 4 else 1.0
        product *= max(0.0, float(np.mean(structure * luminance))) ** weight
    return product


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_ms_ssim_is_that_of_a_slow_computation(bit_depth: int) -> None:
    random, peak = np.random.default_rng(0), (1 << bit_depth) - 1
    a = photograph("coffee", 192, 208, bit_depth).y
    b = np.clip(a + random.normal(0, peak / 25, a.shape), 0, peak).round().astype(a.dtype)
    assert ms_ssim(a, b, bit_depth) == pytest.approx(slow_ms_ssim(a.astype(float), b.astype(float), peak), abs=1e-5)
    assert ms_ssim(a, a, bit_depth) == pytest.approx(1)
    assert math.isnan(ms_ssim(a[:160], b[:160], bit_depth))


def test_flicker_is_the_change_that_the_original_does_not_have_where_it_stands_still() -> None:
    still = photograph("coffee", 40, 61).y.astype(np.int64) // 2 + 50
    moved = still.copy()
    moved[:16] += 5  # the upper two rows of blocks do not stand still
    decoded = moved.copy()
    decoded[16:] += np.where(np.arange(61) % 2, 3, -3)
    decoded[:16] += 40  # does not count
    decoded[:, 56:] += 40  # nor does what is no whole block
    assert flicker((still, moved), (still, decoded), 8) == pytest.approx(3)
    deep = [(plane * 1023 / 255).astype(np.float64) for plane in (still, moved, decoded)]
    assert flicker((deep[0], deep[1]), (deep[0], deep[2]), 10) == pytest.approx(3)
    assert flicker((still, moved), (still, moved), 8) == 0
    assert math.isnan(flicker((still[:16], moved[:16]), (still[:16], moved[:16]), 8))
