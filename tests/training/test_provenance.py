"""What weights were trained on and by what code, beside the data that they are applied to."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from codecnn.dataset.reader import Shard, open_folder
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.training import provenance
from codecnn.training.data import Shards
from codecnn.training.notes import Former, notes_of
from codecnn.training.provenance import chosen_by, codec_cautions, codecs_of, trained_on
from codecnn.training.recipe import Recipe, Training
from codecnn.video.perceptual_hash import perceptual_hash
from codecnn.video.picture import Plane
from experiments.reports.gain import command as report
from experiments.reports.shared import cautions
from experiments.reports.where import command as report_where
from tests.pictures import photograph
from tests.reports.results_schema import read_results
from tests.small_data import HEIGHT, WIDTH, write_shard
from tests.weights_files import save


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for qp in (22, 37):
        write_shard(folder / f"{qp}.h5", "coffee", qp)
    return folder


def test_sources_are_known_by_their_content_or_else_by_name(data: Path) -> None:
    coffee = open_folder(data)[0].info
    tea = replace(coffee, source="tea.png")
    other = replace(coffee, source_sha256="0" * 64)
    by_name = {"sources": ["coffee.png"]}
    by_content = by_name | {"sources_sha256": [coffee.source_sha256]}
    assert trained_on(by_name, [tea, other, coffee]) == ["coffee.png"]
    assert trained_on(by_name, [tea]) == []
    assert trained_on(by_content, [tea, coffee]) == ["coffee.png", "tea.png"]
    assert trained_on(by_content, [other]) == []
    assert trained_on({}, [coffee]) == []


def test_what_a_checkpoint_was_chosen_by_is_known_as_well(data: Path) -> None:
    coffee = open_folder(data)[0].info
    tea = replace(coffee, source="tea.png")
    assert chosen_by({"held_out": ["coffee.png"]}, [tea, coffee]) == ["coffee.png"]
    assert chosen_by({"held_out": [], "held_out_sha256": [coffee.source_sha256]}, [tea]) == ["tea.png"]
    assert chosen_by({"sources": ["coffee.png"]}, [coffee]) == []


def test_codecs_by_name_version_and_preset(data: Path) -> None:
    info = replace(open_folder(data)[0].info, codec="x265", codec_version="libx265 4.1")
    infos = [replace(info, qp=qp, preset=preset) for preset in ("slow", "") for qp in (22, 37)]
    assert codecs_of(infos) == ["x265: libx265 4.1", "x265: libx265 4.1, preset slow"]
    notes = {"codecs": codecs_of(infos), "bit_depths": [8]}
    newer = replace(info, codec_version="libx265 5.0")
    assert codec_cautions(notes, [newer]) == []
    assert codec_cautions({}, [replace(newer, coded_bit_depth=10)]) == []
    assert codec_cautions(notes, [newer, replace(info, codec="vvenc")]) == [
        "the data are of vvenc, the weights for x265"
    ]
    assert codec_cautions(notes, [newer, replace(info, preset="ultrafast")]) == [
        "the data are of x265 preset ultrafast, the weights for none, slow"
    ]
    assert codec_cautions(notes, [replace(newer, coded_bit_depth=10)]) == [
        "the data are coded at 10 bit, the weights are for 8 bit"
    ]


@pytest.mark.parametrize(("name", "main"), [("report-gain", report.main), ("report-where", report_where.main)])
def test_reports_on_another_codec_and_on_training_data(
    data: Path, tmp_path: Path, name: str, main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    hashes = [shard.info.source_sha256 for shard in open_folder(data)]
    pictures = {"tea.png": perceptual_hash(photograph("coffee", 90, 110).y)}
    unknown = "the weights do not tell the checksums of their training pictures: a renamed one is not noticed"
    other = "the data are of blur, the weights for x265"
    for notes, said in (
        ({"sources": ["tea.png"], "sources_sha256": hashes}, ["trained on 1 of these clips: coffee.png"]),
        ({"codecs": ["x265: libx265 4.1"], "sources": ["coffee.png"], "sources_sha256": []}, [other]),
        ({"sources": ["coffee.png"]}, ["trained on 1 of these clips: coffee.png", unknown]),
        ({"sources": ["tea.png"]}, [unknown]),
        ({"held_out_sha256": hashes}, ["the best checkpoint was chosen by 1 of these clips: coffee.png"]),
        ({"perceptual_hashes": pictures}, ["coffee.png looks like a copy of tea.png, seen in the training"]),
        ({"perceptual_hashes": pictures, "sources_sha256": hashes}, ["trained on 1 of these clips: coffee.png"]),
        ({}, []),
    ):
        file, out = tmp_path / "a.safetensors", tmp_path / "out"
        save(file, Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)), notes)
        assert main([str(file), "--data", str(data), "--out", str(out)]) == 0
        assert read_results(out)["about"].get("caution", "") == "; ".join(said)
        lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
        assert lines == [f"{name}: warning: {caution}" for caution in said]


def test_copies_are_looked_for_once_for_networks_of_the_same_pictures(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []

    def find(luma: Plane, hashes: Mapping[str, str]) -> list[str]:
        searched.append(luma.shape)
        return [*hashes]

    monkeypatch.setattr(cautions, "find_copies", find)
    notes = {"perceptual_hashes": {"tea.png": perceptual_hash(photograph("chelsea", 40, 50).y)}}
    first, again = (cautions.cautions(notes, open_folder(data)) for _ in range(2))
    assert searched == [(HEIGHT, WIDTH)]
    assert "coffee.png looks like a copy of tea.png, seen in the training" in first
    assert again == first


def test_the_commit_is_that_of_the_repository_of_this_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not of another one that it is installed in."""
    installed = tmp_path / "environment" / "provenance.py"
    installed.parent.mkdir()
    installed.write_text("")
    (tmp_path / "theirs.txt").write_text("")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "--quiet"], ["add", "theirs.txt"], [*who, "commit", "--quiet", "-m", "theirs"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    monkeypatch.setattr(provenance, "__file__", str(installed))
    assert provenance.commit.__wrapped__() == "unknown"
    subprocess.run(["git", "add", installed], cwd=tmp_path, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert provenance.commit.__wrapped__() == f"{head.stdout.strip()}-dirty"


def test_pictures_of_one_name_have_a_hash_each(tmp_path: Path) -> None:
    """Of a training picture and a held-out one, and of one of a former training."""
    for name in ("coffee", "chelsea"):
        write_shard(tmp_path / f"{name}.h5", name, 22)
    shards = [Shard(tmp_path / f"{name}.h5") for name in ("coffee", "chelsea")]
    for shard in shards:
        shard.info = replace(shard.info, source="0001.png")
    recipe = Recipe(Training(), InLoopFilter(), RdnConfig(channels=4, blocks=1, convolutions=2, growth=4))
    former = Former(perceptual_hashes={"0001.png": "64x1:AAAAAAAAAAA="})
    hashes = notes_of(recipe, Shards(shards[:1], shards[1:]), former, torch.device("cpu"))["perceptual_hashes"]
    pictures = [photograph(name, HEIGHT, WIDTH).y for name in ("coffee", "chelsea")]
    assert list(hashes.values()) == [former.perceptual_hashes["0001.png"], *map(perceptual_hash, pictures)]
    again = notes_of(recipe, Shards(shards[:1], shards[1:]), Former(perceptual_hashes=hashes), torch.device("cpu"))
    assert again["perceptual_hashes"] == hashes
