"""Training chroma filters: what a patch is, the gain by hand, and a run that is killed and resumed."""

import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from codecnn.dataset.reader import Shard
from codecnn.dataset.schema import SIGNALS
from codecnn.dataset.writer import ShardWriter
from codecnn.inference.chroma import filter_chroma
from codecnn.models.chroma_rdn import ChromaRdn, ChromaRdnConfig
from codecnn.models.weights import read_weights
from codecnn.tasks.chroma_filter import ChromaFilter, ChromaPatches
from codecnn.training.batches import Batches
from codecnn.video.picture import Picture
from experiments import train_chroma, train_filter
from tests.dataset.test_shard import INFO
from tests.forked import start
from tests.pictures import photograph
from tests.small_data import coded
from tests.training.runs import assert_same_run, rows, state_of, wait_for_lines

HEIGHT, WIDTH, PATCH = 67, 75, 24
SMALL = ChromaRdnConfig(channels=4, blocks=1, convolutions=2, growth=4)


def write(path: Path, signals: list[Picture], qp: int = 32, chroma: str = "420", bit_depth: int = 8) -> Shard:
    info = replace(
        INFO, chroma=chroma, width=WIDTH, height=HEIGHT, label_sizes="", maps="", qp=qp, source_sha256="7" * 64,
        bit_depth=bit_depth,
    )  # fmt: skip
    with ShardWriter(path, info) as writer:
        writer.append(dict(zip(SIGNALS, signals, strict=True)), 1, qp)
    return Shard(path)


