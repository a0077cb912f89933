"""The code of README runs, and the documents link to what is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codecnn.video.raw import write_raw
from data_tools.build_dataset import main as build_dataset
from tests.pictures import photograph

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_example_of_readme(tmp_path: Path) -> None:
    write_raw(tmp_path / "c_64x64.yuv", [photograph("chelsea", 64, 64)])
    data = tmp_path / "data" / "val"
    assert build_dataset([str(tmp_path / "c_64x64.yuv"), "--out", str(data), "--qp", "27", "37", "--no-labels"]) == 0
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert code.count("\n") <= 10
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(r"(c_64x64\.yuv, QP (27|37): [+-]\d\.\d\d dB\n){2}", printed)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)\)", document.read_text())
    assert all((document.parent / link).exists() for link in links), links


def test_commands_of_documents_exist() -> None:
    """Every command that pyproject.toml installs is told of, and no other one."""
    scripts = (ROOT / "pyproject.toml").read_text().split("[project.scripts]")[1].split("[tool")[0]
    installed = set(re.findall(r"^([a-z-]+) = ", scripts, re.MULTILINE))
    assert set(re.findall(r"^\| `([a-z-]+)", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)) == installed
