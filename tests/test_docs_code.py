"""The code of documents and the cells of the notebook run; longer code has tests of its own (see `PAGES`)."""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

DOCS = Path(__file__).parent.parent / "docs"


PAGES = {"guided.md": "test_docs_code.py", "results.md": "reports/test_points.py", "hevc.md": "hevc/test_golden.py"}
PAGES |= {"extending.md": "test_extending.py", "foreign_filters.md": "test_foreign_filters.py"}


def test_all_code_has_a_test() -> None:
    with_code = {path.name for path in DOCS.glob("*.md") if "```python" in path.read_text("utf-8")}
    assert with_code == set(PAGES)
    assert all((DOCS.parent / "tests" / file).exists() for file in PAGES.values())


def test_the_code_of_guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / "guided.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert (tmp_path / "two.safetensors").exists()


def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    mpl.use("agg")
    monkeypatch.chdir(tmp_path)
    cells = json.loads((DOCS / "first_steps.ipynb").read_text("utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)  # `make docs` makes them
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert all(names["after"][qp] > names["before"][qp] for qp in (22, 27, 32, 37))
    assert 0.4 < names["same"] < 0.9
    assert "BD-rate -" in capsys.readouterr().out
