"""Test the chroma of report-gain: its figures are those of scikit-image, and those of luma are what they were."""

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from openpyxl import load_workbook
from skimage.metrics import peak_signal_noise_ratio

from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.schema import SIGNALS
from codecnn.inference.chroma import filter_chroma
from codecnn.inference.filtering import Conditions, filter_picture
from codecnn.inference.guided.chroma import guide_chroma
from codecnn.inference.load import load_chroma_filter, load_filter
from codecnn.metrics import bd_rate, psnr_yuv
from codecnn.models.chroma_rdn import ChromaRdn, ChromaRdnConfig
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights import save_weights
from codecnn.tasks.block_sites import lagrangian_of
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from data_tools import build_dataset
from experiments.reports.gain import command as report
from experiments.reports.gain.chroma_page import CHARGED
from experiments.reports.gain.measure import FrameFigures
from experiments.reports.gain.points import Meter
from experiments.reports.gain.spreadsheet import to_spreadsheet
from experiments.reports.shared.frames import EXACT
from tests.pictures import photograph
from tests.reports.results_schema import read_results
from tests.reports.shown_pictures import psnr_of, read_pictures
from tests.weights_files import save

COMMON = ["--no-labels", "--preset", "ultrafast"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Luma and chroma filters that change every sample a little, and clips: 10 bit, flat chroma, 4:0:0."""
    folder = tmp_path_factory.mktemp("chroma")
    torch.manual_seed(0)
    luma, chroma = Rdn(RdnConfig(4, 1, 2, 4)), ChromaRdn(ChromaRdnConfig(4, 1, 2, 4))
    for network in (luma, chroma):
        torch.nn.init.normal_(network.last.weight, std=2e-4)
        torch.nn.init.constant_(network.last.bias, 1e-3)  # type: ignore[arg-type]
    save(folder / "luma.safetensors", luma, {})
    save_weights(folder / "chroma.safetensors", chroma, "chroma-filter", {"sources": ["grey_64x64.yuv"]})
    write_raw(folder / "deep_70x90_10bit.yuv", [photograph(name, 90, 70, 10) for name in ("coffee", "astronaut")])
    grey = photograph("chelsea", 64, 64)
    flat = np.full((32, 32), 128, np.uint8)
    write_raw(folder / "grey_64x64.yuv", [Picture(grey.y, flat, flat, 8)])
    write_raw(folder / "mono_64x64_400.yuv", [Picture.of([grey.y], 8)])
    sources = [str(path) for path in sorted(folder.glob("*.yuv"))]
    assert build_dataset.main([*sources, "--out", str(folder / "data"), *COMMON]) == 0
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    words = [str(folder / "luma.safetensors"), "--data", str(folder / "data")]
    assert report.main([*words, "--out", str(folder / "without")]) == 0
    assert (
        report.main([*words, "--chroma-weights", str(folder / "chroma.safetensors"), "--out", str(folder / "with")])
        == 0
    )
    return read_results(folder / "with")


def luma_of(point: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a point what chroma changes, and the time."""
    return {name: value for name, value in point.items() if name not in ("psnr_u", "psnr_v", "psnr_yuv", "seconds")}


def test_luma_is_as_without_chroma(folder: Path, found: dict[str, Any]) -> None:
    before = read_results(folder / "without")
    tables = {name: found["tables"][name] for name in before["tables"]}
    assert [luma_of(p) for p in tables.pop("points")] == [luma_of(p) for p in before["tables"].pop("points")]
    assert tables == before["tables"]
    conditions = {name: found["about"][name] for name in before["about"]}
    assert conditions | {"command": before["about"]["command"]} == before["about"]
    texts = [(folder / name / "report.md").read_text() for name in ("without", "with")]
    written = texts[0][texts[0].index("## Per clip and QP") :].rstrip()
    assert written in texts[1]


def planes_psnr(folder: Path, shard: Shard, frame: int) -> list[list[float]]:
    """PSNR of Y, U and V of the baseline and of the filtered picture, by scikit-image."""
    original, baseline, unfiltered = (shard.picture(name, frame) for name in SIGNALS)
    luma = load_filter(str(folder / "luma.safetensors"), torch.device("cpu")).network
    chroma = load_chroma_filter(str(folder / "chroma.safetensors"), torch.device("cpu")).network
    qp, size = shard.info.qp, shard.info.ctu_size
    u, v = filter_chroma(chroma, baseline, unfiltered, qp, size)
    filtered = [filter_picture(luma, baseline, unfiltered, qp, size), u, v]
    peak = 2**baseline.bit_depth - 1
    return [
        [peak_signal_noise_ratio(o, p, data_range=peak) for o, p in zip(original.planes, planes, strict=True)]
        for planes in (baseline.planes, filtered)
    ]


def test_figures_are_those_of_scikit_image(folder: Path, found: dict[str, Any]) -> None:
    weights = {"U": [0, 1, 0], "V": [0, 0, 1], "YUV": [0.75, 0.125, 0.125]}
    shards = [shard for shard in open_folder(folder / "data") if shard.info.source.startswith("deep")]
    psnrs = [np.array([planes_psnr(folder, shard, frame) for frame in (0, 1)]) for shard in shards]  # (frames, 2, 3)
    for measure, parts in weights.items():
        curves = [(values @ np.array(parts)).mean(0) for values in psnrs]
        rows = [r for r in found["tables"]["chroma_rows"] if r["measure"] == measure and r["source"].startswith("deep")]
        assert [(row["qp"], row["frames"]) for row in rows] == [(22, 2), (27, 2), (32, 2), (37, 2)]
        points = [
            p
            for p in found["tables"]["points"]
            if p["source"].startswith("deep") and p["picture"] in ("baseline", "filtered")
        ]
        of_points = [point[f"psnr_{measure.lower()}"] for point in points]
        assert of_points == pytest.approx(np.ravel(curves))
        assert all((p["frames_chroma"], p["bits_chroma"]) == (p["frames"], p["bits"]) for p in points)
        for row, (before, after) in zip(rows, curves, strict=True):
            assert row["psnr_baseline"] == pytest.approx(before)
            assert row["psnr_filtered"] == pytest.approx(after)
            assert row["gain"] == pytest.approx(after - before)
            assert row["gain"] != 0
        (clip,) = [
            c for c in found["tables"]["chroma_clips"] if c["measure"] == measure and c["source"].startswith("deep")
        ]
        bits = [float(shard.bits.sum()) for shard in shards]
        before, after = zip(*curves, strict=True)
        assert clip["bd_rate"] == pytest.approx(bd_rate(bits, before, bits, after))


@pytest.mark.parametrize("luma", [[], ["--guide"]])
def test_what_is_signalled_for_chroma_is_measured_and_charged(
    luma: list[str], folder: Path, found: dict[str, Any], tmp_path: Path
) -> None:
    words = [str(folder / "luma.safetensors"), "--data", str(folder / "data"), "--out", str(tmp_path), *luma]
    chroma = ["--chroma-weights", str(folder / "chroma.safetensors"), "--guide-chroma"]
    assert report.main([*words, *chroma]) == 0
    tables, network = read_results(tmp_path)["tables"], load_chroma_filter(chroma[1], torch.device("cpu")).network
    rows = {(r["measure"], r["source"], r["qp"]): r for r in tables["chroma_rows"]}
    before = [(r["psnr_filtered"], r["gain"], r["bits"]) for r in found["tables"]["chroma_rows"]]
    assert [(r["psnr_filtered"], r["gain"], r["bits"]) for r in tables["chroma_rows"]] == before
    of_luma = {(r["source"], r["qp"]): r for r in tables["rows"]}
    points = {(p["source"], p["qp"], p["picture"]): p for p in tables["points"]}
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in ("U", "V", "YUV")}
    for shard in open_folder(folder / "data"):
        name, qp = shard.info.source, shard.info.qp
        if not name.startswith("deep"):
            continue
        its, bits, psnrs = of_luma[name, qp], {"U": 0, "V": 0}, {"U": [0.0, 0.0], "V": [0.0, 0.0]}
        for frame in (0, 1):
            original, baseline, unfiltered = (shard.picture(signal, frame) for signal in SIGNALS)
            multiplier = lagrangian_of(shard) / 255**2
            guided = guide_chroma(network, original, baseline, unfiltered, Conditions(qp, 128), 128, multiplier)
            for plane, one, samples in zip("UV", guided, original.planes[1:], strict=True):
                bits[plane] += len(one.bits)
                psnrs[plane][frame] = peak_signal_noise_ratio(samples, one.guided, data_range=1023)
        y = its["psnr_signalled"] if luma else its["psnr_filtered"]
        expected = {plane: float(np.mean(each)) for plane, each in psnrs.items()}
        expected["YUV"] = (6 * y + expected["U"] + expected["V"]) / 8
        more = bits | {"YUV": sum(bits.values()) + (its["bits_signalled"] - its["bits"] if luma else 0)}
        point = points[name, qp, "signalled"]
        assert point["bits"] == its["bits"] + more["YUV"]
        for measure, curve in curves.items():
            row = rows[measure, name, qp]
            assert row["psnr_signalled"] == pytest.approx(expected[measure]) == point[f"psnr_{measure.lower()}"]
            assert row["gain_signalled"] == pytest.approx(row["psnr_signalled"] - row["psnr_baseline"])
            assert row["bits_signalled"] == row["bits"] + more[measure]
            curve.append((row["bits_signalled"], row["psnr_signalled"]))
    for clip in tables["chroma_clips"]:
        if clip["source"].startswith("deep"):
            own = [rows[clip["measure"], clip["source"], qp] for qp in (22, 27, 32, 37)]
            anchor = [r["bits"] for r in own], [r["psnr_baseline"] for r in own]
            assert clip["bd_rate_signalled"] == pytest.approx(
                bd_rate(*anchor, *zip(*curves[clip["measure"]], strict=True))
            )
    text = (tmp_path / "report.md").read_text()
    assert "signalled BD-rate V %" in text
    assert (
        ("bits with what is signalled for luma" in text) == ("bits signalled for luma per frame" in text) == bool(luma)
    )
    assert "bits signalled per frame, all planes" in text
    assert CHARGED in text
    assert "for each unit of 128x128" in text


