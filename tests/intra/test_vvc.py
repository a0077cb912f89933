"""Test every mode, size and bit depth against the predictions of the reference software (VTM)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from codecnn.intra import vvc

GOLDEN = Path(__file__).parents[1] / "golden"


def cases(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def mismatches(golden: dict[str, np.ndarray], predict: Callable[..., np.ndarray]) -> Iterator[tuple[int, ...]]:
    """Yield the cases that differ as (width, height, bit depth, mode, reference line)."""
    reference_lines = golden.get("mrl", np.zeros_like(golden["mode"]))
    columns = (golden[key].tolist() for key in ("width", "height", "bitdepth", "mode", "ref_off", "pred_off"))
    for width, height, depth, mode, start, first, reference_line in zip(
        *columns, reference_lines.tolist(), strict=True
    ):
        refs = golden["refs"][start : start + 2 * (width + height + reference_line) + 1]
        expected = golden["preds"][first : first + width * height].reshape(height, width)
        if not np.array_equal(predict(refs, width, height, mode, depth, reference_line), expected):
            yield width, height, depth, mode, reference_line


def test_every_mode_of_every_shape_is_bit_exact() -> None:
    golden = cases("vvc_intra")
    assert list(mismatches(golden, vvc.predict)) == []
    shapes = set(zip(golden["width"].tolist(), golden["height"].tolist(), strict=True))
    assert shapes == {(w, h) for w in (4, 8, 16, 32, 64) for h in (4, 8, 16, 32, 64)}
    assert set(golden["bitdepth"].tolist()) == {8, 10}
    assert set(golden["mode"].tolist()) == set(range(vvc.MODES))


def test_multiple_reference_lines_are_bit_exact() -> None:
    golden = cases("vvc_mrl")
    assert list(mismatches(golden, vvc.predict)) == []
    assert len(set(zip(*(golden[key].tolist() for key in ("width", "height", "bitdepth")), strict=True))) > 10
    assert set(golden["mrl"].tolist()) == {1, 2}


def test_decisions_per_mode_equal_the_reference_software() -> None:
    with np.load(GOLDEN / "vvc_intra.npz") as golden:
        keys = ("width", "height", "mode", "ref_filter", "gauss4", "pdpc")
        for width, height, mode, smoothed, gaussian, pdpc in zip(*(golden[key].tolist() for key in keys), strict=True):
            mapped = vvc.wide_angle(mode, width, height)
            assert vvc.smooths_references(mapped, width, height) == bool(smoothed)
            assert (vvc.pdpc_scale(mapped, width, height) >= 0) == bool(pdpc)
            if mapped not in (vvc.PLANAR, vvc.DC):
                assert (vvc.interpolation_taps(mapped, width, height) is vvc.GAUSSIAN) == bool(gaussian)


@pytest.mark.parametrize(("mode", "count"), [(67, 17), (-1, 17), (0, 16)])
def test_wrong_arguments_are_refused(mode: int, count: int) -> None:
    with pytest.raises(ValueError, match=str(mode) if count == 17 else r"\(16,\)"):
        vvc.predict(np.zeros(count, np.uint16), 4, 4, mode, 8)
