"""Test report-predictor: its costs against the engines, its choice against brute force, its files and bad input."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from codecnn.dataset.reader import Shard
from codecnn.dataset.surroundings import read_surroundings
from codecnn.intra import vvc
from codecnn.intra.block_size import BlockSize
from codecnn.labels.block_grid import block_grid
from codecnn.labels.magnitude_bits import magnitude_bits
from codecnn.labels.mode_price import Priced, fit_price
from codecnn.labels.rate_distortion import estimated_bits, lagrange_multiplier, quantisation_step, quantised_dct
from codecnn.models.modes.absolute import AbsoluteConfig
from codecnn.models.predictors.connected import ConnectedConfig
from codecnn.models.predictors.refinement import RefinementConfig
from codecnn.models.registry import make_network
from codecnn.models.weights import save_weights
from codecnn.tasks.block_sites import Site, Sites
from codecnn.tasks.intra_prediction import predictions_of
from codecnn.tasks.mode_coding import whole_cost
from experiments.reports.predictor.candidates import costs_of, costs_of_modes, j_of_matrices
from experiments.reports.predictor.choice import adaptive_bits, choose
from experiments.reports.predictor.coded_choice import FIRST, MORE, ROUNDS, Kind, choose_in_order
from experiments.reports.predictor.command import main
from experiments.reports.predictor.in_order import frames_of
from experiments.reports.predictor.losses import compare_losses
from experiments.reports.predictor.measure import FLAG, INDEX, MPMS, Gain, Residual
from experiments.reports.predictor.networks import Named, find_predictors
from tests.reports.results_schema import read_results
from tests.small_data import write_shard

QPS = 27, 37
SOURCES = "coffee", "chelsea"


def write(folder: Path, source: str, qp: int, codec: str = "x265") -> Path:
    """A small shard of a codec whose lambda is known."""
    path = folder / f"{source}_{qp}.h5"
    write_shard(path, source, qp)
    with h5py.File(path, "r+") as file:
        file.attrs["codec"] = codec
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for source in SOURCES:
        for qp in QPS:
            write(folder, source, qp)
    return folder


def save(folder: Path, config: Any, name: str, task: str = "intra-prediction", **recipe: Any) -> Path:  # noqa: ANN401
    torch.manual_seed(0)
    network = make_network(config)
    save_weights(folder / f"{name}.safetensors", network, task, {"recipe": recipe} if recipe else {})
    return folder / f"{name}.safetensors"


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    files = save(folder, ConnectedConfig(8, 4, 2, 16), "two"), save(folder, ConnectedConfig(16, 2, 1, 16), "large")
    assert main([*map(str, files), "--data", str(data), "--out", str(folder / "report")]) == 0
    return folder / "report"


@pytest.mark.parametrize(("side", "bit_depth"), [(4, 8), (8, 10), (16, 8)])
def test_predictions_by_the_standard_cost_what_the_engines_say(data: Path, side: int, bit_depth: int) -> None:
    site = Sites([Shard(data / "coffee_37.h5")], side).read(4)
    if bit_depth > 8:
        site = deepened(site, bit_depth)
    predicted = np.stack(
        [
            [vvc.predict(references, side, side, mode, bit_depth) for mode in range(67)]
            for references in site.samples.references
        ]
    )
    found = costs_of(predicted, site)
    expected, lines = costs_of_modes(site)
    np.testing.assert_allclose(found.hadamard_satd, expected.hadamard_satd, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(found.dct_satd, expected.dct_satd, rtol=1e-4, atol=1e-2)
    squared = np.square(site.samples.original[:, None].astype(float) - predicted).sum((2, 3)) / 4 ** (bit_depth - 8)
    np.testing.assert_allclose(found.squared_error, squared)
    np.testing.assert_allclose(expected.squared_error, squared)
    close = np.isclose(found.j, expected.j, rtol=1e-4)  # a coefficient may be rounded to the next level in float32
    assert close.mean() > 0.995
    np.testing.assert_allclose(found.j, expected.j, rtol=0.05)
    assert lines.shape == (len(found.j), 132)
    first_row = site.blocks[:, 1] % site.ctu_size == 0
    assert np.isinf(lines[first_row]).all()
    assert np.isfinite(lines[~first_row]).all()


def deepened(site: Site, bit_depth: int) -> Site:
    shift = bit_depth - 8
    return replace(site, original=site.original << shift, reference=site.reference << shift, bit_depth=bit_depth)


def test_matrices_cost_what_their_predictions_cost(data: Path) -> None:
    site = Sites([Shard(data / "coffee_27.h5")], 8).read(4)
    found = j_of_matrices(site)
    assert found.shape == (16, 16)
    block, references = site.samples.original[5].astype(int), site.samples.references[5]
    for number in (0, 7, 15):
        predicted = vvc.predict_mip(references, 8, 8, number // 2, 8, transposed=number % 2 == 1)
        levels, error = quantised_dct(block - predicted.astype(int), quantisation_step(27, 8))
        bits = estimated_bits(levels, magnitude_bits(site.size, 27))
        assert found[5, number] == pytest.approx(error + lagrange_multiplier("x265", 27, 8) * bits, rel=1e-5)


def test_bits_of_the_adaptive_code_are_those_of_coding_block_after_block() -> None:
    for sequence in ([0, 1, 1, 0, 0], [2, 0, 1, 1, 2, 2, 2], [0] * 9):
        kinds, bits = max(2, max(sequence) + 1), 0.0
        seen = [0] * kinds
        for kind in sequence:
            bits -= math.log2((seen[kind] + 1) / (sum(seen) + kinds))
            seen[kind] += 1
        assert adaptive_bits(np.array(seen)) == pytest.approx(bits)


@pytest.mark.parametrize("lagrangian", [0.1, 3.0, 30.0])
def test_the_choice_is_about_the_best_of_all_choices(lagrangian: float) -> None:
    """Six blocks, two kinds, of two candidates and of one: all 3^6 choices."""
    costs = np.random.default_rng(3).uniform(20, 40, (6, 3))
    every = np.stack(np.unravel_index(np.arange(3**6), (3,) * 6), 1)  # (729, 6)
    totals = []
    for row in every:
        counts = np.bincount(row, minlength=3)
        bits = adaptive_bits(np.array([counts[:2].sum(), counts[2]])) + adaptive_bits(counts[:2])
        totals.append(costs[np.arange(6), row].sum() + lagrangian * bits)
    found = choose([costs[:, :2], costs[:, 2:]], lagrangian)
    assert min(totals) - 1e-9 <= found.j <= 1.05 * min(totals)
    assert min(abs(np.array(totals) - found.j)) < 1e-9
    assert found.shares.sum() == pytest.approx(1)


def test_candidates_that_are_never_better_cost_a_few_bits_and_are_not_chosen() -> None:
    good, bad = np.full((1000, 1), 10.0), np.full((1000, 3), 90.0)
    bad[:500, 2] = np.inf
    found = choose([good, bad], 1)
    assert found.shares.tolist() == [1, 0]
    assert found.j == pytest.approx(10_000 + math.log2(1001))
    assert choose([good], 1).j == pytest.approx(10_000)


def test_a_further_kind_never_costs_more_than_a_flag() -> None:
    """At equal prices a further candidate is better by 2 bits; with one mode for all blocks nothing has to be said."""
    modes, further = np.full((300, 67), 150.0), np.full((300, 132), 150.0)
    modes[:, 18] = 100
    further[np.arange(300), np.arange(300) % 132] = 97
    assert choose([modes, further], 1).j <= choose([modes], 1).j + math.log2(301) + 1e-6


def test_the_gains_are_those_of_the_blocks(data: Path, out: Path) -> None:
    """Both prices again, from the costs of the blocks."""
    gains = [Gain(**row) for row in read_results(out)["tables"]["gains"]]
    network = find_predictors([str(out.parent / "two.safetensors")])[0].network
    weight = lagrange_multiplier("x265", 37, 8)
    for source in SOURCES:
        sites = Sites([Shard(data / f"{source}_37.h5")], 8)
        read = [sites.read(number) for number in range(len(sites))]
        predicted = np.concatenate([costs_of(predictions_of(network, site), site).j for site in read])
        modes = np.concatenate([site.rate_distortion_table("vvc-67") for site in read])
        assert predicted.shape == (11 * 9, 2)
        for price, tables in ((FLAG, (modes.min(1)[:, None], predicted.min(1)[:, None])), (INDEX, (modes, predicted))):
            chosen, before = choose(tables, weight), choose(tables[:1], weight)
            wanted = [g for g in gains if (g.size, g.source, g.qp, g.price) == (8, f"{source}.png", 37, price)]
            gain = next(gain for gain in wanted if gain.candidates == "two")
            assert gain.change == pytest.approx(chosen.j / before.j - 1, rel=1e-4, abs=1e-7)
            assert gain.chosen == pytest.approx(chosen.shares[1])


def test_blocks_of_a_file_are_found_in_decoding_order(data: Path) -> None:
    shard = Shard(data / "coffee_37.h5")
    sites = Sites([shard], 8)
    places = []
    for number in range(len(sites)):
        around = read_surroundings(shard, "unfiltered", int(sites.rows[number]))
        places += [(x + around.x, y + around.y) for x, y in sites.read(number).blocks[:, :2]]
    [(order, grid)] = frames_of(shard, 8)
    assert [places[number] for number in order] == [(x, y) for x, y in grid.blocks[:, :2]]
    assert [*order] != [*range(len(order))]


GRID = block_grid(BlockSize(8, 8), (64, 72), 32)


def tables(seed: int, candidates: int, scale: float = 1.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [scale * rng.exponential(20, (len(GRID.blocks), candidates)) for _ in range(3)]


def test_in_decoding_order_modes_cost_what_their_price_says() -> None:
    costs = tables(0, 67)
    pictures = [Priced(GRID, own.astype(np.float32), np.zeros(own.shape, np.uint8)) for own in costs]
    found = choose_in_order([GRID] * 3, [Kind(np.arange(67), costs)])
    price = fit_price("vvc-67", pictures, FIRST + (ROUNDS - 1) * MORE)
    expected = [whole_cost(picture.costs, price.decide(picture)).sum() for picture in pictures]
    assert [choice.j for choice in found] == pytest.approx(expected)
    assert [choice.shares.tolist() for choice in found] == [[1]] * 3


def test_in_decoding_order_kinds_and_indices_are_paid() -> None:
    """One half of the blocks takes mode 5 of the first kind, the other half that of the second: 1 bit more each."""
    blocks, second = len(GRID.blocks), np.arange(len(GRID.blocks)) % 2 == 1
    one, two = np.full((blocks, 67), 1e4), np.full((blocks, 2), 1e4)
    one[~second, 5], two[second, 1] = 0, 0
    modes = np.array([3, 5])
    only = choose_in_order([GRID], [Kind(np.arange(67), [np.where(np.arange(67) == 5, 0, one)])])[0].j
    choice = choose_in_order([GRID], [Kind(np.arange(67), [one]), Kind(modes, [two])])[0]
    assert choice.shares == pytest.approx([0.5, 0.5], abs=0.01)
    assert choice.j - only == pytest.approx(blocks, rel=0.02)
    # Without modes: the symbol is all that is ever coded, and one of four indices with it
    indices = np.full((blocks, 4), 1e4)
    indices[np.arange(blocks), np.arange(blocks) % 4] = 0
    apart = choose_in_order([GRID], [Kind(np.arange(67), [one + 1e4]), Kind(None, [indices])])[0]
    assert apart.shares.tolist() == [0, 1]
    assert apart.j == pytest.approx(2 * blocks, rel=0.15)


def test_the_price_of_the_most_probable_modes_is_in_the_report(data: Path, out: Path) -> None:
    """The row of MIP again, from the costs of all blocks of a QP; a network without modes is a symbol as MIP is."""
    gains = [Gain(**row) for row in read_results(out)["tables"]["gains"]]
    its = {(gain.candidates, gain.source): gain for gain in gains if (gain.size, gain.qp, gain.price) == (8, 37, MPMS)}
    shards = [Shard(data / f"{source}_37.h5") for source in sorted(SOURCES)]
    modes, matrices, grids = [], [], []
    for shard in shards:
        sites = Sites([shard], 8)
        read = [sites.read(number) for number in range(len(sites))]
        [(order, grid)] = frames_of(shard, 8)
        grids.append(grid)
        weight = lagrange_multiplier("x265", 37, 8)
        modes.append(np.concatenate([site.rate_distortion_table("vvc-67") for site in read])[order] / weight)
        matrices.append(np.concatenate([j_of_matrices(site) for site in read])[order] / weight)
    before = choose_in_order(grids, [Kind(np.arange(67), modes)])
    after = choose_in_order(grids, [Kind(np.arange(67), modes), Kind(None, matrices)])
    for shard, first, second in zip(shards, before, after, strict=True):
        gain = its["MIP", shard.info.source]
        assert gain.change == pytest.approx(second.j / first.j - 1, rel=1e-3, abs=1e-6)
        assert gain.chosen == pytest.approx(second.shares[1])
    assert {candidates for candidates, _ in its} >= {"lines 1 and 2", "two", "MIP + lines 1 and 2 + two"}


def test_a_refined_mode_costs_what_its_mode_costs(data: Path, tmp_path: Path) -> None:
    """Where nothing is refined, the candidates are the modes again: nothing is gained at the price of the modes."""
    torch.manual_seed(0)
    network = make_network(RefinementConfig(8, 2, 8))
    torch.nn.init.zeros_(network.get_parameter("last.weight"))
    save_weights(tmp_path / "same.safetensors", network, "intra-prediction", {})
    assert main([str(tmp_path / "same.safetensors"), "--data", str(data), "--out", str(tmp_path / "out")]) == 0
    gains = [Gain(**row) for row in read_results(tmp_path / "out")["tables"]["gains"]]
    same = [gain for gain in gains if (gain.candidates, gain.price) == ("same", MPMS)]
    assert len(same) == 4
    assert all(abs(gain.change) < 0.02 for gain in same)  # the linear modes are not rounded in between


def test_the_files_say_what_was_measured(out: Path) -> None:
    assert sorted(path.name for path in out.iterdir()) == ["gains.png", "report.html", "report.md", "results.json"]
    tables = read_results(out)["tables"]
    assert [(row["name"], row["size"], row["predictions"]) for row in tables["networks"]] == [
        ("two", 8, 2),
        ("large", 16, 1),
    ]
    assert tables["losses"] == []
    rows = [Residual(**row) for row in tables["residuals"]]
    for size, name in ((8, "two"), (16, "large")):
        for source in SOURCES:
            its = {r.prediction: r for r in rows if (r.size, r.source, r.qp) == (size, f"{source}.png", 37)}
            assert list(its) == ["best of 67 modes", "planar", "DC", name]
            assert its["planar"].blocks == (76 // size) * (90 // size)
            for measure in ("hadamard_satd", "dct_satd", "mse", "j"):
                assert getattr(its["best of 67 modes"], measure) < getattr(its["planar"], measure)
    text = (out / "report.md").read_text()
    assert "## Losses" not in text
    assert "Price: flag and index." in text


def rows_of(name: str, values: dict[str, float]) -> tuple[list[Residual], list[Gain]]:
    pairs = [(source, qp, value) for source, value in values.items() for qp in QPS]
    residuals = [Residual(8, source, qp, 1, name, value, value, value**2, value) for source, qp, value in pairs]
    return residuals, [Gain(8, source, qp, name, INDEX, 0.5, -value / 1000) for source, qp, value in pairs]


def test_losses_are_compared_picture_by_picture_over_the_seeds(tmp_path: Path) -> None:
    values: dict[str, dict[str, float]] = {
        "l2_0": {"a": 10, "b": 20, "c": 40}, "l2_1": {"a": 20, "b": 40, "c": 80},
        "dct_0": {"a": 9, "b": 18, "c": 36}, "dct_1": {"a": 16, "b": 32.2, "c": 63.8},
    }  # fmt: skip
    chosen: list[Named] = []
    residuals: list[Residual] = []
    gains: list[Gain] = []
    for name, its in values.items():
        loss, seed = name.split("_")
        file = save(tmp_path, ConnectedConfig(8, 4, 1, 8), name, loss=loss, seed=int(seed), steps=3)
        chosen += find_predictors([str(file)])
        more = rows_of(name, its)
        residuals, gains = residuals + more[0], gains + more[1]
    found = {row.measure: row for row in compare_losses(chosen, residuals, gains)}
    assert [row.loss for row in found.values()] == ["dct"] * 5
    satd = found["dct_satd"]
    pictures = (-0.1 - 0.2) / 2, (-0.1 - 0.195) / 2, (-0.1 - 0.2025) / 2
    assert satd.mean == pytest.approx(np.mean(pictures))
    assert satd.half == pytest.approx(4.302652 * np.std(pictures, ddof=1) / math.sqrt(3), rel=1e-4)
    assert satd.deviation == pytest.approx(np.std([-0.1, -0.5975 / 3], ddof=1))
    assert satd.differs
    assert found["gain"].mean == pytest.approx(np.mean([1 + 4, 2 + 7.8, 4 + 16.2]) / 2000)
    other = [*chosen[:-1], chosen[-1]._replace(notes={"recipe": {"loss": "dct", "seed": 1, "steps": 4}})]
    assert compare_losses(other, residuals, gains) == []  # trained for longer
    assert compare_losses([named for named in chosen if named.loss != "l2"], residuals, gains) == []
    assert compare_losses(chosen[:-1], residuals, gains) == []  # other seeds


def test_bad_input_is_one_line_and_exit_code_2(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, modes = (
        save(tmp_path, ConnectedConfig(8, 2, 1, 4), "good"),
        save(tmp_path, AbsoluteConfig(8), "modes", task="x"),
    )
    large = save(tmp_path, ConnectedConfig(64, 2, 1, 4), "large")
    (tmp_path / "empty").mkdir()
    (tmp_path / "blur").mkdir()
    blur = write(tmp_path / "blur", "coffee", 37, codec="blur")
    for weights, folder, reason in (
        (modes, data, f"{modes}: weights of the task x, not of a predictor"),
        (tmp_path / "none", data, f"{tmp_path / 'none'}: no such file or folder"),
        (good, tmp_path / "empty", f"{tmp_path / 'empty'}: no dataset files"),
        (good, blur.parent, f"{blur}: no lambda is known for the codec blur"),
        (large, data, f"{data / 'chelsea_27.h5'}: CTUs of 32 hold no blocks of 64"),
    ):
        capsys.readouterr()
        assert main([str(weights), "--data", str(folder), "--out", str(tmp_path / "out")]) == 2
        error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("report-predictor: ")]
        assert len(error) == 1, error
        assert error[0].startswith(f"report-predictor: {reason}"), error
    assert main([str(good), str(good), "--data", str(data), "--out", str(tmp_path / "out")]) == 2
    assert f"{good}: is given twice" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pictures_of_the_training_are_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save(tmp_path, ConnectedConfig(16, 2, 1, 4), "seen")
    named = Named("seen", find_predictors([str(file)])[0].network, file, {})
    hashes = sorted({Shard(path).info.source_sha256 for path in data.glob("*.h5")})
    save_weights(file, named.network, "intra-prediction", {"sources": list(SOURCES), "sources_sha256": hashes})
    assert main([str(file), "--data", str(data), "--out", str(tmp_path / "out"), "--ctus", "1"]) == 0
    assert "trained on 2 of these clips" in capsys.readouterr().err
    assert "trained on 2 of these clips" in (tmp_path / "out" / "report.md").read_text()
