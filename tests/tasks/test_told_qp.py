"""Every network is told the QP of HEVC: here 37, that of AV1's quantizer 43."""

from pathlib import Path

import numpy as np
import pytest
import torch

from codecnn.dataset.reader import Shard
from codecnn.models.chroma_rdn import ChromaRdnConfig
from codecnn.models.rdn.config import RdnConfig
from codecnn.tasks.block_sites import Sites
from codecnn.tasks.chroma_filter import ChromaPatches
from codecnn.tasks.in_loop_filter import InLoopFilter, Patches
from codecnn.tasks.neighbourhoods import neighbourhood_of
from codecnn.training.data import Shards
from codecnn.training.notes import Former, notes_of
from codecnn.training.recipe import Recipe, Training
from tests.small_data import write_shard


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    write_shard(tmp_path / "av1.h5", "coffee", 43, codec="svtav1")
    return Shard(tmp_path / "av1.h5")


def test_filters(shard: Shard) -> None:
    assert shard[0].qp == 37
    one, other = np.random.default_rng(0), np.random.default_rng(1)
    for patches in (Patches([shard], RdnConfig(), 16), ChromaPatches([shard], ChromaRdnConfig(), 16)):
        assert patches.draw(0, one, other).windows.qp.tolist() == [37]


def test_networks_on_blocks(shard: Shard) -> None:
    site = Sites([shard], 8).read(0)
    for told in (site.samples.qp, neighbourhood_of(site, 4).qp):
        assert set(told.tolist()) == {37}


def test_the_notes_of_weights(shard: Shard) -> None:
    recipe = Recipe(Training(), InLoopFilter(), RdnConfig(channels=4, blocks=1, convolutions=2, growth=4))
    assert notes_of(recipe, Shards([shard], [shard]), Former(), torch.device("cpu"))["qps"] == [37]
