"""The engine against the plain predictor, transforms and references, block by block."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from skimage import color, data

from codecnn import transforms
from codecnn.intra import references, vvc
from codecnn.labels import NO_LABEL, SizeLabels, label_picture

SIZES = (4, 8, 16, 32, 64)


def natural(name: str, bit_depth: int, height: int, width: int) -> np.ndarray:
    picture = data.camera() if name == "camera" else 255 * color.rgb2gray(data.astronaut())
    crop = picture[60 : 60 + height, 130 : 130 + width].astype(float)
    fraction = np.random.default_rng(0).uniform(0, 1, crop.shape)  # fills the lower bits beyond the eighth
    scaled: np.ndarray = np.clip((crop + fraction) * (1 << bit_depth - 8), 0, (1 << bit_depth) - 1)
    return scaled.astype(np.uint16)


def distorted(picture: np.ndarray, bit_depth: int) -> np.ndarray:
    """What a reconstruction may look like: blurred along the rows, with an error of its own."""
    error = np.random.default_rng(1).integers(-6, 7, picture.shape)
    blurred = (picture.astype(int) + np.roll(picture, 1, 1)) // 2 + error
    clipped: np.ndarray = np.clip(blurred, 0, (1 << bit_depth) - 1)
    return clipped.astype(np.uint16)


def noise(bit_depth: int, height: int, width: int, extreme: bool = False) -> np.ndarray:
    rng, peak = np.random.default_rng(bit_depth), (1 << bit_depth) - 1
    return rng.integers(0, 2 if extreme else peak + 1, (height, width)).astype(np.uint16) * (peak if extreme else 1)


def some_blocks(shape: tuple[int, ...], size: int, count: int) -> Iterator[tuple[int, int]]:
    """Positions of blocks: the corners of the picture, and others evenly over it."""
    rows, columns = shape[0] // size, shape[1] // size
    chosen = {0, columns - 1, (rows - 1) * columns, rows * columns - 1}
    chosen |= set(np.linspace(0, rows * columns - 1, count).astype(int).tolist())
    for number in sorted(chosen):
        yield number % columns * size, number // columns * size


def predictions(reference: np.ndarray, x: int, y: int, size: int, bit_depth: int, ctu_size: int) -> np.ndarray:
    refs = references.reference_samples(reference, x, y, size, size, ctu_size, bit_depth)
    return np.stack([vvc.predict(refs, size, size, mode, bit_depth) for mode in range(vvc.MODES)])


def check(
    labels: SizeLabels,
    original: np.ndarray,
    reference: np.ndarray,
    bit_depth: int,
    size: int,
    ctu_size: int,
    count: int,
) -> None:
    for x, y in some_blocks(original.shape, size, count):
        predicted = predictions(reference, x, y, size, bit_depth, ctu_size)
        block, at = original[y : y + size, x : x + size], (y // size, x // size)
        costs = transforms.satd(block, predicted)
        assert labels.hadamard_mode[at] == np.argmin(costs), (x, y)
        assert labels.hadamard_cost[at] == np.float32(costs.min()), (x, y)
        costs = transforms.dct_satd(block, predicted)
        assert costs[labels.dct_mode[at]] == pytest.approx(costs.min(), rel=1e-5), (x, y)
        assert labels.dct_cost[at] == pytest.approx(costs.min(), rel=1e-5), (x, y)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "bit_depth", "ctu_size"), [("camera", 8, 64), ("astronaut", 10, 128)])
def test_labels_of_natural_pictures_are_the_plain_ones(name: str, bit_depth: int, ctu_size: int, size: int) -> None:
    original = natural(name, bit_depth, 149, 203)
    reference = distorted(original, bit_depth)
    labels = label_picture(original, reference, bit_depth, (size,), ctu_size)[size]
    check(labels, original, reference, bit_depth, size, ctu_size, 32 if size < 32 else 12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("bit_depth", "extreme"), [(8, False), (10, True), (12, True), (16, True)])
def test_labels_of_noise_are_the_plain_ones(bit_depth: int, extreme: bool, size: int) -> None:
    original, reference = noise(bit_depth, 2 * 140, 131, extreme).reshape(2, 140, 131)
    labels = label_picture(original, reference, bit_depth, (size,))[size]
    check(labels, original, reference, bit_depth, size, 128, 12 if size < 32 else 4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("bit_depth", "extreme"), [(8, False), (10, False), (10, True), (12, True)])
def test_every_mode_predicts_bit_exactly(bit_depth: int, extreme: bool, size: int) -> None:
    """Each block of the original is what one of the modes predicts: it must be found, at no cost."""
    height, width = 9 * size, 8 * size + 3
    reference = noise(bit_depth, height, width, extreme)
    original = np.zeros_like(reference)
    expected = np.zeros((9, 8), int)
    for number in range(72):
        x, y = number % 8 * size, number // 8 * size
        predicted = predictions(reference, x, y, size, bit_depth, 64)
        block = predicted[(number + 5) % vvc.MODES]  # + 5: the first block's modes are all alike
        original[y : y + size, x : x + size] = block
        expected[y // size, x // size] = np.argmax((predicted == block).all((1, 2)))
    labels = label_picture(original, reference, bit_depth, (size,), 64)[size]
    np.testing.assert_array_equal(labels.hadamard_mode[:9, :8], expected)
    np.testing.assert_array_equal(labels.dct_mode[:9, :8], expected)
    assert not labels.hadamard_cost[:9, :8].any()
    assert not labels.dct_cost[:9, :8].any()
    assert len(np.unique(expected)) > 60


def test_blocks_that_are_not_wholly_in_the_picture_have_no_label() -> None:
    picture = natural("camera", 8, 133, 70)
    found = label_picture(picture, picture, 8)
    assert tuple(found) == SIZES
    for size, labels in found.items():
        inside = np.zeros((256 // size, 128 // size), bool)
        inside[: 133 // size, : 70 // size] = True
        for modes, costs in ((labels.hadamard_mode, labels.hadamard_cost), (labels.dct_mode, labels.dct_cost)):
            assert modes.dtype == np.uint8
            assert costs.dtype == np.float32
            np.testing.assert_array_equal(modes < vvc.MODES, inside)
            np.testing.assert_array_equal(modes == NO_LABEL, ~inside)
            np.testing.assert_array_equal(np.isfinite(costs), inside)


def test_a_picture_smaller_than_the_block_has_no_labels() -> None:
    labels = label_picture(np.zeros((20, 90), np.uint8), np.zeros((20, 90), np.uint8), 8, (32,), 64)[32]
    assert labels.dct_mode.shape == (2, 4)
    assert (labels.dct_mode == NO_LABEL).all()


def test_the_lowest_mode_wins_a_tie() -> None:
    flat = np.full((64, 64), 77, np.uint8)
    labels = label_picture(flat, flat, 8, (8, 64), 64)
    assert labels[8].hadamard_mode[1:, 1:].max() == 0
    assert labels[8].dct_mode[1:, 1:].max() == 0
    assert labels[64].hadamard_cost[0, 0] == 8 * 8 * (128 - 77) * 8  # 64 tiles, each a DC of 8 * 51


@pytest.mark.parametrize("size", SIZES)
def test_the_lowest_mode_wins_a_tie_of_dct_costs(size: int) -> None:
    original, unseen = noise(10, 2 * size, size).reshape(2, size, size)
    labels = label_picture(original, unseen, 10, (size,))[size]
    assert labels.dct_mode[0, 0] == 0  # without references all modes predict the same


def test_samples_of_8_bits_may_come_as_uint16_and_in_any_layout() -> None:
    original = natural("astronaut", 8, 64, 96).astype(np.uint8)
    reference = distorted(original, 8).astype(np.uint8)
    expected = label_picture(original, reference, 8, (8,))[8]
    wide = np.zeros((64, 192), np.uint16)
    wide[:, ::2] = original
    measured = label_picture(wide[:, ::2], np.asfortranarray(reference), 8, (8,))[8]
    np.testing.assert_array_equal(measured.dct_cost, expected.dct_cost)
    np.testing.assert_array_equal(measured.hadamard_mode, expected.hadamard_mode)


def test_threads_do_not_disturb_each_other() -> None:
    pictures = [natural("camera", 10, 128, 128), natural("astronaut", 10, 128, 128), noise(10, 128, 128)] * 3
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda picture: label_picture(picture, picture, 10, (4, 16)), pictures))
    for picture, found in zip(pictures, together, strict=True):
        for size, expected in label_picture(picture, picture, 10, (4, 16)).items():
            np.testing.assert_array_equal(found[size].dct_cost, expected.dct_cost)
            np.testing.assert_array_equal(found[size].hadamard_cost, expected.hadamard_cost)


@pytest.mark.parametrize(
    ("shape", "peak", "bit_depth", "sizes", "ctu_size", "message"),
    [
        ((16, 24), 255, 8, (8,), 128, "24"),
        ((16, 16), 256, 8, (8,), 128, "256"),
        ((16, 16), 255, 17, (8,), 128, "17"),
        ((16, 16), 255, 8, (12,), 128, "12"),
        ((16, 16), 255, 8, (64,), 32, "32"),
        ((16, 16), 255, 8, (8,), 96, "96"),
    ],
)
def test_wrong_arguments_are_refused(
    shape: tuple[int, int], peak: int, bit_depth: int, sizes: tuple[int, ...], ctu_size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        label_picture(np.zeros((16, 16), np.uint16), np.full(shape, peak, np.uint16), bit_depth, sizes, ctu_size)
