"""Datasets of 10 bit from RGB pictures: computed in floating point and rounded once, not shifted from 8 bit."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import nn

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import open_folder
from codecnn.models.in_loop_filter import Windows
from codecnn.models.rdn.config import RdnConfig
from codecnn.tasks.in_loop_filter import InLoopFilter, Patches
from codecnn.training.batches import Batches
from data_tools.build_dataset import main
from experiments.train_filter import main as train
from tests.pictures import PHOTOGRAPHS
from tests.training.runs import refused
from tests.weights_files import load

HEIGHT, WIDTH = 66, 78  # 4:2:0 with whole chroma samples
OPTIONS = ["--no-labels", "--preset", "ultrafast", "--qp", "32"]
# Luma of R, G and B, and the divisors of B - Y and R - Y, as printed in ITU-R BT.601-7 and BT.709-6
PRINTED: Mapping[str, tuple[list[float], float, float]] = MappingProxyType({
    "bt601": ([0.299, 0.587, 0.114], 1.772, 1.402),
    "bt709": ([0.2126, 0.7152, 0.0722], 1.8556, 1.5748),
})  # fmt: skip


def rgb(name: str) -> np.ndarray:
    with Image.open(PHOTOGRAPHS / f"{name}.png") as whole:
        return np.asarray(whole.convert("RGB"))[100 : 100 + HEIGHT, 150 : 150 + WIDTH]


def in_floats(samples: np.ndarray, matrix: str) -> list[np.ndarray]:
    """Y, U and V of 10 bit and limited range, not rounded; chroma is the mean of 2x2."""
    luma, blue, red = PRINTED[matrix]
    values = samples / np.iinfo(samples.dtype).max
    y = values @ np.array(luma)
    differences = (values[..., 2] - y) / blue, (values[..., 0] - y) / red
    means = (d.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3)) for d in differences)
    return [4 * (219 * y + 16), *(4 * (224 * mean + 128) for mean in means)]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("matrix", PRINTED)
def test_planes_are_rounded_at_ten_bit(tmp_path: Path, matrix: str, bits: int) -> None:
    samples = rgb("coffee")
    if bits == 16:
        samples = samples * np.uint16(257) + np.arange(WIDTH, dtype=np.uint16)[:, None] // 2
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb")
    out = tmp_path / "data"
    words = [str(tmp_path / "a.tif"), "--out", str(out), "--bit-depth", "10", "--matrix", matrix, *OPTIONS]
    assert main(words) == 0
    (shard,) = open_folder(out)
    assert (shard.info.bit_depth, shard.info.bit_depth_of("baseline")) == (10, 10)
    original, baseline = (shard.picture(name, 0) for name in ("original", "baseline"))
    assert baseline.y.max() > 255
    for plane, exact in zip(original.planes, in_floats(samples, matrix), strict=True):
        assert np.abs(plane - exact).max() <= 0.5 + 1e-9
        assert len(np.unique(plane % 4)) == 4  # shifted planes of 8 bit have multiples of 4 only
        assert np.abs(plane - 4 * np.rint(exact / 4)).max() >= 2


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same pictures at 8 and at 10 bit, in a folder each."""
    folder = tmp_path_factory.mktemp("depths")
    for name in ("astronaut", "coffee", "chelsea"):
        Image.fromarray(rgb(name)).save(folder / f"{name}.png")
    sources = [str(path) for path in sorted(folder.glob("*.png"))]
    for depth in ("8", "10"):
        words = [*sources, "--out", str(folder / depth), "--bit-depth", depth, "--ctu-size", "32", *OPTIONS]
        assert main(words) == 0
    return [folder / "8", folder / "10"]


def test_windows_of_both_depths_count_alike(folders: list[Path]) -> None:
    """Every window once in an epoch, and the same share of the peak is the same loss."""
    of_depths = [open_folder(folder) for folder in folders]
    draws = Patches([shard for shards in of_depths for shard in shards], RdnConfig(), 24)
    batches = Batches(draws, batch=9, seed=1)
    assert draws.units == 2 * sum(map(len, of_depths[0])) == 2 * 3 * 9
    peaks = np.concatenate([batches.arrays(step).windows.peak for step in range(6)])
    assert sorted(peaks.tolist()) == [255] * 27 + [1023] * 27

    class Off(nn.Module):
        def forward(self, windows: Windows[torch.Tensor]) -> torch.Tensor:
            luma: torch.Tensor = (windows.y[:, 2:-2, 2:-2] / windows.peak.view(-1, 1, 1))[:, None] + 0.01
            return luma

    losses = []
    for shards in of_depths:
        batch = Batches(Patches(shards, RdnConfig(), 24), batch=9, seed=1)[0]
        coded = batch.windows.y[:, 2:-2, 2:-2]
        total, count = InLoopFilter("mse").sums(Off(), batch._replace(original=coded))["loss"]
        losses.append(float(total / count))
    assert losses == pytest.approx([1e-4, 1e-4], rel=1e-4)


def test_training_on_folders_of_both_depths(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = "--model.channels=4 --model.blocks=1 --model.convolutions=2 --model.growth=4 --patch=24 --precision=fp32"
    small += " --steps=2 --batch=4 --workers=0 --holdout=0.3 --validate-frames=1"
    both = ["--data", *map(str, folders)]
    assert train([*small.split(), *both, "--out", str(tmp_path / "run")]) == 0
    notes = load(tmp_path / "run" / "last.safetensors")[1]
    assert notes["bit_depths"] == [8, 10]
    assert (len(notes["sources"]), len(notes["held_out"])) == (2, 1)  # a picture is held out at both depths
    assert notes["windows"] == 2 * 2 * 9
    capsys.readouterr()
    twice = [*small.split(), *both, str(folders[0] / ".." / "8"), "--out", str(tmp_path / "twice")]
    assert refused(twice, capsys).endswith("8: is given twice\n")


def test_ten_bit_says_more_than_eight(folders: list[Path]) -> None:
    for shallow, deep in zip(*map(open_folder, folders), strict=True):
        assert shallow.info.source_sha256 == deep.info.source_sha256
        up = convert_bit_depth(shallow.picture("original", 0), 10)
        assert np.abs(up.y.astype(int) - deep.picture("original", 0).y).max() in (2, 3)
