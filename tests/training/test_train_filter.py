"""Training by the command: what a run leaves behind, other recipes, and what is refused."""

import hashlib
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from codecnn.dataset.reader import open_folder
from codecnn.metrics import psnr
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.training.device import placed
from codecnn.training.optimisers import learning_rate
from codecnn.training.recipe import Optimiser
from experiments.train_filter import main
from tests.small_data import CTU, HEIGHT, WIDTH, write_shard
from tests.training.runs import command, refused, rows
from tests.training.test_batches import fixed
from tests.weights_files import load, save


def test_learning_rate() -> None:
    cosine = Optimiser(lr=0.1, warmup=10)
    rates = [learning_rate(cosine, step, 110) for step in range(110)]
    assert rates[:10] == pytest.approx([0.01 * i for i in range(1, 11)])
    assert rates[10] == 0.1
    assert rates[60] == pytest.approx(0.05)
    assert rates[109] < 1e-4
    assert learning_rate(replace(cosine, schedule="constant"), 109, 110) == 0.1


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
    for qps in (["[22, 30]"], ["22", "30"], ["30"]):
        assert "QP 30" in said("--qps", *qps)
    assert "holdout" in said("--holdout", "1.5")
    assert "optimiser.last must be above 0 and at most 1e+09, not 0.0" in said("--optimiser.last", "0")
    for name in ("optimiser.last", "optimiser.lr", "optimiser.weight_decay", "clip"):
        for value in (".nan", ".inf"):
            assert name in said(f"--{name}", value)
    for name, value in (
        ("seed", "1" + 26 * "0"),
        ("batch", "100000"),
        ("workers", "1e5"),
        ("validate-frames", 400 * "9"),
    ):
        assert f"{name.replace('-', '_')}" in said(f"--{name}", value)
    assert "lr must be above 0" in said("--optimiser.lr", "1e300")
    assert "is trained on" in said("--val", str(data))
    assert str(tmp_path) in said(folder=tmp_path)
    assert "nowhere" in said(folder=tmp_path / "nowhere")
    assert "missing.yaml" in said(file=tmp_path / "missing.yaml")
    wrong = tmp_path / "wrong.yaml"
    for text, word in (
        ("depth: 3", "depth"),
        ("model: {depth: 3}", "depth"),
        ("steps: [", "pars"),
        ("3", "config"),
        ("steps: many", "steps"),
        ("", "fields"),
        ("optimiser: {lr: .nan}", "lr must"),
        ("1: 2", "Key"),
    ):
        wrong.write_text(text)
        assert word in said(file=wrong)
        assert f"{wrong}: " in said(file=wrong)
    wrong.write_text("network: vrcnn\nsteps: 3")  # of another network than that of the command
    assert str(wrong) not in said("--network", "rdn", "--model.channels", "-1", file=wrong)
    wrong.write_text("steps: many")
    assert f"{wrong}: " in refused([str(wrong), "--config", *command(config, data, out)], capsys)
    assert "data" in refused([str(config), "--out", str(out)], capsys)
    os.mkfifo(pipe := tmp_path / "pipe")  # reading it would wait for ever
    assert f"{pipe}: a pipe or a device, not a file" in said(file=pipe)
    assert not out.exists()
    assert f"{pipe}: a pipe or a device, not a file" in said("--start", str(pipe))
    if not torch.cuda.is_available():
        assert "cuda" in said("--device", "cuda")


def test_options_with_hyphens_and_configurations_by_name(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()  # as make demo does
    small = ["--model.inner-residual=false", "--log-every", "1", "--steps=1", "--patch=24", "--workers=0"]
    small += ["--qps", "22", "37"]
    assert main(["demo", "--data", str(data), "--out", str(tmp_path / "out"), *small]) == 0
    recipe = load(tmp_path / "out" / "last.safetensors")[1]["recipe"]
    assert (recipe["model.inner_residual"], recipe["log_every"], recipe["model.channels"]) == (False, 1, 24)
    assert recipe["qps"] == [22, 37]
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


def test_a_damaged_data_folder_is_named(
    data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    damaged = sorted(folder.glob("*.h5"))[1]
    damaged.write_bytes(damaged.read_bytes()[:3000])
    assert f"{damaged}: not a readable dataset file" in refused(command(config, folder, tmp_path / "out"), capsys)
    assert not (tmp_path / "out").exists()
