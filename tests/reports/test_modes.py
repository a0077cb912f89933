"""Test report-modes: its sums by a plain loop, its means by hand, its numbers against the task's, and bad input."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from codecnn.dataset.reader import Shard, open_folder
from codecnn.intra import vvc
from codecnn.labels.mode_sets import ModeSet
from codecnn.models.blocks import Blocks, ModeNetwork
from codecnn.models.costs import kmac_per_block
from codecnn.models.modes.absolute import Absolute, AbsoluteConfig
from codecnn.models.weights import save_weights
from codecnn.tasks.block_sites import MEASURES, Sites
from codecnn.tasks.intra_mode import IntraMode
from experiments.reports.modes.classes import class_numbers, classes_of
from experiments.reports.modes.command import main
from experiments.reports.modes.means import by_class, means_of
from experiments.reports.modes.measure import Row, Sums
from experiments.reports.modes.rankings import by_gradients, with_references
from experiments.reports.shared.block_networks import Case
from tests.reports.results_schema import read_results
from tests.small_data import NAMES, write_shard

CASE = Case(8, "vvc-67")
FILES = ["confusion.png", "regrets.png", "report.html", "report.md", "results.json"]


def weights(folder: Path, name: str, size: int = 8, modes: ModeSet = "vvc-67") -> str:
    """Write weights of a network that is not trained."""
    torch.manual_seed(size)
    save_weights(folder / name, Absolute(AbsoluteConfig(size, modes, 16)), "intra-mode", {"recipe": {"labels": "dct"}})
    return str(folder / name)


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of a codec whose lambda is known."""
    folder = tmp_path_factory.mktemp("coded")
    for name in NAMES[:2]:
        for qp in (22, 37):
            write_shard(folder / f"{name}_{qp}.h5", name, qp, codec="x265")
    return folder


@pytest.fixture(scope="module")
def out(coded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    files = [weights(folder, "of_8.safetensors"), weights(folder, "of_16.safetensors", 16, "hevc-35")]
    assert main([*files, "--data", str(coded), "--out", str(folder / "report")]) == 0
    return folder


@pytest.fixture(scope="module")
def tables(out: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = read_results(out / "report")["tables"]
    return found


def chosen(rows: list[dict[str, Any]], **fields: object) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in fields.items())]


def test_sums_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    costs = rng.uniform(1, 9, (2, 30, 5)).round().astype(np.float32)  # with equal costs
    ranked = np.argsort(rng.random((30, 5)), 1)
    for length in (1, 5):
        sums, parts = Sums(2, 5, length), [Sums(2, 5, length) for _ in range(2)]
        parts[0].add(costs[:, :11], ranked[:11, :length])
        parts[1].add(costs[:, 11:], ranked[11:, :length])
        for part in parts:
            sums.merge(part)
        for measure in range(2):
            for k in range(1, length + 1):
                hits, spent, least = 0, 0.0, 0.0
                for of_block, order in zip(costs[measure].tolist(), ranked.tolist(), strict=True):
                    hits += of_block.index(min(of_block)) in order[:k]
                    spent += min(of_block[mode] for mode in order[:k])
                    least += min(of_block)
                assert sums.top(measure)[k - 1] == pytest.approx(hits / 30)
                assert sums.regrets(measure)[k - 1] == pytest.approx(spent / least - 1)
            for label in range(5):
                for first in range(5):
                    both = (costs[measure].argmin(1) == label) & (ranked[:, 0] == first)
                    assert sums.firsts[measure, label, first] == both.sum()
    black = Sums(1, 5, 5)
    black.add(np.zeros((1, 30, 5)), ranked)
    assert not black.regrets(0).any()


def row(ranking: str, source: str, qp: int, regrets: list[float]) -> Row:
    return Row(CASE, ranking, "dct", source, qp, 10, np.array([0.5] * len(regrets)), np.array(regrets))


def test_a_source_counts_once_in_a_mean() -> None:
    rows = [row("planar", "a", qp, [0.4]) for qp in (22, 37)] + [row("planar", "b", 22, [0.2])]
    rows += [row("net", "a", 22, [0.1, 0.01]), row("net", "a", 37, [0.3, 0.02]), row("net", "b", 22, [0.6, 0.001])]
    means = {(mean.ranking, mean.qp): mean for mean in means_of(rows)}
    np.testing.assert_allclose(means["net", "all"].regrets, [0.4, 0.008])
    np.testing.assert_allclose(means["net", "22"].regrets, [0.35, 0.0055])
    assert (means["net", "all"].sources, means["net", "all"].blocks, means["net", "37"].sources) == (2, 30, 1)
    assert means["net", "all"].half == pytest.approx(stats.t.ppf(0.975, 1) * 0.2)  # of 0.2 and 0.6
    assert np.isnan(means["net", "37"].half)
    assert means["net", "all"].to_test[0] == 2  # 0.008 is below 5 % of planar's 0.3, and above 1 %
    assert np.isnan([means["net", "all"].to_test[1], *means["planar", "all"].to_test]).all()
    assert np.isnan([means["planar", "all"].regret_of(2), means["planar", "all"].top_of(3)]).all()


