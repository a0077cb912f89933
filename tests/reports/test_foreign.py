"""Reports on foreign filters: the same figures as of the network itself, and faults in one line with exit code 2."""

from pathlib import Path

import pytest
import torch
from torch import nn

from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from experiments.export import onnx_graph as export_onnx
from experiments.reports.gain import command as report_gain
from experiments.reports.where import command as report_where
from tests.extras import extra
from tests.reports.results_schema import read_results
from tests.small_data import write_shard
from tests.weights_files import save

PEERS = """
def baseline(planes):
    return planes[:, 0]

def unfiltered_22(planes):
    return planes[:, 0]

unfiltered_22.contract = {"input": "unfiltered", "way": "picture"}
unfiltered_37 = unfiltered_22

def breaks(planes):
    raise ValueError("it breaks")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module in it."""
    (tmp_path / "peers_of_report.py").write_text(PEERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    return tmp_path


def test_an_exported_filter_gains_what_the_filter_gains(data: Path, here: Path) -> None:
    for package in export_onnx.EXTRA:
        extra(package)
    torch.manual_seed(0)
    network = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4, input="both"))
    nn.init.normal_(network.last.weight, std=0.01)
    save(here / "w.safetensors", network, {})
    assert export_onnx.main(["w.safetensors", "--out", "w.onnx"]) == 0
    own: list[tuple[str, int, float]] = []
    foreign: list[tuple[str, int, float]] = []
    for found, name in ((own, "w.safetensors"), (foreign, "w.onnx")):
        assert report_gain.main([name, "--data", str(data), "--out", name[2:]]) == 0
        found += [(row["source"], row["qp"], row["gain"]) for row in read_results(here / name[2:])["tables"]["rows"]]
    assert [row[:2] for row in own] == [row[:2] for row in foreign]
    assert [row[2] for row in foreign] == pytest.approx([row[2] for row in own], abs=2e-3)
    assert min(abs(row[2]) for row in own) > 0.05
    words = [read_results(here / name)["about"]["network"] for name in ("safetensors", "onnx")]
    kmac = words[0].split(", ")[1]
    assert words[1] == f"foreign, {kmac}, input both, planes y, u, v, qp, unfiltered_y, margin 2, samples integers"


def test_a_function_of_a_module_in_the_current_folder(data: Path, here: Path) -> None:
    assert report_gain.main(["peers_of_report:baseline", "--data", str(data), "--out", "a"]) == 0
    found = read_results(here / "a")
    assert {row["gain"] for row in found["tables"]["rows"]} == {0}
    assert found["about"]["filtered"].startswith("CTU by CTU")
    assert report_gain.main(["peers_of_report:unfiltered_{qp}", "--data", str(data), "--out", "b"]) == 0
    found = read_results(here / "b")
    for row in found["tables"]["rows"]:
        assert row["psnr_filtered"] == pytest.approx(row["psnr_unfiltered"])
        assert row["gain"] != 0
    assert found["about"]["filtered"].startswith("whole pictures at once")
    assert found["about"]["network"].endswith("; one network for each of the QPs 22, 37")


def test_filters_are_told_the_qp_of_hevc(here: Path) -> None:
    (here / "av1").mkdir()
    for quantizer in (14, 43):  # whose steps are those of QP 22 and 37
        write_shard(here / "av1" / f"{quantizer}.h5", "coffee", quantizer, codec="svtav1")
    assert report_gain.main(["peers_of_report:unfiltered_{qp}", "--data", str(here / "av1"), "--out", "e"]) == 0
    rows = read_results(here / "e")["tables"]["rows"]
    assert [row["qp"] for row in rows] == [14, 43]
    assert all(row["psnr_filtered"] == pytest.approx(row["psnr_unfiltered"]) for row in rows)


def test_where_the_gain_of_a_function_is(data: Path, here: Path) -> None:
    assert report_where.main(["peers_of_report:unfiltered_22", "--data", str(data), "--out", "c"]) == 0
    rows = read_results(here / "c")["tables"]["rows"]
    assert {row["way"] for row in rows} == {"ctu", "picture", "ensemble"}
    assert all(row["gain"] != 0 for row in rows)


@pytest.mark.parametrize("report", [report_gain, report_where])
def test_faults_are_one_line(data: Path, here: Path, report: object, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "peers_of_report.py").write_text(PEERS.replace("unfiltered_37 =", "unfiltered_32 ="))
    __import__("sys").modules.pop("peers_of_report", None)
    __import__("importlib").invalidate_caches()
    for name, words in (
        ("peers_of_report:breaks", "ValueError: it breaks"),
        ("peers_of_report:unfiltered_{qp}", "no filter for QP 37, only 22, 32"),
        ("peers_of_report:none", "the module peers_of_report has no function none"),
    ):
        capsys.readouterr()
        assert report.main([name, "--data", str(data), "--out", "d"]) == 2  # type: ignore[attr-defined]
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("report-")]
        assert lines == [f"report-{'gain' if report is report_gain else 'where'}: {name}: {words}"]
        assert not (here / "d").exists()
