"""Comparison of backbones: its numbers by hand, going on with what is trained, and what is refused."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codecnn.dataset.reader import open_folder
from codecnn.errors import InputError
from codecnn.models.blocks import ModeNetwork
from codecnn.models.costs import kmac_per_block, parameter_count
from codecnn.models.weights import read_weights
from codecnn.tasks.block_sites import Sites
from codecnn.tasks.intra_mode import logits_of
from experiments.studies.backbone_page import Judged, front_of
from experiments.studies.compare_backbones import main
from experiments.studies.trial import finish_run
from tests.reports.results_schema import read_results
from tests.small_data import write_dataset

STUDY = """
task: intra-mode
base:
  model: {size: 8}
  optimiser: {warmup: 2}
  steps: 4
  batch: 2
  blocks: 8
  labels: dct
  workers: 0
  precision: fp32
  validate_every: 4
  validate_ctus: 1
  checkpoint_every: 4
  holdout: 0.3
seeds: [0, 3]
variants:
  - name: one plain
    change: {network: plain, model: {width: 4, hidden: 8}}
  - name: absolute
    change: {model: {pairs: 8}, optimiser.lr: 1.0e-3}
  - name: larger
    change: {network: vit, model: {size: 16, width: 8, hidden: 8}}
"""
FOLDERS = {"one plain": "one_plain", "absolute": "absolute", "larger": "larger"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three sources to train and validate on, and one to judge on."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("train", "test"):
        (folder / part).mkdir()
    for path in write_dataset(folder).glob("*.h5"):
        path.rename(folder / ("test" if path.name.startswith("coffee") else "train") / path.name)
    return folder / "train", folder / "test"


def command(folder: Path, text: str, folders: tuple[Path, Path], *more: str) -> list[str]:
    path = folder / "study.yaml"
    path.write_text(text)
    return [str(path), "--data", str(folders[0]), "--out", str(folder / "out"), *more]


@pytest.fixture(scope="module")
def finished(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    assert main(command(folder, STUDY, folders, "--test", str(folders[1]))) == 0
    return folder / "out"


def test_the_figures_are_those_of_the_networks_on_the_test(folders: tuple[Path, Path], finished: Path) -> None:
    rows = read_results(finished)["tables"]["networks"]
    assert [row["name"] for row in rows] == list(FOLDERS)
    for row, size in zip(rows, (8, 8, 16), strict=True):
        top1, regrets = [], []
        for seed in (0, 3):
            network, _, _ = read_weights(finished / "runs" / f"{FOLDERS[row['name']]}_seed{seed}" / "last.safetensors")
            assert isinstance(network, ModeNetwork)
            assert (row["kmac"], row["parameters"]) == (kmac_per_block(network), parameter_count(network))
            for shard in open_folder(folders[1]):
                sites = [Sites([shard], size).read(number) for number in range(len(Sites([shard], size)))]
                costs = np.concatenate([site.satd_tables("vvc-67")[1] for site in sites])
                ranked = np.argsort(-np.concatenate([logits_of(network, site) for site in sites]), 1, kind="stable")
                top1.append((ranked[:, 0] == costs.argmin(1)).mean())
                found = [np.take_along_axis(costs, ranked[:, :k], 1).min(1).sum() for k in (1, 3)]
                regrets.append([each / costs.min(1).sum() - 1 for each in found])
        assert row["top1"] == pytest.approx(np.mean(top1))
        assert (row["regret_1"], row["regret_3"]) == pytest.approx(tuple(np.mean(regrets, 0)), rel=1e-4)
        assert row["regret_1"] > row["regret_3"] > 0
        assert row["seconds"] > 0
        assert row["microseconds"] > 0
        assert row["seeds"] == [0, 3]
    assert rows[2]["on_front"]  # the only one of its size
    text = (finished / "report.md").read_text()
    assert "## Blocks of 8x8, vvc-67" in text
    assert (
        f"| {100 * rows[2]['top1']:.1f} | {100 * rows[2]['regret_1']:.2f} | {100 * rows[2]['regret_3']:.2f} |" in text
    )
    assert (finished / "front.png").read_bytes()[:4] == b"\x89PNG"


def test_finished_trainings_are_taken_as_they_are(
    folders: tuple[Path, Path], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "out")
    monkeypatch.setattr("experiments.studies.trial.train_with_bar", lambda *_: pytest.fail("trains again"))
    assert main(command(tmp_path, STUDY, folders)) == 0  # now on the sources held out
    results = read_results(tmp_path / "out")
    assert "coffee" not in results["about"]["judged on"]
    before = read_results(finished)["tables"]["networks"]
    assert [row["regret_1"] for row in results["tables"]["networks"]] != [row["regret_1"] for row in before]


def test_a_training_that_fails_is_named_and_the_others_are_compared(
    folders: tuple[Path, Path], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "out")

    def failing(prog: str, run: Any) -> Any:  # noqa: ANN401
        if "absolute" in run.out.name:
            raise InputError("it broke")
        return finish_run(prog, run)

    monkeypatch.setattr("experiments.studies.ablate_network.finish_run", failing)
    assert main(command(tmp_path, STUDY, folders)) == 0
    results = read_results(tmp_path / "out")
    assert results["about"]["failed"] == "absolute, seed 0: it broke; absolute, seed 3: it broke"
    assert [row["name"] for row in results["tables"]["networks"]] == ["one plain", "larger"]


def test_the_front_has_what_nothing_cheaper_beats() -> None:
    class Cost:
        def __init__(self, kmac: float) -> None:
            self.kmac = kmac

    spots = [(100, 0.05), (90, 0.06), (200, 0.05), (300, 0.02), (90, 0.07)]
    judged = [Judged(Cost(kmac), None, 1, 0, {1: regret}) for kmac, regret in spots]  # type: ignore[arg-type]
    assert front_of(judged) == [judged[1], judged[0], judged[3]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("size: 16, width: 8", "size: 16, width: 9"), "width must be a multiple of heads, not 9 with 2"),
        (("network: vit", "network: rdn"), "unknown field"),
        (("labels: dct", "labels: vmaf"), "labels"),
    ],
)
def test_what_cannot_be_done_is_refused(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    assert main(command(tmp_path, STUDY.replace(*change), folders)) == 2
    error = capsys.readouterr().err
    assert error.startswith("compare-backbones: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_another_task_and_a_test_that_is_trained_on_are_refused(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filters = "task: in-loop-filter\nbase: {steps: 1}\nseeds: [0]\nvariants: [{name: one}]"
    assert main(command(tmp_path, filters, folders)) == 2
    assert "task must be intra-mode, not in-loop-filter" in capsys.readouterr().err
    assert main(command(tmp_path, STUDY, folders, "--test", str(folders[0]))) == 2
    assert "as well" in capsys.readouterr().err
