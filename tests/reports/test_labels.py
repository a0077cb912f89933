"""Test report-labels: its statistics by hand and by brute force, its files, and bad input."""

import shutil
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import h5py
import numpy as np
import pytest
from scipy import stats
from scipy.fft import dctn

from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.schema import Signal
from codecnn.intra.block_size import BlockSize
from codecnn.intra.references import available
from codecnn.labels.label import NO_LABEL
from codecnn.labels.mode_sets import ModeSet
from codecnn.labels.rate_distortion import CAP, CONTEXTS, level_counts, quantisation_step, quantised_dct
from codecnn.labels.residuals import residuals_of
from codecnn.labels.search import label_picture
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from data_tools import build_dataset
from experiments.reports.labels import command as report_labels
from experiments.reports.labels.agreement import compare
from experiments.reports.labels.measure import measure
from experiments.reports.labels.rate_distortion_cost import (
    Drawn,
    compare_costs,
    costs_of_modes,
    count_levels,
)
from experiments.reports.shared.intervals import Interval, differ_from_zero
from tests.pictures import photograph
from tests.reports.results_schema import read_results

FILES = ["agreement.png", "histograms.png", "regrets.png", "report.html", "report.md", "results.json"]
SAMPLES = 4096


def build(sources: list[Path], out: Path, *options: str) -> Path:
    common = ["--preset", "ultrafast", "--ctu-size", "64"]
    assert build_dataset.main([*map(str, sources), "--out", str(out), *common, *options]) == 0
    return out


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    write_raw(folder / "deep_150x72_10bit.yuv", [photograph(n, 72, 150, 10) for n in ("coffee", "astronaut")])
    write_raw(folder / "small_72x40.yuv", [photograph("chelsea", 40, 72)])
    return [folder / "deep_150x72_10bit.yuv", folder / "small_72x40.yuv"]


