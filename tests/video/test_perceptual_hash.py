"""Test that copies of photographs are found by their hashes, and that no other photographs are."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.transform import resize

from codecnn.errors import InputError
from codecnn.video.perceptual_hash import ALIKE, correlations, find_copies, perceptual_hash
from tests.pictures import photograph

NAMES = ("astronaut", "chelsea", "coffee", "motorcycle_left")
LUMA = {name: photograph(name, 280, 420).y for name in NAMES}
HASHES = {name: perceptual_hash(luma) for name, luma in LUMA.items()}


def scaled(luma: NDArray, height: int, width: int) -> NDArray:
    """A picture in another size."""
    small: NDArray = np.round(resize(luma, (height, width), preserve_range=True, anti_aliasing=True)).astype(luma.dtype)
    return small


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_found(name: str) -> None:
    luma = LUMA[name]
    noise = np.random.default_rng(0).normal(0, 8, luma.shape)
    for copy in (
        luma,
        luma[20:260, 40:380],
        luma[60:260, 110:410],
        scaled(luma, 140, 210),
        scaled(luma[30:250, 30:400], 160, 269),
        (luma.astype(np.uint16) << 2) + 3,  # 10 bit
        np.round(16 + luma / 255 * 219).astype(np.uint8),  # another range
        np.clip(luma + noise, 0, 255).astype(np.uint8),
    ):
        assert find_copies(copy, HASHES) == [name]


def test_other_photographs_are_not_alike() -> None:
    for name, luma in LUMA.items():
        others = correlations(luma, {other: text for other, text in HASHES.items() if other != name})
        assert max(others.values()) < ALIKE - 0.05


def test_what_has_no_detail_is_no_copy() -> None:
    assert find_copies(np.full((64, 64), 7, np.uint8), HASHES) == []
    assert find_copies(np.zeros((16, 900), np.uint8), HASHES) == []
    assert find_copies(LUMA["coffee"], {"flat": perceptual_hash(np.full((64, 64), 7, np.uint8))}) == []
    assert find_copies(LUMA["coffee"], {}) == []


@pytest.mark.parametrize("text", ["", "64x43", "64x43:!", "64x43:AAAA", "65x43:AAAA", "0x0:", "axb:AAAA", "-1x-1:AA=="])
def test_a_damaged_hash_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no hash of a picture"):
        find_copies(LUMA["coffee"], {"a": text})
