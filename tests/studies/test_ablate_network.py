"""Ablation: the numbers of its report, going on after an interruption, and what is refused."""

import json
import os
import shutil
import signal
import time
from pathlib import Path
from statistics import mean, stdev
from unittest.mock import patch

import pytest
from matplotlib.axes import Axes

from codecnn.models.costs import parameter_count
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.macs import kmac_per_sample
from codecnn.models.rdn.network import Rdn
from codecnn.training.recipe import describe
from experiments.studies.ablate_network import StudyText, main, recipes_of
from experiments.studies.study_file import read_study
from experiments.studies.trial import Place
from tests.forked import start
from tests.other_process import held_by_another_process
from tests.reports.results_schema import read_results
from tests.small_data import write_dataset
from tests.weights_files import load

ROOT = Path(__file__).parents[2]
SEEDS = (0, 4)
BASE = """
base:
  model: {channels: 6, blocks: 1, convolutions: 3, growth: 4, input: baseline}
  optimiser: {lr: 3.0e-3, warmup: 5}
  steps: 12
  batch: 4
  patch: 16
  precision: fp32
  log_every: 1
  validate_every: 5
  checkpoint_every: 7
  workers: 0
  holdout: 0.25
"""
STUDY = f"""{BASE}
seeds: {list(SEEDS)}
variants:
  - name: as is
  - name: No inner residual
    change: {{model.inner_residual: false}}
    found: needed
  - name: one 5x5
    change: {{model: {{head: one 5x5}}, batch: 3}}
"""
LINES = 15  # that a run logs
FOLDERS = {"as is": "as_is", "No inner residual": "no_inner_residual", "one 5x5": "one_5x5"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "parts.yaml"
    path.write_text(STUDY)
    return path


def command(config: Path, data: Path, out: Path) -> list[str]:
    return [str(config), "--data", str(data), "--out", str(out)]


@pytest.fixture(scope="module")
def finished(data: Path, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ablation that nothing has interrupted."""
    out = tmp_path_factory.mktemp("ablation") / "out"
    assert main(command(config, data, out)) == 0
    return out


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("ablate-network: ")
    assert error.count("\n") == 1
    return error


def checks(out: Path, name: str, seed: int) -> list[dict[str, float]]:
    lines = (out / "runs" / f"{FOLDERS[name]}_seed{seed}" / "metrics.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if "gain" in row]


def test_the_report_is_what_the_runs_have_logged(finished: Path) -> None:
    report = (finished / "report.md").read_text()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.splitlines() if line[0:1] == "|"]
    head, _, *rows = table
    assert head == ["variant", "kMAC/px", "parameters", "gain", "QP 22", "QP 37", "against as is", "found before"]
    base = {"channels": 6, "blocks": 1, "convolutions": 3, "growth": 4, "input": "baseline"}
    models: list[dict] = [base, base | {"inner_residual": False}, base | {"head": "one 5x5"}]
    results = read_results(finished)["tables"]["variants"]
    assert len({row[3] for row in rows}) == 3
    for name, fields, row, result in zip(FOLDERS, models, rows, results, strict=True):
        model = RdnConfig(**fields)
        runs = [checks(finished, name, seed) for seed in SEEDS]
        assert all([check["step"] for check in run] == [5, 10, 12] for run in runs)
        gains = [run[-1]["gain"] for run in runs]
        apart = [gain - checks(finished, "as is", seed)[-1]["gain"] for gain, seed in zip(gains, SEEDS, strict=True)]
        assert row == [
            name,
            f"{kmac_per_sample(model):.1f}",
            f"{parameter_count(Rdn(model)):,}",
            f"{mean(gains):+.3f} ± {stdev(gains):.3f}",
            *(f"{mean(run[-1][f'gain_{qp}'] for run in runs):+.3f}" for qp in (22, 37)),
            "" if name == "as is" else f"{mean(apart):+.3f} ± {stdev(apart):.3f}",
            "needed" if name == "No inner residual" else "",
        ]
        assert result["mean"] == pytest.approx(mean(gains))
        assert result["seeds"]["4"]["curve"] == {str(check["step"]): check["gain"] for check in runs[1]}
    for fact in ("12 steps of 4 patches of 16x16: 48 patches", "12 steps of 3", "seeds: 0, 4", "PyTorch: ", "commit: "):
        assert fact in report
    assert "3 sources, 1 others held out" in report
    assert (finished / "gains.png").read_bytes().startswith(b"\x89PNG")


def numbers(out: Path) -> object:
    return read_results(out)["tables"]["variants"]


def test_interrupted_it_goes_on_and_reports_the_same(data: Path, config: Path, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def logged() -> int:
        return sum(file.read_text().count("\n") for file in out.glob("runs/*/metrics.jsonl"))

    for stop, lines_before in ((signal.SIGKILL, 0), (signal.SIGINT, LINES)):  # in the second run, then in a later one
        study = start(main, command(config, data, out), tmp_path / "errors")
        enough = logged() + LINES + lines_before
        while study.process.is_alive() and logged() <= enough:
            time.sleep(0.005)
        assert study.process.pid is not None
        os.killpg(study.process.pid, stop)
        code, errors = study.end()
        assert code == (-stop if stop == signal.SIGKILL else 128 + stop)
        assert not (out / "report.md").exists()
    assert errors.endswith("ablate-network: stopped; the same command continues\n")
    assert main(command(config, data, out)) == 0
    assert numbers(out) == numbers(finished)


def test_a_training_that_fails_is_marked_and_the_others_are_reported(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One variant diverges; a rerun goes on too, and says the same."""
    config, out = tmp_path / "wild.yaml", tmp_path / "out"
    base = BASE.replace("steps: 12", "steps: 6").replace("warmup: 5", "warmup: 1")
    wild = "{optimiser.name: sgd, optimiser.lr: 1.0e+9, clip: 0, loss: mse}"
    config.write_text(f"{base}seeds: [0]\nvariants: [{{name: wild, change: {wild}}}, {{name: as is}}]")
    for _ in range(2):
        assert main(command(config, data, out)) == 0
        said = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]
        assert len(said) == 1
        assert said[0].startswith("ablate-network: wild, seed 0 failed: step ")
        assert "the training has diverged" in said[0]
        (row,) = read_results(out)["tables"]["variants"]
        assert row["name"] == "as is"
        assert "failed: wild, seed 0: step" in (out / "report.md").read_text()
    config.write_text(f"{base}seeds: [0]\nvariants: [{{name: wild, change: {wild}}}]")
    assert main(command(config, data, tmp_path / "alone")) == 2
    assert "all trainings failed: step" in capsys.readouterr().err


def test_rankings_of_modes_have_no_figures_by_qp(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The regret of the best of two modes is no figure at QP 2, and what is measured is the same in all variants."""
    base = "{network: absolute, model: {pairs: 8}, steps: 2, batch: 2, validate_every: 2, workers: 0}"
    study = f"task: intra-mode\nbase: {base}\nseeds: [0]\nvariants: [{{name: as is}}]"
    config = tmp_path / "modes.yaml"
    config.write_text(study)
    assert main(command(config, data, tmp_path / "out")) == 0
    (row,) = read_results(tmp_path / "out")["tables"]["variants"]
    assert (row["figure"], row["by_qp"]) == ("regret", {})
    assert (
        "| variant | kMAC a sample | parameters | regret | against as is |" in (tmp_path / "out/report.md").read_text()
    )
    for change in ("labels: dct", "validate_ctus: 1"):
        config.write_text(study.replace("name: as is", f"name: other, change: {{{change}}}"))
        assert main(command(config, data, tmp_path / "other")) == 2
        assert "must be the same in all variants" in capsys.readouterr().err


def test_a_variant_that_fails_with_one_seed_is_reported_with_the_others(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    log = out / "runs" / "as_is_seed4" / "metrics.jsonl"
    log.write_text("rubbish\n")
    assert main(command(config, data, out)) == 0
    assert f"as is, seed 4 failed: {log}: not readable" in capsys.readouterr().err
    before, after = (read_results(folder)["tables"]["variants"] for folder in (finished, out))
    assert list(after[0]["seeds"]) == ["0"]
    assert after[0]["seeds"]["0"] == before[0]["seeds"]["0"]
    assert after[1]["seeds"] == before[1]["seeds"]
    apart = [row["seeds"]["0"]["curve"]["12"] for row in after]
    assert after[1]["against_first"] == {"mean": pytest.approx(apart[1] - apart[0]), "deviation": None}


def test_finished_runs_are_taken_as_they_are(data: Path, config: Path, finished: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in finished.glob("runs/*/*")}
    report = (finished / "report.md").read_bytes()
    (finished / "report.md").unlink()
    assert main(command(config, data, finished)) == 0
    assert (finished / "report.md").read_bytes() == report
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in finished.glob("runs/*/*")} == before


def test_runs_of_another_configuration_are_refused(
    data: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(STUDY.replace("growth: 4", "growth: 5"))
    error = refused(command(other, data, finished), capsys)
    assert "as_is_seed0" in error
    assert "model.growth was 4, is 5" in error
    (tmp_path / "data").mkdir()
    fewer = write_dataset(tmp_path / "data")
    (fewer / "coffee_22.h5").unlink()
    config = tmp_path / "same.yaml"
    config.write_text(STUDY)
    assert "other data" in refused(command(config, fewer, finished), capsys)


def test_one_process_trains_in_a_folder(
    data: Path, config: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held_by_another_process(finished):
        error = refused(command(config, data, finished), capsys)
        assert error == f"ablate-network: {finished}: another process is at work in it\n"
    assert main(command(config, data, finished)) == 0


def test_a_prolonged_run_is_drawn_with_the_others(data: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "long.yaml", tmp_path / "out"
    base = BASE.replace("warmup: 5", "schedule: constant").replace("every: 5", "every: 3")
    with patch.object(Axes, "plot", autospec=True, side_effect=Axes.plot) as plot:
        for steps, seeds in ((4, "[0]"), (8, "[0, 1]")):
            text = base.replace("steps: 12", f"steps: {steps}")
            config.write_text(f"{text}seeds: {seeds}\nvariants: [{{name: as is}}]")
            assert main(command(config, data, out)) == 0
    assert [[check["step"] for check in checks(out, "as is", seed)] for seed in (0, 1)] == [[3, 4, 6, 8], [3, 6, 8]]
    assert [call.args[1] for call in plot.call_args_list] == [[3, 4], [3, 6, 8]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("3", "an object"),
        ("base: {}\nseeds: [0]", "variants: "),
        (f"{BASE}seeds: [0]\nvariants: []", "variants must be a list of one or more"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a}}]\nvariant: 3", "variant: "),
        (f"{BASE}seeds: []\nvariants: [{{name: a}}]", "seeds must be"),
        (f"{BASE}seeds: [1, 1]\nvariants: [{{name: a}}]", "seeds must be"),
        (f"{BASE}seeds: [true]\nvariants: [{{name: a}}]", "seeds.0: must be"),
        (f"{BASE}seeds: [-1]\nvariants: [{{name: a}}]", "seed"),
        (f"{BASE}  seed: 1\nseeds: [1]\nvariants: [{{name: a}}]", "base: seed is given by seeds"),
        (f"{BASE}  depth: 1\nseeds: [1]\nvariants: [{{name: a}}]", "base: unknown field depth"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a}}, {{name: A}}]", "two variants have the name A"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a}}, {{change: {{}}}}]", "variants.1.name: "),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a, changes: {{}}}}]", "variants.0.changes: "),
        (f"{BASE}seeds: [0]\nvariants: [{{name: ../a}}]", "letters, digits"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: 3}}]", "variants.0.name: must be"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a, change: 3}}]", "variants.0.change: must be"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a, change: {{model.depth: 3}}}}]", "a: unknown field model.depth"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a, change: {{model: 3}}}}]", "a: unknown field model"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a, change: {{out: x}}}}]", "a: unknown field out"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a, change: {{steps: 9}}}}]", "a: steps must be the same"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a, change: {{patch: many}}}}]", "a: "),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a, change: {{model.margin: 3}}}}]", "a: margin must be even"),
        (
            f"{BASE}seeds: [0]\nvariants: [{{name: a, change: {{model: {{head: one 5x5}}, model.head: two 3x3}}}}]",
            "model.head is given twice",
        ),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a}}, {{name: b, change: {{patch: 48}}}}]", "b: patch is 48, but"),
        (
            f"{BASE}seeds: [0]\nvariants: [{{name: a}}, {{name: b, change: {{model.margin: 4}}}}]",
            "b: model.margin is 4",
        ),
        (f"{BASE}  start: 2024-01-01\nseeds: [0]\nvariants: [{{name: a}}]", "not JSON serializable"),
        (f"{BASE}seeds: [0]\nvariants: [{{name: a}}, {{name: b, change: {{start: none}}}}]", "b: none: no such file"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line_and_nothing_is_written(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text(text)
    error = refused(command(config, data, tmp_path / "out"), capsys)
    assert error.startswith(f"ablate-network: {config}: ")
    assert reason in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["ablation", "ideas", "margins"])
def test_the_files_that_come_with_the_project(name: str, tmp_path: Path) -> None:
    path = ROOT / "experiments" / "configs" / f"{name}.yaml"
    study = read_study(path, StudyText)
    place = Place(study.task, tmp_path, None, tmp_path)
    recipes = [place.run_of(fields, "", "run").recipe for fields in recipes_of(study, path).values()]
    assert len(set(recipes)) == len(recipes) >= 4
    assert len({recipe.training.batch * describe(recipe)["patch"] ** 2 for recipe in recipes}) == 1


def test_the_study_of_recipes_compares_equal_work(tmp_path: Path) -> None:
    path = ROOT / "experiments" / "configs" / "recipes.yaml"
    study = read_study(path, StudyText)
    place = Place(study.task, tmp_path, None, tmp_path)
    recipes = [place.run_of(fields, "", "run").recipe for fields in recipes_of(study, path).values()]
    assert len({str(describe(recipe)) for recipe in recipes}) == len(recipes) >= 10
    first, *others = (kmac_per_sample(recipe.model) for recipe in recipes)
    assert others == pytest.approx([first] * len(others), rel=0.01)


@pytest.mark.parametrize("name", ["codec", "qp", "modes", "size", "features"])
def test_the_studies_of_transfer_that_come_with_the_project(name: str, tmp_path: Path) -> None:
    path = ROOT / "experiments" / "configs" / f"transfer_{name}.yaml"
    study = read_study(path, StudyText)
    place = Place(study.task, tmp_path, None, tmp_path)
    recipes = [place.run_of(fields, "", "run").recipe for fields in recipes_of(study, path).values()]
    assert len(set(recipes)) == len(recipes) >= 3
    started = [recipe for recipe in recipes if recipe.training.start]
    scratch = [recipe for recipe in recipes if not recipe.training.start]
    assert {recipe.model for recipe in started} == {recipe.model for recipe in scratch}


def test_a_start_from_other_weights_is_a_variant(data: Path, finished: Path, tmp_path: Path) -> None:
    started = finished / "runs" / "one_5x5_seed0"
    config, out = tmp_path / "starts.yaml", tmp_path / "out"
    change = f"{{start: {started}, optimiser.deeper: 1.1}}"
    config.write_text(f"{BASE}seeds: [0]\nvariants:\n- name: scratch\n- {{name: start, change: {change}}}")
    assert main(command(config, data, out)) == 0
    scratch, start = read_results(out)["tables"]["variants"]
    assert (scratch["recipe"]["start"], start["recipe"]["start"]) == ("", str(started))
    account = load(out / "runs" / "start_seed0" / "last.safetensors")[1]["transfer"]
    assert list(account["new"]) == ["shallow.weight", "shallow.bias", "entry.weight", "entry.bias"]
