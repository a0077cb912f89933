"""Test report-gain --guide with a small network whose last layer is not trained."""

from pathlib import Path

import pytest
import torch

from codecnn.dataset.reader import open_folder
from codecnn.inference.filtering import Conditions
from codecnn.inference.guided.guide import guide
from codecnn.metrics import psnr
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.tasks.block_sites import lagrangian_of
from experiments import quantise_filter
from experiments.reports.gain import command as report
from experiments.reports.shared.frames import read_frame
from tests.reports.results_schema import read_results
from tests.reports.shown_pictures import psnr_of, read_pictures
from tests.small_data import write_shard
from tests.weights_files import save

SMALL = RdnConfig(channels=4, blocks=1, convolutions=2, growth=4, residuals=2)


def network() -> Rdn:
    torch.manual_seed(0)
    model = Rdn(SMALL).eval()
    torch.nn.init.normal_(model.last.weight, std=4e-3)
    return model


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "small.safetensors"
    save(file, network(), {})
    return file


@pytest.mark.parametrize("unit", [32, 64])
def test_both_rows_stand_beside_each_other(weights: Path, tmp_path: Path, unit: int) -> None:
    """Each of the two frames has its own bits."""
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    for qp in (22, 37):
        write_shard(clips / f"{qp}.h5", "coffee", qp, frames=2, codec="x265")
    command = [str(weights), "--data", str(clips), "--out", str(out)]
    assert report.main(command) == 0
    plain = read_results(out)["tables"]
    assert plain["rows"][0]["gain_signalled"] is None
    assert report.main([*command, "--guide", "--guide-unit", str(unit)]) == 0
    tables = read_results(out)["tables"]
    for row, before, shard in zip(tables["rows"], plain["rows"], open_folder(clips), strict=True):
        assert (row["gain"], row["psnr_filtered"]) == (before["gain"], before["psnr_filtered"])
        qp = shard.info.qp
        multiplier = lagrangian_of(shard) / 255**2
        found = guide(network(), *(frame := read_frame(shard, 0)), Conditions(qp, 32), unit, multiplier)
        assert row["bits_signalled"] - row["bits"] == 2 * len(found.bits)
        assert row["psnr_signalled"] == pytest.approx(psnr(frame.original, found.guided, 8))
        assert row["gain_signalled"] == pytest.approx(row["psnr_signalled"] - row["psnr_baseline"])
        assert row["gain_signalled"] > row["gain"]
    (shown,) = read_pictures(out)
    assert shown["layers"] == ["original", "baseline", "filtered", "signalled", "unfiltered"]
    assert psnr_of(shown, "signalled") == pytest.approx(tables["rows"][1]["psnr_signalled"])
    text = (out / "report.md").read_text()
    assert f"for each unit of {unit}x{unit}" in text
    assert "signalled gain dB" in text


def test_what_cannot_be_guided(
    weights: Path, coded: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    def said(*words: str) -> str:
        assert report.main([*words, "--out", str(out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "not whole CTUs of 32" in said(str(weights), "--data", str(coded), "--guide", "--guide-unit", "48")
    assert "no lambda is known for the codec blur" in said(str(weights), "--data", str(data), "--guide")
    assert "only the residuals of a network of floats" in said("rdn_s_int16", "--data", str(coded), "--guide")
    assert "only if the network has one residual" in said(str(weights), "--data", str(coded), "--refit")
    assert not out.exists()


def test_what_other_forms_of_the_network_there_are_not(
    weights: Path, coded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.safetensors"
    assert quantise_filter.main([str(weights), "--data", str(coded), "--windows", "1", "--out", str(out)]) == 2
    assert f"{weights}: a network of 2 residuals has no form in integers" in capsys.readouterr().err
    assert not out.exists()
