"""Put typical mistakes of codec arithmetic into the behaviour of functions, one at a time; a check must find each.

The checks come from the other tests. So the cases of those tests reach every table, threshold and clipping here. A
mistake replaces a function, a table or a function of numpy or Python, in all modules that use it under this name.
"""

import math
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from codecnn.intra import hevc, mip, references, vvc, vvc_modes
from codecnn.intra.block_size import BlockSize
from codecnn.transforms import reference as transforms
from tests.intra import test_hevc, test_isp, test_mip, test_references, test_vvc
from tests.transforms import test_reference as test_transforms

INTRA_CASES, MRL_CASES = test_vvc.cases("vvc_intra"), test_vvc.cases("vvc_mrl")
ISP_CASES, MIP_CASES, HEVC_CASES = test_isp.cases(), test_mip.cases(), test_hevc.cases()
SATD_CASES, DCT_CASES = test_transforms.cases("satd"), test_transforms.cases("dct")


def wrong_intra() -> Iterator[object]:
    yield from test_vvc.mismatches(INTRA_CASES, vvc.predict)


def wrong_mrl() -> Iterator[object]:
    yield from test_vvc.mismatches(MRL_CASES, vvc.predict)


def wrong_isp() -> Iterator[object]:
    yield from test_isp.mismatches(ISP_CASES, vvc.predict_isp)


def wrong_mip() -> Iterator[object]:
    yield from test_mip.mismatches(MIP_CASES, mip.predict_mip)


def wrong_hevc() -> Iterator[object]:
    yield from test_hevc.mismatches(HEVC_CASES, hevc.predict)
    for depth in (8, 10):
        for side in (31, 96):
            yield from test_hevc.wrong_bends(hevc.predict, depth, side)


def wrong_satd() -> Iterator[object]:
    for scale in ("hm", "vtm"):
        yield from test_transforms.satd_mismatches(SATD_CASES, transforms.satd, scale)


def wrong_dct() -> Iterator[object]:
    yield from test_transforms.dct_mismatches(DCT_CASES, transforms.integer_dct)


def wrong_references() -> Iterator[object]:
    """Yield the blocks whose references differ from those of a decoder that marks what it has decoded."""
    height, width, ctu_size = 72, 90, 32
    plane = np.random.default_rng(5).integers(0, 1024, (height, width), dtype=np.uint16)
    for size in (BlockSize(8, 8), BlockSize(32, 32), BlockSize(4, 8), BlockSize(16, 4)):
        decoded = np.zeros(plane.shape, bool)
        for number, (x, y) in enumerate(test_references.coding_order(height, width, ctu_size, size)):
            if x + size.width <= width and y + size.height <= height:
                line = number % 3
                expected = test_references.border_by_the_standard(plane, decoded, x, y, size, 10, line)
                if references.reference_samples(plane, x, y, *size, ctu_size, 10, line).tolist() != expected:
                    yield x, y, size, line
            decoded[y : y + size.height, x : x + size.width] = True


def numpy_with(**mistakes: Any) -> object:  # noqa: ANN401
    """Return numpy with other functions."""
    return SimpleNamespace(**vars(np) | mistakes)


def changed(table: Any, change: dict[int, int]) -> Any:  # noqa: ANN401
    """Return a table, a tuple or a dictionary, with other entries."""
    if isinstance(table, dict):
        return table | change
    return tuple(change.get(place, entry) for place, entry in enumerate(table))


def unclipped(values: np.ndarray, low: int, high: int) -> np.ndarray:
    return values


def moved_tap(taps: np.ndarray) -> np.ndarray:
    taps = taps.copy()
    taps[4] += (0, -1, 1, 0)
    return taps