@pytest.fixture(scope="module")
def data(clips: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a dataset in which only one of the clips has blocks of 64."""
    return build(clips, tmp_path_factory.mktemp("data"), "--qp", "27", "37", "--label-sizes", "4", "8x16", "64")


def run(data: Path, out: Path, *options: str) -> dict[str, Any]:
    assert report_labels.main([str(data), "--out", str(out), "--samples", str(SAMPLES), *options]) == 0
    assert sorted(path.name for path in out.iterdir()) == FILES
    read = read_results(out)
    return {**read, **read["tables"]}


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    run(data, folder)
    return folder


@pytest.fixture(scope="module")
def found(out: Path) -> dict[str, Any]:
    read = read_results(out)
    return {**read, **read["tables"]}


def test_two_labels_side_by_side() -> None:
    """Five modes of two reference lines: 0 planar, 1 DC, 2 and 3 angular, and 69, 2 on the next line."""
    by_hadamard = [[2, 3, 0], [2, 3, 0], [2, 0, 69], [2, 3, 0], [0, 2, 3]]
    by_dct = [[2, 3, 0], [3, 2, 0], [69, 2, 3], [0, 2, 3], [1, 2, 3]]
    tables = np.full((2, 5, 201), 1000.0)
    tables[0, :, :4], tables[0, :, 69] = (10, 11, 7, 8), 9  # by Hadamard: 2, 3, 69, 0, 1
    tables[1, :, :4], tables[1, :, 69] = (20, 21, 26, 28), 30
    tables[0, 1, 3] = 7  # as good as 2
    expected = [
        (1, 1, 1, 0, 26, 26, 7, 7),  # 2 and 2
        (0, 1, 1, 1, 26, 28, 7, 7),  # 2 and 3
        (0, 1, 0, 0, 26, 30, 9, 7),  # 2 and 69: the same angle, but from another line
        (0, 1, 0, 0, 26, 20, 10, 7),  # 2 and planar
        (0, 0, 0, 0, 20, 21, 11, 10),  # planar and DC are no steps
    ]
    np.testing.assert_array_equal(compare(tables, np.array([by_hadamard, by_dct])), expected)


def test_two_labels_by_their_rate_distortion_cost() -> None:
    sse = np.array([[10.0, 20, 30, 5], [1, 1, 9, 9]])
    bits = np.array([[8.0, 2, 0, 9], [1, 1, 1, np.inf]])  # J: 50 30 30 50, 6 6 14 inf
    best = np.array([[[0, 2, 3], [0, 1, 2]], [[1, 0, 3], [1, 2, 0]]])
    expected = [(50, 30, 30, 30, 30, 10, 20, 8, 2, 0, 1), (6, 6, 6, 6, 6, 1, 1, 1, 1, 0, 0)]
    np.testing.assert_array_equal(compare_costs(np.stack([sse, bits]), best, 5), expected)


@pytest.mark.parametrize("modes", ["vvc-67", "vvc-67-mrl", "hevc-35"])
@pytest.mark.parametrize("references", ["original", "unfiltered"])
def test_the_residual_is_that_of_the_labels(
    clips: list[Path], tmp_path: Path, modes: ModeSet, references: Signal
) -> None:
    """Its DCT SATD is the cost of the label, and where the labels exclude a mode so does the study."""
    sizes = ["8", "32"] if modes == "hevc-35" else ["8x4", "32"]
    options = "--label-modes", modes, "--label-references", references, "--label-sizes", *sizes
    shard = open_folder(build(clips[:1], tmp_path, "--qp", "37", *options))[0]
    original, reference = shard.picture("original", 1).y, shard.picture(references, 1).y
    for size in shard.info.blocks:
        labels = label_picture(original, reference, 10, (size,), 64, modes, best=3, tables=True)[size]
        assert labels.tables is not None
        inside = labels.dct_mode[..., 0] != NO_LABEL
        drawn = draw_all(shard, size, inside)
        planes = original, reference, drawn.blocks, size, 10, modes
        residual = residuals_of(*planes, labels.dct_mode[inside][:, 0])
        coefficients = abs(dctn(residual.astype(float), axes=(1, 2), norm="ortho")).sum((1, 2))
        np.testing.assert_allclose(coefficients, labels.dct_cost[inside][:, 0], rtol=1e-5)
        costs = costs_of_modes(shard, size, drawn, np.ones((CONTEXTS, CAP + 1), np.float32))
        np.testing.assert_array_equal(np.isinf(costs[0]), np.isinf(labels.tables.dct[inside]))
        label = labels.dct_mode[inside][:, 0].astype(int)
        levels, sse = quantised_dct(residual, quantisation_step(37, 10))
        np.testing.assert_allclose(costs[0, np.arange(len(label)), label], sse, rtol=1e-3)
        other = drawn._replace(best=np.stack([labels.dct_mode[inside], np.zeros_like(labels.dct_mode[inside])]))
        planar, _ = quantised_dct(residuals_of(*planes, np.zeros(len(label))), quantisation_step(37, 10))
        np.testing.assert_array_equal(
            count_levels(shard, size, [other]), level_counts(np.concatenate([levels, planar]))
        )
        assert costs[1].min() >= size.width * size.height  # a bit for each level, more if it is large


def draw_all(shard: Shard, size: BlockSize, inside: np.ndarray) -> Drawn:
    """All blocks of frame 1, by hand: how far the picture goes on above right and below left of them."""
    blocks = []
    height, width, ctu = shard.info.height, shard.info.width, shard.info.ctu_size
    for row, column in np.argwhere(inside):
        x, y = column * size.width, row * size.height
        here = np.array(x), np.array(y), max(size), (height, width), ctu
        right = available(x + size.width + np.arange(size.width), np.array(y - 1), *here).sum()
        below = available(np.array(x - 1), y + size.height + np.arange(size.height), *here).sum()
        blocks.append((x, y, right, below))
    return Drawn(1, np.array(blocks), np.zeros((2, 0, 3), np.uint8))


def test_the_statistics_are_those_of_the_labels(data: Path, found: dict[str, Any]) -> None:
    shards = {(shard.info.source, shard.info.qp): shard for shard in open_folder(data)}
    assert len(found["rows"]) == 2 * 2 * 2 + 2  # sizes, clips, QPs; blocks of 64 in one clip
    for row in found["rows"]:
        shard, size = shards[row["source"], row["qp"]], BlockSize.of(row["size"])
        stored, costs, cross = shard.labels(size), np.zeros(2), np.zeros(2)
        tied = 0
        inside = stored.dct_mode != NO_LABEL
        modes = stored.hadamard_mode[inside], stored.dct_mode[inside]
        assert row["blocks"] == inside.sum()
        assert row["top1"] == pytest.approx((modes[0] == modes[1]).mean())
        assert row["top1"] <= min(row["top3"], row["one_step"])
        for name, labels in zip(("hadamard_modes", "dct_modes"), modes, strict=True):
            np.testing.assert_allclose(row[name], np.bincount(labels, minlength=67) / len(labels))
        for frame in range(shard.frames):
            planes = shard.picture("original", frame).y, shard.picture("unfiltered", frame).y
            labels = label_picture(*planes, shard.info.bit_depth, (size,), 64, tables=True)[size]
            assert labels.tables is not None
            rows, columns = planes[0].shape[0] // size.height, planes[0].shape[1] // size.width
            for y in range(rows):
                for x in range(columns):
                    hadamard, dct = (table[y, x].astype(float) for table in (labels.tables.hadamard, labels.tables.dct))
                    costs += dct.min(), hadamard.min()
                    tied += int((hadamard == hadamard.min()).sum() > 1)
                    cross += dct[labels.hadamard_mode[y, x]], hadamard[labels.dct_mode[y, x]]
        assert row["tied"] == pytest.approx(tied / row["blocks"])
        assert (row["hadamard_regret"], row["dct_regret"]) == pytest.approx(
            tuple(cross / costs - 1), rel=1e-3, abs=1e-5
        )


def test_nothing_is_better_than_the_best_mode(found: dict[str, Any]) -> None:
    for row in found["rows"]:
        rd, size = row["rd"], BlockSize.of(row["size"])
        assert rd["blocks"] == min(row["blocks"], -(-SAMPLES // (size.width * size.height)))
        for label in ("hadamard", "dct"):
            assert 0 <= rd[f"{label}_top3_regret"] <= rd[f"{label}_regret"]
        assert rd["difference"] == pytest.approx(rd["hadamard_regret"] - rd["dct_regret"])
        assert rd["top3_difference"] == pytest.approx(rd["hadamard_top3_regret"] - rd["dct_top3_regret"])
        if rd["blocks"] == row["blocks"]:
            assert rd["hadamard_better"] + rd["dct_better"] <= 1 - row["top1"] + 1e-9


def test_means_and_intervals_are_over_sequences(found: dict[str, Any]) -> None:
    for mean in found["means"]:
        rows = [r for r in found["rows"] if r["size"] == mean["size"] and mean["qp"] in (str(r["qp"]), "all")]
        values = [
            np.mean([r["rd"]["difference"] for r in rows if r["source"] == source])
            for source in sorted({r["source"] for r in rows})
        ]
        interval = mean["rd.difference"]
        assert interval["sequences"] == len(values) == (1 if mean["size"] == "64" else 2)
        assert interval["mean"] == pytest.approx(np.mean(values))
        if len(values) == 1:
            assert interval["half"] is None
        else:
            low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
            assert (interval["mean"] - interval["half"], interval["mean"] + interval["half"]) == pytest.approx(
                (low, high)
            )
    assert [(mean["size"], mean["qp"]) for mean in found["means"]] == [
        (size, qp) for size in ("4", "8x16", "64") for qp in ("27", "37", "all")
    ]


def test_a_rerun_writes_the_same_files_and_another_seed_draws_others(
    data: Path, out: Path, found: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copytree(out, tmp_path / "again")
    (tmp_path / "again" / "report.md").write_text("an old report")
    run(data, tmp_path / "again")
    for name in FILES:
        again = (tmp_path / "again" / name).read_bytes()
        assert (
            again.replace(bytes(tmp_path / "again"), bytes(out)) == (out / name).read_bytes()
        )  # the page has the command
    other = run(data, tmp_path / "other", "--seed", "1")
    rows = [(a, b) for a, b in zip(found["rows"], other["rows"], strict=True) if a["rd"]["blocks"] < a["blocks"]]
    assert rows
    for a, b in rows:
        assert a["rd"] != b["rd"]
        assert {**a, "rd": 0} == {**b, "rd": 0}


def test_the_same_blocks_are_drawn_at_every_qp(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[tuple[str, int], list[list[int]]] = {}

    def remember(shard: Shard, size: BlockSize, some: list[Drawn], bits: np.ndarray) -> None:
        drawn[shard.info.source, shard.info.qp] = [part.blocks.tolist() for part in some]

    monkeypatch.setattr("experiments.reports.labels.measure.rate_distortion", remember)
    shards = open_folder(data)
    for qp in (27, 37):
        measure([shard for shard in shards if shard.info.qp == qp], BlockSize(4, 4), SAMPLES, 0)
    assert len(drawn) == 4
    for (source, _), blocks in drawn.items():
        assert blocks == drawn[source, 27]


def test_labels_are_found_on_all_cores(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = Mock(wraps=label_picture)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr("experiments.reports.labels.agreement.label_picture", label)
    measure(open_folder(data)[:1], BlockSize(4, 4), 0, 0)
    assert [call.kwargs["threads"] for call in label.call_args_list] == [3, 3]  # of two frames


def test_the_report_says_what_it_measured(out: Path, found: dict[str, Any]) -> None:
    text = (out / "report.md").read_text()
    for words in ("0.038 e^(0.234 QP)", "171/512", "lower 32", "Not\nin it: the bits of the mode", str(SAMPLES)):
        assert words in text
    assert "preset ultrafast; all-intra, QP 27, 37" in text
    mean = next(m for m in found["means"] if (m["size"], m["qp"]) == ("4", "37"))
    values = mean["top1"], mean["top3"], mean["one_step"], mean["tied"]
    assert "| 4 | 37 | 2 | " + " | ".join(f"{100 * v['mean']:.1f} ± {100 * v['half']:.1f}" for v in values) in text
    for name in FILES[:3]:
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_bad_input_is_one_line_and_exit_code_2(
    clips: list[Path], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def changed(name: str, **attributes: str | int) -> Path:
        shutil.copytree(data, tmp_path / name)
        path = tmp_path / name / "small_72x40_x265_qp37.h5"
        with h5py.File(path, "r+") as file:
            file.attrs.update(attributes)
        return path

    (tmp_path / "empty").mkdir()
    none = build(clips[1:], tmp_path / "none", "--qp", "37", "--no-labels") / "small_72x40_x265_qp37.h5"
    tampered = {name: changed(name) for name in ("hadamard_mode", "dct_mode", "dct_cost")}
    for name, path in tampered.items():
        with h5py.File(path, "r+") as file:
            file[f"labels/8x16/{name}"][0, 0, 0] += 1
    other = changed("other", codec="vvenc")
    shorter = changed("shorter", first_frames=1)
    shutil.copy(data / "small_72x40_x265_qp37.h5", changed("twice").with_name("z.h5"))
    for folder, named in (
        (tmp_path / "nowhere", tmp_path / "nowhere"),
        (tmp_path / "empty", tmp_path / "empty"),
        (none.parent, none),
        *((path.parent, path) for path in (*tampered.values(), other, shorter, tmp_path / "twice" / "z.h5")),
    ):
        capsys.readouterr()
        assert report_labels.main([str(folder), "--out", str(tmp_path / "out"), "--samples", "64"]) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("report-labels: ")]
        assert len(lines) == 1, folder
        assert lines[0].startswith(f"report-labels: {named}: "), lines
    assert not (tmp_path / "out").exists()


def test_other_qp_scales_have_no_rate_distortion_cost(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    path = Path(shutil.copy(data / "small_72x40_x265_qp37.h5", tmp_path / "data"))
    with h5py.File(path, "r+") as file:
        file.attrs["codec"] = "svtav1"
    assert report_labels.main([str(path.parent), "--out", str(tmp_path / "out")]) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith(f"report-labels: {path}: no lambda is known for the codec svtav1")
    assert "--samples 0" in line
    found = run(path.parent, tmp_path / "out", "--samples", "0")
    assert [row["rd"] for row in found["rows"]] == [None, None]
    assert "lambda" not in (tmp_path / "out" / "report.md").read_text()


def test_a_picture_without_a_residual_has_no_regret(tmp_path: Path) -> None:
    flat = Picture.of((np.full(shape, 128, np.uint8) for shape in ((64, 64), (32, 32), (32, 32))), 8)
    write_raw(tmp_path / "flat_64x64.yuv", [flat])
    found = run(build([tmp_path / "flat_64x64.yuv"], tmp_path / "data", "--qp", "22"), tmp_path / "out")
    for row in found["rows"]:
        assert (row["top1"], row["tied"], row["hadamard_regret"], row["dct_regret"]) == (1, 1, 0, 0)
        assert (row["rd"]["hadamard_regret"], row["rd"]["sse_difference"]) == (0, 0)


def test_cells_in_bold_are_corrected_for_their_number() -> None:
    """Four p-values of Holm's procedure by hand: 0.01 x 4, 0.02 x 3 and then no more, at 5 %."""

    def of_chance(chance: float, sequences: int = 6) -> Interval:
        freedom = sequences - 1
        return Interval(-stats.t.isf(chance / 2, freedom), stats.t.ppf(0.975, freedom), sequences)

    alone = Interval(1.0, None, 1)
    found = differ_from_zero([of_chance(0.04), of_chance(0.01), alone, of_chance(0.02), of_chance(0.03)])
    assert found == [False, True, False, False, False]
    assert differ_from_zero([of_chance(0.04), of_chance(0.01), of_chance(0.02)]) == [True, True, True]
    assert differ_from_zero([Interval(1, 0, 3), Interval(0, 0, 3), alone]) == [True, False, False]
    assert differ_from_zero([]) == []
