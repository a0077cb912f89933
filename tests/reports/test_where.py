"""Test report-where against plain loops, an arithmetic coder, and networks whose output is known."""

import math
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.schema import SIGNALS, ShardInfo
from codecnn.inference.ensemble import filter_ensemble
from codecnn.inference.filtering import Way, filter_picture
from codecnn.metrics import psnr_gain
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.video.picture import Picture
from codecnn.video.raw import write_raw
from data_tools import build_dataset
from experiments.reports.gain import measure as gain_study
from experiments.reports.shared.errors import ctu_sums
from experiments.reports.shared.frames import EXACT
from experiments.reports.where import command as report_where
from experiments.reports.where.bins import (
    FARTHEST,
    NO_EDGE,
    activities,
    activity_at,
    activity_bins,
    distance_bins,
)
from experiments.reports.where.ctu_flags import choose, flag_bits, switch
from experiments.reports.where.means import Decile, average, decile_means, pooled_gain, qp_means, summarise
from experiments.reports.where.measure import Measured, Row, Tally, measure
from experiments.reports.where.page import losses, page
from tests.pictures import photograph
from tests.reports.results_schema import read_results
from tests.weights_files import save

SMALL = RdnConfig(channels=4, blocks=1, convolutions=2, growth=4)
QPS = (22, 27, 32, 37)
FLAT = ((48, 80), (24, 40), (24, 40))  # planes of 4:2:0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips at four QPs with CTUs of 32: two frames of 10 bit, and one of 8 bit with odd sides."""
    folder = tmp_path_factory.mktemp("where")
    write_raw(folder / "deep_112x76_10bit.yuv", [photograph(n, 76, 112, 10) for n in ("coffee", "astronaut")])
    write_raw(folder / "odd_73x51.yuv", [photograph("chelsea", 51, 73)])
    files = [str(path) for path in sorted(folder.glob("*.yuv"))]
    options = ["--out", str(folder / "data"), "--no-labels", "--preset", "fast", "--ctu-size", "32"]
    assert build_dataset.main([*files, *options]) == 0
    return folder / "data"


def shard_at(data: Path, name: str, qp: int) -> Shard:
    (shard,) = [s for s in open_folder(data) if s.info.source.startswith(name) and s.info.qp == qp]
    return shard


def random_network(config: RdnConfig = SMALL, symmetric: bool = False) -> Rdn:
    torch.manual_seed(1)
    model = Rdn(config).eval()
    nn.init.normal_(model.last.weight, std=0.05)
    if symmetric:
        with torch.no_grad():
            for name, kernel in model.named_parameters():
                if name.endswith("weight"):
                    turned = [kernel.rot90(turns, (2, 3)) for turns in range(4)]
                    kernel.copy_(torch.stack([*turned, *(k.flip(3) for k in turned)]).mean(0))
    return model


# The bins