# The check, and what is replaced where by what; the last is a function of what stands there.
Mistake = tuple[Callable[[], Iterator[object]], ModuleType, str, Callable[[Any], Any]]
SMOOTHED, GAUSSIAN_DISTANCE, ANGLES = vvc_modes._SMOOTHED_MODES, "_GAUSSIAN_DISTANCE", "_ANGLES"
MISTAKES: list[Mistake] = [
    # VVC: smoothing of the references, and the choice of the interpolation filter
    (wrong_intra, vvc, "smooths_references", lambda f: lambda m, w, h: f(m, w, h) or (m in SMOOTHED and w * h == 32)),
    (wrong_intra, vvc, "smooths_references", lambda f: lambda m, w, h: f(m, w, h) and w * h > 64),
    *(
        (wrong_intra, vvc, "smooths_references", lambda f, wrong=mode: lambda m, w, h: m != wrong and f(m, w, h))
        for mode in sorted(SMOOTHED)
    ),
    *(
        (wrong_intra, vvc_modes, GAUSSIAN_DISTANCE, lambda table, entry=entry: changed(table, entry))
        for entry in ({2: 20}, {3: 13}, {3: 15}, {4: 1}, {4: 3}, {5: 1}, {6: 1})
    ),
    (wrong_intra, vvc_modes, "_SMOOTHED_MODES", lambda modes: frozenset()),
    (wrong_mrl, vvc, "interpolation_taps", lambda f: lambda m, w, h, line: f(m, w, h)),
    (wrong_intra, vvc_modes, "CUBIC", moved_tap),
    (wrong_intra, vvc_modes, "CUBIC", lambda taps: np.concatenate((taps[:17], taps[1:16]))),  # not mirrored
    (wrong_intra, vvc_modes, "GAUSSIAN", moved_tap),
    (wrong_intra, vvc, "np", lambda np: numpy_with(clip=unclipped)),
    # VVC: directions
    (wrong_intra, vvc_modes, ANGLES, lambda angles: changed(angles, {13: 22})),
    (wrong_intra, vvc_modes, "wide_angle", lambda f: lambda m, w, h: f(m, min(w, 4 * h), min(h, 4 * w))),
    (wrong_intra, vvc_modes, "wide_angle", lambda f: lambda m, w, h: f(m, w, h) if w != 2 * h else f(m, 2 * w, h)),
    (wrong_intra, vvc_modes, "wide_angle", lambda f: lambda m, w, h: f(m, w, h) + (f(m, w, h) != m)),
    (wrong_intra, vvc_modes, "wide_angle", lambda f: lambda m, w, h: m if f(m + 1, w, h) == m + 1 else f(m, w, h)),
    (
        wrong_intra,
        vvc_modes,
        "wide_angle",
        lambda f: lambda m, w, h: m if m > 2 and f(m - 1, w, h) == m - 1 else f(m, w, h),
    ),
    (wrong_isp, vvc, "wide_angle", lambda f: lambda m, w, h: f(m, h, w)),
    (wrong_intra, vvc_modes, "round", lambda _: int),
    # VVC: PDPC
    (wrong_intra, vvc_modes, "pdpc_scale", lambda f: lambda m, w, h: f(m, w, w)),
    (wrong_intra, vvc_modes, "pdpc_scale", lambda f: lambda m, w, h: f(m, 2 * w, 2 * h) if m < 2 else f(m, w, h)),
    (wrong_intra, vvc_modes, "pdpc_scale", lambda f: lambda m, w, h: -1 if m in (18, 50) else f(m, w, h)),
    (wrong_intra, vvc_modes, "pdpc_scale", lambda f: lambda m, w, h: min(f(m, w, h), 1)),
    (wrong_intra, vvc_modes, "pdpc_scale", lambda f: lambda m, w, h: f(m, min(w, h), min(w, h))),
    (wrong_intra, vvc_modes, "min", lambda _: lambda *values: 3 if values[0] == 2 and values[1] > 2 else min(*values)),
    (wrong_isp, vvc_modes, "min", lambda _: lambda *values: 4 if values in ((2, 8), (8, 2)) else min(*values)),
    (wrong_intra, vvc, "_pdpc_weights", lambda f: lambda length, scale: f(length, scale + 1)),
    (
        wrong_intra,
        vvc,
        "_pdpc_one_side",
        lambda f: lambda block, *rest: np.hstack((f(block, *rest)[:, :2], block[:, 2:])),
    ),
    (wrong_intra, vvc, "_pdpc_one_side", lambda f: lambda block, *rest: block),
    (wrong_intra, vvc, "_pdpc_both_sides", lambda f: lambda block, left, top, scale: f(block, top, left, scale)),
    # VVC: planar, DC and sub-partitions
    (
        wrong_intra,
        vvc,
        "_planar",
        lambda f: lambda left, top, w, h: f(top, left, w, h) if w == h else f(left, top, w, h),
    ),
    (wrong_intra, vvc, "max", lambda _: lambda *values, key=None: min(*values, key=key)),
    (wrong_mrl, vvc, "_dc", lambda f: lambda left, top, w, h, line: f(left, top, w, h, 0)),
    (wrong_isp, vvc, "max", lambda _: lambda *values, key=None: values[0] if key is None else max(*values, key=key)),
    (wrong_isp, vvc, "_inner_references", lambda f: lambda corner, samples: f(samples[0], samples)),
    (wrong_isp, vvc, "np", lambda np: numpy_with(pad=lambda a, width, mode: np.pad(a, width, mode="reflect"))),
    # VVC: MIP
    (wrong_mip, mip, "np", lambda np: numpy_with(clip=unclipped)),
    (wrong_mip, mip, "_weights", lambda f: lambda size: f(size) + 1),
    (
        wrong_mip,
        mip,
        "_mean_of_groups",
        lambda f: lambda samples, count: samples.reshape(count, -1).sum(1) // (samples.size // count),
    ),
    (wrong_mip, mip, "_mean_of_groups", lambda f: lambda samples, count: samples[:: samples.size // count]),
    (wrong_mip, mip, "_interpolate", lambda f: lambda before, rows, factor: f(rows[0], rows, factor)),
    (wrong_mip, mip, "_interpolate", lambda f: lambda before, rows, factor: rows.repeat(factor, 0)),
    # HEVC
    *(
        (wrong_hevc, hevc, "_SMOOTHING_DISTANCE", lambda table, entry=entry: changed(table, entry))
        for entry in ({4: 9}, {8: 6}, {8: 8}, {16: 0}, {16: 2}, {32: 1})
    ),
    (wrong_hevc, hevc, "smooths_references", lambda f: lambda mode, size: f(mode, size) or (mode == 1 and size > 4)),
    (wrong_hevc, hevc, "_is_almost_linear", lambda f: lambda border, depth: f(border, depth + 1)),
    (wrong_hevc, hevc, "_is_almost_linear", lambda f: lambda border, depth: f(border, 8)),
    (wrong_hevc, hevc, "max", lambda _: min),
    (wrong_hevc, hevc, "max", lambda _: lambda *bends: max(*bends) - 2),  # a bend of the threshold counts as straight
    (wrong_hevc, hevc, "_bilinear", lambda f: hevc._smoothed),
    (wrong_hevc, hevc, "_smoothed", lambda f: lambda border: f(border) - (f(border) > border.mean())),
    (wrong_hevc, hevc, "filters_edges", lambda f: lambda size: size <= 32),
    (wrong_hevc, hevc, "filters_edges", lambda f: lambda size: size < 16),
    (wrong_hevc, hevc, ANGLES, lambda angles: changed(angles, {6: 22})),
    (wrong_hevc, hevc, "round", lambda _: math.floor),
    (wrong_hevc, hevc, "_planar", lambda f: lambda left, top, size: f(top, left, size)),
    (wrong_hevc, hevc, "np", lambda np: numpy_with(clip=lambda values, low, high: np.maximum(values, low))),
    (wrong_hevc, hevc, "np", lambda np: numpy_with(clip=lambda values, low, high: np.minimum(values, high))),
    # SATD and the integer DCT
    (wrong_satd, transforms, "_tile", lambda f: lambda h, w: f(h, w) if h == w == 8 else (4, 4)),
    (wrong_satd, transforms, "_vtm_tile", lambda f: transforms._tile),
    (wrong_satd, transforms, "hadamard", lambda f: lambda blocks: f(blocks) - (f(blocks) > 500)),
    (wrong_satd, transforms, "np", lambda np: numpy_with(sqrt=lambda n: np.sqrt(n) * 0.99)),
    (wrong_dct, transforms, "_round_shift", lambda f: lambda values, shift: values >> shift),
    (wrong_dct, transforms, "_round_shift", lambda f: lambda values, shift: f(values, shift + 1)),
    (wrong_dct, transforms, "_log2", lambda f: lambda length: f(min(length, 32))),
    (wrong_dct, transforms, "_FIRST_COLUMN", lambda column: np.where(column == 83, 84, column)),
    (wrong_dct, transforms, "_FIRST_COLUMN", lambda column: np.where(np.arange(64) == 63, 3, column)),
    (wrong_dct, transforms, "integer_dct_matrix", lambda f: lambda size: f(size) * (np.arange(size) != 31)[:, None]),
    # References
    (wrong_references, references, "substitute", lambda f: lambda b, there, d: np.where(there, b, f(b, there, d)[0])),
    (wrong_references, references, "np", lambda np: numpy_with(full_like=lambda a, value: np.full(a.shape, value - 1))),
    (wrong_references, references, "np", lambda np: numpy_with(argmax=lambda values: 0)),
    (wrong_references, references, "_spread_bits", lambda f: lambda units, bits: units),  # raster order in a CTU
    (wrong_references, references, "decoding_order", lambda f: lambda x, y, width, ctu_size: f(y, x, width, ctu_size)),
    (
        wrong_references,
        references,
        "decoding_order",
        lambda f: lambda x, y, *rest: np.zeros(np.broadcast(x, y).shape, int),
    ),
    (wrong_references, references, "available", lambda f: lambda x, y, bx, by, side, *rest: f(x, y, bx, by, 4, *rest)),
    (
        wrong_references,
        references,
        "available",
        lambda f: lambda x, y, bx, by, side, *rest: f(x + 1, y, bx, by, side, *rest),
    ),
]
MODULES = (hevc, mip, references, vvc, vvc_modes, transforms)


@pytest.mark.parametrize(
    ("check", "module", "name", "mistake"),
    MISTAKES,
    ids=[f"{number} {name}" for number, (*_, name, _) in enumerate(MISTAKES)],
)
def test_every_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[], Iterator[object]],
    module: ModuleType,
    name: str,
    mistake: Callable[[Any], Any],
) -> None:
    right = getattr(module, name, None)  # None: a function of Python itself
    wrong = mistake(right)
    for user in MODULES if module is vvc_modes and right is not None else (module,):
        if getattr(user, name, None) is right:
            monkeypatch.setattr(user, name, wrong, raising=False)
    assert any(True for _ in check())


@pytest.mark.parametrize("check", [wrong_references, wrong_hevc])  # of the others the tests beside this one tell
def test_nothing_is_found_without_a_mistake(check: Callable[[], Iterator[object]]) -> None:
    assert list(check()) == []
