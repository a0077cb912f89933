"""Put typical mistakes of codec arithmetic into the code, one at a time; a check must find each of them.

The checks come from the other tests. So the cases of those tests reach every threshold, rounding and clipping here.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from codecnn.intra.block_size import BlockSize
from tests.intra import test_hevc, test_isp, test_mip, test_references, test_vvc
from tests.transforms import test_reference as test_transforms


@dataclass(frozen=True)
class Check:
    """Hold a comparison of a test, which yields the cases in which a module is wrong."""

    module: str
    wrong: Callable[[ModuleType], Iterator[object]]


def hevc_wrong(hevc: ModuleType) -> Iterator[object]:
    yield from test_hevc.mismatches(HEVC_CASES, hevc.predict)
    for depth in (8, 10):
        for side in (31, 96):
            yield from test_hevc.wrong_bends(hevc.predict, depth, side)


def satd_wrong(transforms: ModuleType) -> Iterator[object]:
    yield from test_transforms.satd_mismatches(SATD_CASES, transforms.satd, "hm")
    yield from test_transforms.satd_mismatches(SATD_CASES, transforms.satd, "vtm")


def references_wrong(references: ModuleType) -> Iterator[object]:
    """Yield the blocks whose references differ from those of a decoder that marks what it has decoded."""
    height, width, ctu_size = 72, 90, 32
    plane = np.random.default_rng(5).integers(0, 1024, (height, width), dtype=np.uint16)
    for size in (BlockSize(8, 8), BlockSize(32, 32), BlockSize(4, 8), BlockSize(16, 4)):
        decoded = np.zeros(plane.shape, bool)
        for number, (x, y) in enumerate(test_references.coding_order(height, width, ctu_size, size)):
            if x + size.width <= width and y + size.height <= height:
                reference_line = number % 3
                expected = test_references.border_by_the_standard(plane, decoded, x, y, size, 10, reference_line)
                if references.reference_samples(plane, x, y, *size, ctu_size, 10, reference_line).tolist() != expected:
                    yield x, y, size, reference_line
            decoded[y : y + size.height, x : x + size.width] = True


INTRA_CASES, MRL_CASES = test_vvc.cases("vvc_intra"), test_vvc.cases("vvc_mrl")
ISP_CASES, MIP_CASES, HEVC_CASES = test_isp.cases(), test_mip.cases(), test_hevc.cases()
SATD_CASES, DCT_CASES = test_transforms.cases("satd"), test_transforms.cases("dct")

VVC, VVC_MODES = "codecnn.intra.vvc", "codecnn.intra.vvc_modes"
INTRA = Check(VVC, lambda vvc: test_vvc.mismatches(INTRA_CASES, vvc.predict))
MRL = Check(VVC, lambda vvc: test_vvc.mismatches(MRL_CASES, vvc.predict))
ISP = Check(VVC, lambda vvc: test_isp.mismatches(ISP_CASES, vvc.predict_isp))
MIP = Check("codecnn.intra.mip", lambda mip: test_mip.mismatches(MIP_CASES, mip.predict_mip))
HEVC = Check("codecnn.intra.hevc", hevc_wrong)
SATD = Check("codecnn.transforms.reference", satd_wrong)
DCT = Check(
    "codecnn.transforms.reference", lambda transforms: test_transforms.dct_mismatches(DCT_CASES, transforms.integer_dct)
)
REFERENCES = Check("codecnn.intra.references", references_wrong)

SMOOTHED = (0, -14, -12, -10, -6, 2, 34, 66, 72, 76, 78, 80)

# The check, the module to change, its text, and the text that replaces it.
MUTATIONS = [
    # VVC: smoothing of the references
    (INTRA, VVC_MODES, "width * height > 32", "width * height >= 32"),
    (INTRA, VVC_MODES, "width * height > 32", "width * height > 64"),
    # The set itself does not change: without mode 34 in it, the Gaussian filter would smooth this mode just the same.
    *(
        (INTRA, VVC_MODES, "return mode in _SMOOTHED_MODES", f"return mode in _SMOOTHED_MODES - {{{mode}}}")
        for mode in SMOOTHED
    ),
    (INTRA, VVC, "border[2:] + 2) >> 2", "border[2:]) >> 2"),
    (MRL, VVC, "if reference_line == 0 and smooths_references(", "if smooths_references("),
    # VVC: choice of the interpolation filter
    *(
        (INTRA, VVC_MODES, "{2: 24, 3: 14, 4: 2, 5: 0, 6: 0}", mutated)
        for mutated in (
            "{2: 20, 3: 14, 4: 2, 5: 0, 6: 0}",
            "{2: 24, 3: 13, 4: 2, 5: 0, 6: 0}",
            "{2: 24, 3: 15, 4: 2, 5: 0, 6: 0}",
            "{2: 24, 3: 14, 4: 1, 5: 0, 6: 0}",
            "{2: 24, 3: 14, 4: 3, 5: 0, 6: 0}",
            "{2: 24, 3: 14, 4: 2, 5: 1, 6: 0}",
            "{2: 24, 3: 14, 4: 2, 5: 0, 6: 1}",
        )
    ),
    (INTRA, VVC_MODES, "distance > threshold", "distance >= threshold"),
    (INTRA, VVC_MODES, "(log2(width) + log2(height)) >> 1", "(log2(width) + log2(height) + 1) >> 1"),
    (
        INTRA,
        VVC_MODES,
        "gaussian = reference_line == 0 and mode not in _SMOOTHED_MODES and",
        "gaussian = reference_line == 0 and",
    ),
    (MRL, VVC_MODES, "gaussian = reference_line == 0 and mode", "gaussian = mode"),
    (
        ISP,
        VVC,
        "part_width, part_height, mapped, CUBIC, bit_depth",
        "part_width, part_height, mapped, interpolation_taps(mapped, width, height), bit_depth",
    ),
    # VVC: interpolation
    (INTRA, VVC_MODES, "(-2, 58, 10, -2)", "(-2, 57, 11, -2)"),
    (INTRA, VVC_MODES, "(-4, 36, 36, -4)", "(-3, 36, 36, -5)"),
    (INTRA, VVC_MODES, "_HALF_CUBIC[15:0:-1]", "_HALF_CUBIC[1:16]"),
    (INTRA, VVC_MODES, "(16 - f, 32 - f, 16 + f, f)", "(16 - f, 32, 16, f)"),
    (INTRA, VVC, "products.sum(-1) + 32) >> 6", "products.sum(-1)) >> 6"),
    (INTRA, VVC, "np.clip((products.sum(-1) + 32) >> 6, 0, peak)", "(products.sum(-1) + 32) >> 6"),
    (MRL, VVC, "(np.arange(height) + 1 + reference_line) * angle(mode)", "(np.arange(height) + 1) * angle(mode)"),
    (MRL, VVC, "origin + reference_line + (shift >> 5)", "origin + (shift >> 5)"),
    # VVC: directions
    (INTRA, VVC_MODES, "18, 20, 23, 26, 29", "18, 20, 22, 26, 29"),
    (INTRA, VVC_MODES, "2 * ratio if ratio > 1 else 0", "2 * ratio"),
    (INTRA, VVC_MODES, "2 * ratio if ratio > 1 else 0", "2 * min(ratio, 3) if ratio > 1 else 0"),
    (INTRA, VVC_MODES, "2 <= mode < 8 + extra", "2 <= mode <= 8 + extra"),
    (INTRA, VVC_MODES, "2 <= mode < 8 + extra", "2 <= mode < 7 + extra"),
    (INTRA, VVC_MODES, "60 - extra < mode", "60 - extra <= mode"),
    (INTRA, VVC_MODES, "60 - extra < mode", "61 - extra < mode"),
    (INTRA, VVC_MODES, "return mode + 65", "return mode + 66"),
    (INTRA, VVC_MODES, "return mode - 67", "return mode - 66"),
    (INTRA, VVC_MODES, "round(512 * 32 / angle(mode))", "int(512 * 32 / angle(mode))"),
    (INTRA, VVC, "* -inverse_angle(mode) + 256) >> 9", "* -inverse_angle(mode)) >> 9"),
    # VVC: PDPC
    (INTRA, VVC_MODES, "(log2(width) + log2(height) - 2) >> 2", "(log2(width) + log2(height)) >> 2"),
    (INTRA, VVC_MODES, "(log2(width) + log2(height) - 2) >> 2", "(2 * log2(width) - 2) >> 2"),
    (INTRA, VVC_MODES, "return min(2, log2(length)", "return min(3, log2(length)"),
    (INTRA, VVC_MODES, ".bit_length() - 1) + 8)", ".bit_length() - 1) + 7)"),
    (INTRA, VVC_MODES, "(3 * inverse_angle(mode) - 2)", "(4 * inverse_angle(mode) - 2)"),
    (INTRA, VVC_MODES, "height if is_vertical(mode) else width", "min(width, height)"),
    (INTRA, VVC_MODES, "in (PLANAR, DC, HORIZONTAL, VERTICAL)", "in (PLANAR, DC)"),
    (ISP, VVC_MODES, "min(width, height) < 4", "min(width, height) < 2"),
    (INTRA, VVC, "3 << scale", "2 << scale"),
    (INTRA, VVC, "(np.arange(length) << 1) >> scale", "np.arange(length) >> scale"),
    (
        INTRA,
        VVC,
        "(np.arange(reach) + 1) * inverse_angle(mode) + 256)",
        "(np.arange(reach) + 1) * inverse_angle(mode))",
    ),
    (INTRA, VVC, "* block + 32) >> 6", "* block) >> 6"),
    (INTRA, VVC, "* (64 - weights) + 32) >> 6", "* (64 - weights)) >> 6"),
    (
        INTRA,
        VVC,
        "np.clip(_pdpc_one_side(block, side, mode, scale), 0, peak)",
        "_pdpc_one_side(block, side, mode, scale)",
    ),
    (INTRA, VVC, "+ side[1 : height + 1, None] - side[0]", "+ side[1 : height + 1, None] - side[1]"),
    (MRL, VVC, "pdpc_scale(mode, width, height) if reference_line == 0 else -1", "pdpc_scale(mode, width, height)"),
    # VVC: planar and DC
    (INTRA, VVC, "horizontal * height + width * height", "horizontal * height"),
    (INTRA, VVC, "vertical * width + horizontal * height", "vertical * height + horizontal * width"),
    (INTRA, VVC, "used.sum() + (used.size >> 1)", "used.sum()"),
    (
        INTRA,
        VVC,
        "(used.sum() + (used.size >> 1)) >> log2(used.size)",
        "(both.sum() + (both.size >> 1)) // both.size",
    ),
    (INTRA, VVC, "max(above, beside, key=len)", "min(above, beside, key=len)"),
    (MRL, VVC, "top[1 + reference_line :][:width]", "top[1:][:width]"),
    # VVC: sub-partitions
    (ISP, VVC, "max(width // parts, 4)", "width // parts"),
    (ISP, VVC, "2 if width * height == 32 else 4", "4"),
    (  # there is no wide angle for parts that are lower than 4
        ISP,
        VVC,
        "mapped = wide_angle(mode, width, height)  # by",
        "mapped = wide_angle(mode, part_width, max(part_height, 4))  # by",
    ),
    (ISP, VVC, 'mode="edge"', 'mode="reflect"'),
    # VVC: MIP
    (MIP, MIP.module, "inputs + 32) >> 6", "inputs) >> 6"),
    (MIP, MIP.module, "inputs = boundary - first", "inputs = boundary - (1 << (bit_depth - 1))"),
    (MIP, MIP.module, "inputs[0] = (1 << (bit_depth - 1)) - first", "inputs[0] = 0"),
    (MIP, MIP.module, "inputs[0] = (1 << (bit_depth - 1)) - first", "inputs[0] = first - (1 << (bit_depth - 1))"),
    (MIP, MIP.module, "halves[::-1] if transposed else halves", "halves"),
    (MIP, MIP.module, "block = block.T\n", "block = block\n"),
    (MIP, MIP.module, "np.clip(outputs, 0, (1 << bit_depth) - 1)", "outputs"),
    (MIP, MIP.module, "(size >> 1)) // size", "0) // size"),
    (MIP, MIP.module, "(factor >> 1)) // factor", "0) // factor"),
    (
        MIP,
        MIP.module,
        """beside = left[height // side - 1 :: height // side]  # in the rows that the matrix gives
    rows = _interpolate(beside, block.T, width // side).T  # (side, width)
    block = _interpolate(top, rows, height // side)
""",
        """columns = _interpolate(top[width // side - 1 :: width // side], block, height // side)
    block = _interpolate(left, columns.T, width // side).T
""",
    ),
    # HEVC
    *(
        (HEVC, HEVC.module, "{8: 7, 16: 1, 32: 0}", mutated)
        for mutated in (
            "{4: 9, 8: 7, 16: 1, 32: 0}",
            "{8: 6, 16: 1, 32: 0}",
            "{8: 8, 16: 1, 32: 0}",
            "{8: 7, 16: 0, 32: 0}",
            "{8: 7, 16: 2, 32: 0}",
            "{8: 7, 16: 1, 32: 1}",
        )
    ),
    (HEVC, HEVC.module, "mode != DC and size", "size"),
    (HEVC, HEVC.module, "bend < 1 << (bit_depth - 5)", "bend <= 1 << (bit_depth - 5)"),
    (HEVC, HEVC.module, "bend < 1 << (bit_depth - 5)", "bend < 1 << (bit_depth - 4)"),
    (HEVC, HEVC.module, "bend < 1 << (bit_depth - 5)", "bend < 1 << 3"),
    (HEVC, HEVC.module, "max(abs(corner + bottom_left", "min(abs(corner + bottom_left"),
    (HEVC, HEVC.module, "step * corner + 32) >> 6", "step * corner) >> 6"),
    (HEVC, HEVC.module, "step * top_right + 32) >> 6", "step * top_right) >> 6"),
    (HEVC, HEVC.module, "border[2:] + 2) >> 2", "border[2:]) >> 2"),
    (HEVC, HEVC.module, "return size < 32", "return size <= 32"),
    (HEVC, HEVC.module, "return size < 32", "return size < 16"),
    (HEVC, HEVC.module, "(above + 3 * mean + 2) >> 2", "(above + 3 * mean) >> 2"),
    (HEVC, HEVC.module, "(beside + 3 * mean + 2) >> 2", "(beside + 3 * mean) >> 2"),
    (HEVC, HEVC.module, "above[0] + 2) >> 2", "above[0]) >> 2"),
    (HEVC, HEVC.module, "beside.sum() + size)", "beside.sum())"),
    (HEVC, HEVC.module, "(across + down + size)", "(across + down)"),
    (HEVC, HEVC.module, "following + 16) >> 5", "following) >> 5"),
    (HEVC, HEVC.module, "(0, 2, 5, 9, 13, 17, 21, 26, 32)", "(0, 2, 5, 9, 13, 17, 22, 26, 32)"),
    (HEVC, HEVC.module, "round(256 * 32 / angle(mode))", "256 * 32 // angle(mode)"),
    (HEVC, HEVC.module, "inverse_angle(mode) + 128) >> 8", "inverse_angle(mode)) >> 8"),
    (HEVC, HEVC.module, "side[0]) >> 1)", "side[0]) >> 2)"),
    (HEVC, HEVC.module, "side[0]) >> 1), 0, (1 << bit_depth) - 1)", "side[0]) >> 1), None, (1 << bit_depth) - 1)"),
    (HEVC, HEVC.module, "side[0]) >> 1), 0, (1 << bit_depth) - 1)", "side[0]) >> 1), 0, None)"),
    # SATD and the integer DCT
    (SATD, SATD.module, "(sums + 2) >> 2", "sums >> 2"),
    (SATD, SATD.module, "(sums + 1) >> 1", "sums >> 1"),
    (SATD, SATD.module, "sums += (dc >> 2) - dc", "sums -= dc"),
    (SATD, SATD.module, "sums += (dc >> 2) - dc", "sums += -(-dc >> 2) - dc"),
    (SATD, SATD.module, "* 2).astype(np.int64)", "* 2 + 0.5).astype(np.int64)"),
    (SATD, SATD.module, "if height % 8 == 0 and width % 8 == 0 else (4, 4)", "if height == width == 8 else (4, 4)"),
    (
        SATD,
        SATD.module,
        "return (8, 16) if height % 8 == 0 and width % 16 == 0 else (4, 8)",
        "return _tile(height, width)",
    ),
    (
        SATD,
        SATD.module,
        "return (16, 8) if width % 8 == 0 and height % 16 == 0 else (8, 4)",
        "return _tile(height, width)",
    ),
    (DCT, DCT.module, "_log2(width) + bit_depth - 9", "_log2(width) + bit_depth - 8"),
    (DCT, DCT.module, "_log2(width) + bit_depth - 9", "_log2(width) - 1"),
    (DCT, DCT.module, "_log2(width) + bit_depth - 9", "_log2(height) + bit_depth - 9"),
    (DCT, DCT.module, "_log2(height) + 6", "_log2(height) + 7"),
    (DCT, DCT.module, "_log2(height) + 6", "_log2(width) + 6"),
    (DCT, DCT.module, "values + (1 << (shift - 1))", "values"),
    (DCT, DCT.module, "matrix[32:] = 0", "matrix[64:] = 0"),
    (DCT, DCT.module, "matrix[32:] = 0", "matrix[31:] = 0"),
    (DCT, DCT.module, "83, 36", "84, 35"),
    (DCT, DCT.module, "11, 7, 2)", "11, 7, 3)"),
    (
        DCT,
        DCT.module,
        """rows = _round_shift(residual.astype(np.int64) @ _integer_dct_matrix(width).T, _log2(width) + bit_depth - 9)
    return _round_shift(_integer_dct_matrix(height) @ rows, _log2(height) + 6).astype(np.int32)
""",
        """rows = _round_shift(_integer_dct_matrix(height) @ residual.astype(np.int64), _log2(height) + bit_depth - 9)
    return _round_shift(rows @ _integer_dct_matrix(width).T, _log2(width) + 6).astype(np.int32)
""",
    ),
    # References
    (
        REFERENCES,
        REFERENCES.module,
        "source = np.maximum.accumulate(np.where(is_available, np.arange(border.size), 0))",
        "source = np.minimum.accumulate(np.where(is_available, np.arange(border.size), border.size - 1)[::-1])[::-1]",
    ),
    (
        REFERENCES,
        REFERENCES.module,
        "np.full_like(border, 1 << (bit_depth - 1))",
        "np.full_like(border, (1 << bit_depth) - 1 >> 1)",
    ),
    (
        REFERENCES,
        REFERENCES.module,
        "border[np.maximum(source, np.argmax(is_available))]",
        "np.where(np.arange(border.size) < np.argmax(is_available), 1 << (bit_depth - 1), border[source])",
    ),
    (
        REFERENCES,
        REFERENCES.module,
        """_spread_bits((x % ctu_size) >> _UNIT_BITS, bits)
    down = ((y // ctu_size * ctus_across) << 2 * bits) + 2 * _spread_bits((y % ctu_size) >> _UNIT_BITS, bits)
""",
        """((x % ctu_size) >> _UNIT_BITS)
    down = ((y // ctu_size * ctus_across) << 2 * bits) + ((y % ctu_size) >> _UNIT_BITS << bits)
""",
    ),
    (
        REFERENCES,
        REFERENCES.module,
        """_spread_bits((x % ctu_size) >> _UNIT_BITS, bits)
    down = ((y // ctu_size * ctus_across) << 2 * bits) + 2 * _spread_bits((y % ctu_size) >> _UNIT_BITS, bits)
""",
        """2 * _spread_bits((x % ctu_size) >> _UNIT_BITS, bits)
    down = ((y // ctu_size * ctus_across) << 2 * bits) + _spread_bits((y % ctu_size) >> _UNIT_BITS, bits)
""",
    ),
    (REFERENCES, REFERENCES.module, "= inside & earlier", "= inside"),
    (REFERENCES, REFERENCES.module, "(order < of_block) | ((order == of_block) &", "(order < of_block) | (False &"),
    (REFERENCES, REFERENCES.module, "x - 1 - reference_line), x + top", "x - 1), x + top"),
    (
        REFERENCES,
        REFERENCES.module,
        "left = np.arange(-reference_line, 2 * height)",
        "left = np.arange(-reference_line, 2 * height) + reference_line",
    ),
]


def source_of(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text()


def execute(monkeypatch: pytest.MonkeyPatch, name: str, source: str) -> ModuleType:
    """Run the source as a new module, which later imports find in place of the real one."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(source, name, "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(
    ("check", "name", "text", "mutated"),
    MUTATIONS,
    ids=[f"{name.rpartition('.')[2]}: {' '.join(mutated.split())}" for _, name, _, mutated in MUTATIONS],
)
def test_every_mistake_is_found(
    monkeypatch: pytest.MonkeyPatch, check: Check, name: str, text: str, mutated: str
) -> None:
    source = source_of(name)
    assert source.count(text) == 1
    module = execute(monkeypatch, name, source.replace(text, mutated))
    if name != check.module:  # the checked module imports from the mutated one
        module = execute(monkeypatch, check.module, source_of(check.module))
    assert any(True for _ in check.wrong(module))


@pytest.mark.parametrize(("check", "name"), dict.fromkeys((check, name) for check, name, _, _ in MUTATIONS))
def test_nothing_is_found_without_a_mistake(monkeypatch: pytest.MonkeyPatch, check: Check, name: str) -> None:
    module = execute(monkeypatch, name, source_of(name))
    if name != check.module:
        module = execute(monkeypatch, check.module, source_of(check.module))
    assert list(check.wrong(module)) == []
