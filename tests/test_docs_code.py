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
from experiments.reports.shared.intervals import interval_of

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


def test_the_figures_of_chroma_follow_from_the_points() -> None:
    points = pd.read_csv(DOCS / "results" / "chroma" / "rdn_xs_chroma.csv")
    (row,) = re.findall(
        r"^\| `rdn_xs_chroma`, HEVC \|[^|]*\|(.*)$", (DOCS / "weights.md").read_text("utf-8"), re.MULTILINE
    )
    stated = [float(figure) for figure in re.findall(r"[+-][\d.]+", row)]  # U in dB and %, signalled; the same of V
    found = []
    for plane in ("psnr_u", "psnr_v"):
        gains, rates = [], []
        for _, clip in points.groupby("source"):
            before, after, signalled = (
                clip[clip.picture == name].sort_values("qp") for name in ("baseline", "filtered", "signalled")
            )
            gains.append((after[plane].to_numpy() - before[plane].to_numpy()).mean())
            assert (signalled[plane].to_numpy() - before[plane].to_numpy()).min() > -0.002
            curves = [(test.bits_chroma.tolist(), test[plane].tolist()) for test in (before, after, signalled)]
            rates.append([bd_rate(*curves[0], *curve) for curve in curves[1:]])
        found += [np.mean(gains), *np.mean(rates, axis=0)]
    np.testing.assert_allclose(
        stated, found, atol=0.075
    )  # signalled: the bits of both planes are in those of the points


def test_the_figures_of_decisions_follow_from_the_points() -> None:
    points = {name: pd.read_csv(DOCS / "results" / "decisions" / f"{name}.csv") for name in ("search", "labels")}

    def against(name: str, anchor: str, test: str, partition: str = "its own") -> list[float]:
        """The BD-rate of each clip."""
        curves = []
        for method, own in ((anchor, "its own"), (test, partition)):
            table = points[name]
            chosen = table[(table.method == method) & (table.partition == own)].sort_values(["source", "qp"])
            curves.append([(its.bits.tolist(), its.psnr.tolist()) for _, its in chosen.groupby("source")])
        return [bd_rate(*one, *other) for one, other in zip(*curves, strict=True)]

    text = (DOCS.parent / "README.md").read_text("utf-8")
    (stated,) = re.findall(r"luma BD-rate of (-[\d.]+) % against x265\s+medium", text)
    assert np.mean(against("search", "x265", "full")) == pytest.approx(float(stated), abs=0.051)
    of_full = "of the full search"
    worse, better = (against("labels", "full", method, of_full) for method in ("Hadamard", "DCT"))
    stated = re.findall(r"the stream is ([\d.]+) \u00b1 ([\d.]+) %", " ".join(text.split()))
    interval = interval_of([a - b for a, b in zip(worse, better, strict=True)])
    assert (interval.mean, interval.half) == pytest.approx([*map(float, stated[0])], abs=0.051)
