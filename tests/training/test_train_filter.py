"""Training: what a step sees, resuming, stopping, several processes, and what is refused."""

import errno
import fcntl
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from codecnn.dataset.reader import CtuDataset, Shard, open_folder
from codecnn.errors import InputError
from codecnn.metrics import psnr
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.in_loop_filter import Batch, InLoopFilter, Patches
from codecnn.training.batches import Batches
from codecnn.training.data import split_by_source
from codecnn.training.device import placed
from codecnn.training.optimisers import learning_rate
from codecnn.training.recipe import Optimiser
from experiments.train_filter import main
from tests.other_process import held_by_another_process
from tests.small_data import CTU, HEIGHT, WIDTH, write_dataset, write_shard
from tests.weights_files import load, save

ROOT = Path(__file__).parents[2]
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}  # the networks here are too small for more
CONFIG = """
model: {channels: 8, blocks: 1, convolutions: 3, growth: 6}
optimiser: {lr: 3.0e-3, warmup: 5}
batch: 6
patch: 24
precision: fp32
steps: 30
log_every: 1
validate_every: 15
validate_frames: 1
checkpoint_every: 10
workers: 0
holdout: 0.25
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def finished(data: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has interrupted."""
    out = tmp_path_factory.mktemp("run") / "out"
    assert main([str(config), "--data", str(data), "--out", str(out)]) == 0
    return out