def test_modes_to_test_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    costs = rng.uniform(10, 90, (1, 40, 67)).astype(np.float32)
    ranked = np.argsort(costs[0] + rng.normal(0, 20, (40, 67)), 1)
    rows = []
    for name, order in (("planar", np.zeros((40, 1), int)), ("noisy", ranked)):
        sums = Sums(1, 67, order.shape[1])
        sums.add(costs, order)
        rows.append(Row(CASE, name, "dct", "a", 22, 40, sums.top(0), sums.regrets(0)))
    found = [costs[0][np.arange(40)[:, None], ranked[:, :k]].min(1).sum() for k in range(1, 68)]
    planar, least = costs[0, :, 0].sum(), costs[0].min(1).sum()
    expected = [
        next(k for k, cost in enumerate(found, 1) if planar - cost >= share * (planar - least))
        for share in (0.95, 0.99)
    ]
    assert list(means_of(rows)[-1].to_test) == expected
    assert 1 < expected[0] < expected[1] < 67


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ("vvc-67", "planar (0), DC (1), below left (2 to 9), horizontal (10 to 26), above left (27 to 41), "
         "vertical (42 to 58), above right (59 to 66)"),
        ("hevc-35", "planar (0), DC (1), below left (2 to 5), horizontal (6 to 14), above left (15 to 21), "
         "vertical (22 to 30), above right (31 to 34)"),
    ],
)  # fmt: skip
def test_classes_of_modes(modes: ModeSet, expected: str) -> None:
    classes = classes_of(modes)
    assert ", ".join(map(str, classes)) == expected
    numbers = class_numbers(classes)
    assert [numbers[each.first] for each in classes] == [numbers[each.last] for each in classes] == [*range(7)]


def test_classes_of_labels_by_hand() -> None:
    labels, firsts = np.array([0, 0, 12, 13, 50]), np.array([0, 1, 13, 50, 50])
    costs = np.ones((1, 5, 67))
    costs[0, np.arange(5), labels] = 0
    ranked = np.argsort(np.arange(67) != firsts[:, None], 1, kind="stable")  # the first mode, then all in order
    sums = Sums(1, 67, 67)
    sums.add(costs, ranked)
    rows = {each.mode_class.split(" (")[0]: each for each in by_class(CASE, "net", sums, 0)}
    planar, horizontal, vertical = (rows[name] for name in ("planar", "horizontal", "vertical"))
    assert [planar.blocks, planar.share, planar.recall, *planar.top] == [2, 0.4, 0.5, 0.5, 1, 1]
    assert [horizontal.recall, horizontal.precision, *horizontal.top] == [0.5, 1, 0, 0, 0]
    assert [vertical.recall, vertical.precision] == [1, 0.5]
    assert np.isnan([rows["above left"].recall, rows["above left"].precision, rows["DC"].recall]).all()
    assert rows["DC"].precision == 0


def test_gradients_find_the_mode_of_a_prediction(coded: Path) -> None:
    """With the references of a photograph, where the mode of the label has edges to find."""
    samples = Sites(open_folder(coded), 16).read(4).samples
    busy = max(samples.references, key=lambda references: float(np.abs(np.diff(references.astype(int))).sum()))
    for mode in (10, 18, 30, 45, 50, 58):
        block = vvc.predict(busy, 16, 16, mode, 8)
        rest = (np.ones((1, 4)), np.array([32.0]), np.array([255.0]))
        assert abs(by_gradients(Blocks(block[None], busy[None], *rest), "vvc-67")[0, 0] - mode) <= 2


def test_references_are_joined_as_they_lie_in_the_picture(coded: Path) -> None:
    shard = Shard(coded / f"{NAMES[0]}_22.h5")
    site = Sites([shard], 8).read(4)
    unfiltered, original = (shard.picture(name, 0).y for name in ("unfiltered", "original"))
    joined = with_references(site.samples)
    for place, (column, line) in enumerate((x, y) for y in range(32, 64, 8) for x in range(32, 64, 8)):
        expected = unfiltered[line - 1 : line + 8, column - 1 : column + 8].copy()
        expected[1:, 1:] = original[line : line + 8, column : column + 8]
        np.testing.assert_array_equal(joined[place], expected)


