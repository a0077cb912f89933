"""Test intra sub-partitions against the predictions of the reference software (VTM)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from codecnn.intra import vvc

GOLDEN = Path(__file__).parents[1] / "golden" / "vvc_isp.npz"
SIDES = (4, 8, 16, 32, 64)
SHAPES = [(width, height) for width in SIDES for height in SIDES if width * height > 16]


def random_references(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width + height).integers(0, 1024, 2 * (width + height) + 1).astype(np.uint16)


def cases() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return {key: file[key] for key in file.files}


def mismatches(golden: dict[str, np.ndarray], predict_isp: Callable[..., np.ndarray]) -> Iterator[tuple[int, ...]]:
    """Yield the cases that differ as (width, height, bit depth, mode, split)."""
    keys = ("width", "height", "bitdepth", "mode", "isp", "ref_off", "pred_off")
    for width, height, depth, mode, split, start, first in zip(*(golden[key].tolist() for key in keys), strict=True):
        refs = golden["refs"][start : start + 2 * (width + height) + 1]
        expected = golden["preds"][first : first + width * height].reshape(height, width)
        if not np.array_equal(predict_isp(refs, width, height, mode, depth, split), expected):
            yield width, height, depth, mode, split


def test_every_shape_and_split_is_bit_exact() -> None:
    golden = cases()
    assert list(mismatches(golden, vvc.predict_isp)) == []
    shapes = set(zip(*(golden[key].tolist() for key in ("width", "height", "isp")), strict=True))
    assert shapes == {(*shape, split) for shape in SHAPES for split in (1, 2)}
    assert set(golden["mode"].tolist()) == set(range(vvc.MODES))


@pytest.mark.parametrize(("width", "height"), [(8, 8), (16, 16), (32, 16), (16, 64), (64, 16)])
def test_exchanging_the_sides_transposes(width: int, height: int) -> None:
    """Test parts that are at least 4 wide and high, where the rule for narrow parts does not matter."""
    refs = random_references(width, height)
    exchanged = refs[np.r_[2 * height + 1 : refs.size, 2 * height, : 2 * height]]
    splits = [split for split in (1, 2) if (height, width)[split - 1] >= 16]
    for mode in range(vvc.MODES):
        mirrored = mode if mode < 2 else 68 - mode
        for split in splits:
            block = vvc.predict_isp(refs, width, height, mode, 10, split)
            np.testing.assert_array_equal(vvc.predict_isp(exchanged, height, width, mirrored, 10, 3 - split).T, block)


@pytest.mark.parametrize("height", SIDES[1:])
def test_a_block_of_width_4_is_predicted_at_once_by_a_vertical_split(height: int) -> None:
    refs = random_references(4, height)
    for mode in (vvc.DC, vvc.HORIZONTAL, vvc.VERTICAL):  # neither smoothing nor interpolation changes these
        at_once = vvc.predict(refs, 4, height, mode, 10)
        np.testing.assert_array_equal(vvc.predict_isp(refs, 4, height, mode, 10, 2), at_once)


@pytest.mark.parametrize("level", [0, 77, 255])
def test_flat_references_give_a_flat_block(level: int) -> None:
    for width, height in SHAPES:
        refs = np.full(2 * (width + height) + 1, level, np.uint8)
        for split in (1, 2):
            for mode in (0, 1, 2, 7, 18, 26, 34, 42, 50, 61, 66):
                block = vvc.predict_isp(refs, width, height, mode, 8, split)
                assert block.dtype == np.uint8
                assert (block == level).all()


@pytest.mark.parametrize(
    ("width", "height", "mode", "split", "count", "named"),
    [
        (8, 8, 67, 1, 33, "67"),
        (8, 8, -1, 1, 33, "-1"),
        (8, 8, 0, 0, 33, "split 0"),
        (8, 8, 0, 3, 33, "split 3"),
        (4, 4, 0, 1, 17, "4x4"),
        (12, 8, 0, 1, 41, "12x8"),
        (128, 8, 0, 1, 273, "128x8"),
        (8, 8, 0, 1, 32, r"\(32,\)"),
    ],
)
def test_wrong_arguments_are_refused(width: int, height: int, mode: int, split: int, count: int, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        vvc.predict_isp(np.zeros(count, np.uint16), width, height, mode, 8, split)
