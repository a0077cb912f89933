"""Test report-decisions on a small part of a photograph."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codecnn.metrics import bd_rate
from codecnn.video.picture import Picture
from experiments.reports.decisions import command
from experiments.reports.decisions.command import main
from experiments.reports.decisions.measure import Point, bd_rates, middle
from experiments.reports.decisions.methods import METHODS
from experiments.reports.decisions.page import paired
from tests.pictures import PHOTOGRAPHS
from tests.reports.results_schema import read_results

pytestmark = pytest.mark.timeout(1800)  # the first test of a checkout compiles encoder and labels


def test_methods_are_measured_beside_the_full_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all, the search has the least cost."""
    monkeypatch.setattr(command, "METHODS", (METHODS[0], METHODS[2]))
    clip = str(PHOTOGRAPHS / "astronaut.png")
    assert main([clip, "--side", "64", "--qps", "30", "--out", str(tmp_path)]) == 0
    tables = read_results(tmp_path)["tables"]
    points = {(point["method"], point["partition"]): point for point in tables["points"]}
    assert len(points) == len(tables["points"]) == 6
    table = pd.read_csv(tmp_path / "points.csv")
    assert table.bits.tolist() == [point["bits"] for point in tables["points"]]
    scale = 0.57 * 2 ** (18 / 3)

    def cost(point: dict[str, float]) -> float:
        return 64 * 64 * 255**2 / 10 ** (point["psnr"] / 10) + scale * point["bits"]

    searched = cost(points["full", "its own"])
    for name in ("Hadamard", "estimated J"):
        assert searched < cost(points[name, "its own"]) * 1.002  # the cost of the search has chroma as well
        assert searched < cost(points[name, "of the full search"])
    assert all(row["bd_rate"] is None and row["bd_rate_reason"] for row in tables["bd_rates"])
    assert sum(row["blocks"] * row["size"] ** 2 for row in tables["agreement"]) == 64 * 64
    assert {row["size"] for row in tables["agreement"]} <= {4, 8, 16, 32}
    assert all(0 <= row[name] <= 1 for row in tables["agreement"] for name in ("hadamard", "dct", "rd"))
    assert "| estimated J | its own |" in (tmp_path / "report.md").read_text()


def test_the_search_is_compared_with_x265(tmp_path: Path) -> None:
    """Against x265 on the BD-rate of its own points, of each plane."""
    clips = [str(PHOTOGRAPHS / name) for name in ("astronaut.png", "camera.png")]
    options = ["--side", "64", "--no-labels", "--jobs", "2", "--out", str(tmp_path)]
    assert main([*clips, *options]) == 0
    tables = read_results(tmp_path)["tables"]
    assert [point["method"] for point in tables["points"]] == ["full", "x265"] * 8
    assert tables["agreement"] == []
    assert {(point["source"], point["psnr_u"] is None) for point in tables["points"]} == {
        ("astronaut.png", False),
        ("camera.png", True),
    }
    points = [point for point in tables["points"] if point["source"] == "astronaut.png"]
    curves = [
        [[point[key] for point in points if point["method"] == method] for key in ("bits", "psnr_u")]
        for method in ("x265", "full")
    ]
    page = (tmp_path / "report.md").read_text()
    assert f" | {bd_rate(*curves[0], *curves[1]):+.2f} | " in page.split("| astronaut.png |")[1].splitlines()[0]
    assert "What a choice costs" not in page


def test_bd_rates_are_against_the_full_search() -> None:
    qualities = (40.0, 37.0, 34.0, 31.0)
    points = [
        Point("clip", method, "its own", qp, 64, int(factor * 1000 * 2 ** (-qp / 6)), quality, None, None, 1.0)
        for method, factor in (("full", 100), ("DCT", 110))
        for qp, quality in zip((22, 27, 32, 37), qualities, strict=True)
    ]
    rates = bd_rates(points)
    assert list(rates) == [("DCT", "its own")]
    bits = [[point.bits for point in points[start : start + 4]] for start in (0, 4)]
    assert rates["DCT", "its own"]["clip"].percent == bd_rate(bits[0], qualities, bits[1], qualities)
    assert rates["DCT", "its own"]["clip"].percent == pytest.approx(10, abs=0.1)


def test_the_middle_begins_at_even_places() -> None:
    y, x = np.mgrid[:70, :101]
    picture = Picture.of([100 * y + x, *[100 * y[:35, :51] + x[:35, :51]] * 2], 10)
    part = middle(picture, 64)
    assert part.y.shape == (64, 64)
    assert part.u.shape == (32, 32)
    assert (part.y[0, 0], part.u[0, 0]) == (218, 109)
    assert middle(picture, 0).y.shape == (70, 100)


def test_methods_are_paired_by_clip() -> None:
    """One clip is worse by 10 and the other by 5 %, of which the t-interval of two clips is not sure."""
    points = [
        Point(clip, method, "its own", qp, 64, int(factor * 1e5 * 2 ** (-qp / 6)), 60 - qp / 2, None, None, 1.0)
        for clip, factors in (("a", (100, 110, 100)), ("b", (100, 105, 100)))
        for method, factor in zip(("full", "Hadamard", "DCT"), factors, strict=True)
        for qp in (22, 27, 32, 37)
    ]
    (line,) = [line for line in paired(bd_rates(points)).markdown().splitlines() if "Hadamard" in line]
    half = 12.7062 * 2.5  # the 0.975 quantile of t with 1 degree of freedom, times the standard error
    assert line == f"| Hadamard | DCT | its own | +7.50 ± {half:.2f} | 2 of 2 |"


@pytest.mark.parametrize(
    ("arguments", "reason"), [(["--side", "62"], "--side 62"), (["--side", "71"], "--side 71"), ([], "64x64")]
)
def test_small_pictures_are_refused(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip_32x80_30_8bit_420.yuv"
    path.write_bytes(bytes(32 * 80 * 3 // 2))
    assert main([str(path), *arguments, "--out", str(tmp_path / "out")]) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_clips_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their points could not be told apart."""
    paths = [tmp_path / folder / "clip_64x64_30_8bit_420.yuv" for folder in ("a", "b")]
    assert main([*map(str, paths), "--out", str(tmp_path / "out")]) == 2
    assert f"{paths[1]}: has the name of {paths[0]}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