def test_pictures_of_u_and_v_are_shown(folder: Path, found: dict[str, Any]) -> None:
    shown = {clip["name"]: clip for clip in read_pictures(folder / "with")}
    assert len(shown) == 3 + 2 * 2  # the clip at 4:0:0 has luma only
    assert not [name for name in shown if name.startswith("mono") and name[-1] in "UV"]
    for shard in open_folder(folder / "data"):
        if shard.info.source == "deep_70x90_10bit.yuv" and shard.info.qp == 37:
            original, baseline, unfiltered = (shard.picture(signal, 0) for signal in SIGNALS)
            network = load_chroma_filter(str(folder / "chroma.safetensors"), torch.device("cpu")).network
            planes = filter_chroma(network, baseline, unfiltered, 37)
            for name, before, after in zip("UV", original.planes[1:], planes, strict=True):
                clip = shown[f"{shard.info.source}, {shard.info.codec}, QP 37, {name}"]
                expected = peak_signal_noise_ratio(before, after, data_range=1023)
                assert psnr_of(clip, "filtered") == pytest.approx(expected)


def test_flat_chroma_and_clips_without_chroma_are_left_out(folder: Path, found: dict[str, Any]) -> None:
    tables = found["tables"]
    assert {row["source"] for row in tables["chroma_rows"]} == {"deep_70x90_10bit.yuv", "grey_64x64.yuv"}
    assert found["about"]["chroma left out"] == "mono_64x64_400.yuv (400)"
    for row in tables["chroma_rows"]:
        if row["source"].startswith("grey"):
            assert (row["frames"], row["lossless"], row["gain"]) == (0, 1, None)
    for clip in tables["chroma_clips"]:
        if clip["source"].startswith("grey"):
            assert (clip["gain"], clip["bd_rate"], clip["bd_rate_reason"]) == (None, None, EXACT)
    deep = {c["measure"]: c for c in tables["chroma_clips"] if c["source"].startswith("deep")}
    for mean in tables["chroma_means"]:
        assert (mean["clips"], mean["defined"]) == (2, {"gain": 1, "bd_rate": 1})
        assert mean["bd_rate"] == deep[mean["measure"]]["bd_rate"]
    text = (folder / "with" / "report.md").read_text()
    assert CHARGED not in text
    assert "## Chroma per clip, over its QPs" in text
    assert f"{deep['U']['bd_rate']:+.2f}" in text
    assert found["about"]["chroma caution"] == "trained on 1 of these clips: grey_64x64.yuv; " + (
        "the weights do not tell the checksums of their training pictures: a renamed one is not noticed"
    )
    html = (folder / "with" / "report.html").read_text()
    assert "<strong>Chroma caution:</strong> trained on 1 of these clips: grey_64x64.yuv;" in html


