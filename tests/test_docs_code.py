"""Code of documents and the notebook run, other code has its own tests (`PAGES`); figures follow from their points."""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from codecnn.metrics import bd_rate

DOCS = Path(__file__).parent.parent / "docs"


PAGES = {"guided.md": "test_docs_code.py", "results.md": "reports/test_points.py", "hevc.md": "hevc/test_golden.py"}
PAGES |= {
    "hevc_writing.md": "hevc/test_encoder.py",
    "extending.md": "test_extending.py",
    "foreign_filters.md": "test_foreign_filters.py",
}


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


WORDS = {
    "pictures": "15 pictures",
    "natural": "18 natural photographs",
    "natural10": "18 natural photographs at 10 bit",
    "sequences": "6 sequences, 35 frames",
}


@pytest.mark.parametrize("file", sorted((DOCS / "results").glob("*.csv")), ids=lambda file: file.stem)
def test_the_figures_of_weights_follow_from_the_points(file: Path) -> None:
    points = pd.read_csv(file)
    name, _, data = file.stem.rpartition("_")
    gains, rates = [], []
    for _, clip in points.groupby("source"):
        before, after = (clip[clip.picture == picture].sort_values("qp") for picture in ("baseline", "filtered"))
        assert list(before.qp) == list(after.qp) == [22, 27, 32, 37]
        gains.append(after.psnr_y.to_numpy() - before.psnr_y.to_numpy())
        rates.append(bd_rate(before.bits.tolist(), before.psnr_y.tolist(), after.bits.tolist(), after.psnr_y.tolist()))
    words = WORDS[data]
    text = (DOCS / "weights.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| `{name}`, \w+ \| \d+ \| {words} \|(.*)\|$", text, re.MULTILINE)
    stated = [float(figure) for figure in re.findall(r"[+-][\d.]+", row)]
    by_qp = np.mean(gains, axis=0)
    np.testing.assert_allclose(stated, [*by_qp, by_qp.mean(), np.mean(rates)], atol=0.051)
    np.testing.assert_allclose(stated[:5], [*by_qp, by_qp.mean()], atol=0.0051)
