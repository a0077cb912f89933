"""The code and the commands of docs/foreign_filters.md run: VRCNN in three ways, with the same gains."""

import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from experiments.reports.gain.command import main as report_gain
from experiments.train_filter import main as train_filter
from tests.extras import extra
from tests.reports.results_schema import read_results

PAGE = (Path(__file__).parent.parent / "docs" / "foreign_filters.md").read_text()
SMALL = "--steps 12 --batch 4 --patch 16 --precision fp32 --workers 0 --holdout 0.25 --validate-every 12 --ema 0.5"
MAINS: dict[str, Callable[[Sequence[str]], int]] = {
    "train-filter": lambda words: train_filter([*words, *SMALL.split(), "--optimiser.warmup", "2"]),
    "report-gain": lambda words: report_gain(list(words)),
}


def commands(program: str) -> list[list[str]]:
    lines = re.findall(rf"^    {program} (.*)$", PAGE, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def test_the_page(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("onnx", "onnxruntime", "onnxscript"):
        extra(package)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.delitem(sys.modules, "peers", raising=False)
    Path("data").mkdir()
    for name in ("train", "val"):
        (Path("data") / name).symlink_to(data)

    for words in commands("train-filter"):
        assert MAINS["train-filter"](words) == 0
    peers, export = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert peers.count("\n") < 40
    Path("peers.py").write_text(peers)
    exec(export, {})
    for words in commands("report-gain"):
        assert MAINS["report-gain"](words) == 0
    monkeypatch.delitem(sys.modules, "peers")

    own, python, onnx = (read_results(Path("reports") / name) for name in ("vrcnn", "python", "onnx"))
    gains = [row["gain"] for row in own["tables"]["rows"]]
    assert min(map(abs, gains)) > 0.01
    for foreign in (python, onnx):
        assert [row["gain"] for row in foreign["tables"]["rows"]] == pytest.approx(gains, abs=1e-3)
        assert foreign["about"]["network"].startswith("foreign, 54.5 kMAC/px, input unfiltered, planes y, margin 0")
        assert foreign["about"]["filtered"].startswith("whole pictures at once")
    assert "54,673 parameters, 54.5 kMAC/px, input unfiltered; one network for each of the QPs 22, 37" in str(own)
    compared = read_results(Path("reports") / "compared")["tables"]
    assert [row["gain"] for row in compared["rows"]][8:16] == [row["gain"] for row in onnx["tables"]["rows"]]
