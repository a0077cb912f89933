"""Test the torch engine against the numba engine, on every available device."""

import numpy as np
import pytest
import torch

from codecnn.intra.block_size import BlockSize
from codecnn.labels.mode_sets import ModeSet, sizes_of
from codecnn.labels.search import label_picture

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
DEVICES = [CPU, pytest.param(CUDA, marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("bit_depth", [8, 10])
@pytest.mark.parametrize("modes", ["vvc-67", "vvc-67-mrl", "hevc-35"])
def test_torch_finds_the_same_costs(modes: ModeSet, bit_depth: int, device: torch.device) -> None:
    rng = np.random.default_rng(bit_depth)
    original = rng.integers(0, 1 << bit_depth, (68, 100)).astype(np.uint16)
    ramp = np.linspace(30, 90, 100) + np.linspace(0, 100, 68)[:, None]  # smooth enough for strong smoothing
    for reference in (original, (ramp + rng.integers(0, 4, original.shape)).astype(np.uint16)):
        arguments = original, reference, bit_depth, sizes_of(modes), 64, modes
        expected = label_picture(*arguments, best=2, tables=True)
        for size, labels in label_picture(*arguments, best=2, tables=True, device=device).items():
            assert labels.tables is not None
            there = expected[size]
            assert there.tables is not None
            np.testing.assert_array_equal(labels.tables.hadamard, there.tables.hadamard, str(size))
            np.testing.assert_array_equal(labels.hadamard_mode, there.hadamard_mode, str(size))
            np.testing.assert_allclose(labels.tables.dct, there.tables.dct, rtol=2e-6, atol=0.01, err_msg=str(size))


def test_a_picture_with_more_blocks_than_one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codecnn.labels.torch_engine.costs._SAMPLES", 50_000)
    picture = np.random.default_rng(0).integers(0, 256, (80, 100)).astype(np.uint8)
    size = BlockSize(8, 4)
    found = label_picture(picture, picture, 8, (size,), device=CPU)[size]
    np.testing.assert_array_equal(found.hadamard_cost, label_picture(picture, picture, 8, (size,))[size].hadamard_cost)
