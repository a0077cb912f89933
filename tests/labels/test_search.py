"""Test the label engine against the plain predictors, transforms and references, block by block."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color, data

from codecnn.intra import hevc, references, vvc
from codecnn.intra.block_size import SHAPES, SQUARES, BlockSize
from codecnn.labels.label import NO_LABEL, SizeLabels
from codecnn.labels.mode_sets import ModeSet
from codecnn.labels.search import label_picture
from codecnn.transforms.reference import dct_satd, satd

RECTANGLES = tuple(size for size in SHAPES if size not in SQUARES)


def natural(name: str, bit_depth: int, height: int, width: int) -> np.ndarray:
    picture = data.camera() if name == "camera" else 255 * color.rgb2gray(data.astronaut())
    crop = picture[60 : 60 + height, 130 : 130 + width].astype(float)
    fraction = np.random.default_rng(0).uniform(0, 1, crop.shape)  # fills the lower bits beyond the eighth
    scaled: np.ndarray = np.clip((crop + fraction) * (1 << bit_depth - 8), 0, (1 << bit_depth) - 1)
    return scaled.astype(np.uint16)


def distorted(picture: np.ndarray, bit_depth: int) -> np.ndarray:
    """Return a picture like a reconstruction: blurred along the rows, with an additional error."""
    error = np.random.default_rng(1).integers(-6, 7, picture.shape)
    blurred = (picture.astype(int) + np.roll(picture, 1, 1)) // 2 + error
    clipped: np.ndarray = np.clip(blurred, 0, (1 << bit_depth) - 1)
    return clipped.astype(np.uint16)


def noise(bit_depth: int, height: int, width: int, extreme: bool = False) -> np.ndarray:
    rng, peak = np.random.default_rng(bit_depth), (1 << bit_depth) - 1
    return rng.integers(0, 2 if extreme else peak + 1, (height, width)).astype(np.uint16) * (peak if extreme else 1)


def some_blocks(shape: tuple[int, ...], size: BlockSize, count: int) -> Iterator[tuple[int, int]]:
    """Yield positions of blocks: the corners of the picture, and others evenly over it."""
    rows, columns = shape[0] // size.height, shape[1] // size.width
    chosen = {0, columns - 1, (rows - 1) * columns, rows * columns - 1}
    chosen |= set(np.linspace(0, rows * columns - 1, count).astype(int).tolist())
    for number in sorted(chosen):
        yield number % columns * size.width, number // columns * size.height


def predictions(
    reference: np.ndarray, x: int, y: int, size: BlockSize, bit_depth: int, ctu_size: int, modes: ModeSet = "vvc-67"
) -> np.ndarray:
    """Predict with every mode of a set, in the order of their numbers, by the plain predictors; -1 if impossible."""
    predicted = []
    for reference_line in range(3 if modes == "vvc-67-mrl" else 1):
        refs = references.reference_samples(reference, x, y, *size, ctu_size, bit_depth, reference_line)
        if modes == "hevc-35":
            predicted += [hevc.predict(refs, size.width, mode, bit_depth, True) for mode in range(hevc.MODES)]
        elif reference_line > 0 and y % ctu_size == 0:
            predicted += [np.full(size[::-1], -1)] * vvc.MODES
        else:
            predicted += [vvc.predict(refs, *size, mode, bit_depth, reference_line) for mode in range(vvc.MODES)]
            if reference_line > 0:
                predicted[vvc.MODES * reference_line] = np.full(size[::-1], -1)
    return np.stack(predicted).astype(np.int64)


def check(
    labels: SizeLabels,
    original: np.ndarray,
    reference: np.ndarray,
    bit_depth: int,
    size: BlockSize,
    ctu_size: int,
    count: int,
    modes: ModeSet = "vvc-67",
) -> None:
    """Compare the costs of all modes, and the three best modes, with the plain search."""
    assert labels.tables is not None
    for x, y in some_blocks(original.shape, size, count):
        predicted = predictions(reference, x, y, size, bit_depth, ctu_size, modes)
        possible = predicted[:, 0, 0] >= 0
        block, at = original[y : y + size.height, x : x + size.width], (y // size.height, x // size.width)

        costs = np.where(possible, satd(block, predicted), np.inf)
        np.testing.assert_array_equal(labels.tables.hadamard[at], costs.astype(np.float32))
        best = np.argsort(costs, kind="stable")[:3]
        assert labels.hadamard_mode[at].tolist() == best.tolist(), (x, y)
        np.testing.assert_array_equal(labels.hadamard_cost[at], costs[best].astype(np.float32))

        costs = np.where(possible, dct_satd(block, predicted), np.inf)
        np.testing.assert_allclose(labels.tables.dct[at], costs, rtol=1e-5, atol=1e-3)
        assert len(set(labels.dct_mode[at].tolist())) == 3
        np.testing.assert_allclose(costs[labels.dct_mode[at]], np.sort(costs)[:3], rtol=1e-5, atol=1e-3)
        np.testing.assert_allclose(labels.dct_cost[at], np.sort(costs)[:3], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("size", SQUARES, ids=str)
@pytest.mark.parametrize(("name", "bit_depth", "ctu_size"), [("camera", 8, 64), ("astronaut", 10, 128)])
def test_labels_of_natural_pictures_equal_the_plain_search(
    name: str, bit_depth: int, ctu_size: int, size: BlockSize
) -> None:
    original = natural(name, bit_depth, 149, 203)
    reference = distorted(original, bit_depth)
    labels = label_picture(original, reference, bit_depth, (size,), ctu_size, best=3, tables=True)[size]
    check(labels, original, reference, bit_depth, size, ctu_size, 32 if size.width < 32 else 12)


@pytest.mark.parametrize("size", SQUARES, ids=str)
@pytest.mark.parametrize(("bit_depth", "extreme"), [(8, False), (10, True), (12, True), (16, True)])
def test_labels_of_noise_equal_the_plain_search(bit_depth: int, extreme: bool, size: BlockSize) -> None:
    original, reference = noise(bit_depth, 2 * 140, 131, extreme).reshape(2, 140, 131)
    labels = label_picture(original, reference, bit_depth, (size,), best=3, tables=True)[size]
    check(labels, original, reference, bit_depth, size, 128, 12 if size.width < 32 else 4)


@pytest.mark.parametrize("size", RECTANGLES, ids=str)
@pytest.mark.parametrize(("bit_depth", "extreme"), [(8, False), (10, True)])
def test_labels_of_rectangles_equal_the_plain_search(bit_depth: int, extreme: bool, size: BlockSize) -> None:
    original, reference = noise(bit_depth, 2 * 140, 131, extreme).reshape(2, 140, 131)
    if not extreme:
        original, reference = natural("astronaut", bit_depth, 140, 131), natural("camera", bit_depth, 140, 131)
    labels = label_picture(original, reference, bit_depth, (size,), 64, best=3, tables=True)[size]
    check(labels, original, reference, bit_depth, size, 64, 6)


@pytest.mark.parametrize("size", SHAPES, ids=str)
@pytest.mark.parametrize(("bit_depth", "extreme"), [(8, False), (10, True)])
def test_labels_with_multiple_reference_lines_equal_the_plain_search(
    bit_depth: int, extreme: bool, size: BlockSize
) -> None:
    original, reference = noise(bit_depth, 2 * 140, 131, extreme).reshape(2, 140, 131)
    labels = label_picture(original, reference, bit_depth, (size,), 64, "vvc-67-mrl", best=3, tables=True)[size]
    check(labels, original, reference, bit_depth, size, 64, 3, "vvc-67-mrl")


@pytest.mark.parametrize("size", SQUARES[:4], ids=str)
@pytest.mark.parametrize(("bit_depth", "extreme"), [(8, False), (10, False), (10, True), (12, True)])
def test_labels_with_the_modes_of_hevc_equal_the_plain_search(bit_depth: int, extreme: bool, size: BlockSize) -> None:
    original, reference = noise(bit_depth, 2 * 140, 131, extreme).reshape(2, 140, 131)
    if bit_depth == 10 and not extreme:  # smooth enough for strong smoothing
        ramp = np.linspace(300, 900, 131) + np.linspace(0, 100, 140)[:, None]
        reference = (ramp + noise(8, 140, 131) / 16).astype(np.uint16)
    labels = label_picture(original, reference, bit_depth, (size,), 64, "hevc-35", best=3, tables=True)[size]
    check(labels, original, reference, bit_depth, size, 64, 12, "hevc-35")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_labels_of_any_picture_equal_the_plain_search(draw: st.DataObject) -> None:
    bit_depth = draw.draw(st.sampled_from((8, 10)), "bit depth")
    modes: ModeSet = draw.draw(st.sampled_from(("vvc-67", "vvc-67-mrl", "hevc-35")), "modes")
    size = draw.draw(st.sampled_from(SQUARES[:4] if modes == "hevc-35" else SHAPES), "size")
    height, width = draw.draw(st.tuples(st.integers(64, 150), st.integers(64, 150)), "height and width")
    rng = np.random.default_rng(draw.draw(st.integers(0, 1 << 32), "seed"))
    steps = rng.integers(0, 1 << draw.draw(st.integers(1, bit_depth), "roughness"), (2, height, width))
    smooth = steps.cumsum(1) if draw.draw(st.booleans(), "smooth") else steps
    original, reference = (smooth % (1 << bit_depth)).astype(np.uint16)
    labels = label_picture(original, reference, bit_depth, (size,), 64, modes, best=3, tables=True)[size]
    check(labels, original, reference, bit_depth, size, 64, 2, modes)


@pytest.mark.parametrize("size", SQUARES, ids=str)
@pytest.mark.parametrize(("bit_depth", "extreme"), [(8, False), (10, False), (10, True), (12, True)])
def test_every_mode_predicts_bit_exactly(bit_depth: int, extreme: bool, size: BlockSize) -> None:
    """Make each block of the original with one of the modes: this mode must be found, with a cost of 0."""
    height, width = 9 * size.height, 8 * size.width + 3
    reference = noise(bit_depth, height, width, extreme)
    original = np.zeros_like(reference)
    expected = np.zeros((9, 8), int)
    for number in range(72):
        x, y = number % 8 * size.width, number // 8 * size.height
        predicted = predictions(reference, x, y, size, bit_depth, 64)
        block = predicted[(number + 5) % vvc.MODES]  # + 5: all modes of the first block predict the same
        original[y : y + size.height, x : x + size.width] = block
        expected[y // size.height, x // size.width] = np.argmax((predicted == block).all((1, 2)))
    labels = label_picture(original, reference, bit_depth, (size,), 64)[size]
    np.testing.assert_array_equal(labels.hadamard_mode[:9, :8], expected)
    np.testing.assert_array_equal(labels.dct_mode[:9, :8], expected)
    assert not labels.hadamard_cost[:9, :8].any()
    assert not labels.dct_cost[:9, :8].any()
    assert len(np.unique(expected)) > 60


def test_blocks_across_the_picture_edge_have_no_label() -> None:
    picture = natural("camera", 8, 133, 70)
    found = label_picture(picture, picture, 8)
    assert tuple(found) == SQUARES
    for size, labels in found.items():
        inside = np.zeros((256 // size.height, 128 // size.width), bool)
        inside[: 133 // size.height, : 70 // size.width] = True
        for modes, costs in ((labels.hadamard_mode, labels.hadamard_cost), (labels.dct_mode, labels.dct_cost)):
            assert modes.dtype == np.uint8
            assert costs.dtype == np.float32
            np.testing.assert_array_equal(modes < vvc.MODES, inside)
            np.testing.assert_array_equal(modes == NO_LABEL, ~inside)
            np.testing.assert_array_equal(np.isfinite(costs), inside)


def test_a_picture_smaller_than_the_block_has_no_labels() -> None:
    labels = label_picture(np.zeros((20, 90), np.uint8), np.zeros((20, 90), np.uint8), 8, (BlockSize(32, 32),), 64)[
        BlockSize(32, 32)
    ]
    assert labels.dct_mode.shape == (2, 4)
    assert (labels.dct_mode == NO_LABEL).all()


def test_the_lowest_mode_wins_a_tie() -> None:
    flat = np.full((64, 64), 77, np.uint8)
    labels = label_picture(flat, flat, 8, (SQUARES[1], SQUARES[4]), 64)
    assert labels[BlockSize(8, 8)].hadamard_mode[1:, 1:].max() == 0
    assert labels[BlockSize(8, 8)].dct_mode[1:, 1:].max() == 0
    assert labels[BlockSize(64, 64)].hadamard_cost[0, 0] == 8 * 8 * (128 - 77) * 8  # 64 tiles, each a DC of 8 * 51


@pytest.mark.parametrize("size", SQUARES, ids=str)
def test_the_lowest_mode_wins_a_tie_of_dct_costs(size: BlockSize) -> None:
    original, unseen = noise(10, 2 * size.height, size.width).reshape(2, *size)
    labels = label_picture(original, unseen, 10, (size,))[size]
    assert labels.dct_mode[0, 0] == 0  # without references all modes predict the same


def test_8_bit_samples_can_be_uint16_in_any_memory_layout() -> None:
    original = natural("astronaut", 8, 64, 96).astype(np.uint8)
    reference = distorted(original, 8).astype(np.uint8)
    expected = label_picture(original, reference, 8, SQUARES[1:2])[BlockSize(8, 8)]
    wide = np.zeros((64, 192), np.uint16)
    wide[:, ::2] = original
    measured = label_picture(wide[:, ::2], np.asfortranarray(reference), 8, SQUARES[1:2])[BlockSize(8, 8)]
    np.testing.assert_array_equal(measured.dct_cost, expected.dct_cost)
    np.testing.assert_array_equal(measured.hadamard_mode, expected.hadamard_mode)


def test_threads_do_not_disturb_each_other() -> None:
    pictures = [natural("camera", 10, 200, 328), natural("astronaut", 10, 200, 328), noise(10, 200, 328)] * 2
    sizes = SQUARES[0], BlockSize(16, 8)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda picture: label_picture(picture, picture, 10, sizes, threads=2), pictures))
    for picture, found in zip(pictures, together, strict=True):
        for size, expected in label_picture(picture, picture, 10, sizes).items():
            np.testing.assert_array_equal(found[size].dct_cost, expected.dct_cost)
            np.testing.assert_array_equal(found[size].dct_mode, expected.dct_mode)
            np.testing.assert_array_equal(found[size].hadamard_cost, expected.hadamard_cost)


@pytest.mark.parametrize(
    ("shape", "peak", "bit_depth", "size", "ctu_size", "modes", "best", "message"),
    [
        ((16, 24), 255, 8, (8, 8), 128, "vvc-67", 1, "24"),
        ((16, 16), 256, 8, (8, 8), 128, "vvc-67", 1, "256"),
        ((16, 16), 255, 17, (8, 8), 128, "vvc-67", 1, "17"),
        ((16, 16), 255, 8, (12, 12), 128, "vvc-67", 1, "12"),
        ((16, 16), 255, 8, (64, 4), 32, "vvc-67", 1, "32"),
        ((16, 16), 255, 8, (8, 8), 96, "vvc-67", 1, "96"),
        ((16, 16), 255, 8, (64, 64), 64, "hevc-35", 1, "hevc-35"),
        ((16, 16), 255, 8, (16, 8), 64, "hevc-35", 1, "16x8"),
        ((16, 16), 255, 8, (8, 8), 128, "hevc-35", 1, "128: the largest is 64"),
        ((16, 16), 255, 8, (8, 8), 128, "avc-9", 1, "avc-9"),
        ((16, 16), 255, 8, (8, 8), 128, "vvc-67", 36, "36"),
    ],
)
def test_wrong_arguments_are_refused(
    shape: tuple[int, int],
    peak: int,
    bit_depth: int,
    size: tuple[int, int],
    ctu_size: int,
    modes: ModeSet,
    best: int,
    message: str,
) -> None:
    original, reference = np.zeros((16, 16), np.uint16), np.full(shape, peak, np.uint16)
    with pytest.raises(ValueError, match=message):
        label_picture(original, reference, bit_depth, (BlockSize(*size),), ctu_size, modes, best)


def test_compiled_kernels_are_loaded_by_other_processes() -> None:
    code = (
        "import numpy as np; from codecnn.labels.numba_engine import costs;"
        "from codecnn.labels.search import label_picture;"
        "plane = np.zeros((64, 64), np.uint16); label_picture(plane, plane, 10);"
        "print(sum(kernel.stats.cache_misses.total() for kernel in (costs.block_costs, costs.best_modes)))"
    )
    plane = np.zeros((64, 64), np.uint16)
    label_picture(plane, plane, 10)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "0\n"
