"""The sweep: its Pareto front, its limit, going on after an interruption, and what is refused."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pytest

from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.macs import kmac_per_sample
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.in_loop_filter import Batch, InLoopFilter
from codecnn.tasks.task import Sums
from codecnn.training.metrics_log import Validation
from codecnn.training.recipe import Recipe, Training
from experiments.studies.study_file import read_study
from experiments.studies.sweep_network import Space, base_of, main
from experiments.studies.sweep_page import pareto_front
from experiments.studies.trial import Place, Result
from experiments.studies.variant import Variant
from tests.forked import start
from tests.other_process import held_by_another_process
from tests.reports.results_schema import read_results

ROOT = Path(__file__).parents[2]
BASE = """
base:
  model: {input: baseline}
  optimiser: {lr: 3.0e-3, warmup: 1}
  steps: 4
  batch: 3
  patch: 16
  precision: fp32
  log_every: 1
  validate_every: 3
  checkpoint_every: 2
  workers: 0
  holdout: 0.25
"""
OTHERS = "blocks: [1, 2], convolutions: [2, 3], growth: [2, 6]"
SWEEP = f"{BASE}ranges: {{channels: [3, 8], {OTHERS}}}\nlimit: 2\nseed: 3"
TRIALS = 14  # more than the ten that Optuna draws at random before it learns


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "sizes.yaml"
    path.write_text(SWEEP)
    return path


def command(config: Path, data: Path, out: Path, trials: int = TRIALS) -> list[str]:
    return [str(config), "--data", str(data), "--out", str(out), "--trials", str(trials)]


@pytest.fixture(scope="module")
def finished(data: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that nothing has interrupted."""
    out = tmp_path_factory.mktemp("sweep") / "out"
    assert main(command(config, data, out)) == 0
    return out


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("sweep-network: ")
    assert error.count("\n") == 1
    return error


def trials_of(out: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="sweep", storage=f"sqlite:///{out / 'trials.db'}").trials


def networks_of(out: Path) -> list[dict]:
    networks: list[dict] = read_results(out)["tables"]["networks"]
    return networks


def dominated(point: tuple[float, float], points: list[tuple[float, float]]) -> bool:
    """Another one costs no more and gains no less, and is not the same."""
    return any(other != point and other[0] <= point[0] and other[1] >= point[1] for other in points)


def test_the_front_is_what_nothing_dominates() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        networks = []
        for growth in rng.integers(1, 8, 12):
            gain = float(rng.integers(-3, 6)) / 10  # both with ties
            recipe = Recipe(Training(), InLoopFilter(), RdnConfig(growth=int(growth)))
            found = [Validation(5, {"gain": 9.0}), Validation(10, {"gain": gain, "gain_22": gain})]
            networks.append(Variant("", recipe, "", {0: Result("gain", found, {})}, kmac_per_sample(recipe.model)))
        points = [(network.kmac, network.figure.mean) for network in networks]
        front = [(network.kmac, network.figure.mean) for network in pareto_front(networks)]
        assert front == sorted({point for point in points if not dominated(point, points)})


def test_the_report_is_of_all_that_was_trained_and_nothing_over_the_limit_was(finished: Path) -> None:
    networks, trials = networks_of(finished), trials_of(finished)
    assert len(trials) == TRIALS
    states = {state: [t for t in trials if t.state.name == state] for state in ("COMPLETE", "PRUNED")}
    assert len(states["COMPLETE"]) + len(states["PRUNED"]) == TRIALS
    assert len(networks) >= 4
    assert states["PRUNED"]
    points = []
    for network in networks:
        folder = finished / "runs" / network["name"].replace(" ", "_")
        last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
        assert last["step"] == 4
        assert network["mean"] == last["gain"]
        assert network["kmac_per_sample"] <= 2
        points.append((network["kmac_per_sample"], network["mean"]))
    told = {(trial.values[1], trial.values[0]) for trial in states["COMPLETE"]}
    assert told == set(points)
    assert len(list((finished / "runs").iterdir())) == len(networks)
    for network, point in zip(networks, points, strict=True):
        assert network["on_front"] == (not dominated(point, points))
    report = (finished / "report.md").read_text()
    front, everything = report.split("## ")[1:]
    assert everything.count("\n| C") == len(networks)
    assert front.count("\n| C") == sum(network["on_front"] for network in networks)
    assert f"{TRIALS}: {len(networks)} networks; {len(states['PRUNED'])} over 2 kMAC/px" in report
    assert "; 0 lost" in report
    assert "- ranges: C 3 to 8, D 1 to 2, n 2 to 3, g 2 to 6\n- seed of the search: 3\n" in report
    assert (finished / "front.png").read_bytes().startswith(b"\x89PNG")