def rows(out: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without the times."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "samples_per_s", "waiting")} for line in lines]


def assert_same_run(one: Path, other: Path) -> None:
    assert rows(one) == rows(other)
    for name in ("best.safetensors", "last.safetensors"):
        (model, notes), (twin, twin_notes) = load(one / name), load(other / name)
        for its in (notes, twin_notes):
            assert its.pop("seconds") > 0
        assert notes == twin_notes
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
    state, twin_state = (torch.load(out / "last.pt", weights_only=True) for out in (one, other))
    assert all(torch.equal(state["model"][name], twin_state["model"][name]) for name in state["model"])


def fixed(shards: list[Shard], patch: int = 24, rank: int = 0, world: int = 1) -> Batches[Batch]:
    return Batches(Patches(shards, RdnConfig(), patch), 6, 3, rank, world)


# What a step sees


def test_a_batch_is_a_piece_of_the_shards(data: Path) -> None:
    """Every patch is found again in the shards, the same turn and place for all of its planes."""
    shards = open_folder(data)
    batch = fixed(shards)[5]
    fed = batch.windows
    assert fed.unfiltered_y is not None
    assert fed.y.shape == (6, 28, 28)
    assert fed.u.shape == (6, 14, 14)
    assert batch.original.shape == batch.valid.shape == (6, 24, 24)
    windows = [window for shard in shards for window in (shard[i] for i in range(len(shard)))]
    for i in range(6):
        found = 0
        for window in windows:
            planes = [window.original.y, window.baseline.y, window.baseline.u, window.baseline.v, window.unfiltered.y]
            for turn in range(8):
                o, y, u, v, x = (np.rot90(p, turn % 4) if turn < 4 else np.rot90(p, turn % 4).T for p in planes)
                for top in range(0, CTU - 24 + 1, 2):
                    for left in range(0, CTU - 24 + 1, 2):
                        luma = np.s_[top : top + 28, left : left + 28]
                        chroma = np.s_[top // 2 : top // 2 + 14, left // 2 : left // 2 + 14]
                        found += (
                            int(fed.qp[i]) == window.qp
                            and np.array_equal(fed.y[i], y[luma])
                            and np.array_equal(fed.u[i], u[chroma])
                            and np.array_equal(fed.v[i], v[chroma])
                            and np.array_equal(fed.unfiltered_y[i], x[luma])
                            and np.array_equal(batch.original[i], o[luma][2:-2, 2:-2])
                        )
        assert found >= 1


def test_what_is_read_from_the_input_that_the_network_takes(data: Path) -> None:
    shards = open_folder(data)
    both, baseline, unfiltered = (
        Batches(Patches(shards, config, 24), 6, 0)[1].windows
        for config in (RdnConfig(), RdnConfig(input="baseline"), RdnConfig(input="unfiltered"))
    )
    assert both.unfiltered_y is not None
    assert baseline.unfiltered_y is unfiltered.unfiltered_y is None
    assert torch.equal(both.y, baseline.y)
    assert torch.equal(both.unfiltered_y, unfiltered.y)
    assert not torch.equal(both.unfiltered_y, both.y)


def test_an_epoch_is_a_permutation(data: Path) -> None:
    batches = fixed(open_folder(data), patch=CTU)  # whole CTUs, so that a patch tells which one it is
    windows, count = CtuDataset(open_folder(data)), batches.draws.units
    assert count == 72

    def epoch(number: int) -> list[bytes]:
        steps = range(number * count // 6, (number + 1) * count // 6)
        return [np.sort(patch.flatten()).tobytes() for step in steps for patch in batches[step].original.numpy()]

    everything = sorted(np.sort(windows[i].original.y[2:-2, 2:-2], axis=None).tobytes() for i in range(count))
    assert sorted(epoch(0)) == sorted(epoch(1)) == everything
    assert epoch(0) != epoch(1)


def test_only_samples_of_the_picture_are_valid(data: Path) -> None:
    batches = fixed(open_folder(data), patch=CTU)
    sizes = sorted(
        (int(valid.any(1).sum()), int(valid.any(0).sum()))
        for step in range(12)
        for valid in batches[step].valid
        if valid.sum() == valid.any(1).sum() * valid.any(0).sum()
    )
    high, wide = HEIGHT % CTU, WIDTH % CTU
    turned = {(CTU, CTU), (high, CTU), (CTU, high), (wide, CTU), (CTU, wide), (high, wide), (wide, high)}
    assert len(sizes) == 72
    assert set(sizes) <= turned
    areas = [height * width for height, width in sizes]
    assert sum(areas) == 8 * HEIGHT * WIDTH


def test_processes_share_a_batch(data: Path) -> None:
    def flat(batch: Batch) -> list[torch.Tensor]:
        return [*batch.windows, *batch[1:]]

    shards = open_folder(data)
    whole = flat(fixed(shards)[7])
    parts = [flat(fixed(shards, rank=rank, world=4)[7]) for rank in range(4)]
    for tensor, *pieces in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat(pieces), tensor)


def test_the_split_goes_by_source_and_knows_no_order(data: Path) -> None:
    shards = open_folder(data)
    training, held_out = split_by_source(shards, 0.25)
    assert {s.path for s in training} | {s.path for s in held_out} == {s.path for s in shards}
    assert len(held_out) == 2
    assert not {s.info.source for s in training} & {s.info.source for s in held_out}
    again = split_by_source(shards[::-1], 0.25)
    assert {s.path for s in again[1]} == {s.path for s in held_out}
    with pytest.raises(InputError, match="1 source"):
        split_by_source(held_out, 0.5)


def test_learning_rate() -> None:
    cosine = Optimiser(lr=0.1, warmup=10)
    rates = [learning_rate(cosine, step, 110) for step in range(110)]
    assert rates[:10] == pytest.approx([0.01 * i for i in range(1, 11)])
    assert rates[10] == 0.1
    assert rates[60] == pytest.approx(0.05)
    assert rates[109] < 1e-4
    assert learning_rate(replace(cosine, schedule="constant"), 109, 110) == 0.1


# Runs


def test_a_run_gains_and_says_so(data: Path, finished: Path) -> None:
    lines = rows(finished)
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 31))
    checks = [line for line in lines if "gain" in line]
    assert [line["step"] for line in checks] == [15, 30]
    assert checks[-1]["gain"] == pytest.approx((checks[-1]["gain_22"] + checks[-1]["gain_37"]) / 2)
    assert checks[-1]["gain"] > 0.1
    model, notes = load(finished / "best.safetensors")
    assert notes["gain"] == max(line["gain"] for line in checks)
    assert notes["recipe"]["optimiser.lr"] == 3e-3
    trained = [shard.info for shard in open_folder(data) if shard.info.source in notes["sources"]]
    assert notes["sources_sha256"] == sorted({info.source_sha256 for info in trained})
    assert (notes["codecs"], notes["qps"], notes["torch"]) == (["blur: "], [22, 37], torch.__version__)
    # The gain by hand: one window after the other through the network, the margin from the shard.
    gains = []
    for shard in open_folder(data):
        if shard.info.source in notes["held_out"]:
            original, baseline = (shard.picture(signal, 0).y for signal in ("original", "baseline"))
            filtered = np.empty((3 * CTU, 3 * CTU))
            for i, window in enumerate(shard[k] for k in range(9)):
                chroma = [np.kron(c, np.ones((2, 2))) for c in (window.baseline.u, window.baseline.v)]
                planes = np.stack(
                    [window.baseline.y, *chroma, np.full((36, 36), window.qp / 64 * 255), window.unfiltered.y]
                )
                with torch.no_grad():
                    luma = model.restore(torch.from_numpy(planes[None].astype(np.float32) / 255))[0, 0].numpy()
                filtered[CTU * (i // 3) :, CTU * (i % 3) :][:CTU, :CTU] = np.clip(np.rint(luma * 255), 0, 255)
            gains.append(psnr(filtered[:HEIGHT, :WIDTH], original, 8) - psnr(baseline, original, 8))
    assert len(gains) == 2
    assert notes["gain"] == pytest.approx(np.mean(gains), abs=1e-3)


def command(config: Path, data: Path, out: Path, *more: str) -> list[str]:
    return [str(config), "--data", str(data), "--out", str(out), *more]


def test_stopped_and_resumed_is_as_if_nothing_had_happened(data: Path, config: Path, tmp_path: Path) -> None:
    more = ["--steps=200", "--validate_every=90", "--log_every=7", "--checkpoint_every=1000", "--workers=1"]
    assert main(command(config, data, tmp_path / "whole", *more)) == 0
    arguments = command(config, data, tmp_path / "parts", *more)
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.train_filter", *arguments],
        cwd=ROOT,
        env=ONE_THREAD,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "parts" / "metrics.jsonl"
    while process.poll() is None and (not metrics.exists() or metrics.read_text().count("\n") < 3):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "--resume" in errors
    step = torch.load(tmp_path / "parts" / "last.pt", weights_only=True)["step"]
    assert 21 <= step < 200
    # Had it been killed instead, lines after the checkpoint and half a line would be there.
    with metrics.open("a") as file:
        file.write(json.dumps({"step": step + 3, "loss": 9.0}) + '\n{"step": 1, "lo')
    assert main([*arguments, "--resume"]) == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    assert main([*arguments, "--resume"]) == 0  # there is nothing left to do
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_killed_and_resumed_is_as_if_nothing_had_happened(data: Path, config: Path, tmp_path: Path) -> None:
    more = ["--steps=150", "--validate_every=60", "--log_every=7", "--checkpoint_every=10", "--workers=1"]
    assert main(command(config, data, tmp_path / "whole", *more)) == 0
    arguments = command(config, data, tmp_path / "parts", *more)
    metrics, checkpoint = tmp_path / "parts" / "metrics.jsonl", tmp_path / "parts" / "last.pt"
    steps = []
    for resume in ([], ["--resume"], ["--resume"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.train_filter", *arguments, *resume],
            cwd=ROOT,
            env=ONE_THREAD,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        lines = metrics.read_text().count("\n") if metrics.exists() else 0
        while process.poll() is None and (not metrics.exists() or metrics.read_text().count("\n") < lines + 4):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        steps.append(torch.load(checkpoint, weights_only=True)["step"])
    assert 0 < steps[0] <= steps[1] <= steps[2] < 150
    assert main([*arguments, "--resume"]) == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_two_processes_are_as_good_as_one(data: Path, config: Path, tmp_path: Path) -> None:
    # SGD, since Adam makes large differences of small ones where gradients are near zero.
    more = ["--optimiser.name", "sgd", "--optimiser.lr", "0.01", "--optimiser.warmup", "0", "--batch", "5"]
    assert main(command(config, data, tmp_path / "one", *more)) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = ["-m", "experiments.train_filter", *command(config, data, tmp_path / "two", *more)]
    subprocess.run([*launch, *arguments], cwd=ROOT, env=ONE_THREAD, check=True, capture_output=True, timeout=120)
    one, two = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert len(one) == len(two) == 32
    for a, b in zip(one, two, strict=True):
        assert b == pytest.approx(a, rel=1e-4, abs=1e-4)
    losses = [line["loss"] for line in one if "loss" in line]
    assert losses[-1] != losses[0]
    (model, _), (twin, _) = load(tmp_path / "one" / "last.safetensors"), load(tmp_path / "two" / "last.safetensors")
    for weight, twin_weight in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(weight, twin_weight, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "more",
    [
        ["--optimiser.name", "rmsprop", "--loss", "mse", "--optimiser.schedule", "constant", "--ema", "0"],
        [
            "--precision",
            "bf16",
            "--channels_last",
            "false",
            "--clip",
            "0",
            "--qps",
            "[37]",
            "--model.input",
            "baseline",
        ],
    ],
)
def test_other_recipes_run(data: Path, config: Path, tmp_path: Path, more: list[str]) -> None:
    assert main(command(config, data, tmp_path / "out", *more, "--steps", "6", "--optimiser.lr", "1e-4")) == 0
    assert [line["step"] for line in rows(tmp_path / "out")] == [1, 2, 3, 4, 5, 6, 6]


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_channels_lie_in_memory_as_the_recipe_says(data: Path, channels_last: bool) -> None:
    model = placed(Rdn(RdnConfig()), torch.device("cpu"), channels_last)
    strides: set[int] = set()  # from one channel to the next
    assert isinstance(model, Rdn)
    model.blocks[0].register_forward_hook(lambda _, __, output: strides.add(output.stride(1)))
    InLoopFilter().sums(model, fixed(open_folder(data))[0])
    assert strides == {1 if channels_last else 24**2}


def test_a_compiled_network_learns_the_same(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the code generator, which takes long: its input is run operator by operator."""
    compiled: list[nn.Module] = []

    def compile_quickly(network: nn.Module) -> None:
        compiled.append(network)
        network._compiled_call_impl = torch.compile(network._call_impl, backend="aot_eager", fullgraph=True)

    monkeypatch.setattr(nn.Module, "compile", compile_quickly)
    plain, quick = tmp_path / "plain", tmp_path / "compiled"
    more = ["--steps=2", "--ema=0", "--optimiser.name=sgd", "--optimiser.last=1", "--optimiser.lr=0.1"]
    for out, options in ((plain, []), (quick, ["--compile=true"])):
        assert main([*command(config, data, out, *more), *options]) == 0
    assert len(compiled) == 1
    one, other = (load(out / "last.safetensors")[0].state_dict() for out in (plain, quick))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_a_processor_without_bf16_is_warned_of(
    data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for supported, precision in ((True, "bf16"), (False, "fp32"), (False, "bf16")):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda answer=supported: answer)
        out = tmp_path / f"{precision} {supported}"
        assert main([*command(config, data, out), "--steps=1", f"--precision={precision}"]) == 0
        warned = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
        assert len(warned) == (precision == "bf16" and not supported)


def test_training_starts_from_given_weights(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["--start", str(finished)]
    assert main([*command(config, data, tmp_path / "on"), *start, "--optimiser.lr=1e-9", "--steps=1", "--ema=0"]) == 0
    before, after = load(finished / "best.safetensors")[0], load(tmp_path / "on" / "last.safetensors")[0]
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)
    other_form = [*command(config, data, tmp_path / "other"), *start, "--model.growth=5"]
    assert "the weights of RdnConfig(channels=8" in refused(other_form, capsys)
    missing = [*command(config, data, tmp_path / "none"), "--start=nothing"]
    assert refused(missing, capsys).startswith("train-filter: nothing: no such file or folder")


def test_the_last_convolution_moves_by_its_share(data: Path, config: Path, finished: Path, tmp_path: Path) -> None:
    start = finished / "best.safetensors"
    more = [f"--start={start}", "--optimiser.name=adam", "--optimiser.lr=1e-3", "--optimiser.last=0.1", "--steps=1"]
    more += ["--optimiser.warmup=1", "--ema=0", "--optimiser.schedule=constant"]
    assert main(command(config, data, tmp_path / "out", *more)) == 0
    before, after = load(start)[0].state_dict(), load(tmp_path / "out" / "last.safetensors")[0].state_dict()
    for name, weight in before.items():  # the first step of Adam moves every weight by its rate
        moved = (after[name] - weight).abs().max().item()
        assert moved == pytest.approx(1e-4 if name.startswith("last.") else 1e-3, rel=0.02)


def test_weights_tell_of_all_stages(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("astronaut", "chelsea", "coffee", "motorcycle_left"):
        (tmp_path / name).mkdir()
        write_shard(tmp_path / name / "a.h5", name, 37)

    def stage(data: str, out: str, *more: str, val: str = "astronaut", steps: int = 2) -> list[str]:
        always = ["--val", str(tmp_path / val), f"--steps={steps}", "--optimiser.schedule=constant"]
        return command(config, tmp_path / data, tmp_path / out, *always, *more)

    assert main(stage("chelsea", "first")) == 0
    first = tmp_path / "first" / "best.safetensors"
    assert main(stage("coffee", "second", f"--start={first}", steps=3)) == 0
    second = tmp_path / "second" / "best.safetensors"
    last = ["motorcycle_left", "third", f"--start={second}"]
    for val in ("chelsea", "coffee"):
        assert f"{second}: was trained on {val}.png" in refused(stage(*last, val=val), capsys)
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    shutil.copy(tmp_path / "coffee" / "a.h5", renamed)
    with h5py.File(renamed / "a.h5", "a") as file:
        file.attrs["source"] = "tea.png"
    assert f"{second}: was trained on tea.png" in refused(stage(*last, val="renamed"), capsys)
    assert main(stage(*last)) == 0

    def check_third(steps: int) -> None:
        for name in ("best", "last"):
            notes = load(tmp_path / "third" / f"{name}.safetensors")[1]
            assert notes["sources"] == ["chelsea.png", "coffee.png", "motorcycle_left.png"]
            shards = [open_folder(tmp_path / name)[0] for name in ("chelsea", "coffee", "motorcycle_left")]
            assert notes["sources_sha256"] == sorted(shard.info.source_sha256 for shard in shards)
            assert notes["held_out"] == ["astronaut.png"]
            assert [former["step"] for former in notes["stages"]] == [2, 3]
            for former, file in zip(notes["stages"], (first, second), strict=True):
                of_file = load(file)[1]
                assert {name: former[name] for name in ("recipe", "seconds", "commit")} == {
                    name: of_file[name] for name in ("recipe", "seconds", "commit")
                }
                assert former["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert notes["step"] == steps

    check_third(steps=2)
    moved = second.rename(tmp_path / "moved.safetensors")  # when resuming it is not needed any more
    assert main([*stage(*last, steps=4), "--resume"]) == 0
    moved.rename(second)
    check_third(steps=4)


def test_going_on_from_weights_that_tell_names_alone(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, notes = load(finished / "best.safetensors")
    old = {name: notes[name] for name in ("sources", "recipe", "step", "seconds")}
    save(tmp_path / "old.safetensors", model, old)
    start, out = ["--start", str(tmp_path / "old.safetensors"), "--steps=1"], tmp_path / "out"
    assert main([*command(config, data, out), *start]) == 0
    found = load(out / "last.safetensors")[1]
    assert "sources_sha256" not in found  # they would be some of the sources alone
    assert found["sources"] == notes["sources"]
    save(tmp_path / "old.safetensors", model, old | {"sources": notes["held_out"]})
    assert f"was trained on {notes['held_out'][0]}" in refused(
        [*command(config, data, tmp_path / "no"), *start], capsys
    )


def test_constant_schedule_may_be_prolonged(data: Path, config: Path, tmp_path: Path) -> None:
    more = ["--optimiser.schedule", "constant", "--validate_every", "4"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(command(config, data, whole, *more, "--steps", "8")) == 0
    assert main(command(config, data, parts, *more, "--steps", "4")) == 0
    assert main(command(config, data, parts, *more, "--steps", "8", "--resume")) == 0
    assert rows(whole) == rows(parts)


# What is refused, with one line and exit code 2


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_bad_arguments(data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"

    def said(*more: str, folder: Path = data, file: Path = config) -> str:
        return refused(command(file, folder, out, *more), capsys)

    assert "--stepz" in said("--stepz", "3")
    assert "steps" in said("--steps", "many")
    assert "steps" in said("--steps", "0")
    assert "margin" in said("--model.margin", "3")
    assert "margin of 2" in said("--model.margin", "4")
    assert "CTUs of 32" in said("--patch", "48")
    assert "even" in said("--patch", "23")
    assert "QP 30" in said("--qps", "[22, 30]")
    assert "holdout" in said("--holdout", "1.5")
    assert "optimiser.last must be above 0 and finite, not 0.0" in said("--optimiser.last", "0")
    for name in ("optimiser.last", "optimiser.lr", "optimiser.weight_decay", "clip"):
        for value in (".nan", ".inf"):
            assert name in said(f"--{name}", value)
    assert "is trained on" in said("--val", str(data))
    assert str(tmp_path) in said(folder=tmp_path)
    assert "nowhere" in said(folder=tmp_path / "nowhere")
    assert "missing.yaml" in said(file=tmp_path / "missing.yaml")
    wrong = tmp_path / "wrong.yaml"
    for text, word in (("depth: 3", "depth"), ("model: {depth: 3}", "depth"), ("steps: [", "pars"), ("3", "config")):
        wrong.write_text(text)
        assert word in said(file=wrong)
    assert "data" in refused([str(config), "--out", str(out)], capsys)
    assert not out.exists()
    if not torch.cuda.is_available():
        assert "cuda" in said("--device", "cuda")


def test_options_with_hyphens_and_configurations_by_name(data: Path, tmp_path: Path) -> None:
    small = ["--model.inner-residual=false", "--log-every", "1", "--steps=1", "--patch=24", "--workers=0"]
    assert main(["demo", "--data", str(data), "--out", str(tmp_path / "out"), *small]) == 0
    recipe = load(tmp_path / "out" / "last.safetensors")[1]["recipe"]
    assert (recipe["model.inner_residual"], recipe["log_every"], recipe["model.channels"]) == (False, 1, 24)
    assert (recipe["network"], recipe["patch"]) == ("rdn", 24)


def test_help_shows_hyphens(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "--validate-every" in text
    assert "--model.global-residual" in text
    assert not re.search(r"--[a-z.]+_", text)


def test_early_stopping(data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rate of almost 0 does not become better: the first validation stays the best one, two more are waited for."""
    more = ["--optimiser.lr=1e-12", "--ema=0", "--validate-every=3", "--patience=2", "--optimiser.schedule=constant"]
    whole = command(config, data, tmp_path / "out", *more)
    assert main(whole) == 0
    steps = [line["step"] for line in rows(tmp_path / "out") if "gain" in line]
    assert steps[-1] < 30
    gains = [line["gain"] for line in rows(tmp_path / "out") if "gain" in line]
    assert max(gains[-2:]) <= max(gains[:-2])
    assert main([*whole, "--resume"]) == 0  # it stays stopped
    assert [line["step"] for line in rows(tmp_path / "out") if "gain" in line] == steps


def test_bad_resumes(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    again = command(config, data, run)
    assert "--resume" in refused(again, capsys)
    assert "no last.pt" in refused(command(config, data, tmp_path / "none", "--resume"), capsys)
    changed = refused([*again, "--resume", "--model.growth", "7", "--optimiser.lr", "1", "--seed", "1"], capsys)
    assert all(name in changed for name in ("model.growth was 6, is 7", "optimiser.lr", "seed"))
    assert "steps was 30, is 40" in refused([*again, "--resume", "--steps", "40"], capsys)
    fewer = tmp_path / "fewer"
    shutil.copytree(data, fewer)
    (fewer / "coffee_22.h5").unlink()
    assert "other data" in refused([*command(config, fewer, run), "--resume"], capsys)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    torch.save({"step": 3}, tmp_path / "foreign.pt")
    torch.save(Optimiser(), tmp_path / "code.pt")
    foreign, code = ((tmp_path / name).read_bytes() for name in ("foreign.pt", "code.pt"))
    (run / "metrics.jsonl").write_bytes(b"rubbish\n")
    assert "metrics.jsonl: not readable as the log" in refused([*again, "--resume"], capsys)
    for damage in (before["last.pt"][:1000], b"", foreign, code):
        (run / "last.pt").write_bytes(damage)
        assert "last.pt" in refused([*again, "--resume"], capsys)


def test_one_process_trains_in_a_folder(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    with held_by_another_process(run):
        error = refused(command(config, data, run, "--resume"), capsys)
        assert error == f"train-filter: {run}: another process is at work in it\n"
    assert main(command(config, data, run, "--resume")) == 0  # the other one was killed


def test_a_file_system_without_locks(data: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert main(command(config, data, tmp_path / "out", "--steps=1")) == 0


def test_a_full_disk_is_one_line_and_the_run_can_be_begun_again(data: Path, config: Path, tmp_path: Path) -> None:
    def no_more_than_four_kilobytes() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    arguments = command(config, data, tmp_path / "run", "--steps=2")
    result = subprocess.run(
        [sys.executable, "-m", "experiments.train_filter", *arguments],
        cwd=ROOT,
        env=ONE_THREAD,
        preexec_fn=no_more_than_four_kilobytes,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("train-filter: ")]
    assert "last.pt" in line
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
    assert main(arguments) == 0


def test_a_damaged_data_folder_is_named(
    data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    damaged = sorted(folder.glob("*.h5"))[1]
    damaged.write_bytes(damaged.read_bytes()[:3000])
    assert f"{damaged}: not a readable dataset file" in refused(command(config, folder, tmp_path / "out"), capsys)
    assert not (tmp_path / "out").exists()
