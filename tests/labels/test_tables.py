"""Test the costs of all modes for any blocks of a plane: against the search of a picture, and against NumPy."""

import numpy as np
import pytest
import torch

from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import ModeSet
from codecnn.labels.rate_distortion import (
    bits_of_magnitudes,
    estimated_bits,
    level_counts,
    quantisation_step,
    quantised_dct,
)
from codecnn.labels.search import blocks_at, blocks_of, label_picture
from codecnn.labels.tables import rate_distortion_tables, satd_tables
from codecnn.labels.torch_engine.costs import gather_blocks, gather_references, predict
from codecnn.labels.torch_engine.stencils import stencils_of
from tests.pictures import photograph

SHAPE, CTU = (136, 200), 64


def planes(bit_depth: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Return a photograph and the same with noise, as if it were coded."""
    original = photograph("coffee", *SHAPE, bit_depth).y.astype(np.uint16)
    noise = np.random.default_rng(0).normal(0, 4 << (bit_depth - 8), SHAPE).round().astype(int)
    return original, np.clip(original + noise, 0, (1 << bit_depth) - 1).astype(np.uint16)


def test_blocks_anywhere_have_the_costs_of_the_search() -> None:
    size, (original, reference) = BlockSize(8, 8), planes()
    labels = label_picture(original, reference, 8, (size,), CTU, "vvc-67-mrl", tables=True)[size]
    assert labels.tables is not None
    x, y = np.array([0, 192, 64, 8, 56]), np.array([0, 128, 64, 120, 8])
    found = satd_tables(original, reference, blocks_at(x, y, size, SHAPE, CTU), size, 8, "vvc-67-mrl", CTU)
    np.testing.assert_array_equal(found[0], labels.tables.hadamard[y // 8, x // 8])
    np.testing.assert_array_equal(found[1], labels.tables.dct[y // 8, x // 8])


@pytest.mark.parametrize(
    ("width", "height", "qp", "modes", "bit_depth"),
    [
        (4, 8, 12, "vvc-67-mrl", 8), (8, 8, 27, "vvc-67", 10), (16, 64, 22, "vvc-67", 8), (32, 32, 4, "hevc-35", 8),
        (64, 32, 37, "vvc-67", 8),
    ],
)  # fmt: skip
def test_rate_and_distortion_equal_those_of_numpy(
    width: int, height: int, qp: int, modes: ModeSet, bit_depth: int
) -> None:
    size, (original, reference) = BlockSize(width, height), planes(bit_depth)
    blocks = blocks_of((SHAPE[0] // height, SHAPE[1] // width), size, SHAPE, CTU)[:21]
    step = quantisation_step(qp, bit_depth)
    whole, around = (torch.from_numpy(plane.astype(np.int32)) for plane in (original, reference))
    where = torch.from_numpy(blocks)
    stencils = stencils_of(modes, size, 0, torch.device("cpu"))
    predicted = predict(gather_references(around, where, size, bit_depth), stencils, size, bit_depth, strong=True)
    residual = (gather_blocks(whole, where, size)[:, None] - predicted).numpy()
    levels, error = quantised_dct(residual, step)
    assert qp > 12 or abs(levels).max() > 30  # some levels use the escape code
    magnitude_bits = bits_of_magnitudes(level_counts(levels))
    found = rate_distortion_tables(original, reference, blocks, size, bit_depth, modes, CTU, step, magnitude_bits)
    numbers = [stencil.number for stencil in stencils]
    expected = np.stack([error, estimated_bits(levels, magnitude_bits)])
    # A coefficient at the edge of two levels may become either.
    assert np.isclose(found[:, :, numbers], expected, rtol=1e-4).mean() > 0.97
    for ours, theirs, one_level in zip(found[:, :, numbers], expected, (step * step, 12), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=one_level)
    assert np.isinf(found[:, blocks[:, 1] % CTU == 0, 67:]).all()
