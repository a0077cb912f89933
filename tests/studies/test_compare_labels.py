"""Comparison of labels: its numbers by hand, a whole study on small data, and what is refused."""

import shutil
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import stats

from codecnn.dataset.reader import open_folder
from codecnn.errors import InputError
from codecnn.models.weights import read_weights
from codecnn.tasks.block_sites import Measure, Sites
from codecnn.tasks.intra_mode import logits_of
from codecnn.training.recipe import Run
from experiments.studies import compare_labels
from experiments.studies.compare_labels import main
from experiments.studies.label_judgement import Judged, against_truth, between_labels
from experiments.studies.trial import Result, finish_run
from tests.reports.results_schema import read_results
from tests.small_data import write_dataset

STUDY = """
base:
  network: absolute
  model: {pairs: 8}
  optimiser: {warmup: 2}
  steps: 6
  batch: 2
  blocks: 8
  workers: 0
  precision: fp32
  validate_every: 6
  validate_ctus: 1
  checkpoint_every: 6
  holdout: 0.3
sizes:
  - size: 8
    seeds: [0, 3]
    labels: {hadamard: {}, rd: {temperature: 0.05}}
  - size: 16
    seeds: [0]
    change: {blocks: 4}
    labels: {dct: {}}
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three sources to train on, and one to judge on, of a codec with a lambda."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("train", "test"):
        (folder / part).mkdir()
    for path in write_dataset(folder).glob("*.h5"):
        with h5py.File(path, "a") as file:
            file.attrs["codec"] = "x265"
        path.rename(folder / ("test" if path.name.startswith("coffee") else "train") / path.name)
    return folder / "train", folder / "test"


def command(config: Path, folders: tuple[Path, Path], out: Path) -> list[str]:
    train, test = folders
    return [str(config), "--data", str(train), "--test", str(test), "--out", str(out)]


def written(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def test_a_study_reports_the_regrets_of_its_networks(folders: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = command(written(tmp_path, STUDY), folders, tmp_path / "out")
    assert main(arguments) == 0
    judged = read_results(tmp_path / "out")["tables"]["judged"]
    assert len(judged) == (2 + 4 + 1 + 1) * 3 * 2  # labels and networks of both sizes, measures, QPs
    for size, labels, seed in ((8, "rd", 3), (16, "dct", None)):
        for shard in open_folder(folders[1]):
            sites = Sites([shard], size)
            costs, chosen = [], []
            for site in map(sites.read, range(len(sites))):
                costs.append(site.rate_distortion_table("vvc-67"))
                of_labels = site.satd_tables("vvc-67")[1]
                if seed is not None:
                    network, _, _ = read_weights(
                        tmp_path / "out" / "runs" / f"{size}_{labels}_seed{seed}" / "last.safetensors"
                    )
                    of_labels = -logits_of(network, site)  # type: ignore[arg-type]
                chosen.append(of_labels.argmin(1))
            table, modes = np.concatenate(costs).astype(float), np.concatenate(chosen)
            expected = table[np.arange(len(modes)), modes].sum() / table.min(1).sum() - 1
            wanted = {"size": size, "labels": labels, "seed": seed, "measure": "rd", "qp": shard.info.qp}
            (row,) = [row for row in judged if wanted.items() <= row.items()]
            assert row["regret"] == pytest.approx(expected, rel=1e-4)
            assert row["blocks"] == len(modes)
    report = (tmp_path / "out" / "report.md").read_text()
    for words in (
        "8x8 6 steps of at most 16 blocks",
        "2 sources",
        "seeds: 8x8: 0, 3; 16x16: 0",
        "coffee.png",
        "for these 3 rows",
    ):
        assert words in report
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/runs/*/last.safetensors")}
    assert len(times) == 5
    assert main(arguments) == 0  # nothing is trained again
    assert times == {path: path.stat().st_mtime_ns for path in times}
    assert read_results(tmp_path / "out")["tables"]["judged"] == judged


def test_a_seed_with_a_failed_training_is_left_out(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def finish(prog: str, run: Run) -> Result:
        if run.out.name == "8_rd_seed0":
            raise InputError("step 3: the loss is not finite")
        return finish_run(prog, run)

    monkeypatch.setattr(compare_labels, "finish_run", finish)
    assert main(command(written(tmp_path, STUDY), folders, tmp_path / "out")) == 0
    read = read_results(tmp_path / "out")
    seeds = {size: {row["seed"] for row in read["tables"]["judged"] if row["size"] == size} for size in (8, 16)}
    assert seeds == {8: {None, 3}, 16: {None, 0}}
    assert read["about"]["failed"] == "size 8, labels rd, seed 0: step 3: the loss is not finite"
    assert "compare-labels: size 8, labels rd, seed 0 failed: step 3" in capsys.readouterr().err


def test_comparisons_are_paired_by_picture_and_corrected() -> None:
    rng = np.random.default_rng(0)
    pictures, seeds, qps = [f"{n}.png" for n in range(7)], (None, 0, 1), (22, 37)
    both: tuple[Measure, ...] = "hadamard", "dct"
    regret = {case: float(rng.normal(2, 1)) for case in product(both, seeds, pictures, qps)}
    judged = [
        Judged(8, labels, seed, measure, name, qp, 10, value)
        for (labels, seed, name, qp), value in regret.items()
        for measure in ("dct", "rd")
    ]

    def mean(labels: Measure, name: str, seeds: tuple[int | None, ...], qps: tuple[int, ...] = qps) -> float:
        return float(np.mean([regret[labels, seed, name, qp] for seed in seeds for qp in qps]))

    first, second = between_labels(judged)
    assert (first.first, first.second, first.measure, second.measure) == ("Hadamard SATD", "DCT SATD", "dct", "rd")
    values = [mean("hadamard", name, (0, 1)) - mean("dct", name, (0, 1)) for name in pictures]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(1 - 0.05 / 2)
    half = first.difference.half
    assert half is not None
    assert (first.difference.mean - half, first.difference.mean + half) == pytest.approx((low, high))
    assert first.is_sure == (low > 0 or high < 0)
    assert first.second_better == np.mean([value > 0 for value in values])

    everything, low_qp, high_qp = against_truth(judged)
    assert [one.qp for one in (everything, low_qp, high_qp)] == ["all", "22", "37"]
    of_37 = [mean("hadamard", name, (None,), (37,)) - mean("hadamard", name, (0, 1), (37,)) for name in pictures]
    assert high_qp.difference.mean == pytest.approx(np.mean(of_37))
    assert (high_qp.first, high_qp.second) == ("label", "network")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("seeds: [0, 3]", "seeds: [1, 1]"), "seeds must be a list of different whole numbers, not [1, 1]"),
        (("size: 16", "size: 8"), "sizes must be a list of different block sizes"),
        (("{dct: {}}", "{}"), "labels must be one or more of hadamard, dct, rd"),
        (("{dct: {}}", "{sad: {}}"), "sizes.1.labels"),
        (("{dct: {}}", "{dct: {seed: 1}}"), "size 16, dct: seed is given by seeds and sizes"),
        (("{dct: {}}", "{dct: {speed: 1}}"), "size 16, dct: unknown field speed"),
        (("size: 16", "size: 12"), "size 12, dct: "),
    ],
)
def test_a_wrong_study_is_refused(
    folders: tuple[Path, Path], tmp_path: Path, change: tuple[str, str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path, STUDY.replace(*change))
    assert main(command(config, folders, tmp_path / "out")) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"compare-labels: {config}: ")
    assert reason in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_was_trained_on_is_not_judged_on(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, _ = folders
    config = written(tmp_path, STUDY)
    assert main(command(config, (train, train), tmp_path / "out")) == 2
    assert "is trained or validated on as well" in capsys.readouterr().err
    other = tmp_path / "other"
    shutil.copytree(folders[1], other)
    for path in other.iterdir():
        with h5py.File(path, "a") as file:
            file.attrs["codec"] = "blur"
    assert main(command(config, (train, other), tmp_path / "out")) == 2
    assert "no lambda is known for the codec blur" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
