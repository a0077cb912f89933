"""Filters side by side: means and paired differences by hand and by SciPy, and the command."""

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import ttest_1samp

from codecnn.dataset.reader import open_folder
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from experiments.reports.gain import command as report
from experiments.reports.gain.compare import Chosen, Measured, caution, differences, means
from experiments.reports.gain.measure import FrameFigures, Row, Summary, average_frames, exact_frames
from experiments.reports.gain.plots import known_work, plot_work
from tests.reports.results_schema import read_results
from tests.weights_files import save

GAINS = {  # dB, by clip, at QP 22 and 37
    "a": {"x": (0.1, 0.3), "y": (0.2, -0.5), "z": (0.4, 0.1)},
    "b": {"x": (0.2, 0.4), "y": (0.1, 0.3), "z": (0.9, math.nan)},
}
BD_RATES = {"a": (-2.0, -4.0, math.nan), "b": (-3.0, -4.5, -9.0)}


def measured(name: str) -> Measured:
    row = Row("", "x265", 0, 1, 0, 0, 1, None, 1.0, 30.0, 31.0, 32.0, 0.0, 0.9, 0.9)
    rows = [
        replace(row, source=source, qp=qp, gain=gain)
        for source, gains in GAINS[name].items()
        for qp, gain in zip((22, 37), gains, strict=True)
    ]
    clips = [
        Summary(source, "x265", float(np.nanmean(gains)), bd_rate, "few" if math.isnan(bd_rate) else "", 0.0, "")
        for (source, gains), bd_rate in zip(GAINS[name].items(), BD_RATES[name], strict=True)
    ]
    return Measured(rows, clips)


def interval(values: list[float]) -> tuple[float, float]:
    bounds = ttest_1samp(values, 0).confidence_interval(0.95)
    return (bounds.low + bounds.high) / 2, (bounds.high - bounds.low) / 2


def test_differences_are_paired_by_clip() -> None:
    found = {(d.measure, d.qp): d for d in differences({"a": measured("a"), "b": measured("b")})}
    assert list(found) == [("bd_rate", "all"), ("gain", "all"), ("gain", "22"), ("gain", "37")]
    wanted = {
        ("bd_rate", "all"): ([-1.0, -0.5], 1),
        ("gain", "all"): ([0.1, 0.35, 0.65], 1),
        ("gain", "22"): ([0.1, -0.1, 0.5], 2 / 3),
        ("gain", "37"): ([0.1, 0.8], 1),  # not defined for the third clip
    }
    for key, (changes, better) in wanted.items():
        one = found[key]
        assert (one.first, one.second, one.codec, one.clips) == ("a", "b", "x265", len(changes))
        assert (one.mean, one.half) == pytest.approx(interval(changes))
        assert one.second_better == pytest.approx(better)


def test_means_have_intervals_and_the_worst_case() -> None:
    first, second = means({"a": measured("a"), "b": measured("b")})
    assert (first.filter, first.clips, first.bd_rate_clips) == ("a", 3, 2)
    assert (first.gain, first.gain_half) == pytest.approx(interval([0.2, -0.15, 0.25]))
    assert (first.bd_rate, first.bd_rate_half) == pytest.approx(interval([-2.0, -4.0]))
    assert (first.worst_gain, first.worst_source, first.worst_qp) == (-0.5, "y", 37)
    assert (second.worst_gain, second.worst_source, second.worst_qp) == (0.1, "y", 22)


def test_the_plot_has_what_is_known_of_the_work(tmp_path: Path) -> None:
    chosen = [Chosen("a", "", [10.0, None], "ctu", ""), Chosen("b", "", [20.0, 40.0], "ctu", "")]
    of_all = means({"a": measured("a"), "b": measured("b")})
    ((mean, work),) = known_work(chosen, of_all)  # of one QP of "a" it is not counted
    assert (mean.filter, work) == ("b", [20.0, 40.0])
    undefined = [replace(one, bd_rate=math.nan) for one in of_all]
    assert known_work(chosen, undefined) == []
    picture = np.asarray(Image.open(io.BytesIO(plot_work([(mean, work)]))).convert("RGB")).astype(int)
    assert np.abs(picture - [31, 119, 180]).sum(2).min() < 30  # the first colour of matplotlib


def test_one_clip_has_no_interval_and_none_has_no_difference() -> None:
    one = {name: Measured(measured(name).rows[:2], measured(name).clips[:1]) for name in "ab"}
    assert {d.half for d in differences(one)} == {None}
    assert {(m.gain_half, m.bd_rate_half) for m in means(one)} == {(None, None)}
    last = {name: Measured([], measured(name).clips[2:]) for name in "ab"}
    assert {d.measure for d in differences(last)} == {"gain"}  # a has no BD-rate
    assert math.isnan(means(last)[0].bd_rate)


