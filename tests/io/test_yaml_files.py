"""YAML files: plain values only, nothing that a reader of the file would understand otherwise than the parser."""

from pathlib import Path

import pytest

from codecnn.errors import InputError
from codecnn.io.yaml_files import read_yaml


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3 gives a a second time"),
        ("model:\n  blocks: 3\n  blocks: 3\n", "line 3 gives blocks a second time"),
        ("variants:\n  - {name: x, steps: 1, steps: 2}\n", "line 2 gives steps a second time"),
        ("'a': 1\na: 2\n", "line 2 gives a a second time"),
        ("a: &x 1\nb: *x\n", "line 2 has an alias, *x: not supported"),
        ("a: 1\n---\nb: 1\n", "no YAML (expected a single document"),
    ],
)
def test_the_error_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_the_same_key_in_different_mappings(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text("a: {steps: 1}\nb: [{steps: 2}, {steps: 3}]\nsteps: 4\n")
    assert read_yaml(path) == {"a": {"steps": 1}, "b": [{"steps": 2}, {"steps": 3}], "steps": 4}


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "experiments" / "configs").glob("*.yaml")))
def test_files_of_the_project_can_be_read(path: Path) -> None:
    assert isinstance(read_yaml(path), dict)