def test_a_frame_with_exact_chroma_is_left_out_at_all_qps(folder: Path) -> None:
    """Of two frames the first has an exact U at QP 22 and 27; the chroma filter gains 0.5 dB."""
    shards = [shard for shard in open_folder(folder / "data") if shard.info.source.startswith("deep")]
    meters = [Meter(shard) for shard in shards]
    u = {22: (math.inf, 42.5), 27: (math.inf, 39.5), 32: (45.0, 36.0), 37: (43.0, 33.0)}
    for meter in meters:
        y = [60.0 - meter.shard.info.qp, 61.0 - meter.shard.info.qp]
        for name in ("unfiltered", "baseline", "filtered", "signalled"):
            meter.measured[name] = {"psnr_y": y, "psnr_u": [*u[meter.shard.info.qp]], "psnr_v": y}
        meter.set_chroma([value + 0.5 for value in u[meter.shard.info.qp]], [value + 0.5 for value in y])
    signalled = [[FrameFigures(0, 0, 0, 0, 0, signalled_bits=8)]] * 4
    points = report.points_of(meters, signalled, [[False, False]] * 4)
    for shard in shards:
        own = {point.picture: point for point in points if point.qp == shard.info.qp}
        baseline, filtered = own["baseline"], own["filtered"]
        assert (baseline.frames, baseline.bits, baseline.psnr_y) == (2, shard.bits.sum(), 60.5 - shard.info.qp)
        assert (baseline.frames_chroma, baseline.bits_chroma) == (1, shard.bits[1])
        assert (baseline.psnr_u, baseline.psnr_v) == (u[shard.info.qp][1], 61 - shard.info.qp)
        assert baseline.psnr_yuv == psnr_yuv(61 - shard.info.qp, baseline.psnr_u, baseline.psnr_v)
        assert (filtered.psnr_u, filtered.psnr_v) == (baseline.psnr_u + 0.5, baseline.psnr_v + 0.5)
        assert filtered.psnr_yuv == pytest.approx(baseline.psnr_yuv + 0.125)
        assert own["unfiltered"].psnr_u == baseline.psnr_u
        chroma = replace(filtered, picture="signalled", bits=baseline.bits + 8, bits_chroma=baseline.bits_chroma + 8)
        assert replace(own["signalled"], kbps=0) == replace(chroma, kbps=0)
    sheet = load_workbook(io.BytesIO(to_spreadsheet(points, {}, {"x265": "x265"})))["x265 filtered"]
    headings, first, *_ = sheet.iter_rows(min_row=3, values_only=True)
    rates = dict(zip(headings[-4:], first[-4:], strict=True))
    bits, before = [float(shard.bits[1]) for shard in shards], [u[qp][1] for qp in (22, 27, 32, 37)]
    assert rates["Y"] == 0
    assert rates["U"] == pytest.approx(bd_rate(bits, before, bits, [value + 0.5 for value in before]) / 100)


