import numpy as np
import pytest

from codecnn.dataset import ctu


@pytest.mark.parametrize(("height", "width"), [(128, 128), (1, 1), (129, 127), (240, 416), (17, 300)])
@pytest.mark.parametrize(("size", "margin"), [(128, 2), (64, 0), (32, 16), (16, 32)])
def test_tile_and_untile_are_inverse(height: int, width: int, size: int, margin: int) -> None:
    plane = np.random.default_rng(0).integers(0, 1024, (height, width), np.uint16)
    windows = ctu.tile(plane, size, margin)
    assert windows.shape[1:] == (size + 2 * margin, size + 2 * margin)
    np.testing.assert_array_equal(ctu.untile(windows, height, width, margin), plane)


def test_a_window_holds_the_nearest_sample_everywhere() -> None:
    height, width, size, margin = 75, 53, 32, 6
    plane = np.random.default_rng(1).integers(0, 256, (height, width), np.uint8)
    for window, (x, y, w, h) in zip(ctu.tile(plane, size, margin), ctu.positions(height, width, size), strict=True):
        rows = [min(max(y + i, 0), height - 1) for i in range(-margin, size + margin)]
        cols = [min(max(x + i, 0), width - 1) for i in range(-margin, size + margin)]
        np.testing.assert_array_equal(window, plane[np.ix_(rows, cols)])
        assert (w, h) == (min(size, width - x), min(size, height - y))


@pytest.mark.parametrize("margin", [0, 2, 6])
@pytest.mark.parametrize("scale", [(1, 1), (1, 2), (2, 2)])
def test_chroma_windows_lie_over_those_of_luma(scale: tuple[int, int], margin: int) -> None:
    """With luma whose every sample says which chroma sample covers it, the windows of both say the same."""
    height, width, size = 75, 53, 32
    down, across = scale
    shape = -(-height // down), -(-width // across)
    chroma = np.arange(shape[0] * shape[1]).reshape(shape)
    luma = np.kron(chroma, np.ones(scale, int))[:height, :width]
    windows = ctu.tile(chroma, size, margin, scale)
    side = size + 2 * margin
    assert windows.shape == (6, side // down, side // across)
    np.testing.assert_array_equal(ctu.untile(windows, *shape, margin, scale), chroma)
    np.testing.assert_array_equal(np.kron(windows, np.ones((1, *scale), int)), ctu.tile(luma, size, margin))


def test_untile_refuses_a_wrong_number_of_windows() -> None:
    with pytest.raises(ValueError, match="4 windows"):
        ctu.untile(np.zeros((3, 16, 16)), 32, 32)
