"""The raw points of a report on filters: the same in results.json, CSV and spreadsheet, and as plainly computed."""

import csv
import io
import json
import math
import re
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from openpyxl import load_workbook

from codecnn.codecs.bit_depth import convert_bit_depth
from codecnn.dataset.reader import open_folder
from codecnn.errors import InputError
from codecnn.inference.filtering import Way, filter_picture
from codecnn.metrics import bd_rate, psnr, ssim
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.video.picture import Picture, Plane
from codecnn.video.raw import write_raw
from data_tools import build_dataset
from experiments.reports.gain import command, vmaf
from experiments.reports.gain.measure import measure
from experiments.reports.gain.points import Meter, Point
from experiments.reports.gain.spreadsheet import to_spreadsheet
from tests.coded_clips import other_ffmpeg
from tests.pictures import photograph
from tests.reports.results_schema import read_results
from tests.weights_files import load, save

QPS = (22, 27, 32, 37)
FRAMES = 3
DOCUMENT = Path(__file__).parents[2] / "docs" / "results.md"


def trained_as_it_were(folder: Path, name: str, bias: float) -> Path:
    network = Rdn(RdnConfig(channels=4, blocks=1, convolutions=2, growth=4))
    with torch.no_grad():
        assert network.last.bias is not None
        network.last.bias.fill_(bias)
    save(folder / name, network, {})
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that stands still and a deep one of grey, both of three frames, and two networks."""
    folder = tmp_path_factory.mktemp("points")
    still = photograph("coffee", 64, 96)
    write_raw(folder / "still_96x64_25_8bit_420.yuv", [still] * FRAMES)
    write_raw(folder / "grey_64x64_50_10bit_400.yuv", [photograph("chelsea", 64, 64, 10, "400")] * FRAMES)
    sources = [str(path) for path in sorted(folder.glob("*.yuv"))]
    options = ["--no-labels", "--preset", "ultrafast", "--out", str(folder / "data")]
    assert build_dataset.main([*sources, *options]) == 0
    for name, bias in (("plus.safetensors", 1 / 255), ("minus.safetensors", -1 / 255)):
        trained_as_it_were(folder, name, bias)
    assert (
        command.main([str(folder / "plus.safetensors"), "--data", str(folder / "data"), "--out", str(folder / "a")])
        == 0
    )
    return folder


@pytest.fixture(scope="module")
def points(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_results(folder / "a")["tables"]["points"]
    return found


def test_every_point_is_what_a_plain_computation_gives(folder: Path, points: list[dict[str, Any]]) -> None:
    by_key = {(p["source"], p["qp"], p["picture"]): p for p in points}
    assert len(points) == len(by_key) == 2 * 4 * 3
    network, _ = load(folder / "plus.safetensors")
    for shard in open_folder(folder / "data"):
        info, depth = shard.info, shard.info.bit_depth
        for name in ("unfiltered", "baseline", "filtered"):
            point = by_key[info.source, info.qp, name]
            of_planes: dict[str, list[float]] = {"y": [], "u": [], "v": [], "ssim": []}
            for index in range(FRAMES):
                original, baseline, unfiltered = (
                    convert_bit_depth(shard.picture(signal, index), depth)
                    for signal in ("original", "baseline", "unfiltered")
                )
                picture = unfiltered if name == "unfiltered" else baseline
                luma = picture.y
                if name == "filtered":
                    luma = filter_picture(network, baseline, unfiltered, info.qp, info.ctu_size)
                for plane, a, b in zip("yuv", original.planes, (luma, picture.u, picture.v), strict=False):
                    of_planes[plane].append(psnr(a, b, depth))
                of_planes["ssim"].append(ssim(original.y, luma, depth))
            y, u, v, similar = (float(np.mean(values)) if values else None for values in of_planes.values())
            grey = info.chroma == "400"
            assert point["psnr_y"] == pytest.approx(y)
            assert (point["psnr_u"], point["psnr_v"]) == (
                (None, None) if grey else (pytest.approx(u), pytest.approx(v))
            )
            assert point["psnr_yuv"] == (None if grey else pytest.approx((6 * y + u + v) / 8))  # type: ignore[operator]
            assert point["ssim"] == (None if name == "unfiltered" else pytest.approx(similar))
            assert point["bits"] == int(shard.bits.sum())
            assert point["kbps"] == pytest.approx(int(shard.bits.sum()) / FRAMES * (50 if grey else 25) / 1000)
            assert point["frames"] == FRAMES
            assert (point["seconds"] or 0) > 0 if name == "filtered" else point["seconds"] is None
            assert point["flicker"] == pytest.approx(0, abs=1e-9)  # the same intra picture three times
            assert point["ms_ssim"] is point["vmaf"] is None


@pytest.mark.parametrize("compared", [False, True])
def test_the_first_frame_of_a_filter_is_not_timed(
    compared: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = set()

    def slow_at_first(network: Rdn, baseline: Picture, unfiltered: Picture, qp: int, size: int, way: Way) -> Plane:
        time.sleep(0 if network in met else 3)
        met.add(network)
        return filter_picture(network, baseline, unfiltered, qp, size, way)

    monkeypatch.setattr("experiments.reports.gain.measure.filter_picture", slow_at_first)
    names = [str(folder / name) for name in ("plus.safetensors", "minus.safetensors")]
    filters = ["--compare", *names] if compared else names[:1]
    assert command.main([*filters, "--data", str(folder / "data"), "--out", str(tmp_path)]) == 0
    seconds = [point["seconds"] for point in read_results(tmp_path)["tables"]["points"] if point["seconds"]]
    assert len(seconds) == (16 if compared else 8)
    assert max(seconds) < 1  # 3 s / 3 frames


def test_the_frames_are_those_of_the_means(folder: Path, points: list[dict[str, Any]]) -> None:
    tables = read_results(folder / "a")["tables"]
    for row in tables["rows"]:
        frames = [f for f in tables["frames"] if (f["source"], f["qp"]) == (row["source"], row["qp"])]
        assert [frame["frame"] for frame in frames] == [*range(FRAMES)]
        assert np.mean([frame["gain"] for frame in frames]) == pytest.approx(row["gain"])
        assert np.mean([frame["psnr_filtered"] for frame in frames]) == pytest.approx(row["psnr_filtered"])
        assert sum(frame["bits"] for frame in frames) == row["bits"]


def test_the_csv_file_has_the_same_points(folder: Path, points: list[dict[str, Any]]) -> None:
    rows = list(csv.DictReader(io.StringIO((folder / "a" / "points.csv").read_text())))
    assert len(rows) == len(points)
    for row, point in zip(rows, points, strict=True):
        assert list(row) == list(point)
        for name, value in point.items():
            read = row[name]
            assert read == "" if value is None else read == value if isinstance(value, str) else float(read) == value


def test_the_spreadsheet_has_anchor_and_test_side_by_side(folder: Path, points: list[dict[str, Any]]) -> None:
    book = load_workbook(folder / "a" / "points.xlsx")
    assert book.sheetnames == ["about", "x265 filtered", "x265 unfiltered"]
    about = {str(name): value for name, value in book["about"].iter_rows(values_only=True)}
    assert about["weights"] == str(folder / "plus.safetensors")
    rows = list(book["x265 filtered"].iter_rows(min_row=3, values_only=True))
    headings, *data, overall, clips = rows
    side = ["kbps", "Y PSNR", "U PSNR", "V PSNR", "YUV PSNR", "SSIM", "flicker", "filter s/frame"]
    assert list(headings) == ["Sequence", "QP", *side, *side, "Y", "U", "V", "YUV"]
    assert len(data) == 8
    assert overall[0] == "Overall"
    rates = []
    for first, source in ((0, "grey_64x64_50_10bit_400.yuv"), (4, "still_96x64_25_8bit_420.yuv")):
        assert [row[1] for row in data[first : first + 4]] == [*QPS]
        assert data[first][0] == source
        curves = []
        for place, picture in ((2, "baseline"), (10, "filtered")):
            its = [p for p in points if (p["source"], p["picture"]) == (source, picture)]
            for row, point in zip(data[first : first + 4], its, strict=True):
                assert row[place : place + 2] == pytest.approx((point["kbps"], point["psnr_y"]))
                assert row[place + 2] == (None if point["psnr_u"] is None else pytest.approx(point["psnr_u"]))
            curves += [[p["bits"] for p in its], [p["psnr_y"] for p in its]]
        rates.append(bd_rate(*curves))
        assert data[first][18] == pytest.approx(rates[-1] / 100)
    assert overall[18] == pytest.approx(np.mean(rates) / 100)
    assert clips[0] == "clips with a BD-rate, of 2"
    assert clips[18:] == (2, 1, 1, 1)  # grey has no chroma
    assert data[4][19] == pytest.approx(0, abs=1e-9)  # chroma is not filtered
    assert data[0][19] is None


def test_a_sheet_names_the_encoder_of_its_codec(points: list[dict[str, Any]]) -> None:
    baseline = next(Point(**_known(point)) for point in points if point["picture"] == "baseline")
    own = [replace(baseline, codec=codec, picture=name) for codec in "ab" for name in ("baseline", "filtered")]
    about = {"baseline": "a: 1; b: 2; all-intra, constant QP"}
    book = load_workbook(io.BytesIO(to_spreadsheet(own, about, {"a": "a: 1", "b": "b: 2"})))
    assert [book[f"{codec} filtered"].cell(2, 3).value for codec in "ab"] == ["Anchor: a: 1", "Anchor: b: 2"]


def _known(point: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in point.items()}


def test_several_filters_share_what_is_not_filtered(folder: Path, points: list[dict[str, Any]]) -> None:
    names = [str(folder / name) for name in ("plus.safetensors", "minus.safetensors")]
    out = folder / "both"
    assert command.main(["--compare", *names, "--data", str(folder / "data"), "--out", str(out)]) == 0
    tables = read_results(out)["tables"]
    assert len(tables["points"]) == 2 * 4 * 4
    timeless = [{**p, "seconds": None} for p in tables["points"] if p["picture"] != names[1]]
    expected = [{**p, "seconds": None} for p in points]
    for point in expected:
        point["picture"] = names[0] if point["picture"] == "filtered" else point["picture"]
    assert timeless == expected
    assert {frame["picture"] for frame in tables["frames"]} == {*names}
    assert len(load_workbook(out / "points.xlsx").sheetnames) == 1 + 3


def test_names_are_texts_in_a_spreadsheet(points: list[dict[str, Any]]) -> None:
    baseline = replace(Point(**_known(points[0])), source="=1+1", codec="a[b]:*?/" * 6, picture="baseline")
    others = [replace(baseline, picture="p" * 40 + end) for end in "xy"]
    book = load_workbook(io.BytesIO(to_spreadsheet([baseline, *others], {"=2": "\x07"}, {baseline.codec: "=3"})))
    assert len(book.sheetnames) == 3
    for sheet in book:
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def test_ms_ssim_and_vmaf_are_measured_if_asked_for(folder: Path, tmp_path: Path) -> None:
    """MS-SSIM of a larger picture against a plain computation, VMAF against the limits that it must keep."""
    if "libvmaf" not in _filters():
        pytest.skip("no ffmpeg with libvmaf")
    picture = photograph("astronaut", 176, 192)
    write_raw(tmp_path / "a_192x176_25_8bit_420.yuv", [picture] * 2)
    source, data = str(tmp_path / "a_192x176_25_8bit_420.yuv"), str(tmp_path / "data")
    assert build_dataset.main([source, "--out", data, "--no-labels", "--qp", "17", "47", "--preset", "ultrafast"]) == 0
    out = tmp_path / "out"
    options = ["--data", data, "--out", str(out), "--metrics", "ms-ssim", "vmaf"]
    assert command.main([str(folder / "plus.safetensors"), *options]) == 0
    found = {(p["qp"], p["picture"]): p for p in read_results(out)["tables"]["points"]}
    assert found[17, "baseline"]["vmaf"] > 85 > 75 > found[47, "baseline"]["vmaf"] > 0
    assert found[17, "baseline"]["ms_ssim"] > 0.99 > 0.97 > found[47, "baseline"]["ms_ssim"]
    assert json.loads((out / "results.json").read_text())["tables"]["points"][0]["vmaf"] is not None


def test_an_error_leaves_no_files_of_vmaf(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shard = open_folder(folder / "data")[0]
    network, _ = load(folder / "plus.safetensors")
    meter = Meter(shard, ["vmaf"])

    def fails_at_the_end(self: Meter) -> None:
        assert len([*tmp_path.glob("codecnn-vmaf-*/*")]) == 4  # the original and three pictures
        raise InputError("no scores")

    monkeypatch.setattr(Meter, "finish", fails_at_the_end)
    with pytest.raises(InputError, match="no scores"):
        measure(network, shard, "ctu", meter=meter)
    assert not [*tmp_path.iterdir()]


def _filters() -> str:
    try:
        return subprocess.run(
            [other_ffmpeg(), "-v", "error", "-filters"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return ""


def test_without_vmaf_nothing_is_measured_in_vain(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vmaf, "find_ffmpeg", lambda: "/bin/true")
    monkeypatch.setattr("shutil.which", lambda name: None)
    vmaf.find_vmaf.cache_clear()
    options = ["--data", str(folder / "data"), "--out", str(tmp_path / "out"), "--metrics", "vmaf"]
    assert command.main([str(folder / "plus.safetensors"), *options]) == 2
    assert capsys.readouterr().err.startswith("report-gain: vmaf: there is no ffmpeg with the filter libvmaf")
    assert not (tmp_path / "out").exists()
    vmaf.find_vmaf.cache_clear()


def test_the_code_of_the_document(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (folder / "report").symlink_to("a")
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(first, names)
    assert {"source", "qp", "gain"} <= set(names["rows"])
    monkeypatch.chdir(DOCUMENT.parents[1])
    exec(second, names)
    assert -20 < float(capsys.readouterr().out) < 0
