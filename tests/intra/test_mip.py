"""Test matrix-based prediction against the predictions of the reference software (VTM)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from codecnn.intra import vvc
from codecnn.intra.mip import mip_modes

GOLDEN = Path(__file__).parents[1] / "golden" / "vvc_mip.npz"
SIDES = (4, 8, 16, 32, 64)
SHAPES = [(width, height) for width in SIDES for height in SIDES]


def mode_count(width: int, height: int) -> int:
    return 16 if width == height == 4 else 8 if min(width, height) == 4 or width == height == 8 else 6


@pytest.mark.parametrize("shape", [(4, 4), (8, 8), (16, 16), (64, 8), (4, 16)])
def test_many_blocks_at_once_are_predicted_as_each(shape: tuple[int, int]) -> None:
    width, height = shape
    refs = np.random.default_rng(0).integers(0, 1024, (2, 3, 2 * (width + height) + 1)).astype(np.uint16)
    assert mip_modes(width, height) == mode_count(width, height)
    for mode, flag in ((0, False), (mode_count(width, height) - 1, True)):
        blocks = vvc.predict_mip(refs, width, height, mode, 10, flag)
        assert (blocks.shape, blocks.dtype) == ((2, 3, height, width), refs.dtype)
        each = [[vvc.predict_mip(one, width, height, mode, 10, flag) for one in row] for row in refs]
        np.testing.assert_array_equal(blocks, each)


def cases() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return {key: file[key] for key in file.files}


def mismatches(golden: dict[str, np.ndarray], predict_mip: Callable[..., np.ndarray]) -> Iterator[tuple[int, ...]]:
    """Yield the cases that differ as (width, height, bit depth, mode, transposed)."""
    keys = ("width", "height", "bitdepth", "mode", "transp", "ref_off", "pred_off")
    for width, height, depth, mode, flag, start, first in zip(*(golden[key].tolist() for key in keys), strict=True):
        refs = golden["refs"][start : start + 2 * (width + height) + 1]
        expected = golden["preds"][first : first + width * height].reshape(height, width)
        if not np.array_equal(predict_mip(refs, width, height, mode, depth, bool(flag)), expected):
            yield width, height, depth, mode, flag


def test_every_shape_and_mode_is_bit_exact() -> None:
    golden = cases()
    assert list(mismatches(golden, vvc.predict_mip)) == []
    tried = set(zip(*(golden[key].tolist() for key in ("width", "height", "mode", "transp")), strict=True))
    shapes = [shape for shape in SHAPES if sorted(shape) != [4, 64]]  # the reference encoder does not try 4x64 and 64x4
    assert tried == {(*shape, mode, flag) for shape in shapes for mode in range(mode_count(*shape)) for flag in (0, 1)}


@pytest.mark.parametrize("shape", [(4, 4), (4, 8), (16, 4), (4, 64), (64, 4), (8, 16), (64, 8)])
def test_exchanging_the_sides_transposes(shape: tuple[int, int]) -> None:
    """Test shapes where the matrix gives one side in full: the order of the two interpolations does not matter."""
    width, height = shape
    refs = np.random.default_rng(width).integers(0, 1024, 2 * (width + height) + 1).astype(np.uint16)
    exchanged = refs[np.r_[2 * height + 1 : refs.size, 2 * height, : 2 * height]]
    for mode in range(mode_count(width, height)):
        block = vvc.predict_mip(refs, width, height, mode, 10)
        transposed = vvc.predict_mip(exchanged, height, width, mode, 10, transposed=True)
        np.testing.assert_array_equal(transposed.T, block)


def test_extreme_references_stay_in_range() -> None:
    rng = np.random.default_rng(1)
    for width, height in SHAPES:
        refs = (rng.integers(0, 2, 2 * (width + height) + 1) * 1023).astype(np.uint16)
        for mode in range(mode_count(width, height)):
            assert vvc.predict_mip(refs, width, height, mode, 10).max() <= 1023


@pytest.mark.parametrize("level", [0, 77, 128, 255])
def test_flat_references_give_a_flat_block(level: int) -> None:
    """Test all levels in larger blocks; the matrices of small blocks also depend on the distance from mid-range."""
    for width, height in SHAPES:
        refs = np.full(2 * (width + height) + 1, level, np.uint8)
        for mode in range(mode_count(width, height) if level == 128 or mode_count(width, height) == 6 else 0):
            block = vvc.predict_mip(refs, width, height, mode, 8)
            assert block.dtype == np.uint8
            assert (block == level).all()


@pytest.mark.parametrize(
    ("width", "height", "mode", "count", "named"),
    [
        (4, 4, 16, 17, "16"),
        (8, 8, 8, 33, "8"),
        (16, 4, 8, 41, "8"),
        (8, 16, 6, 49, "6"),
        (8, 8, -1, 33, "-1"),
        (12, 8, 0, 41, "12x8"),
        (8, 8, 0, 32, r"\(32,\)"),
    ],
)
def test_wrong_arguments_are_refused(width: int, height: int, mode: int, count: int, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        vvc.predict_mip(np.zeros(count, np.uint16), width, height, mode, 8)
