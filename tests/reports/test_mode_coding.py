"""Test report-mode-coding: its numbers against the task's and plain sums, and bad input."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codecnn.dataset.reader import open_folder
from codecnn.labels.mode_price import fit_price
from codecnn.labels.mode_sets import ModeSet
from codecnn.models.mode_coding.absolute_coder import AbsoluteCoder, AbsoluteCoderConfig
from codecnn.models.modes.absolute import Absolute, AbsoluteConfig
from codecnn.models.weights import load_weights, save_weights
from codecnn.tasks.coded_frames import Frames
from codecnn.tasks.mode_coding import ModeCoding, whole_cost
from experiments.reports.mode_coding.command import main
from experiments.reports.mode_coding.means import means_of
from experiments.reports.mode_coding.measure import DIMD, ENTROPY, TIMD, Row
from tests.reports.results_schema import read_results

MPMS = "VVC's 6 MPMs"


def weights(folder: Path, name: str, size: int, modes: ModeSet, uniform: bool = False) -> str:
    """Write weights of a network that is not trained, or that finds all modes equally probable."""
    torch.manual_seed(size)
    network = AbsoluteCoder(AbsoluteCoderConfig(size, modes, pairs=16, hidden=8))
    torch.nn.init.normal_(network.neighbours.weight, std=0.3)
    if uniform:
        for parameter in network.parameters():
            torch.nn.init.zeros_(parameter)
    save_weights(folder / f"{name}.safetensors", network, "mode-coding", {})
    return str(folder / f"{name}.safetensors")


@pytest.fixture(scope="module")
def out(coded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    files = [
        weights(folder, "random", 8, "vvc-67"),
        weights(folder, "uniform", 8, "vvc-67", uniform=True),
        weights(folder, "small", 16, "hevc-35"),
    ]
    assert main([*files, "--data", str(coded), "--out", str(folder / "report")]) == 0
    return folder


@pytest.fixture(scope="module")
def tables(out: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = read_results(out / "report")["tables"]
    return found


def chosen(rows: list[dict[str, Any]], **fields: object) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in fields.items())]


def test_all_prices_are_in_the_report(out: Path, tables: dict[str, list[dict[str, Any]]]) -> None:
    files = ["changes.png", "report.html", "report.md", "results.json"]
    assert sorted(path.name for path in (out / "report").iterdir()) == files
    of_vvc = {row["price"] for row in chosen(tables["rows"], size=8)}
    assert of_vvc == {MPMS, DIMD, TIMD, ENTROPY, "random", "uniform"}
    assert {row["price"] for row in chosen(tables["rows"], size=16)} == {"HEVC's 3 MPMs", DIMD, ENTROPY, "small"}
    assert len(tables["rows"]) == 8 * (6 + 4)
    page = (out / "report" / "report.md").read_text()
    assert "## Blocks of 8x8, vvc-67" in page
    assert "## Blocks of 16x16, hevc-35" in page
    assert {row["what"] for row in chosen(tables["times"], size=16)} == {
        "decisions, HEVC's 3 MPMs", "gradients of DIMD", "decisions, small",
    }  # fmt: skip


def test_rows_are_those_of_the_frames(coded: Path, tables: dict[str, list[dict[str, Any]]]) -> None:
    shards = [shard for shard in open_folder(coded) if shard.info.qp == 37]
    frames = Frames(shards, 8, "vvc-67")
    pictures = [frames.read(number).priced() for number in range(4)]
    price = fit_price("vvc-67", pictures)
    decided = [price.decide(picture) for picture in pictures]
    modes = np.concatenate([each.modes for each in decided])
    shares = np.bincount(modes) / len(modes)
    entropy = -np.log2(shares[modes])
    blocks = len(modes) // 4
    for place, (shard, picture, its) in enumerate(zip(shards, pictures, decided, strict=True)):
        of_file = {row["price"]: row for row in chosen(tables["rows"], size=8, qp=37, source=shard.info.source)}
        assert of_file[MPMS]["bits"] == of_file[MPMS]["own_bits"] == pytest.approx(its.bits.mean())
        assert of_file[MPMS]["cost"] == pytest.approx(whole_cost(picture.costs, its).mean())
        assert of_file[MPMS]["change"] == 0
        assert of_file[ENTROPY]["bits"] == pytest.approx(entropy[place * blocks :][:blocks].mean())
        assert of_file[ENTROPY]["cost"] is None
        uniform, least = of_file["uniform"], picture.costs.min(1).mean()
        assert [uniform["bits"], uniform["own_bits"]] == pytest.approx([np.log2(67)] * 2, abs=1e-4)
        assert uniform["cost"] == pytest.approx(np.log2(67) + least, rel=1e-4)
        assert uniform["change"] == pytest.approx(uniform["cost"] / of_file[MPMS]["cost"] - 1, abs=1e-5)
    for price_name in (DIMD, TIMD):  # what tells more cannot be worse, where it is counted on the same blocks
        rows = chosen(tables["rows"], size=8, price=price_name)
        mpms = chosen(tables["rows"], size=8, price=MPMS)
        assert sum(row["bits"] for row in rows) < sum(row["bits"] for row in mpms)


def test_a_network_has_the_figures_of_its_validation(
    coded: Path, out: Path, tables: dict[str, list[dict[str, Any]]]
) -> None:
    network = load_weights(out / "small.safetensors")
    assert isinstance(network, AbsoluteCoder)
    found = ModeCoding().validate(network, open_folder(coded))
    means = chosen(tables["means"], size=16, price="small")
    assert found["bits"] == pytest.approx(np.mean([mean["bits"] for mean in means]), rel=1e-5)
    for qp in (22, 37):
        rows = chosen(tables["rows"], size=16, price="small", qp=qp)
        before = chosen(tables["rows"], size=16, price="HEVC's 3 MPMs", qp=qp)
        whole = [sum(row["cost"] for row in each) for each in (rows, before)]
        assert found[f"cost_{qp}"] == pytest.approx(100 * (whole[0] / whole[1] - 1), rel=1e-4)


def test_means_weigh_bits_by_blocks_and_changes_by_source() -> None:
    rows = [
        Row(8, "vvc-67", "a", "one.png", 37, 100, 3.0, 2.0, 50.0, -0.02),
        Row(8, "vvc-67", "a", "two.png", 37, 300, 5.0, 4.0, 90.0, -0.04),
    ]
    (mean,) = means_of(rows)
    assert (mean.blocks, mean.bits, mean.own_bits) == (400, 4.5, 3.5)
    assert mean.change is not None
    assert mean.change.mean == pytest.approx(-3)
    assert mean.change.half == pytest.approx(12.706 * 1, rel=1e-3)  # t of one degree of freedom


def test_bad_input_is_one_line(coded: Path, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_weights(tmp_path / "other.safetensors", Absolute(AbsoluteConfig(8, pairs=4)), "intra-mode", {})
    right = weights(tmp_path, "right", 8, "vvc-67")
    large = weights(tmp_path, "large", 32, "vvc-67")
    for words, folder, expected in (
        (
            [str(tmp_path / "other.safetensors")],
            coded,
            "other.safetensors: weights of the task intra-mode, not of mode coding",
        ),
        ([right, right], coded, "right.safetensors: is given twice"),
        ([right], data, "no lambda is known for the codec blur"),
        ([str(tmp_path / "none")], coded, "no such file or folder"),
        ([large], tmp_path / "nothing", "no such folder"),
    ):
        assert main([*words, f"--data={folder}", f"--out={tmp_path / 'out'}"]) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1
        assert not (tmp_path / "out" / "report.md").exists()