def squares(bit_depth: int) -> Picture:
    """A picture whose U is its luma, in squares of 2x2 samples, and V its negative: whatever is cut out and turned."""
    small = photograph("astronaut", -(-HEIGHT // 2), -(-WIDTH // 2), bit_depth).y
    luma = np.kron(small, np.ones((2, 2), small.dtype))[:HEIGHT, :WIDTH]
    return Picture(luma, small, ((1 << bit_depth) - 1) - small, bit_depth)


@pytest.mark.parametrize("bit_depth", [8, 10])
def test_planes_of_a_patch_are_from_one_place(tmp_path: Path, bit_depth: int) -> None:
    other = photograph("coffee", HEIGHT, WIDTH, bit_depth)
    shard = write(tmp_path / "a.h5", [squares(bit_depth), squares(bit_depth), other], bit_depth=bit_depth)
    batches = Batches(ChromaPatches([shard], SMALL, PATCH), batch=9, seed=1)
    peak, seen = (1 << bit_depth) - 1, set()
    for step in range(6):  # all nine windows every time
        windows: tuple[Any, ...] = batches[step].windows
        y, u, v, unfiltered_y, qp, peaks, unfiltered_u, unfiltered_v = windows
        assert u.shape == v.shape == unfiltered_u.shape == unfiltered_v.shape == (9, 14, 14)
        assert y.shape == unfiltered_y.shape == (9, 28, 28)
        assert (qp.tolist(), peaks.tolist()) == ([32] * 9, [peak] * 9)
        for row, column in np.ndindex(2, 2):
            np.testing.assert_array_equal(y[:, row::2, column::2], u)
        np.testing.assert_array_equal(v, peak - u.numpy())
        original, valid = batches[step].original, batches[step].valid
        assert original.shape == valid.shape == (9, 2, PATCH // 2, PATCH // 2)
        np.testing.assert_array_equal(original[:, 0], u[:, 1:-1, 1:-1])
        np.testing.assert_array_equal(original[:, 1], v[:, 1:-1, 1:-1])
        assert not np.array_equal(unfiltered_u, u)
        # CTUs of 32: the last row has 3 rows of luma and so 2 of chroma, the last column 11, and so 6.
        inside = sorted(valid.sum((1, 2, 3)).tolist())
        assert inside == sorted(2 * high * wide for high in (12, 12, 2) for wide in (12, 12, 6))
        np.testing.assert_array_equal(valid[:, 0], valid[:, 1])
        seen |= {u[number].numpy().tobytes() for number in range(9)}
    assert len(seen) > 40  # places and orientations differ


def test_a_patch_may_see_over_the_borders_of_its_ctu(tmp_path: Path) -> None:
    shard = write(tmp_path / "a.h5", [squares(8), squares(8), photograph("coffee", HEIGHT, WIDTH)])
    around = 2 + 2 * (2 + 1)  # the margin of the network, and its reach: three convolutions at half the size
    assert SMALL.reach == around - 2
    batch = Batches(ChromaPatches([shard], SMALL, PATCH, "picture"), batch=9, seed=1)[0]
    assert batch.windows.y.shape == (9, PATCH + 2 * around, PATCH + 2 * around)
    assert batch.windows.u.shape == (9, PATCH // 2 + around, PATCH // 2 + around)
    inner = slice(around // 2, -around // 2)
    np.testing.assert_array_equal(batch.original[:, 0], batch.windows.u[:, inner, inner])
    loss, count = ChromaFilter("mse", neighbourhood="picture").sums(ChromaRdn(SMALL), batch)["loss"]
    assert (loss.item(), int(count)) == (0, int(batch.valid.sum()))  # untrained, the identity


@pytest.mark.parametrize("input_", ["baseline", "unfiltered"])
def test_a_single_picture_as_input(tmp_path: Path, input_: str) -> None:
    signals = [photograph(name, HEIGHT, WIDTH) for name in ("astronaut", "coffee", "chelsea")]
    shard = write(tmp_path / "a.h5", signals)
    config = replace(SMALL, input=input_)  # type: ignore[arg-type]
    drawn = ChromaPatches([shard], config, PATCH).draw(0, np.random.default_rng(0), np.random.default_rng(0))
    assert (drawn.windows.unfiltered_y, drawn.windows.unfiltered_u, drawn.windows.unfiltered_v) == (None, None, None)
    whole = signals[1 if input_ == "baseline" else 2].u
    pieces = np.lib.stride_tricks.sliding_window_view(whole, (14, 14))
    turned = [np.rot90(drawn.windows.u[0], k) for k in range(4)]
    assert any((pieces == piece).all((2, 3)).any() for one in turned for piece in (one, one.T))


def test_the_gain_is_that_of_scikit_image(tmp_path: Path) -> None:
    """U is flat and coded without error at QP 22, so it is left out at both QPs; V counts."""
    shards = []
    for qp in (22, 37):
        original = photograph("astronaut", HEIGHT, WIDTH)
        lossy = Picture.of(((p // 8) * 8 + (4 if qp == 37 else 3) for p in original.planes), 8)
        shards.append(write(tmp_path / f"{qp}.h5", [original, replace(lossy, u=original.u), lossy], qp))
    network = ChromaRdn(SMALL).eval()
    with torch.no_grad():
        network.last.bias.copy_(torch.tensor([0.01, 0.004]))  # type: ignore[union-attr]
    found = ChromaFilter().validate(network, shards)
    gains = []
    for shard in shards:
        original, baseline, unfiltered = (shard.picture(name, 0) for name in SIGNALS)
        _, v = filter_chroma(network, baseline, unfiltered, shard.info.qp, shard.info.ctu_size)
        after, before = (peak_signal_noise_ratio(original.v, p, data_range=255) for p in (v, baseline.v))
        gains.append(after - before)
    assert found == pytest.approx(
        {"gain": np.mean(gains), "gain_22": gains[0], "gain_37": gains[1], "gain_v": np.mean(gains)}
    )


def test_the_loss_counts_both_planes_alike(tmp_path: Path) -> None:
    shard = write(tmp_path / "a.h5", [photograph("coffee", HEIGHT, WIDTH)] * 3)
    batch = Batches(ChromaPatches([shard], SMALL, PATCH), batch=9, seed=1)[0]

    class Off(nn.Module):
        def __init__(self, u: float, v: float) -> None:
            super().__init__()
            self.off = torch.tensor([u, v]).view(1, 2, 1, 1)

        def forward(self, _: object) -> torch.Tensor:
            shifted: torch.Tensor = batch.original / 255 + self.off
            return shifted

    sums = [ChromaFilter("mse").sums(Off(*off), batch)["loss"] for off in ((0.2, 0.0), (0.0, 0.2), (0.2, 0.2))]
    assert [float(total / count) for total, count in sums] == pytest.approx([0.02, 0.02, 0.04])
    assert int(sums[0][1]) == int(batch.valid.sum())


OPTIONS = """--model.channels=6 --model.blocks=1 --model.convolutions=3 --model.growth=4 --batch=6 --patch=24 --steps=60
--optimiser.lr=3e-3 --optimiser.warmup=5 --precision=fp32 --log-every=1 --validate-every=25 --validate-frames=1
--checkpoint-every=5 --workers=0 --holdout=0.25 --loss=dct_satd --ema=0.9"""


def test_killed_and_resumed_is_as_if_nothing_had_happened(data: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    arguments = ["--data", str(data), *OPTIONS.split(), "--out"]
    assert train_chroma.main([*arguments, str(whole)]) == 0
    run = start(train_chroma.main, [*arguments, str(out)], tmp_path / "errors")
    wait_for_lines(run, out / "metrics.jsonl", 12)
    assert run.process.pid is not None
    os.killpg(run.process.pid, signal.SIGKILL)
    run.end()
    assert 5 < state_of(out)["progress"]["step"] < 60
    assert train_chroma.main([*arguments, str(out), "--resume"]) == 0
    assert_same_run(whole, out)
    figures = [row for row in rows(whole) if "gain" in row]
    assert figures[-1]["gain"] > 0.1
    assert figures[-1]["gain"] == pytest.approx((figures[-1]["gain_u"] + figures[-1]["gain_v"]) / 2)
    network, task, notes = read_weights(whole / "best.safetensors")
    assert (type(network), task, notes["recipe"]["network"]) == (ChromaRdn, "chroma-filter", "chroma_rdn")
    assert notes["gain"] == max(row["gain"] for row in figures)


def test_what_does_not_fit_is_one_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "422").mkdir()
    pictures = [coded(photograph(name, HEIGHT, WIDTH, chroma="422"), 1) for name in ("coffee", "astronaut", "chelsea")]
    write(tmp_path / "422" / "a.h5", pictures, chroma="422")
    common = ["--steps=1", "--out", str(tmp_path / "out")]
    for main, words, said in (
        (train_chroma.main, ["--val", str(data), "--data", str(tmp_path / "422")],
         rf"train-chroma: {tmp_path}/422/a\.h5: chroma format 422; chroma filters take 420 only"),
        (train_chroma.main, ["--data", str(data), "--network", "rdn"], "network must be a chroma filter, not 'rdn'"),
        (train_filter.main, ["--data", str(data), "--network", "chroma_rdn"],
         "network must be an in-loop filter, not 'chroma_rdn'"),
        (train_chroma.main, ["--data", str(data), "--model.margin=4"], "model.margin is 4, but the data have a margin"),
    ):  # fmt: skip
        assert main([*common, *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.search(said, line)
