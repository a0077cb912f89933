"""Test refit-basis and report-gain --refit with a small network whose last layer is not trained."""

from pathlib import Path

import pytest
import torch

from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from experiments import refit_basis
from experiments.reports.gain import command as report
from tests.reports.results_schema import read_results
from tests.reports.shown_pictures import psnr_of, read_pictures
from tests.small_data import write_shard
from tests.weights_files import save

SMALL = RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = Rdn(SMALL)
    torch.nn.init.normal_(model.last.weight, std=1e-3)
    file = tmp_path / "small.safetensors"
    save(file, model, {})
    return file


def test_a_refit_is_measured_beside_the_filter(weights: Path, coded: Path, tmp_path: Path) -> None:
    """The clips are of two frames: one correction for both, and one for each."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for qp in (22, 37):
        write_shard(clips / f"{qp}.h5", "coffee", qp, frames=2, codec="x265")
    assert refit_basis.main([str(weights), "--data", str(coded), "--sources", "3"]) == 0
    bits = {}
    for frames in ("1", "2"):
        out = tmp_path / frames
        assert (
            report.main([str(weights), "--data", str(clips), "--out", str(out), "--refit", "--refit-frames", frames])
            == 0
        )
        tables = read_results(out)["tables"]
        for row in tables["rows"]:
            bits[frames, row["qp"]] = row["bits_signalled"] - row["bits"]
            assert row["gain_signalled"] > row["gain"]
            assert row["gain_signalled"] == pytest.approx(row["psnr_signalled"] - row["psnr_baseline"])
        (shown,) = read_pictures(out)
        assert psnr_of(shown, "signalled") == pytest.approx(tables["rows"][1]["psnr_signalled"])
        (clip,), (mean,) = tables["clips"], tables["means"]
        assert clip["gain_signalled"] == pytest.approx(sum(row["gain_signalled"] for row in tables["rows"]) / 2)
        assert (clip["bd_rate_signalled"], clip["bd_rate_signalled_reason"]) == (None, "fewer than four QPs")
        assert (mean["gain_signalled"], mean["defined"]["bd_rate_signalled"]) == (clip["gain_signalled"], 0)
        text = (out / "report.md").read_text()
        assert f"{bits[frames, 37] / 2:.1f}" in text
        assert "the basis of the refit was made from 1 of these clips: coffee.png" in text
    for qp in (22, 37):  # equal frames have equal corrections
        assert 0 < bits["2", qp] < bits["1", qp]
        assert bits["1", qp] % 2 == 0


def test_what_cannot_be_signalled(
    weights: Path, coded: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, basis = tmp_path / "out", weights.with_suffix(".refit")
    refitted = [str(weights), "--data", str(coded), "--out", str(out), "--refit"]
    assert report.main(refitted) == 2
    assert capsys.readouterr().err == f"report-gain: {basis}: no such file\n"
    assert refit_basis.main([str(weights), "--data", str(data)]) == 2
    line = capsys.readouterr().err
    assert "no lambda is known for the codec blur" in line
    assert not basis.exists()
    assert report.main(["rdn_s_int16", *refitted[1:]]) == 2
    assert "a last layer can be refitted only in an rdn of floats" in capsys.readouterr().err
    assert refit_basis.main([str(weights), "--data", str(coded), "--sources", "1"]) == 0
    save(weights, Rdn(SMALL), {})
    capsys.readouterr()
    assert report.main(refitted) == 2
    assert "made for other weights" in capsys.readouterr().err
    assert not out.exists()