def test_killed_it_goes_on_and_finds_the_same(data: Path, config: Path, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    search = start(main, command(config, data, out), tmp_path / "errors")
    while search.process.is_alive() and len(list(out.glob("runs/*/metrics.jsonl"))) < 3:
        time.sleep(0.005)
    assert search.process.pid is not None
    os.killpg(search.process.pid, signal.SIGKILL)
    assert search.end() == (-signal.SIGKILL, "")
    assert trials_of(out)[-1].state.name == "RUNNING"
    assert main(command(config, data, out, TRIALS - 3)) == 0
    assert main(command(config, data, out)) == 0
    assert networks_of(out) == networks_of(finished)
    assert [trial.params for trial in trials_of(out)] == [trial.params for trial in trials_of(finished)]


def test_a_trial_killed_while_it_was_asked_for_is_left_out(data: Path, config: Path, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'trials.db'}"
    optuna.create_study(storage=storage, study_name="sweep", directions=["maximize", "minimize"]).ask()
    assert main(command(config, data, tmp_path, 3)) == 0
    assert trials_of(tmp_path)[0].state.name == "FAIL"
    states = [trial.state.name for trial in trials_of(tmp_path)]
    assert len(states) == 3
    over, trained = states.count("PRUNED"), len(networks_of(tmp_path))
    assert (
        f"3: {trained} networks; {over} over 2 kMAC/px, not trained; {2 - over - trained} repetitions; 1 lost to an"
        in (tmp_path / "report.md").read_text()
    )


def test_a_training_that_diverges_is_marked_and_the_search_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Networks with one block diverge; a rerun goes on too, with a further trial."""
    config, out, sums = tmp_path / "sizes.yaml", tmp_path / "out", InLoopFilter.sums
    config.write_text(SWEEP.replace("limit: 2", "limit: 9"))

    def diverging(self: InLoopFilter, network: Rdn, batch: Batch) -> Sums:
        found = sums(self, network, batch)
        return {"loss": (found["loss"][0] * np.nan, found["loss"][1])} if network.config.blocks == 1 else found

    monkeypatch.setattr(InLoopFilter, "sums", diverging)
    reason = "step 1: the training has diverged: the loss is nan"
    for trials in (5, 6):
        assert main(command(config, data, out, trials)) == 0
        said = {line for line in capsys.readouterr().err.splitlines() if "failed" in line}
        names = {folder.name.replace("_", " ") for folder in (out / "runs").iterdir()}
        failed = {name for name in names if "D1" in name}
        assert failed
        assert said == {
            f"sweep-network: {name} failed: step 1: the training has diverged: the loss is nan" for name in failed
        }
        assert {network["name"] for network in networks_of(out)} == names - failed
        states = [trial.state.name for trial in trials_of(out)]
        assert len(states) == trials
        assert set(states) == {"COMPLETE", "FAIL"}
        assert all(f"{name}: {reason}" in (out / "report.md").read_text() for name in failed)
        assert "0 repetitions; 0 lost" in (out / "report.md").read_text()


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("channels: [3, 8]", "channels: [3, 9]", "channels was [3, 8], is [3, 9]"),
        ("limit: 2", "limit: 3", "limit was 2.0, is 3.0"),
        ("seed: 3", "seed: 4", "seed was 3, is 4"),
        ("batch: 3", "batch: 4", "base: batch was 3, is 4"),
        ("batch: 3", "batch: 3\n  ema: 0.5", "base: ema was None, is 0.5"),
        ("  batch: 3\n", "", "base: batch was 3, is None"),
    ],
)
def test_another_search_is_refused(
    data: Path,
    finished: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    change: str,
) -> None:
    before = (finished / "trials.db").read_bytes()
    other = tmp_path / "other.yaml"
    other.write_text(SWEEP.replace(old, new))
    error = refused(command(other, data, finished, TRIALS + 1), capsys)
    assert error == f"sweep-network: {finished / 'trials.db'}: cannot go on with another search: {change}\n"
    assert (finished / "trials.db").read_bytes() == before


def test_what_has_no_part_in_the_result_may_change(data: Path, finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(SWEEP.replace("workers: 0", "workers: 1"))
    assert main(command(other, data, finished)) == 0


def test_one_process_searches_in_a_folder(
    data: Path, config: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held_by_another_process(finished):
        error = refused(command(config, data, finished), capsys)
        assert error == f"sweep-network: {finished}: another process is at work in it\n"
    assert main(command(config, data, finished)) == 0


def test_a_folder_with_signs_of_a_url(data: Path, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "what? 50%3F {x}#1"
    assert main(command(config, data, out, 2)) == 0
    assert (out / "trials.db").exists()
    assert list(tmp_path.iterdir()) == [out]


def test_without_optuna(
    data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "experiments.studies.search", raising=False)
    error = refused(command(config, data, tmp_path / "out"), capsys)
    assert error == "sweep-network: optuna is not installed: pip install 'codecnn[sweep]'\n"


def test_a_foreign_file_is_refused(
    data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trials.db").write_bytes(b"no database" * 100)
    assert f"{tmp_path / 'trials.db'}: not readable" in refused(command(config, data, tmp_path), capsys)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "an object"),
        (f"{BASE}limit: 2\nseed: 0", "ranges: "),
        (f"{SWEEP}\nspeed: 0", "speed: "),
        (f"{BASE}ranges: {{channels: 8}}\nlimit: 2\nseed: 0", "ranges.channels: must be"),
        (f"{BASE}ranges: {{channels: [8, 4]}}\nlimit: 2\nseed: 0", "channels must be"),
        (f"{BASE}ranges: {{channels: [0, 4]}}\nlimit: 2\nseed: 0", "channels, blocks, growth and residuals must be 1"),
        (f"{BASE}ranges: {{channels: [2, 4]}}\nlimit: 0\nseed: 0", "limit must be"),
        (f"{BASE}ranges: {{depth: [2, 4]}}\nlimit: 2\nseed: 1", "depth is no whole-number field"),
        (f"{BASE}ranges: {{channels: [2, 4]}}\nlimit: 2\nseed: -1", "seed"),
        (
            f"{BASE}ranges: {{growth: [2, 4]}}\nlimit: 2\nseed: 0".replace("input: baseline", "growth: 3"),
            "model.growth is given",
        ),
        (
            f"{BASE}ranges: {{channels: [2, 4]}}\nlimit: 2\nseed: 0".replace("patch", "match"),
            "base: unknown field match",
        ),
        (SWEEP.replace("patch: 16", "patch: 48"), "patch is 48, but the data have CTUs of 32"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_and_nothing_is_written(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text(text)
    error = refused(command(config, data, tmp_path / "out"), capsys)
    assert error.startswith(f"sweep-network: {config}: ")
    assert reason in error
    assert not (tmp_path / "out").exists()


def test_no_network_within_the_limit(
    data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tight = tmp_path / "tight.yaml"
    tight.write_text(SWEEP.replace("limit: 2", "limit: 0.01"))
    assert "none of 2 trials" in refused(command(tight, data, tmp_path / "out", 2), capsys)
    assert not (tmp_path / "out" / "runs").exists()


def test_the_file_that_comes_with_the_project(tmp_path: Path) -> None:
    path = ROOT / "experiments" / "configs" / "sweep.yaml"
    space = read_study(path, Space)
    place = Place(space.task, tmp_path, None, tmp_path)
    for end, within in ((0, True), (1, False)):
        sizes = {f"model.{name}": ends[end] for name, ends in space.ranges.items()}
        model = place.run_of(base_of(space, path) | sizes, "", "run").recipe.model
        assert (kmac_per_sample(model) <= space.limit) is within
