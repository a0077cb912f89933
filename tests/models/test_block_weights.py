"""Weights of the project for blocks reach their figures on a picture that they were not trained on."""

import json
from typing import Any

import pytest

from codecnn.dataset.reader import Shard, open_folder
from codecnn.models.weights import PRETRAINED, load_weights, read_weights
from codecnn.tasks.registry import TASKS
from codecnn.training.recipe import describe
from codecnn.video.raw import write_raw
from data_tools.build_dataset import main as build_dataset
from experiments.run_arguments import CONFIGS, parse_run
from tests.models.test_chroma_weights import CHROMA_GAINS
from tests.models.test_weights import GAINS
from tests.pictures import photograph

# The figure that decides in the task, in percent (of predictors the smooth J), and what validation takes of the picture
FIGURES: dict[str, tuple[float, dict[str, Any]]] = {
    "modes_8": (1.354, {"validate_ctus": 4}),
    "modes_16": (0.998, {"validate_ctus": 4}),
    "modes_32": (1.581, {"validate_ctus": 4}),
    "rank_8": (3.387, {"validate_ctus": 4, "labels": "rd"}),
    "mode_coder_8": (-1.272, {}),
    "predictor_8": (0.0813, {"validate_ctus": 4}),
    "predictor_16": (0.1009, {"validate_ctus": 4}),
}
LAST = {"mode_coder_8": "mode_coding_8_own"}  # configurations of the last stage that have another name
NOT_COMPARED = ("start", "device", "workers", "checkpoint_every")  # of the machine; they do not change the weights


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Shard]:
    """A photograph coded by x265."""
    folder = tmp_path_factory.mktemp("coded")
    write_raw(folder / "astronaut_256x256.yuv", [photograph("astronaut", 256, 256)])
    words = [folder / "astronaut_256x256.yuv", "--out", folder / "data", "--qp", 27, "--no-labels", "--jobs", 1]
    assert build_dataset([str(word) for word in words]) == 0
    return open_folder(folder / "data")


@pytest.mark.parametrize("name", FIGURES)
def test_shipped_weights_reach_their_figure(shards: list[Shard], name: str) -> None:
    weights = read_weights(PRETRAINED / f"{name}.safetensors")
    figure, fields = FIGURES[name]
    task = TASKS[weights.task](**fields)
    found = task.validate(weights.network, shards)  # type: ignore[arg-type]
    assert found[task.decides] == pytest.approx(figure, abs=0.05 * min(1, abs(figure)))
    assert type(load_weights(name)) is type(weights.network)


@pytest.mark.parametrize("name", FIGURES)
def test_the_configuration_that_comes_with_weights_is_theirs(name: str) -> None:
    weights = read_weights(PRETRAINED / f"{name}.safetensors")
    words = [str(CONFIGS / f"{LAST.get(name, name)}.yaml"), "--data", "d", "--out", "o"]
    recipe = parse_run("train", TASKS[weights.task], words).recipe
    assert weights.network.config == recipe.model
    described = json.loads(json.dumps(describe(recipe)))
    noted = described | weights.notes["recipe"]  # fields that came later have their default
    assert {**noted, **dict.fromkeys(NOT_COMPARED)} == {**described, **dict.fromkeys(NOT_COMPARED)}


def test_all_weights_have_a_figure_and_a_card() -> None:
    files = {path.stem for path in PRETRAINED.glob("*.safetensors")}
    assert files == {*GAINS, *CHROMA_GAINS, *FIGURES} == {path.stem for path in PRETRAINED.glob("*.md")}
    assert sum((PRETRAINED / f"{name}.safetensors").stat().st_size for name in FIGURES) < 10e6
