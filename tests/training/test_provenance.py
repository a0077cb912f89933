"""What weights were trained on and by what code, beside the data that they are applied to."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codecnn.dataset.reader import open_folder
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.training import provenance
from codecnn.training.provenance import codec_caution, codecs_of, trained_on
from experiments.reports.gain import command as report
from experiments.reports.where import command as report_where
from tests.reports.results_schema import read_results
from tests.small_data import write_shard
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


def test_codecs_by_name_version_and_preset(data: Path) -> None:
    info = replace(open_folder(data)[0].info, codec="x265", codec_version="libx265 4.1")
    infos = [replace(info, qp=qp, preset=preset) for preset in ("slow", "") for qp in (22, 37)]
    assert codecs_of(infos) == ["x265: libx265 4.1", "x265: libx265 4.1, preset slow"]
    newer = replace(info, codec_version="libx265 5.0")
    assert codec_caution({"codecs": codecs_of(infos)}, [newer]) == ""
    assert codec_caution({}, [newer]) == ""
    both = [newer, replace(info, codec="vvenc")]
    assert codec_caution({"codecs": codecs_of(infos)}, both) == "caution: the data are of vvenc, the weights for 'x265'"
    assert codec_caution({"codecs": ["\n" * 1000]}, both).count("\n") == 0


@pytest.mark.parametrize(("name", "main"), [("report-gain", report.main), ("report-where", report_where.main)])
def test_reports_on_another_codec_and_on_training_data(
    data: Path, tmp_path: Path, name: str, main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    hashes = [shard.info.source_sha256 for shard in open_folder(data)]
    # There is a caution about what was trained on where the content is the same; and a line about another codec.
    for notes, said, lines in (
        ({"codecs": ["blur: 1"], "sources": ["tea.png"], "sources_sha256": hashes}, True, 0),
        ({"codecs": ["x265: libx265 4.1"], "sources": ["coffee.png"], "sources_sha256": []}, False, 1),
        ({"sources": ["coffee.png"]}, True, 0),
    ):
        file, out = tmp_path / "a.safetensors", tmp_path / "out"
        save(file, Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)), notes)
        assert main([str(file), "--data", str(data), "--out", str(out)]) == 0
        about: dict[str, Any] = read_results(out)["about"]
        assert about.get("caution") == ("trained on 1 of these clips: coffee.png" if said else None)
        cautions = [line for line in capsys.readouterr().err.splitlines() if "caution" in line]
        assert cautions == [f"{name}: caution: the data are of blur, the weights for 'x265'"] * lines


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
