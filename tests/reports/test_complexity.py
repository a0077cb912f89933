"""Test report-complexity: its figures, its use of the notes of weights, and bad input."""

from pathlib import Path
from typing import Any

import pytest

from codecnn.models.costs import parameter_count
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.memory import training_bytes
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.training.recipe import Recipe, Training, describe
from experiments.reports.complexity import measure as network_cost
from experiments.reports.complexity.command import main
from tests.reports.results_schema import read_results
from tests.weights_files import save

CONFIG = RdnConfig(8, 1, 3, 6)
FORMER = {"recipe": describe(Recipe(Training(batch=5), InLoopFilter(patch=32), CONFIG)), "step": 30, "seconds": 900.0}
NOTES: dict[str, Any] = {
    "recipe": describe(Recipe(Training(batch=5, qps=(22, 37)), InLoopFilter(patch=48), CONFIG)),
    "sources": ["a.png", "b.png", "c.png"],
    "windows": 200,
    "hardware": "an abacus",
    "step": 70,
    "qps": [22, 27],  # QPs that the recipe allows, but that were not in the data, were not trained on
    "torch": "2.13",
    "seconds": 5400.0,
    "stages": [FORMER, FORMER | {"recipe": None, "windows": 60}],
}


@pytest.fixture(autouse=True)
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_cost, "PATCHES", (32, 64, 128))
    monkeypatch.setattr(network_cost, "BATCHES", (1, 2))
    monkeypatch.setattr(network_cost, "ROUNDS", 1)


def test_report(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "noted.safetensors", Rdn(CONFIG), NOTES)
    save(tmp_path / "bare.safetensors", Rdn(CONFIG), {})
    config = tmp_path / "half.yaml"
    config.write_text("model: {channels: 8, blocks: 1, convolutions: 3, growth: 6, head: 6x6 by 2}")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "half.yaml").symlink_to(config)
    names = [str(tmp_path / name) for name in ("noted.safetensors", "bare.safetensors", "half.yaml", "other/half.yaml")]
    out = tmp_path / "out"
    assert main([*names, "--out", str(out), "--memory", "512MiB"]) == 0
    assert (out / "memory.png").read_bytes().startswith(b"\x89PNG")
    text = (out / "report.md").read_text()
    printed = capfd.readouterr()
    assert text in printed.out
    assert "Profiler" not in printed.out + printed.err  # nor a log of PyTorch's
    noted, bare, half, same = read_results(out)["tables"]["networks"]
    assert [network["name"] for network in (noted, bare)] == ["noted", "bare"]
    assert [network["name"] for network in (half, same)] == names[2:]  # both are half.yaml
    for network in (noted, half):
        assert network["kmac"] == network["kmac_measured"]
        assert network["frames_per_s"]["PyTorch float32"] > 0
        assert [(need["patch"], need["batch"]) for need in network["needs"]] == [
            (patch, batch) for patch in (32, 64, 128) for batch in (1, 2)
        ]
    assert half["kmac"] < noted["kmac"] / 2
    assert noted["parameters"] == parameter_count(Rdn(CONFIG))
    batch = noted["largest"]["64"]
    assert training_bytes(CONFIG, batch, 64) <= 512 * 2**20 < training_bytes(CONFIG, batch + 1, 64)
    sheet = noted["sheet"]
    assert sheet["inference: kMAC/px, whole CTU"] == f"{noted['kmac']:.1f} (of 128)"
    in_hd = noted["kmac"] * (15 * 9 * 128 * 128) / (1920 * 1080)  # the lowest and rightmost CTUs are cut
    assert float(sheet["inference: kMAC/px, a picture of 1920x1080"]) == pytest.approx(in_hd, abs=0.06)
    assert "of the tensors only" in text
    assert sheet["training: batch size"] == "5 then not recorded then 5"
    assert sheet["training: patch size"] == "32 then not recorded then 48"
    assert sheet["training: set"] == "3 sources"
    assert sheet["training: epochs"] == "30 steps then 30 steps then 70 steps (1.8 epochs)"
    assert sheet["training: time"] == "0.25 h then 0.25 h then 1.50 h"
    assert sheet["training: hardware"] == "not recorded then an abacus"
    assert sheet["training: QPs"] == "all of the data then not recorded then 22, 27"
    assert sheet["training: framework"] == "PyTorch then not recorded then PyTorch 2.13"
    assert {value for name, value in bare["sheet"].items() if name.startswith("training")} == {"not recorded"}


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert "no weights of the project" in refused(["nothing", *out], capsys)
    assert refused(["rdn_s", "rdn_s", *out], capsys) == "report-complexity: rdn_s: is given twice\n"
    config = tmp_path / "wrong.yaml"
    for text in (
        "steps: 3",
        "model: {depth: 3}",
        "model: 3",
        "model: {channels: 0}",
        "model: {margin: 2.0}",
        "model: {head: foo}",
        "model: {channels: 1000000000}",
    ):
        config.write_text(text)
        assert "wrong.yaml" in refused([str(config), *out], capsys)
    for memory in ("much", "9" * 400 + "GiB", "1." + "9" * 400 + "PiB"):
        with pytest.raises(SystemExit, match="2"):
            main(["rdn_s", *out, "--memory", memory])
        assert capsys.readouterr().err.startswith("report-complexity: argument --memory: ")
    assert not (tmp_path / "out").exists()
