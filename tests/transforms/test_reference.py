"""Test SATD and integer DCT against numbers of the reference encoders, and the transforms against scipy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dct, dctn
from scipy.linalg import hadamard as hadamard_matrix

from codecnn.transforms import reference

GOLDEN = Path(__file__).parents[1] / "golden"
SIDES = (4, 8, 16, 32, 64)


def cases(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def blocks(golden: dict[str, np.ndarray], *keys: str) -> Iterator[list[np.ndarray]]:
    """Yield the arrays under the keys for each case, (height, width) each."""
    for width, height, start in zip(*(golden[key].tolist() for key in ("width", "height", "off")), strict=True):
        yield [golden[key][start : start + width * height].reshape(height, width) for key in keys]


def satd_mismatches(
    golden: dict[str, np.ndarray], satd: Callable[..., np.ndarray], scale: reference.Scale
) -> Iterator[tuple[int, ...]]:
    """Yield the shapes of the cases that differ."""
    expected = golden[f"satd_{scale}"].tolist()
    for (original, current), cost in zip(blocks(golden, "org", "cur"), expected, strict=True):
        if satd(original, current, scale) != cost:
            yield original.shape


@pytest.mark.parametrize("scale", ["hm", "vtm"])
def test_satd_equals_the_reference_encoders(scale: reference.Scale) -> None:
    golden = cases("satd")
    assert list(satd_mismatches(golden, reference.satd, scale)) == []
    assert len({original.shape for (original,) in blocks(golden, "org")}) > 20


def dct_mismatches(
    golden: dict[str, np.ndarray], integer_dct: Callable[..., np.ndarray]
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield the cases that differ as (shape, bit depth)."""
    depths = golden["bitdepth"].tolist()
    for (residual, expected), depth in zip(blocks(golden, "resi", "coef"), depths, strict=True):
        if not np.array_equal(integer_dct(residual, depth), expected):
            yield residual.shape, depth


def test_integer_dct_equals_the_reference_encoder() -> None:
    golden = cases("dct")
    assert list(dct_mismatches(golden, reference.integer_dct)) == []
    tried = set(zip(*(golden[key].tolist() for key in ("width", "height", "bitdepth")), strict=True))
    assert tried == {(width, height, depth) for width in SIDES for height in SIDES for depth in (8, 10)}


def test_integer_dct_is_nearly_the_scaled_dct() -> None:
    """Allow for rounding and for the integer basis functions, which differ from the cosines by up to 2 %."""
    golden = cases("dct")
    for (residual,), depth in zip(blocks(golden, "resi"), golden["bitdepth"].tolist(), strict=True):
        expected = dctn(residual.astype(float), norm="ortho") * 2 ** (15 - depth) / np.sqrt(residual.size)
        expected[32:] = expected[:, 32:] = 0
        measured = reference.integer_dct(residual, depth)
        assert measured.dtype == np.int32
        error = np.linalg.norm(measured - expected)
        assert error <= 0.02 * np.linalg.norm(expected) + np.sqrt(residual.size), (residual.shape, depth)


def test_integer_dct_of_many_blocks() -> None:
    residuals = np.random.default_rng(4).integers(-1023, 1024, (2, 3, 16, 64), dtype=np.int16)
    coefficients = reference.integer_dct(residuals, 10)
    for index in np.ndindex(2, 3):
        np.testing.assert_array_equal(coefficients[index], reference.integer_dct(residuals[index], 10))


@pytest.mark.parametrize(
    ("height", "width", "depth", "named"), [(8, 2, 8, "2x8"), (12, 8, 8, "8x12"), (128, 4, 8, "4x128"), (4, 4, 7, "7")]
)
def test_other_sides_and_bit_depths_of_the_integer_dct_are_refused(
    height: int, width: int, depth: int, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        reference.integer_dct(np.zeros((height, width), np.int16), depth)


@pytest.mark.parametrize(("height", "width", "tile"), [(4, 4, 4), (4, 16, 4), (8, 8, 8), (16, 32, 8)])
def test_orthonormal_satd_is_the_sum_over_tiles(height: int, width: int, tile: int) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 1024, (2, 3, height, width), dtype=np.uint16)
    matrix = hadamard_matrix(tile) / np.sqrt(tile)
    expected = np.zeros(3)
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            residual = a[:, y : y + tile, x : x + tile].astype(float) - b[:, y : y + tile, x : x + tile]
            expected += np.abs(matrix @ residual @ matrix.T).sum((1, 2))
    measured = reference.satd(a, b)
    assert measured.dtype == np.float64
    np.testing.assert_allclose(measured, expected, rtol=1e-12)


def test_hadamard_of_a_rectangle_is_two_matrix_products() -> None:
    block = np.random.default_rng(2).integers(-255, 256, (8, 32))
    np.testing.assert_array_equal(reference.hadamard(block), hadamard_matrix(8) @ block @ hadamard_matrix(32))


def test_dct_satd_equals_two_one_dimensional_dcts() -> None:
    a, b = np.random.default_rng(3).integers(0, 256, (2, 2, 64, 16), dtype=np.uint8)
    rows = dct(a.astype(float) - b, norm="ortho", axis=-1)
    expected = np.abs(dct(rows, norm="ortho", axis=-2)).sum((1, 2))
    np.testing.assert_allclose(reference.dct_satd(a, b), expected, rtol=1e-12)
    # Parseval: a single basis function costs its norm, whatever its frequency
    wave = np.rint(1000 * np.cos(np.pi * (np.arange(64) + 0.5) * 5 / 64))[:, None] * np.ones(16)
    assert reference.dct_satd(wave, np.zeros_like(wave)) == pytest.approx(np.linalg.norm(wave), rel=0.01)


def test_sides_that_no_tile_fits_are_refused() -> None:
    with pytest.raises(ValueError, match="6x8"):
        reference.satd(np.zeros((8, 6), int), np.zeros((8, 6), int))
