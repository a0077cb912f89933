"""Every mode, size and bit depth against what the reference software (VTM) predicted."""

from pathlib import Path

import numpy as np
import pytest

from codecnn.intra import vvc

GOLDEN = Path(__file__).parent / "golden"


def mismatches(name: str) -> tuple[list[tuple[int, ...]], set[tuple[int, ...]]]:
    """The cases that differ as (width, height, bit depth, mode, mrl), and the set of shapes tried."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        golden = {key: file[key] for key in file.files}
    count = golden["mode"].size
    lines = golden.get("mrl", np.zeros(count, np.uint8))
    wrong: list[tuple[int, ...]] = []
    shapes: set[tuple[int, ...]] = set()
    columns = (golden[key].tolist() for key in ("width", "height", "bitdepth", "mode", "ref_off", "pred_off"))
    for width, height, depth, mode, start, first, mrl in zip(*columns, lines.tolist(), strict=True):
        refs = golden["refs"][start : start + 2 * (width + height + mrl) + 1]
        expected = golden["preds"][first : first + width * height].reshape(height, width)
        shapes.add((width, height, depth))
        if not np.array_equal(vvc.predict(refs, width, height, mode, depth, mrl), expected):
            wrong.append((width, height, depth, mode, mrl))
    return wrong, shapes


def test_every_mode_of_every_shape_is_bit_exact() -> None:
    wrong, shapes = mismatches("vvc_intra")
    assert wrong == []
    assert {shape[:2] for shape in shapes} == {(w, h) for w in (4, 8, 16, 32, 64) for h in (4, 8, 16, 32, 64)}
    assert {shape[2] for shape in shapes} == {8, 10}


def test_multiple_reference_lines_are_bit_exact() -> None:
    wrong, shapes = mismatches("vvc_mrl")
    assert wrong == []
    assert len(shapes) > 10


def test_per_mode_decisions_are_those_of_the_reference_software() -> None:
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
