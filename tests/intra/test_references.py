"""Test availability against a simulated decoder, and substitution against the text of the standard."""

from collections.abc import Iterator

import numpy as np
import pytest

from codecnn.intra import references
from codecnn.intra.block_size import SHAPES, BlockSize


def parts(x: int, y: int, side: int, size: BlockSize) -> Iterator[tuple[int, int]]:
    """Yield the blocks of a square in order: a quadtree down to the longer side of the block, then halves of halves."""
    if side > max(size):
        half = side // 2
        for y_child in (y, y + half):
            for x_child in (x, x + half):
                yield from parts(x_child, y_child, half, size)
    else:
        for y_part in range(y, y + side, size.height):
            for x_part in range(x, x + side, size.width):
                yield x_part, y_part


def coding_order(height: int, width: int, ctu_size: int, size: BlockSize) -> Iterator[tuple[int, int]]:
    """Yield the top left samples of all blocks that have a sample in the picture."""
    for y_ctu in range(0, height, ctu_size):
        for x_ctu in range(0, width, ctu_size):
            for x, y in parts(x_ctu, y_ctu, ctu_size, size):
                if x < width and y < height:
                    yield x, y


def border_by_the_standard(
    plane: np.ndarray, decoded: np.ndarray, x: int, y: int, size: BlockSize, bit_depth: int, reference_line: int
) -> list[int]:
    """Follow the substitution process step by step (H.266 8.4.5.2.9); None means "not available"."""
    height, width = plane.shape
    positions = [(x - 1 - reference_line, v) for v in range(y + 2 * size.height - 1, y - reference_line - 2, -1)]
    positions += [(u, y - 1 - reference_line) for u in range(x - reference_line, x + 2 * size.width)]
    samples: list[int | None] = [
        int(plane[v, u]) if 0 <= u < width and 0 <= v < height and decoded[v, u] else None for u, v in positions
    ]
    present = [sample for sample in samples if sample is not None]
    previous = present[0] if present else 1 << (bit_depth - 1)
    filled = []
    for sample in samples:
        previous = previous if sample is None else sample
        filled.append(previous)
    left = 2 * size.height + reference_line
    return filled[:left][::-1] + filled[left:]


@pytest.mark.parametrize("size", SHAPES, ids=str)
@pytest.mark.parametrize(("ctu_size", "height", "width"), [(128, 150, 301), (64, 141, 197), (64, 64, 64)])
def test_references_are_decoded_before_the_block(ctu_size: int, height: int, width: int, size: BlockSize) -> None:
    plane = np.random.default_rng(size.width).integers(0, 1024, (height, width), dtype=np.uint16)
    decoded = np.zeros((height, width), bool)
    blocks = list(coding_order(height, width, ctu_size, size))
    step = 5 if size.width * size.height <= 64 else 1  # reaches every position within a CTU
    for number, (x, y) in enumerate(blocks):
        if number % step == 0 and x + size.width <= width and y + size.height <= height:
            reference_line = number // step % 3
            measured = references.reference_samples(plane, x, y, *size, ctu_size, 10, reference_line)
            assert measured.dtype == plane.dtype
            assert measured.tolist() == border_by_the_standard(plane, decoded, x, y, size, 10, reference_line), (x, y)
        decoded[y : y + size.height, x : x + size.width] = True
    assert decoded.all()


def test_first_block_of_the_picture_has_mid_grey_references() -> None:
    plane = np.zeros((16, 16), np.uint8)
    assert references.reference_samples(plane, 0, 0, 8, 8, 128, 8).tolist() == [128] * 33
