"""SATD against the reference encoders' numbers, the transforms against scipy."""

from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dct
from scipy.linalg import hadamard as hadamard_matrix

from codecnn import transforms

GOLDEN = Path(__file__).parent / "golden" / "satd.npz"


@pytest.mark.parametrize("scale", ["hm", "vtm"])
def test_satd_is_that_of_the_reference_encoders(scale: transforms.Scale) -> None:
    with np.load(GOLDEN) as file:
        golden = {key: file[key] for key in file.files}
    shapes = set()
    for index, (width, height, start) in enumerate(
        zip(golden["width"].tolist(), golden["height"].tolist(), golden["off"].tolist(), strict=True)
    ):
        samples = slice(start, start + width * height)
        original, current = (golden[key][samples].reshape(height, width) for key in ("org", "cur"))
        shapes.add((width, height))
        expected = golden[f"satd_{scale}"][index]
        assert transforms.satd(original, current, scale) == expected, (width, height, index)
    assert len(shapes) > 20


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
    measured = transforms.satd(a, b)
    assert measured.dtype == np.float64
    np.testing.assert_allclose(measured, expected, rtol=1e-12)


def test_hadamard_of_a_rectangle_is_two_matrix_products() -> None:
    block = np.random.default_rng(2).integers(-255, 256, (8, 32))
    np.testing.assert_array_equal(transforms.hadamard(block), hadamard_matrix(8) @ block @ hadamard_matrix(32))


def test_dct_satd_is_that_of_two_one_dimensional_dcts() -> None:
    a, b = np.random.default_rng(3).integers(0, 256, (2, 2, 64, 16), dtype=np.uint8)
    rows = dct(a.astype(float) - b, norm="ortho", axis=-1)
    expected = np.abs(dct(rows, norm="ortho", axis=-2)).sum((1, 2))
    np.testing.assert_allclose(transforms.dct_satd(a, b), expected, rtol=1e-12)
    # Parseval: a single basis function costs its norm, whatever its frequency
    wave = np.rint(1000 * np.cos(np.pi * (np.arange(64) + 0.5) * 5 / 64))[:, None] * np.ones(16)
    assert transforms.dct_satd(wave, np.zeros_like(wave)) == pytest.approx(np.linalg.norm(wave), rel=0.01)


def test_sides_that_no_tile_fits_are_refused() -> None:
    with pytest.raises(ValueError, match="6x8"):
        transforms.satd(np.zeros((8, 6), int), np.zeros((8, 6), int))
