"""Test the quantiser and the entropy estimate against plain loops over the coefficients."""

import math

import numpy as np
import pytest
from scipy.fft import idctn

from codecnn.labels.rate_distortion import (
    CAP,
    CONTEXTS,
    bits_of_magnitudes,
    estimated_bits,
    lagrange_multiplier,
    level_counts,
    quantisation_step,
    quantise,
    quantised_dct,
)


def residuals(count: int, height: int, width: int) -> np.ndarray:
    """Return noise like the residual of a codec: more in low frequencies, much in some blocks and little in others."""
    rng = np.random.default_rng(height * width)
    noise = rng.normal(0, 1, (count, height, width)).cumsum(1).cumsum(2)
    scaled: np.ndarray = noise * rng.uniform(0.1, 5, (count, 1, 1)) + rng.normal(0, 2, noise.shape)
    return scaled.round().astype(np.int32)


def plain_dct(block: np.ndarray) -> np.ndarray:
    """Compute the DCT-II by its definition, frequency by frequency."""

    def basis(side: int) -> np.ndarray:
        rows = [[math.cos(math.pi * k * (2 * i + 1) / (2 * side)) for i in range(side)] for k in range(side)]
        return np.array(rows) * np.sqrt(np.where(np.arange(side) == 0, 1, 2) / side)[:, None]

    coefficients: np.ndarray = basis(block.shape[0]) @ block @ basis(block.shape[1]).T
    return coefficients


def plain_symbols(levels: np.ndarray) -> list[tuple[int, int]]:
    """Return (context, magnitude) of every level of a block: neighbours right and below, then classes."""
    height, width = levels.shape

    def magnitude(x: int, y: int) -> int:
        return abs(int(levels[y, x])) if x < width and y < height else 0

    found = []
    for y in range(height):
        for x in range(width):
            around = ((x + 1, y), (x + 2, y), (x, y + 1), (x, y + 2), (x + 1, y + 1))
            template = sum(min(magnitude(*place), 4) for place in around)
            template_class = sum(template >= start for start in (1, 2, 3, 5, 8))
            diagonal_class = sum(x + y >= start for start in (1, 2, 5, 10, 20))
            found.append((template_class * 6 + diagonal_class, magnitude(x, y)))
    return found


def test_the_quantiser_rounds_every_coefficient() -> None:
    coefficients = np.random.default_rng(0).normal(0, 40, 3000)
    for step in (1.0, 8.0, 25.4):
        expected = [
            math.copysign(math.floor(abs(c) / step + 171 / 512), c) if abs(c) >= step * 341 / 512 else 0
            for c in coefficients.tolist()
        ]
        assert quantise(coefficients, step).tolist() == expected


def test_the_step_doubles_every_six_qps_and_follows_the_bit_depth() -> None:
    assert quantisation_step(4, 8) == 1
    assert quantisation_step(22, 8) == 8
    assert quantisation_step(28, 10) == 64


def test_lambda_equals_the_encoders() -> None:
    """Check against values of the table in libx265, and values of HM computed by hand."""
    table = {0: 0.0380, 22: 6.5393, 27: 21.0695, 32: 67.8860, 37: 218.7284}
    for qp, expected in table.items():
        assert lagrange_multiplier("x265", qp, 8) == pytest.approx(expected, abs=1e-4)
    assert lagrange_multiplier("x265", 37, 12) == pytest.approx(55994.4704, rel=1e-6)
    assert lagrange_multiplier("vvenc", 12, 8) == 0.57
    assert lagrange_multiplier("vtm", 27, 10) == pytest.approx(0.57 * 32 * 16)
    for codec in ("hm", "kvazaar", "vvencapp"):
        assert lagrange_multiplier(codec, 27, 10) == lagrange_multiplier("vtm", 27, 10)


@pytest.mark.parametrize("codec", ["svtav1", "vp9", "vpxenc", "libvpx", "VP10", "x264", "x266", "my-hm", ""])
def test_other_codecs_have_no_lambda(codec: str) -> None:
    with pytest.raises(ValueError, match=f"no lambda is known for the codec {codec}$"):
        lagrange_multiplier(codec, 32, 8)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 16), (64, 16)])
def test_levels_and_squared_error(height: int, width: int) -> None:
    blocks, step = residuals(6, height, width), 6.3
    levels, error = quantised_dct(blocks, step)
    for block, found, squared in zip(blocks, levels, error, strict=True):
        coefficients = plain_dct(block)
        expected = np.sign(coefficients) * np.floor(np.abs(coefficients) / step + 171 / 512)
        expected[32:], expected[:, 32:] = 0, 0
        np.testing.assert_array_equal(found, expected)
        samples = idctn(expected * step, norm="ortho")
        assert squared == pytest.approx(((block - samples) ** 2).sum(), rel=1e-4)


@pytest.mark.parametrize(("height", "width", "step"), [(4, 4, 3.0), (8, 8, 0.5), (4, 16, 6.0), (64, 64, 9.0)])
def test_the_entropy_estimate_is_a_sum_over_all_levels(height: int, width: int, step: float) -> None:
    levels, _ = quantised_dct(residuals(4, height, width), step)
    counts = np.zeros((CONTEXTS, CAP + 1), int)
    symbols = [plain_symbols(block[:32, :32]) for block in levels]
    for block in symbols:
        for context, magnitude in block:
            counts[context, min(magnitude, 15)] += 1
    assert (height, width) != (8, 8) or abs(levels).max() > 30  # some levels use the escape code
    np.testing.assert_array_equal(level_counts(levels), counts)
    expected = []
    for block in symbols:
        bits = 0.0
        for context, magnitude in block:
            bits -= math.log2((counts[context, min(magnitude, 15)] + 1) / (counts[context].sum() + 16))
            bits += magnitude > 0
            if magnitude >= 15:
                bits += 2 * math.floor(math.log2(magnitude - 14)) + 1
        expected.append(bits)
    found = estimated_bits(levels, bits_of_magnitudes(counts))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_counts_of_zero_give_a_uniform_distribution() -> None:
    bits = bits_of_magnitudes(np.zeros((CONTEXTS, CAP + 1), int))
    np.testing.assert_allclose(bits[:, 0], 4)
    np.testing.assert_allclose(bits[:, 1:], 5)


def test_the_bits_of_counted_blocks_are_their_entropy() -> None:
    """Check that the estimate for many blocks is that of an ideal coder: below the entropy without contexts."""
    levels, _ = quantised_dct(residuals(4000, 8, 8), 12.0)
    bits = estimated_bits(levels, bits_of_magnitudes(level_counts(levels))).sum()
    _, counts = np.unique(levels, return_counts=True)
    entropy = -(counts * np.log2(counts / counts.sum())).sum()
    assert 0.3 * entropy < bits < 0.9 * entropy


def test_bits_fall_and_the_error_rises_with_the_qp() -> None:
    blocks = residuals(500, 16, 16)
    found = []
    for qp in (17, 22, 27, 32, 37, 42):
        levels, error = quantised_dct(blocks, quantisation_step(qp, 8))
        bits = estimated_bits(levels, bits_of_magnitudes(level_counts(levels)))
        found.append((bits.sum(), -error.sum()))
    assert found == sorted(found, reverse=True)
    assert found[0][0] > 4 * found[-1][0]
