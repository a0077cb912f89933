"""The pictures of the project's own weights are listed once: weights files name them by their checksums."""

import json
from pathlib import Path

import pytest
import torch

from codecnn.dataset.reader import open_folder
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.weights import find_weights, read_weights
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.training import known_pictures as module
from codecnn.training import notes
from codecnn.training.data import Shards
from codecnn.training.known_pictures import KnownPicture, hashes_of
from codecnn.training.notes import Former, notes_of
from codecnn.training.recipe import Recipe, Training
from codecnn.video.perceptual_hash import perceptual_hash
from data_tools import hash_pictures
from tests.pictures import photograph
from tests.small_data import HEIGHT, WIDTH

RECIPE = Recipe(Training(), InLoopFilter(), RdnConfig(channels=4, blocks=1, convolutions=2, growth=4))


def test_the_list_has_the_pictures_that_weights_of_the_project_tell_of() -> None:
    """Weights that are older than the list tell the hashes of all of their pictures themselves."""
    _, _, told = read_weights(find_weights("modes_8"))
    assert hashes_of(told) == told["perceptual_hashes"]
    found = hashes_of(told | {"perceptual_hashes": {}})
    assert len(found) == 548
    assert found.items() <= told["perceptual_hashes"].items()


def test_a_dataset_file_is_not_written_over(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = [tmp_path / path.name for path in sorted(data.glob("*.h5"))[:1]]
    file.write_bytes((data / file.name).read_bytes())
    assert hash_pictures.main([str(tmp_path), "--out", str(file)]) == 2
    assert f"{file}: would be written over while it is read" in capsys.readouterr().err
    assert file.read_bytes() == (data / file.name).read_bytes()


def test_a_training_keeps_the_hashes_of_other_pictures_only(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hash_pictures.main([str(data), "--out", str(tmp_path / "new" / "list.json")]) == 0
    listed = {sha: KnownPicture(*its) for sha, its in json.loads((tmp_path / "new" / "list.json").read_text()).items()}
    hashes = {f"{name}.png": perceptual_hash(photograph(name, HEIGHT, WIDTH).y) for name in ("astronaut", "coffee")}
    assert dict(listed.values()).items() >= hashes.items()
    coffee = {sha: its for sha, its in listed.items() if its.name == "coffee.png"}
    for used in (module, notes):
        monkeypatch.setattr(used, "known_pictures", lambda: coffee)
    shards = open_folder(data)
    former = Former(perceptual_hashes={"a.png": "64x1:AAAAAAAAAAA=", "coffee.png": hashes["coffee.png"]})
    told = notes_of(RECIPE, Shards(shards[:2], shards[2:]), former, torch.device("cpu"))
    assert {"a.png", "astronaut.png"} < told["perceptual_hashes"].keys()
    assert hashes_of(told).items() >= hashes.items()
    # Coffee is in this training by its checksum, but not in the former one as far as that tells.
    assert "coffee.png" in told["perceptual_hashes"]
    former = Former([*dict(coffee.values())], [*coffee], perceptual_hashes=former.perceptual_hashes)
    told = notes_of(RECIPE, Shards(shards[:2], shards[2:]), former, torch.device("cpu"))
    assert "coffee.png" not in told["perceptual_hashes"]
    assert hashes_of(told).items() >= hashes.items()


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hash_pictures.main([str(tmp_path), "--out", str(tmp_path / "list.json")]) == 2
    assert capsys.readouterr().err.startswith(f"hash-pictures: {tmp_path}: ")
    assert not (tmp_path / "list.json").exists()