def test_a_report_is_whole(out: Path, tables: dict[str, list[dict[str, Any]]]) -> None:
    assert sorted(path.name for path in (out / "report").iterdir()) == FILES
    assert [row["ranking"] for row in tables["networks"]] == ["of_8", "of_16"]
    assert all(row["labels"] == "dct" for row in tables["networks"])
    rankings = ["planar", "DC", "random", "gradient histogram", "Hadamard SATD", "DCT SATD", "J"]
    for size, name in ((8, "of_8"), (16, "of_16")):
        rows = chosen(tables["means"], size=size, qp="all", measure="rd")
        assert [row["ranking"] for row in rows] == [*rankings, name]
        assert {row["qp"] for row in chosen(tables["means"], size=size)} == {"22", "37", "all"}
    text = (out / "report" / "report.md").read_text()
    assert "## Blocks of 16x16, hevc-35: J" in text
    assert "below left (2 to 5)" in text
    assert {time["what"] for time in tables["times"]} >= {"of_8", "of_16", "search by J"}
    assert all(time["microseconds"] > 0 for time in tables["times"])


def test_a_network_has_the_figures_of_its_task(coded: Path, out: Path, tables: dict[str, list[dict[str, Any]]]) -> None:
    torch.manual_seed(8)
    network = Absolute(AbsoluteConfig(8, "vvc-67", 16)).eval()
    shard = Shard(coded / f"{NAMES[1]}_37.h5")
    for measure in MEASURES:
        expected = IntraMode(labels=measure, validate_ctus=9).validate(network, [shard])
        (row,) = chosen(tables["rows"], ranking="of_8", measure=measure, source=shard.info.source, qp=37)
        assert 100 * row["regrets"]["1"] == pytest.approx(expected["regret"], rel=1e-4)
        assert 100 * row["regrets"]["5"] == pytest.approx(expected["top5_regret"], rel=1e-4)
        assert 100 * row["top"]["1"] == pytest.approx(expected["top1"])
        assert row["blocks"] == (76 // 8) * (90 // 8)


def test_the_order_of_a_measure_has_no_regret_under_it(tables: dict[str, list[dict[str, Any]]]) -> None:
    for measure, name in (("hadamard", "Hadamard SATD"), ("dct", "DCT SATD"), ("rd", "J")):
        for mean in chosen(tables["means"], measure=measure, ranking=name):
            assert mean["top"]["1"] == 1
            assert max(mean["regrets"]) == pytest.approx(0, abs=1e-9)
            assert mean["to_test"] == {"95": 1, "99": 1}
        for mean in chosen(tables["means"], measure=measure):
            assert mean["regrets"] == sorted(mean["regrets"], reverse=True)
            if mean["ranking"] in ("planar", "DC"):
                assert len(mean["regrets"]) == 1
            else:
                assert mean["regrets"][-1] == pytest.approx(0, abs=1e-9)


def test_a_confusion_counts_every_block(tables: dict[str, list[dict[str, Any]]]) -> None:
    for each in tables["confusion"]:
        counts, blocks = np.array(each["counts"]), 4 * (76 // each["size"]) * (90 // each["size"])
        assert counts.shape == ((67, 67) if each["size"] == 8 else (35, 35))
        assert counts.sum() == blocks
        classes = chosen(tables["classes"], ranking=each["ranking"])
        assert sum(row["blocks"] for row in classes) == blocks


def test_multiply_accumulates_of_a_block() -> None:
    config = AbsoluteConfig(8, "vvc-67", 16)
    layers: ModeNetwork = Absolute(config)
    assert kmac_per_block(layers) == (64 + 32 + 7 + 67) * 16 / 1000


def test_without_a_lambda_there_is_no_j(data: Path, tmp_path: Path) -> None:
    words = [weights(tmp_path, "a.safetensors"), "--data", str(data), "--ctus", "1"]
    assert main([*words, "--out", str(tmp_path / "report")]) == 0
    results = read_results(tmp_path / "report")
    assert "astronaut_22.h5: no lambda is known for the codec blur" in results["about"]["J"]
    assert {row["measure"] for row in results["tables"]["rows"]} == {"hadamard", "dct"}
    assert main([*words, "--labels", "rd", "--out", str(tmp_path / "other")]) == 2
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["rdn_xs"], "weights of the task in-loop-filter, not of ranking intra modes"),
        (["a", "big"], "CTUs of 32 hold no blocks of 64"),
        (["a", "a"], "is given twice"),
        (["missing"], "no such file or folder"),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    names: list[str], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights(tmp_path, "a.safetensors")
    weights(tmp_path, "big.safetensors", 64)
    words = [str(path) if (path := tmp_path / f"{name}.safetensors").exists() else name for name in names]
    assert main([*words, "--data", str(data), "--out", str(tmp_path / "report")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "report").exists()
