"""Test HEVC prediction against the predictions of the reference software (HM)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from codecnn.intra import hevc

GOLDEN = Path(__file__).parents[1] / "golden" / "hevc_intra.npz"
SIZES = (4, 8, 16, 32)


def cases() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return {key: file[key] for key in file.files}


def mismatches(golden: dict[str, np.ndarray], predict: Callable[..., np.ndarray]) -> Iterator[tuple[int, ...]]:
    """Yield the cases that differ as (size, bit depth, mode, strong, offset)."""
    keys = ("width", "bitdepth", "mode", "strong", "ref_off", "pred_off")
    for size, depth, mode, strong, start, first in zip(*(golden[key].tolist() for key in keys), strict=True):
        refs = golden["refs"][start : start + 4 * size + 1]
        expected = golden["preds"][first : first + size * size].reshape(size, size)
        if not np.array_equal(predict(refs, size, mode, depth, bool(strong)), expected):
            yield size, depth, mode, strong, first


def test_every_mode_of_every_size_is_bit_exact() -> None:
    golden = cases()
    assert list(mismatches(golden, hevc.predict)) == []
    tried = set(zip(*(golden[key].tolist() for key in ("width", "bitdepth", "mode")), strict=True))
    assert tried == {(size, depth, mode) for size in SIZES for depth in (8, 10) for mode in range(hevc.MODES)}


@pytest.mark.parametrize("size", SIZES)
def test_exchanging_the_sides_transposes(size: int) -> None:
    refs = np.random.default_rng(size).integers(0, 256, 4 * size + 1).astype(np.uint16)
    exchanged = refs[np.r_[2 * size + 1 : refs.size, 2 * size, : 2 * size]]
    for mode in range(hevc.MODES):
        mirrored = mode if mode < 2 else 36 - mode
        block = hevc.predict(refs, size, mode, 8)
        np.testing.assert_array_equal(hevc.predict(exchanged, size, mirrored, 8).T, block)


def wrong_bends(predict: Callable[..., np.ndarray], depth: int, side: int) -> Iterator[int]:
    """Yield the bends that are smoothed in the wrong way; `side` is the middle sample of the bent side."""
    level, threshold = 1 << (depth - 1), 1 << (depth - 5)
    for bend, straight in ((threshold, False), (threshold - 2, True), (2 - threshold, True), (-threshold, False)):
        refs = np.full(129, level)
        refs[side] += bend // 2
        block = predict(refs, 32, 2 if side < 64 else 34, depth, strong_smoothing=True)
        if (block == level).all() != straight:
            yield bend


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("side", [31, 96])
def test_strong_smoothing_begins_below_the_threshold(depth: int, side: int) -> None:
    """Check that a bend of exactly the threshold is smoothed by [1 2 1], and that a smaller one is made straight."""
    assert list(wrong_bends(hevc.predict, depth, side)) == []


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 0)])
def test_the_filtered_edge_stays_in_range(depth: int, low: int, high: int) -> None:
    """Put the row above at one end of the range, with a gradient of the left column towards the same end."""
    peak = (1 << depth) - 1
    refs = np.repeat(np.array([high, low, high]) * peak, (32, 1, 32))  # left, corner, top
    assert (hevc.predict(refs, 16, hevc.VERTICAL, depth) == high * peak).all()
    assert (hevc.predict(refs, 16, hevc.HORIZONTAL, depth) == high * peak).all()


@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("size", SIZES)
def test_flat_references_give_a_flat_block(size: int, level: int) -> None:
    refs = np.full(4 * size + 1, level, np.uint8)
    for mode in range(hevc.MODES):
        block = hevc.predict(refs, size, mode, 8, strong_smoothing=True)
        assert block.dtype == np.uint8
        assert (block == level).all()


@pytest.mark.parametrize(
    ("size", "mode", "count", "named"),
    [(4, 35, 17, "35"), (4, -1, 17, "-1"), (64, 0, 257, "64"), (5, 0, 21, "5x5"), (2, 0, 9, "2x2"), (4, 0, 33, "33")],
)
def test_wrong_arguments_are_refused(size: int, mode: int, count: int, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        hevc.predict(np.zeros(count, np.uint16), size, mode, 8)
