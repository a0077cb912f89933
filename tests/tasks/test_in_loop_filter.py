"""Training batches of every chroma format, and of several at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.dataset.writer import ShardWriter
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.models.rdn.planes import make_planes
from codecnn.tasks.in_loop_filter import Batch, InLoopFilter, Patches
from codecnn.training.batches import Batches
from codecnn.video.picture import SCALES, Picture
from tests.dataset.test_shard import INFO
from tests.pictures import photograph

HEIGHT, WIDTH, PATCH = 67, 75, 24
SIDE = PATCH + 4


def write(folder: Path, chroma: str, bit_depth: int = 8) -> Shard:
    """A shard of a picture in squares of 2x2 equal samples whose chroma is its luma: whatever is cut out and turned."""
    luma = np.kron(photograph("astronaut", 34, 38, bit_depth).y, np.ones((2, 2), np.uint8))[:HEIGHT, :WIDTH]
    picture = Picture.of((luma[::down, ::across] for down, across in SCALES[chroma]), bit_depth)
    info = replace(INFO, chroma=chroma, bit_depth=bit_depth, width=WIDTH, height=HEIGHT, label_sizes="")
    path = folder / f"{chroma}_{bit_depth}.h5"
    with ShardWriter(path, info) as writer:
        writer.append(dict.fromkeys(SIGNALS, picture), 1, 32)
    return Shard(path)


def fed(batch: Batch) -> np.ndarray:
    """What the network gets (6, 5, SIDE, SIDE)."""
    planes: np.ndarray = make_planes(batch.windows).numpy()
    return planes


@pytest.mark.parametrize("bit_depth", [8, 12])
@pytest.mark.parametrize(
    ("chroma", "extent"), [("400", 0), ("420", SIDE // 2), ("422", SIDE), ("444", SIDE)]
)  # 4:2:2 at luma size, as half of the patches are transposed
def test_chroma_lies_over_luma(tmp_path: Path, chroma: str, extent: int, bit_depth: int) -> None:
    batches = Batches(Patches([write(tmp_path, chroma, bit_depth)], RdnConfig(), PATCH), batch=6, seed=1)
    peak = (1 << bit_depth) - 1
    for step in range(8):
        batch = batches[step]
        assert batch.windows.u.shape == batch.windows.v.shape == (6, extent, extent)
        planes = fed(batch)
        assert planes.shape == (6, 5, SIDE, SIDE)
        np.testing.assert_array_equal(planes[:, 0], planes[:, 4])
        expected = np.full_like(planes[:, 0], (peak + 1) / 2 / peak) if chroma == "400" else planes[:, 0]
        np.testing.assert_array_equal(planes[:, 1], expected)
        np.testing.assert_array_equal(planes[:, 2], expected)


def test_a_batch_may_mix_chroma_formats_and_bit_depths(tmp_path: Path) -> None:
    shards = [write(tmp_path, chroma, bit_depth) for chroma in SCALES for bit_depth in (8, 10)]
    batches = Batches(Patches(shards, RdnConfig(), PATCH), batch=6, seed=1)
    grey = 0
    for step in range(12):  # every one of the 72 windows once
        batch = batches[step]
        for (y, u, v, _, _), peak in zip(fed(batch), batch.windows.peak.tolist(), strict=True):
            assert y.max() <= 1
            without = bool((u == np.float32((peak + 1) / 2 / peak)).all())
            grey += without
            np.testing.assert_array_equal(u, v)
            assert without or np.array_equal(u, y)
    assert grey == 18


def test_a_frame_without_error_at_one_qp_is_left_out_at_all(tmp_path: Path) -> None:
    shards = []
    for qp in (22, 37):
        path = tmp_path / f"{qp}.h5"
        info = replace(INFO, width=WIDTH, height=HEIGHT, label_sizes="", qp=qp)
        with ShardWriter(path, info) as writer:
            for number, name in enumerate(("astronaut", "coffee")):
                original = photograph(name, HEIGHT, WIDTH)
                exact = qp == 22 and number == 0
                coded = original if exact else Picture.of(((p // 8) * 8 + 4 for p in original.planes), 8)
                writer.append({"original": original, "baseline": coded, "unfiltered": coded}, 1, qp)
        shards.append(Shard(path))
    network = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)).eval()
    with torch.no_grad():
        network.last.bias.add_(0.01)  # type: ignore[union-attr]  # so that the gain of a frame depends on its samples
    found = InLoopFilter().validate(network, shards)
    assert found["gain_22"] == found["gain_37"]  # both of the second frame only, whose coding does not depend on the QP