def test_psnr_yuv_is_infinite_if_one_plane_is() -> None:
    assert psnr_yuv(30, 40, 50) == (6 * 30 + 40 + 50) / 8
    assert psnr_yuv(30, math.inf, 50) == math.inf


def test_bad_input_is_one_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    luma, chroma, data, out = (str(folder / n) for n in ("luma.safetensors", "chroma.safetensors", "data", "bad"))
    (tmp_path / "mono").mkdir()
    for path in (folder / "data").glob("mono*"):
        (tmp_path / "mono" / path.name).symlink_to(path)
    for words, said in (
        ([luma, "--chroma-weights", luma, "--data", data], "of the task in-loop-filter, not of a chroma filter"),
        ([chroma, "--data", data], f"{chroma}: weights of the task chroma-filter, not of an in-loop filter"),
        ([luma, "--chroma-weights", chroma, "--data", str(tmp_path / "mono")], "chroma format 400; no clip has 420"),
        ([luma, "--chroma-weights", str(tmp_path / "none"), "--data", data], "none: no such file or folder"),
    ):  # fmt: skip
        assert report.main([*words, "--out", out]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert not Path(out).exists()
    with pytest.raises(SystemExit, match="2"):
        report.main(["--compare", luma, chroma, "--chroma-weights", chroma, "--data", data, "--out", out])
    assert "--chroma-weights: only for a single filter" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        report.main([luma, "--guide-chroma", "--data", data, "--out", out])
    assert "--guide-chroma: needs --chroma-weights" in capsys.readouterr().err
    for option, needs in (("--guide-unit", "--guide or --guide-chroma"), ("--refit-frames", "--refit")):
        with pytest.raises(SystemExit, match="2"):
            report.main([luma, option, "128", "--data", data, "--out", out])
        assert f"{option}: needs {needs}" in capsys.readouterr().err
    assert (
        report.main(
            [luma, "--chroma-weights", chroma, "--guide-chroma", "--guide-unit", "96", "--data", data, "--out", out]
        )
        == 2
    )
    assert "units of 96 are not whole CTUs of 128" in capsys.readouterr().err
    assert not Path(out).exists()
