"""Test the bits of magnitudes that come with the project."""

import numpy as np
import pytest

from codecnn.intra.block_size import SHAPES, BlockSize
from codecnn.labels.magnitude_bits import MAGNITUDE_COUNTS, magnitude_bits
from codecnn.labels.rate_distortion import CAP, CONTEXTS, bits_of_magnitudes
from codecnn.labels.residuals import residuals_of
from codecnn.labels.search import blocks_of
from codecnn.labels.tables import satd_tables
from tests.labels.test_tables import CTU, SHAPE, planes


@pytest.mark.parametrize("size", SHAPES)
def test_every_size_has_bits_at_every_qp(size: BlockSize) -> None:
    for qp in (0, 22, 30, 37, 51, 63):
        bits = magnitude_bits(size, qp)
        assert bits.shape == (CONTEXTS, CAP + 1)
        assert bits.dtype == np.float32
        of_level = bits - (np.arange(CAP + 1) > 0)  # without the sign
        assert (of_level > 0).all()
        assert 0.85 < (2.0**-of_level).sum(1).min() <= (2.0**-of_level).sum(1).max() < 1.0001


def test_counted_sizes_and_qps_have_the_bits_of_their_counts_and_others_lie_between() -> None:
    with np.load(MAGNITUDE_COUNTS) as file:
        counts, about = file["counts"], str(file["about"])
    assert counts.shape == (5, 4, CONTEXTS, CAP + 1)
    assert counts.sum((2, 3)).min() > 1e6
    assert "x265" in about
    assert "commit" in about
    eight = BlockSize(8, 8)
    np.testing.assert_allclose(magnitude_bits(eight, 27), bits_of_magnitudes(counts[1, 1]), rtol=1e-5)
    np.testing.assert_array_equal(magnitude_bits(eight, 51), magnitude_bits(eight, 37))
    between = 0.6 * magnitude_bits(eight, 27) + 0.4 * magnitude_bits(eight, 32)
    np.testing.assert_allclose(magnitude_bits(eight, 29), between, rtol=1e-5)
    added = bits_of_magnitudes(counts[1, 1] + counts[2, 1])
    np.testing.assert_allclose(magnitude_bits(BlockSize(16, 8), 27), added, rtol=1e-5)
    np.testing.assert_array_equal(magnitude_bits(BlockSize(4, 64), 27), magnitude_bits(BlockSize(16, 16), 27))
    assert magnitude_bits(BlockSize(4, 32), 27)[5, 0] < 0.1  # a high frequency that 8x8 does not have, mostly 0


def test_a_finer_quantiser_makes_large_levels_cheaper() -> None:
    assert (magnitude_bits(BlockSize(8, 8), 22)[:5, 3] < magnitude_bits(BlockSize(8, 8), 37)[:5, 3]).all()


def test_residuals_have_the_costs_of_their_modes() -> None:
    size, (original, reference) = BlockSize(16, 8), planes(10)
    blocks = blocks_of((SHAPE[0] // 8, SHAPE[1] // 16), size, SHAPE, CTU)
    tables = satd_tables(original, reference, blocks, size, 10, "vvc-67-mrl", CTU)[0]
    rng = np.random.default_rng(0)
    modes = np.array([rng.choice(np.flatnonzero(np.isfinite(costs))) for costs in tables])
    residuals = residuals_of(original, reference, blocks, size, 10, "vvc-67-mrl", modes)
    tiles = residuals.reshape(len(blocks), 1, 8, 2, 8).transpose(0, 1, 3, 2, 4)
    hadamard = np.array([[1.0]])
    for _ in range(3):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    expected = abs(hadamard @ tiles @ hadamard).sum((1, 2, 3, 4)) / 8
    np.testing.assert_allclose(tables[np.arange(len(blocks)), modes], expected, atol=0.25)
