"""Test what a decoder can rank modes by: gradients of stripes, and template costs against the plain predictor."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from codecnn.intra import vvc
from codecnn.intra.block_size import BlockSize
from codecnn.intra.references import decoding_order
from codecnn.labels.block_grid import block_grid
from codecnn.labels.decoder_side import template_costs, template_gradients, template_lines
from tests.pictures import photograph

SHAPE, CTU = (64, 96), 32


def test_template_costs_are_those_of_the_plain_predictor() -> None:
    plane = photograph("coffee", *SHAPE).y.astype(np.uint16) << 6  # so that rounding is little
    for side in (4, 8, 16):
        size, lines, twice = BlockSize(side, side), template_lines(BlockSize(side, side)), 2 * side
        grid = block_grid(size, SHAPE, CTU)
        found = template_costs(plane, grid.blocks, size, 14)
        matrix = hadamard(lines)
        for number in range(0, len(grid.blocks), 7):
            x, y, right, below = grid.blocks[number]
            if not (x and y):
                assert not found[number].any()
                continue
            rows = np.minimum(y - lines + np.arange(2 * twice), y + side + below - 1)
            columns = np.minimum(x - lines + np.arange(2 * twice), x + side + right - 1)
            corner = y - lines - 1, x - lines - 1
            references = np.concatenate((plane[rows, corner[1]], plane[corner][None], plane[corner[0], columns]))
            for mode in (0, 1, 2, 18, 25, 34, 50, 61, 66):
                block = vvc.predict(references, twice, twice, mode, 14).astype(int)
                error = block[: side + lines, : side + lines] - plane[y - lines : y + side, x - lines : x + side]
                parts = error[:lines, lines:], error[lines:, :lines].T
                tiles = [part[:, at : at + lines] for part in parts for at in range(0, side, lines)]
                expected = sum(np.abs(matrix @ tile @ matrix).sum() for tile in tiles) / lines
                assert found[number, mode] == pytest.approx(expected, abs=1.0 * side)  # of rounding


def test_gradients_find_the_direction_of_stripes() -> None:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    size = BlockSize(8, 8)
    blocks = block_grid(size, SHAPE, CTU).blocks
    inner = (blocks[:, 0] > 0) & (blocks[:, 1] > 0)
    for mode, phase in ((vvc.VERTICAL, x), (vvc.HORIZONTAL, y), (vvc.DIAGONAL, x - y)):
        plane = (128 + 60 * np.sin(phase / 2)).round().astype(np.uint16)
        found = template_gradients(plane, blocks, size, "vvc-67")
        assert (abs(found[inner].argmax(1) - mode) <= 1).mean() > 0.95


def test_only_samples_that_are_decoded_matter() -> None:
    size, rng = BlockSize(8, 8), np.random.default_rng(0)
    plane = rng.integers(0, 256, SHAPE).astype(np.uint16)
    grid = block_grid(size, SHAPE, CTU)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    order = decoding_order(x // 8 * 8, y // 8 * 8, SHAPE[1], CTU)
    for number in range(0, len(grid.blocks), 5):
        one = grid.blocks[number : number + 1]
        is_later = order >= order[one[0, 1], one[0, 0]]
        assert is_later[one[0, 1], one[0, 0]]
        changed = np.where(is_later, rng.integers(0, 256, SHAPE), plane).astype(np.uint16)
        costs = [template_costs(of, one, size, 8) for of in (plane, changed)]
        sums = [template_gradients(of, one, size, "vvc-67") for of in (plane, changed)]
        np.testing.assert_array_equal(costs[0], costs[1])
        np.testing.assert_array_equal(sums[0], sums[1])


def test_missing_sides_count_nothing() -> None:
    plane = np.full(SHAPE, 100, np.uint16)
    blocks = block_grid(BlockSize(8, 8), SHAPE, CTU).blocks
    assert not template_gradients(plane, blocks, BlockSize(8, 8), "hevc-35").any()