@pytest.mark.parametrize(("height", "width", "ctu_size"), [(70, 100, 32), (16, 200, 64), (96, 64, 32), (33, 129, 128)])
def test_distances_are_those_of_a_search(height: int, width: int, ctu_size: int) -> None:
    found = distance_bins(height, width, ctu_size)
    for y, x in product(range(height), range(width)):
        here, steps = (y // ctu_size, x // ctu_size), []
        for down, across in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            step = 0
            while True:
                row, column = y + (step + 1) * down, x + (step + 1) * across
                if not (0 <= row < height and 0 <= column < width):
                    break  # the border of the picture
                if (row // ctu_size, column // ctu_size) != here:
                    steps.append(step)
                    break
                step += 1
        assert found[y, x] == min([*steps, FARTHEST])


def test_a_picture_of_one_ctu_has_no_edge() -> None:
    assert np.all(distance_bins(30, 32, 32) == NO_EDGE)


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_activities_are_standard_deviations(bit_depth: int) -> None:
    luma = photograph("coffee", 70, 90, bit_depth).y
    luma[16:32, 16:32] = 7
    found = activities(luma, bit_depth)
    assert found.shape == (4, 5)
    for row, column in product(range(4), range(5)):
        block = luma[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] / 2 ** (bit_depth - 8)
        assert found[row, column] == pytest.approx(float(np.std(block)), abs=1e-9)
    places = activity_bins(found)
    assert places[1, 1] == 0
    assert np.all(activity_at(places) <= found + 1e-9)
    assert np.all(found < activity_at(places + 1) + 1e-9)


def test_the_most_active_block_has_a_bin(info: ShardInfo) -> None:
    luma = np.zeros((16, 16), np.uint16)
    luma[::2] = 4095
    highest = Tally(replace(info, width=16, height=16, bit_depth=12), "ctu")
    for original in (luma, luma * 16):  # samples above the peak, in a forged file
        highest.add(highest.compare(original, luma, luma, 12), keep=True)
    assert highest.activity[0].sum() == 2


# The sums


@pytest.fixture(scope="module")
def info(data: Path) -> ShardInfo:
    """Return the attributes of the shard that the planes stand for."""
    return replace(shard_at(data, "deep", 22).info, width=100, height=70)


def planes(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An original, and around it a baseline, and a filtered plane that is better on the left and worse on the right."""
    noise = np.random.default_rng(seed)
    original = photograph("astronaut", 70, 100, 10).y.astype(int)
    baseline = original + noise.integers(-9, 10, original.shape)
    filtered = np.where(
        np.arange(100) < 60, (2 * baseline + original) // 3, baseline + noise.integers(-5, 6, (70, 100))
    )
    return tuple(np.clip(p, 0, 1023).astype(np.uint16) for p in (original, baseline, filtered))  # type: ignore[return-value]


def test_sums_are_those_of_plain_loops(info: ShardInfo) -> None:
    tally = Tally(info, "ctu")
    frames = [planes(seed) for seed in range(2)]
    for frame in frames:
        tally.add(tally.compare(*frame, 10), keep=True)
    found = tally.result(np.array([400, 600]))
    distances = distance_bins(70, 100, 32)
    assert found.distance.shape == (3, FARTHEST + 1)
    for distance in range(FARTHEST + 1):
        count, *errors = 0, 0, 0
        for original, *others in frames:
            for y, x in zip(*np.nonzero(distances == distance), strict=True):
                count += 1
                for index, other in enumerate(others):
                    errors[index] += (int(original[y, x]) - int(other[y, x])) ** 2
        assert found.distance[:, distance].tolist() == [count, *errors]
    blocks: list[tuple[int, float, float]] = []
    for original, *others in frames:
        for top, left in product(range(0, 64, 16), range(0, 96, 16)):
            cut = slice(top, top + 16), slice(left, left + 16)
            first, second = (float(np.sum((original[cut] / 4 - other[cut] / 4) ** 2)) for other in others)
            blocks.append((int(256 * math.log2(1 + np.std(others[0][cut] / 4))), first, second))
    assert found.activity[0].sum() == len(blocks)
    for place in np.flatnonzero(found.activity[0]):
        inside = [block for block in blocks if block[0] == place]
        expected = [len(inside), *(sum(block[i] for block in inside) for i in (1, 2))]
        assert found.activity[:, place].tolist() == pytest.approx(expected)


def test_rows_are_means_over_frames_and_flags_are_counted(info: ShardInfo) -> None:
    tally = Tally(info, "ctu")
    gains, flagged_gains, bits, off = [], [], 0.0, 0
    for seed in range(2):
        original, baseline, filtered = planes(seed)
        tally.add(tally.compare(original, baseline, filtered, 10), keep=True)
        best, on = baseline.copy(), np.zeros((3, 4), bool)
        for at in product(range(3), range(4)):
            cut = tuple(slice(32 * n, min(end, 32 * n + 32)) for n, end in zip(at, (70, 100), strict=True))
            errors = [int(np.sum((original[cut].astype(int) - p[cut]) ** 2)) for p in (baseline, filtered)]
            if errors[1] < errors[0]:
                best[cut], on[at] = filtered[cut], True
        gains.append(psnr_gain(original, baseline, filtered, 10))
        flagged_gains.append(psnr_gain(original, baseline, best, 10))
        bits, off = bits + flag_bits(on), off + int(np.sum(~on))
    row = tally.result(np.array([400, 600])).row
    assert 0 < off < 24
    assert (row.frames, row.ctus, row.ctus_off, row.bits, row.lossless) == (2, 24, off, 1000, 0)
    assert row.flag_bits == pytest.approx(bits)
    assert row.gain == pytest.approx(np.mean(gains))
    assert row.gain_flagged == pytest.approx(np.mean(flagged_gains))
    assert row.gain_flagged > max(row.gain, 0)


def test_frames_without_error_are_left_out_and_counted(info: ShardInfo) -> None:
    tally = Tally(info, "ctu")
    original, baseline, filtered = planes(0)
    for before, after in ((original, filtered), (baseline, original), (baseline, filtered)):
        compared = tally.compare(original, before, after, 10)
        tally.add(compared, keep=not compared.frame.exact)
    assert [frame.exact for frame in tally.frames] == [True, True, False]
    row = tally.result(np.array([1, 2, 4])).row
    assert (row.frames, row.lossless, row.broken, row.bits) == (1, 2, 1, 4)
    assert row.gain == pytest.approx(psnr_gain(original, baseline, filtered, 10))


def test_sums_are_of_the_frames_in_the_means(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second frame of a clip is the original after the filter, in one way at one QP: it is left out of all sums."""
    shards = [shard for shard in open_folder(data) if shard.info.source.startswith("deep")]
    originals = [shards[0].picture("original", index).y for index in range(2)]
    second = shard_at(data, "deep", 27).picture("baseline", 1).y

    def filtered(_: object, baseline: Picture, __: Picture, info: ShardInfo, way: str) -> np.ndarray:
        exact = (info.qp, way) == (27, "picture") and np.array_equal(baseline.y, second)
        return originals[1] if exact else np.minimum(baseline.y + 1, 1023)

    monkeypatch.setattr("experiments.reports.where.measure.filtered", filtered)
    found = measure(Rdn(SMALL), shards)
    assert [(m.row.frames, m.row.lossless) for m in found] == 12 * [(1, 1)]
    for one in found:
        before = shard_at(data, "deep", one.row.qp).picture("baseline", 0).y
        tally = Tally(replace(shards[0].info, qp=one.row.qp), one.row.way)
        expected = tally.compare(originals[0], before, np.minimum(before + 1, 1023), 10)
        assert np.array_equal(one.distance, expected.distance[:, :NO_EDGE])
        assert np.array_equal(one.activity, expected.activity)


# Flags


def test_flags_never_make_a_ctu_worse() -> None:
    for seed in range(5):
        original, baseline, filtered = (plane.astype(int) for plane in planes(seed))
        errors = [ctu_sums((original - plane) ** 2, 32) for plane in (baseline, filtered)]
        on = choose(*errors)
        assert on.any()
        assert not on.all()
        flagged = ctu_sums((original - switch(on, baseline, filtered, 32)) ** 2, 32)
        assert np.array_equal(flagged, np.minimum(*errors))
    assert not choose(errors[0], errors[0]).any()  # off where nothing is gained


def test_ctus_are_summed_as_far_as_they_are_inside() -> None:
    values = np.random.default_rng(0).integers(0, 1000, (70, 100))
    found = ctu_sums(values, 32)
    assert found.shape == (3, 4)
    for row, column in product(range(3), range(4)):
        assert found[row, column] == sum(
            int(values[y, x])
            for y in range(32 * row, min(70, 32 * row + 32))
            for x in range(32 * column, min(100, 32 * column + 32))
        )


def test_bits_of_a_few_flags_by_hand() -> None:
    """Flags on on / on off: no neighbours, then the left one, then the upper one, then both: contexts 0, 1, 1, 2."""
    once = (16 * (512 - 128 + 255) + 8192 - 256 + 511) / 32768  # P(on) in a context after one flag that is on
    expected = 1 + 1 - math.log2(once) + 1
    assert flag_bits(np.array([[True, True], [True, False]])) == pytest.approx(expected)
    off = (16 * (512 - 128) + 8192 - 256) / 32768  # P(on) after one that is off
    assert flag_bits(np.array([[False, True]])) == pytest.approx(1 - math.log2(off))


def length_of_cabac(on: np.ndarray) -> float:
    """Bits of the flags by the interval of H.266's arithmetic coder (9.3.4.3.2), all in integers but the last step."""
    interval, shifts = 510, 0
    fast, slow = [64 << 3] * 3, [64 << 7] * 3
    rows, columns = on.shape
    for y in range(rows):
        for x in range(columns):
            context = (1 if x and on[y][x - 1] else 0) + (1 if y and on[y - 1][x] else 0)
            state = slow[context] + 16 * fast[context]
            likely = state >> 14
            least = (((interval >> 5) * ((32767 - state if likely else state) >> 9)) >> 1) + 4
            interval = interval - least if bool(on[y][x]) == bool(likely) else least
            while interval < 256:
                interval, shifts = 2 * interval, shifts + 1
            fast[context] += ((1023 if on[y][x] else 0) >> 2) - (fast[context] >> 2)
            slow[context] += ((16383 if on[y][x] else 0) >> 5) - (slow[context] >> 5)
    return shifts - math.log2(interval / 510)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.8, 0.97])
def test_bits_are_those_of_an_arithmetic_coder(share: float) -> None:
    on = np.random.default_rng(3).random((40, 60)) < share
    length = length_of_cabac(on)
    assert flag_bits(on) == pytest.approx(length, rel=0.03)
    assert length < 1.15 * on.size  # the estimate adapts: it costs little more than a bit at the worst


def test_flags_that_are_alike_cost_little() -> None:
    for value in (False, True):
        assert flag_bits(np.full((20, 20), value)) < 40


# The means


def measured(
    source: str,
    qp: int,
    gain: float,
    activity: np.ndarray | None = None,
    ctus: int = 8,
    off: int = 2,
    bits: float = 10,
    psnr_flagged: float = 0,
) -> Measured:
    baseline = 60.0 - qp
    row = Row(
        *(source, "x265", qp, "ctu", 1, 0, 0, 1000 * (50 - qp), bits, ctus, off),
        *(baseline, baseline + gain, psnr_flagged or baseline + gain, gain, gain),
    )
    distance = np.zeros((3, FARTHEST + 1))
    distance[:, 0] = 4, 100, 100 / 10 ** (gain / 10)
    return Measured(row, distance, np.zeros((3, 2048)) if activity is None else activity)


def test_a_pooled_gain_is_not_a_mean_of_gains() -> None:
    gains = pooled_gain(np.array([1000.0, 0, 5]), np.array([100.0, 4, 0]))
    assert gains[0] == pytest.approx(10)
    assert np.isnan(gains[1:]).all()


def test_clips_count_alike() -> None:
    (mean,) = qp_means([measured("a", 22, 0.2, ctus=100), measured("b", 22, 0.6, off=4)])
    assert mean.clips == 2
    assert mean.gain == pytest.approx(0.4)
    assert mean.off == pytest.approx((0.02 + 0.5) / 2)
    assert mean.flag_cost == pytest.approx(10 / 28000)
    assert mean.bits_per_flag == pytest.approx((0.1 + 1.25) / 2)
    assert mean.by_distance[0] == pytest.approx(0.4)
    assert all(map(math.isnan, mean.by_distance[1:]))


def test_the_loss_at_the_edge_is_the_difference_at_one_distance() -> None:
    (ctu,) = qp_means([measured("a", 22, 0.2)])
    picture = replace(ctu, point=replace(ctu.point, way="picture"), by_distance=(0.5, *ctu.by_distance[1:]))
    ((point, loss),) = losses([picture, ctu])
    assert point == ctu.point
    assert loss[0] == pytest.approx(-0.3)
    assert losses([ctu]) == []


def test_the_bits_of_the_flags_are_in_the_bd_rate() -> None:
    rows = [measured("a", qp, 0.0, bits=0.05 * 1000 * (50 - qp), psnr_flagged=60.0 - qp) for qp in QPS]
    (summary,) = summarise(rows)
    assert summary.bd_rate == pytest.approx(0, abs=1e-9)
    assert summary.bd_rate_flagged == pytest.approx(5)  # the same quality, 5 % more bits
    (mean,) = average([summary])
    assert mean.bd_rate_flagged == summary.bd_rate_flagged


def test_deciles_are_tenths_of_all_blocks_in_the_order_of_their_activity() -> None:
    noise = np.random.default_rng(5)
    places = noise.permutation(2000)[:60]  # no two blocks in one bin
    clips, of = [], noise.random(60) < 0.3
    errors = noise.integers(100, 1000, (2, 60)) * [[2], [1]]
    for clip, name in enumerate("ab"):
        activity = np.zeros((3, 2048))
        for block in np.flatnonzero(of == bool(clip)):
            activity[:, places[block]] = 1, errors[0, block], errors[1, block]
        clips.append(measured(name, 22, 0.1, activity))
    found = decile_means(clips)
    assert [d.decile for d in found] == list(range(10))
    order = np.argsort(places)
    for decile in found:
        blocks = order[6 * decile.decile : 6 * decile.decile + 6]
        before, after = errors[:, blocks]
        assert decile.blocks == pytest.approx(0.1)
        assert decile.least == pytest.approx(2 ** (places[blocks[0]] / 256) - 1)
        assert decile.most == pytest.approx(2 ** ((places[blocks[-1]] + 1) / 256) - 1)
        assert decile.error == pytest.approx(before.sum() / errors[0].sum())
        assert decile.reduction == pytest.approx((before - after).sum() / (errors[0] - errors[1]).sum())
        gains = [
            10 * math.log10(before[of[blocks] == clip].sum() / after[of[blocks] == clip].sum())
            for clip in (False, True)
            if np.any(of[blocks] == clip)
        ]
        assert decile.gain == pytest.approx(np.mean(gains))


def test_blocks_of_equal_activity_are_in_one_decile() -> None:
    activity = np.zeros((3, 2048))
    activity[:, 0] = 35, 70, 35
    activity[:, 10:75] = 1
    found: list[Decile] = decile_means([measured("a", 22, 0.1, activity)])
    first, second = found[:2]
    assert (first.decile, first.least) == (1, 0)
    assert first.blocks == pytest.approx(0.35)
    assert second.decile == 3
    assert sum(d.blocks for d in found) == pytest.approx(1)


# The ensemble


def pair(height: int, width: int, bit_depth: int = 8, chroma: str = "420") -> tuple[Picture, Picture]:
    """A baseline, and another picture to stand for the unfiltered one."""
    baseline, unfiltered = (photograph(name, height, width, bit_depth, chroma) for name in ("coffee", "chelsea"))
    return baseline, unfiltered


@pytest.mark.parametrize("way", ["ctu", "picture"])
@pytest.mark.parametrize(("chroma", "bit_depth"), [("420", 8), ("444", 10), ("400", 8)])
def test_the_ensemble_is_the_mean_over_rotations_and_mirrors(way: Way, chroma: str, bit_depth: int) -> None:
    baseline, unfiltered = pair(46, 58, bit_depth, chroma)
    model, total = random_network(), np.zeros((46, 58))
    for turns, mirrored in product(range(4), (False, True)):

        def turn(picture: Picture, turns: int = turns, mirrored: bool = mirrored) -> Picture:
            planes = (np.rot90(p[:, ::-1] if mirrored else p, turns).copy() for p in picture.planes)
            return Picture.of(planes, picture.bit_depth)

        filtered = np.rot90(filter_picture(model, turn(baseline), turn(unfiltered), 30, 32, way), -turns)
        total += filtered[:, ::-1] if mirrored else filtered
    found = filter_ensemble(model, baseline, unfiltered, 30, way, 32)
    assert found.dtype == baseline.y.dtype
    assert np.array_equal(found, np.floor(total / 8 + 0.5))
    assert not np.array_equal(found, filter_picture(model, baseline, unfiltered, 30, 32, way))


def test_the_ensemble_of_a_network_without_direction_is_the_network() -> None:
    baseline, unfiltered = pair(46, 58)
    model = random_network(symmetric=True)
    plain = filter_picture(model, baseline, unfiltered, 30, way="picture")
    assert np.mean(plain != baseline.y) > 0.5
    assert np.array_equal(filter_ensemble(model, baseline, unfiltered, 30), plain)


def with_repeated(picture: Picture, rows: int, columns: int) -> Picture:
    """The chroma as it is."""
    return Picture(np.pad(picture.y, ((0, rows), (0, columns)), mode="edge"), picture.u, picture.v, picture.bit_depth)


def test_odd_sizes_are_made_even() -> None:
    model, (baseline, unfiltered) = random_network(), pair(45, 57)
    even = filter_ensemble(model, with_repeated(baseline, 1, 1), with_repeated(unfiltered, 1, 1), 30)
    assert np.array_equal(filter_ensemble(model, baseline, unfiltered, 30), even[:45, :57])


def test_422_is_not_transposed() -> None:
    model, (baseline, unfiltered) = random_network(), pair(45, 57, 8, "422")
    whole = [with_repeated(picture, 0, 1) for picture in (baseline, unfiltered)]
    total = np.zeros((45, 58))
    for cut in product((slice(None), slice(None, None, -1)), repeat=2):
        turned = [Picture.of((p[cut].copy() for p in picture.planes), 8) for picture in whole]
        total += filter_picture(model, turned[0], turned[1], 30, way="picture")[cut]
    assert np.array_equal(filter_ensemble(model, baseline, unfiltered, 30), np.floor(total / 4 + 0.5)[:, :57])


# The command


def report(data: Path, out: Path, model: Rdn) -> dict[str, Any]:
    out.mkdir(parents=True)
    save(out / "w.safetensors", model, {})
    assert report_where.main([str(out / "w.safetensors"), "--data", str(data), "--out", str(out / "report")]) == 0
    read = read_results(out / "report")
    return {**read, **read["tables"]}


def test_gains_are_those_of_report_gain(data: Path, tmp_path: Path) -> None:
    model = random_network()
    with torch.no_grad():
        model.last.weight.mul_(0.05)
    found = report(data, tmp_path / "run", model)
    for shard in open_folder(data):
        for way in ("ctu", "picture"):
            frames = [gain_study.measure(model, shard, way)]
            (expected,) = gain_study.average_frames([shard], frames, gain_study.exact_frames(frames))
            (row,) = [
                r for r in found["rows"] if (r["source"], r["qp"], r["way"]) == (expected.source, expected.qp, way)
            ]
            for name in ("gain", "psnr_baseline", "psnr_filtered", "bits", "frames"):
                assert row[name] == pytest.approx(getattr(expected, name))
            assert row["gain_flagged"] >= max(row["gain"], 0)
    odd = shard_at(data, "odd", 37)
    original, baseline, unfiltered = (odd.picture(signal, 0) for signal in SIGNALS)
    expected_gain = psnr_gain(original.y, baseline.y, filter_ensemble(model, baseline, unfiltered, 37), 8)
    (row,) = [r for r in found["rows"] if (r["source"], r["qp"], r["way"]) == (odd.info.source, 37, "ensemble")]
    assert row["gain"] == pytest.approx(expected_gain)
    assert {(m["way"], m["clips"]) for m in found["means"]} == {("ctu", 2), ("picture", 2), ("ensemble", 2)}
    written = {path.name for path in (tmp_path / "run" / "report").iterdir()}
    assert written == {"report.md", "results.json", "edge.png", "activity.png", "flags.png", "report.html"}
    text = (tmp_path / "run" / "report" / "report.md").read_text()
    assert "nan" not in text
    (mean,) = [m for m in found["means"] if m["way"] == "ensemble"]
    assert f"| **mean over clips (2)** | x265 | self-ensemble | **{mean['gain']:+.3f}** |" in text


def test_the_identity_is_switched_off_everywhere(data: Path, tmp_path: Path) -> None:
    found = report(data, tmp_path / "run", Rdn(SMALL))
    for row in found["rows"]:
        assert row["gain"] == row["gain_flagged"] == 0
        assert row["ctus_off"] == row["ctus"]
    assert {gain for point in found["points"] for gain in point["by_distance"]} <= {0, None}
    assert {decile["reduction"] for decile in found["deciles"]} == {None}


def test_flags_save_what_a_bad_filter_loses(data: Path, tmp_path: Path) -> None:
    """All samples are larger by 3, which is worse nearly everywhere."""
    model = Rdn(SMALL)
    with torch.no_grad():
        assert model.last.bias is not None
        model.last.bias.fill_(3 / 255)
    found = report(data, tmp_path / "run", model)
    row = next(r for r in found["rows"] if r["source"].startswith("odd") and r["way"] == "picture" and r["qp"] == 22)
    shard = shard_at(data, "odd", 22)
    original, baseline = (shard.picture(signal, 0).y.astype(int) for signal in ("original", "baseline"))
    brighter = np.minimum(baseline + 3, 255)
    assert row["gain"] == pytest.approx(
        10 * math.log10(np.sum((original - baseline) ** 2) / np.sum((original - brighter) ** 2))
    )
    assert row["gain"] < -1
    assert row["gain_flagged"] >= 0
    assert row["ctus_off"] == 6


def test_a_single_picture_of_one_ctu_can_be_reported(tmp_path: Path) -> None:
    write_raw(tmp_path / "c_64x48.yuv", [photograph("chelsea", 48, 64)])
    options = ["--out", str(tmp_path / "data"), "--no-labels", "--preset", "ultrafast", "--qp", "37"]
    assert build_dataset.main([str(tmp_path / "c_64x48.yuv"), *options]) == 0
    found = report(tmp_path / "data", tmp_path / "run", random_network())
    assert {gain for point in found["points"] for gain in point["by_distance"]} == {None}
    assert [mean["bd_rate"] for mean in found["means"]] == [None] * 3


def test_clips_without_a_frame_in_the_means_are_reported(tmp_path: Path) -> None:
    """All is flat, so that the encoder makes no error: there are no figures, and no decile of activity."""
    write_raw(tmp_path / "flat_80x48.yuv", [Picture.of((np.full(s, 128, np.uint8) for s in FLAT), 8)])
    options = ["--out", str(tmp_path / "data"), "--no-labels", "--preset", "ultrafast", "--ctu-size", "32"]
    assert build_dataset.main([str(tmp_path / "flat_80x48.yuv"), *options]) == 0
    found = report(tmp_path / "data", tmp_path / "run", random_network())
    assert {(row["frames"], row["lossless"]) for row in found["rows"]} == {(0, 1)}
    assert {gain for point in found["points"] for gain in point["by_distance"]} == {None}
    assert found["deciles"] == []


def test_bad_input_is_one_line_and_exit_code_2(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "a.h5").write_text("no dataset")
    other = tmp_path / "other"
    other.mkdir()
    for path in data.glob("*.h5"):
        (other / path.name).write_bytes(path.read_bytes())
    with h5py.File(other / "odd_73x51_x265_qp37.h5", "r+") as file:
        file.attrs["preset"] = "slow"
    for name, folder, named in (
        ("none", data, "none"),
        ("rdn_s", tmp_path / "nowhere", tmp_path / "nowhere"),
        ("rdn_s", tmp_path / "foreign", tmp_path / "foreign" / "a.h5"),
        ("rdn_s", other, other / "odd_73x51_x265_qp37.h5"),
    ):
        assert report_where.main([name, "--data", str(folder), "--out", str(tmp_path / "out")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"report-where: {named}: ")
        assert not (tmp_path / "out").exists()


def test_figures_that_are_not_defined_are_empty_cells() -> None:
    clips = [measured("a", 22, math.nan)]
    summaries = summarise(clips)
    text = page(qp_means(clips), decile_means(clips), summaries, average(summaries), {}).markdown()
    assert "nan" not in text
    assert "| a | x265 | CTU by CTU | (a) | (a) | (b) | (b) |" in text
    assert f"a: {EXACT}, b: fewer than four QPs" in text


def test_a_clip_without_a_frame_or_bits_divides_by_nothing() -> None:
    """All frames are left out, or a forged file says that there are no bits."""
    exact = measured("a", 22, math.nan)
    none = replace(exact.row, frames=0, lossless=1, bits=0, flag_bits=0.0, ctus=0, ctus_off=0)
    forged = measured("b", 22, 1.0)
    clips = [Measured(none, exact.distance, exact.activity), replace(forged, row=replace(forged.row, bits=0))]
    points, summaries = qp_means(clips), summarise(clips)
    text = page(points, decile_means(clips), summaries, average(summaries), {}).markdown()
    assert [summary.bd_rate_reason for summary in summaries] == [EXACT, "fewer than four QPs"]
    assert "nan" not in text


def test_means_over_some_of_the_clips_say_so() -> None:
    """One of three clips has a curve, and one has no gain."""
    clips = [measured("a", qp, 1.0) for qp in (22, 27, 32, 37)] + [measured("b", 22, 2.0), measured("c", 22, math.nan)]
    points, summaries = qp_means(clips), summarise(clips)
    means = average(summaries)
    assert means[0].defined == {"gain": 2, "gain_flagged": 2, "bd_rate": 1, "bd_rate_flagged": 1}
    lines = page(points, [], summaries, means, {}).markdown().splitlines()
    assert "| x265 | 22 | 3 | +1.500 (2 of 3) |" in lines
    assert "| x265 | 27 | 1 | +1.000 |" in lines
    assert "| x265 | all | 3 | **+1.500** (2 of 3) |" in lines
    (rate,) = [line for line in lines if line.startswith("| x265 | BD-rate % | 3 | **-")]
    assert rate.endswith("** (1 of 3) |")
    (flags,) = [line for line in lines if line.startswith("| x265 | CTU by CTU | 22 | +1.500 (2 of 3) |")]
    assert flags.startswith("| x265 | CTU by CTU | 22 | +1.500 (2 of 3) | +1.500 (2 of 3) |")
    (mean,) = [line for line in lines if line.startswith("| **mean over clips (3)** |")]
    assert mean.count(" (2 of 3) |") == mean.count(" (1 of 3) |") == 2