def test_a_frame_that_is_exact_by_one_filter_is_left_out_for_all(data: Path) -> None:
    shards = open_folder(data)[:2]
    frame = FrameFigures(30, 31, 32, 0.9, 0.9)
    first, second = ([[replace(frame), replace(frame, psnr_filtered=33)] for _ in shards] for _ in range(2))
    second[0][0] = replace(frame, psnr_filtered=math.inf)
    exact = exact_frames(first, second)
    assert exact == [[True, False], [False, False]]
    longer = [type("S", (), {"info": s.info, "bits": np.array([5, 7]), "unfiltered_bits": None})() for s in shards]
    for of_filter in (first, second):
        rows = average_frames(longer, of_filter, exact)
        assert {(row.frames, row.lossless, row.gain, row.bits) for row in rows} == {(1, 1, 2, 7)}


def test_a_caution_on_all_filters_is_told_once() -> None:
    assert caution({"a": [], "b": []}) == ""
    assert caution({"a": ["old", "off"], "b": ["off"], "c": ["old", "off"]}) == "a, c: old; all: off"


def cut_to(rows: list[dict[str, Any]], like: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name in like} for row in rows]


def test_the_command(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = RdnConfig(channels=4, blocks=1, convolutions=2, growth=4, input="baseline")
    for qp in (22, 37):
        save(tmp_path / f"same_{qp}.safetensors", Rdn(small), {"codecs": ["blur: "]})
    brighter, unfiltered = Rdn(small), Rdn(replace(small, input="unfiltered"))
    with torch.no_grad():
        assert brighter.last.bias is not None
        brighter.last.bias.fill_(4 / 255)
    save(tmp_path / "brighter.safetensors", brighter, {"codecs": ["x265: "]})
    save(tmp_path / "unfiltered.safetensors", unfiltered, {})
    names = [str(tmp_path / f"{name}.safetensors") for name in ("same_{qp}", "brighter", "unfiltered")]
    assert report.main(["--compare", *names, "--data", str(data), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert said.err.count(f"report-gain: warning: {names[1]}: the data are of blur, the weights for x265") == 1
    tables = read_results(tmp_path / "out")["tables"]
    same, _, other = tables["filters"]
    assert (same["filter"], same["cautions"], len(same["kmac"]), len(other["kmac"])) == (names[0], "", 2, 1)
    assert same["kmac"][0] == same["kmac"][1] > 0
    gains = {name: [row["gain"] for row in tables["rows"] if row["filter"] == name] for name in names}
    assert gains[names[0]] == [0] * 8
    assert report.main([names[2], "--data", str(data), "--out", str(tmp_path / "single")]) == 0
    single = read_results(tmp_path / "single")["tables"]
    assert [row["gain"] for row in single["rows"]] == gains[names[2]]
    for table in ("rows", "clips"):
        of_filter = [row for row in tables[table] if row["filter"] == names[2]]
        assert of_filter == [{"filter": names[2]} | row for row in cut_to(single[table], of_filter[0])]
    assert len(tables["differences"]) == 3 * 3  # no BD-rate of two QPs
    change = next(d for d in tables["differences"] if (d["first"], d["second"], d["qp"]) == (names[0], names[2], "37"))
    of_37 = [row["gain"] for row in single["rows"] if row["qp"] == 37]
    assert (change["mean"], change["half"]) == pytest.approx(interval(of_37))
    html = (tmp_path / "out" / "report.html").read_text()
    told = f"{names[1]}: the data are of blur, the weights for x265"
    assert f"<strong>Caution:</strong> {told}" in html
    assert all(f'"filtered by {name}"' in html for name in names)
    text = (tmp_path / "out" / "report.md").read_text()
    assert "one network for each of the QPs 22, 37" in text
    assert f"- caution: {told}" in text.replace("\\", "")
    assert text in said.out


@pytest.mark.parametrize(
    "names",
    [
        ["--compare", "rdn_xs"],
        ["--compare", "rdn_xs", "rdn_xs"],
        ["rdn_s", "--compare", "a"],
        ["--compare", "a", "b", "--refit"],
        ["--compare", "a", "b", "--guide"],
        ["rdn_xs", "--refit", "--guide"],
        ["rdn_xs", "--guide", "--guide-unit", "0"],
        [],
    ],
)
def test_bad_command_lines(names: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        report.main([*names, "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("report-gain: ")


@pytest.mark.parametrize("name", ["original", "unfiltered", "baseline", "signalled"])
def test_a_filter_has_no_name_of_another_picture(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        report.main(["--compare", "rdn_xs", name, "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"report-gain: --compare: {name}: in the tables this is another picture; if it is a file, write ./{name}"
    )
    assert not (tmp_path / "out").exists()
