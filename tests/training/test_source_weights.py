"""Several folders of data, and sources that are drawn from more often than others."""

from collections import Counter
from pathlib import Path

import pytest

from codecnn.dataset.reader import open_folder
from codecnn.errors import InputError
from codecnn.training.data import weighted
from experiments.studies.study_file import flatten
from experiments.train_filter import main
from tests.small_data import NAMES, write_dataset, write_shard
from tests.training.runs import command, refused, state_of
from tests.weights_files import load

SHORT = ["--steps=4", "--validate_every=4"]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({}, {"astronaut": 1, "chelsea": 1, "coffee": 1, "motorcycle_left": 1}),
        ({"c*": 3}, {"astronaut": 1, "chelsea": 3, "coffee": 3, "motorcycle_left": 1}),
        ({"c*": 3, "*coffee*": 2, "astronaut.png": 0}, {"chelsea": 3, "coffee": 6, "motorcycle_left": 1}),
        ({"FOLDER/*": 2}, {"astronaut": 2, "chelsea": 2, "coffee": 2, "motorcycle_left": 2}),
        ({"FOLDER/m*": 0}, {"astronaut": 1, "chelsea": 1, "coffee": 1}),
    ],
)
def test_how_often_a_source_is_there(data: Path, weights: dict[str, int], expected: dict[str, int]) -> None:
    named = {pattern.replace("FOLDER", data.name): weight for pattern, weight in weights.items()}
    found = Counter(shard.info.source.removesuffix(".png") for shard in weighted(open_folder(data), named))
    assert found == {name: 2 * count for name, count in expected.items()}  # of two QPs each


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"urban_*": 2}, "no source to train on is called urban_*"),
        ({"other/*": 2}, "no source to train on is called other/*"),
        ({"*": 0}, "they leave no source to train on"),
    ],
)
def test_weights_that_do_nothing_are_refused(data: Path, weights: dict[str, int], said: str) -> None:
    with pytest.raises(InputError) as error:
        weighted(open_folder(data), weights)
    assert str(error.value) == f"weights: {said}"


def test_a_run_on_two_folders(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, out = (tmp_path / name for name in ("first", "second", "out"))
    first.mkdir()
    second.mkdir()
    write_dataset(first)
    write_shard(second / "chelsea_27.h5", "chelsea", 27)
    arguments = [str(config), "--out", str(out), "--data", str(first), str(second), '--weights={"second/*": 3}', *SHORT]
    # The source that is held out is the first by its checksum, astronaut.png: a weight for it is for none.
    wrong = [*arguments, '--weights={"astronaut*": 0}']
    assert "no source to train on is called astronaut*" in refused(wrong, capsys)
    assert main(arguments) == 0
    _, notes = load(out / "last.safetensors")
    assert notes["qps"] == [22, 27, 37]
    assert notes["recipe"]["weights"] == state_of(out)["progress"]["recipe"]["weights"] == {"second/*": 3}
    assert notes["windows"] == 9 * (2 * (len(NAMES) - 1) + 1)  # each of them counts once
    changed = [word.replace("3}", "2}") for word in arguments]
    assert "weights was {'second/*': 3}, is {'second/*': 2}" in refused([*changed, "--resume"], capsys)
    without = [word for word in arguments if not word.startswith("--weights")]
    assert "weights was {'second/*': 3}, is {}" in refused([*without, "--resume"], capsys)
    assert main([*arguments, "--resume"]) == 0


@pytest.mark.parametrize("weights", ['{"a*": -1}', '{"a*": 101}', '{"": 1}', '{"a*": 0.5}', "3", '{"a*": "many"}'])
def test_bad_weights(
    data: Path, config: Path, tmp_path: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "weights" in refused([*command(config, data, tmp_path / "out"), f"--weights={weights}"], capsys)
    assert not (tmp_path / "out").exists()


def test_weights_are_one_field_of_a_study() -> None:
    fields = {"weights": {"urban_*": 2, "new/*": 3}, "model": {"growth": 4}, "optimiser.lr": 0.1}
    flat = flatten(fields, "a.yaml", "in-loop-filter")
    assert flat == {"weights": {"urban_*": 2, "new/*": 3}, "model.growth": 4, "optimiser.lr": 0.1}
