"""Test the task of predicting blocks: what it gives a network, its losses and its figures, against plain versions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from torch import Tensor

from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.surroundings import read_surroundings
from codecnn.errors import InputError
from codecnn.intra.references import available
from codecnn.models.modes.absolute import AbsoluteConfig
from codecnn.models.predictors.connected import Connected, ConnectedConfig
from codecnn.models.predictors.neighbourhood import Neighbourhood, Predictor
from codecnn.models.predictors.refinement import HORIZONTAL_MODES, Refinement, RefinementConfig
from codecnn.models.weights import read_weights
from codecnn.tasks.block_sites import Sites
from codecnn.tasks.blocks_to_predict import Batch
from codecnn.tasks.intra_prediction import IntraPrediction, predictions_of
from codecnn.tasks.neighbourhoods import neighbourhood_of, transposed
from codecnn.training.data import choose_shards
from codecnn.training.loop import train
from codecnn.training.recipe import Optimiser, Recipe, Run, Training
from codecnn.transforms.reference import satd
from tests.small_data import CTU, write_dataset, write_shard


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize(("side", "lines"), [(4, 4), (8, 3), (8, 8), (16, 8), (32, 2)])
def test_a_block_is_given_what_a_decoder_has_and_nothing_else(tmp_path: Path, side: int, lines: int) -> None:
    """Sample by sample, by the order of decoding; what is not decoded is 0 and said to be unknown."""
    write_shard(tmp_path / "a.h5", "coffee", 37)
    shard = Shard(tmp_path / "a.h5")
    unfiltered, sites = shard.picture("unfiltered", 0).y, Sites([shard], side)
    height, width = unfiltered.shape
    for number in range(len(sites)):
        site, row = sites.read(number), int(sites.rows[number])
        x_of_plane, y_of_plane = read_surroundings(shard, "unfiltered", row)[1:]
        found = neighbourhood_of(site, lines)
        assert set(found.qp) == {37}
        assert set(found.peak) == {255}
        for place, (x, y) in enumerate(site.blocks[:, :2] + (x_of_plane, y_of_plane)):
            for values, known, rows, columns in (
                (found.above, found.above_known[:, None], range(-lines, 0), range(-lines, 2 * side)),
                (found.left, found.left_known[..., None], range(2 * side), range(-lines, 0)),
            ):
                across, down = np.meshgrid(x + np.array(columns), y + np.array(rows))
                block = np.array(x), np.array(y), side
                decoded = available(across, down, *block, (height, width), CTU)
                inside = np.where(decoded, down, 0), np.where(decoded, across, 0)
                np.testing.assert_array_equal(np.broadcast_to(known[place], decoded.shape), decoded)
                np.testing.assert_array_equal(values[place], np.where(decoded, unfiltered[inside], 0))


def test_a_transposed_neighbourhood_has_rows_and_columns_exchanged(data: Path) -> None:
    around = neighbourhood_of(Sites(open_folder(data)[:1], 8).read(4), 5)
    swapped = transposed(around)
    canvas, other = (np.zeros((len(around.qp), 21, 21), np.uint16) for _ in range(2))
    for part, plane in ((around, canvas), (swapped, other)):
        plane[:, :5], plane[:, 5:, :5] = part.above, part.left
    np.testing.assert_array_equal(other, canvas.swapaxes(1, 2))
    np.testing.assert_array_equal(swapped.left_known, around.above_known[:, 5:])
    for before, after in zip(around, transposed(swapped), strict=True):
        np.testing.assert_array_equal(before, after)


class Given(Predictor):
    """Give predictions that are known."""

    def __init__(self, predicted: Tensor) -> None:
        super().__init__()
        self.predicted = predicted

    def forward(self, around: Neighbourhood[Tensor]) -> Tensor:
        return self.predicted


def plain_costs(residual: np.ndarray, loss: str, qp: np.ndarray) -> np.ndarray:
    """Costs (B, predictions) of residuals (B, predictions, N, N)."""
    coefficients = dctn(residual, axes=(-2, -1), norm="ortho")
    if loss == "hadamard_satd":  # the library's own takes integers
        return satd(np.round(residual * 1024).astype(int), np.zeros(residual.shape, int)) / 1024
    steps = coefficients / 2 ** ((qp[:, None, None, None] - 4) / 6)
    values = {"l1": abs(residual), "l2": residual**2, "dct_satd": abs(coefficients)}
    values["rate_distortion"] = np.log(1 + 4 * steps**2) / 4
    return np.asarray(values[loss].sum((2, 3)))


@pytest.mark.parametrize("loss", ["l1", "l2", "hadamard_satd", "dct_satd", "rate_distortion"])
@pytest.mark.parametrize(("predictions", "bit_depth"), [(1, 8), (3, 10)])
def test_the_loss_by_its_definition(loss: str, predictions: int, bit_depth: int) -> None:
    rng = np.random.default_rng(0)
    peak, qp = (1 << bit_depth) - 1, np.array([22, 27, 32, 37, 51])
    original = rng.integers(0, peak + 1, (5, 8, 8))
    predicted = rng.uniform(0, 1, (5, predictions, 8, 8))
    residual = (original[:, None] - peak * predicted) / (1 << (bit_depth - 8))
    costs = plain_costs(residual, loss, qp)
    expected = 0.9 * costs.min(1) + 0.1 * costs.mean(1) if predictions > 1 else costs[:, 0]
    nothing = torch.zeros(5)
    around = Neighbourhood(nothing, nothing, nothing, nothing, torch.from_numpy(qp), torch.full((5,), peak))
    task = IntraPrediction(loss=loss, others=0.1)  # type: ignore[arg-type]
    total, count = task.sums(Given(torch.from_numpy(predicted)), Batch(around, torch.from_numpy(original)))["loss"]
    assert float(total / count) == pytest.approx(expected.sum() / original.size, rel=1e-3)


def test_what_a_mode_predicts_better_has_little_weight(data: Path) -> None:
    """The gradient of a block is its share in a soft choice between the mode and the prediction."""
    draws = IntraPrediction(loss="dct_satd", beside=0.1).draws(open_folder(data), ConnectedConfig(8))
    batch = draws.draw(4, np.random.default_rng(), np.random.default_rng(0))
    site = draws.sites.read(4, 64, np.random.default_rng(0))
    np.testing.assert_array_equal(batch.least, site.satd_tables("vvc-67")[1].min(1))
    original, least = torch.zeros(3, 8, 8), torch.tensor([100.0, 100, 100])
    residual = torch.full((3, 1, 8, 8), 1.0) * torch.tensor([90, 100, 130]).view(3, 1, 1, 1) / 8 / 255  # DCT SATD
    predicted = residual.requires_grad_()
    nothing = torch.zeros(3)
    around = Neighbourhood(nothing, nothing, nothing, nothing, nothing, torch.full((3,), 255.0))
    task = IntraPrediction(loss="dct_satd", beside=0.1)
    total, _ = task.sums(Given(predicted), Batch(around, original, least))["loss"]
    assert float(total.detach()) == pytest.approx(
        -10 * sum(np.log(np.exp(-10) + np.exp(-c)) for c in (9, 10, 13)), rel=1e-4
    )
    torch.autograd.backward(total)
    assert predicted.grad is not None
    weights = predicted.grad.sum((1, 2, 3)) / (255 * 8)
    np.testing.assert_allclose(weights, 1 / (1 + np.exp([-1, 0, 3])), rtol=1e-3)


def test_figures_are_of_rounded_predictions_within_the_range(data: Path) -> None:
    torch.manual_seed(0)
    network = Connected(ConnectedConfig(8, lines=4, predictions=2, hidden=16)).eval()
    with torch.no_grad():
        network.last.weight *= 3000  # far out of the range
    shards = open_folder(data)[:3]
    figures = IntraPrediction(loss="l1", validate_ctus=2).validate(network, shards)
    sites, costs = Sites(shards, 8), []
    for unit in sites.spread(2):
        site = sites.read(unit)
        predicted = predictions_of(network, site)
        assert 0 == predicted.min() < predicted.max() == 255
        np.testing.assert_array_equal(predicted, predicted.round())
        residual = site.samples.original[:, None].astype(float) - predicted
        costs.append([plain_costs(residual, loss, site.samples.qp).min(1) for loss in figures])
    expected = np.concatenate(costs, 1).mean(1) / 64
    assert figures == pytest.approx(dict(zip(figures, expected, strict=True)), rel=1e-3)
    assert list(figures) == ["l1", "l2", "hadamard_satd", "dct_satd", "rate_distortion"]


def test_training_predicts_better_than_the_mean_of_the_samples_around(data: Path, tmp_path: Path) -> None:
    training = Training(
        steps=100, batch=8, workers=0, precision="fp32", ema=0.9, clip=0, validate_every=100, checkpoint_every=100,
        holdout=0.25, optimiser=Optimiser(lr=2e-2, last=1, warmup=5),
    )  # fmt: skip
    run = Run(
        Recipe(training, IntraPrediction(), ConnectedConfig(8, lines=4, hidden=64)), [data], None, tmp_path / "run"
    )
    found: list[dict[str, float]] = []
    train(run, tell=lambda event: found.extend([event.figures or {}]))
    mean = Connected(ConnectedConfig(8, lines=4))
    torch.nn.init.zeros_(mean.last.weight)
    untrained = IntraPrediction().validate(mean.eval(), choose_shards(run).held_out)
    for figure in ("l2", "hadamard_satd", "dct_satd"):  # of a picture with larger contrasts than any other
        assert found[-1][figure] < 0.95 * untrained[figure]


def test_a_draw_is_transposed_in_one_half_of_all_cases(data: Path) -> None:
    shards = open_folder(data)
    draws = IntraPrediction(blocks=3).draws(shards, ConnectedConfig(8))
    straight = 0
    for seed in range(40):
        batch = draws.draw(0, np.random.default_rng(), np.random.default_rng(seed))
        site = draws.sites.read(0, 3, np.random.default_rng(seed))
        equal = np.array_equal(batch.original, site.samples.original)
        assert equal or np.array_equal(batch.original, site.samples.original.swapaxes(1, 2))
        around = neighbourhood_of(site, 8)
        np.testing.assert_array_equal(batch.around.left, (around if equal else transposed(around)).left)
        straight += equal
    assert 10 < straight < 30


def test_modes_to_refine_are_the_best_of_a_block_that_is_turned_to_its_best_mode(data: Path) -> None:
    shards = open_folder(data)
    task = IntraPrediction(loss="dct_satd", beside=0.1, tried=3, blocks=12)
    draws, directions = task.draws(shards, RefinementConfig(8, 4, 8)), set()
    for unit in range(draws.units):
        batch = draws.draw(unit, np.random.default_rng(), np.random.default_rng(unit))
        site = draws.sites.read(unit, 12, np.random.default_rng(unit))
        assert batch.modes.shape == (len(site.blocks), 3)
        costs = site.satd_tables("vvc-67")[1]
        np.testing.assert_array_equal(batch.least, costs.min(1))
        for block, of_modes in enumerate(costs):
            best, original = int(of_modes.argmin()), site.samples.original[block]
            turned = not np.array_equal(batch.original[block], original)
            if turned:
                np.testing.assert_array_equal(batch.original[block], original.T)
            if best > 1 and (original != original.T).any():
                assert turned == (best > 34)
            around = transposed(neighbourhood_of(site, 4)) if turned else neighbourhood_of(site, 4)
            np.testing.assert_array_equal(batch.around.above[block], around.above[block])
            seen = [of_modes[68 - mode if turned and mode > 1 else mode] for mode in range(HORIZONTAL_MODES)]
            assert {seen[mode] for mode in batch.modes[block, :2]} == set(sorted(seen)[:2])
            directions.add(turned)
        assert batch.modes.max() < HORIZONTAL_MODES
    assert directions == {False, True}


def test_training_refines_modes(data: Path, tmp_path: Path) -> None:
    """On the pictures of the training the best refined mode is better than the best mode."""
    training = Training(
        steps=60, batch=8, workers=0, precision="fp32", ema=0.9, clip=0, validate_every=60, checkpoint_every=60,
        holdout=0.25, optimiser=Optimiser("adam", lr=4e-3, last=1, momentum=0.9, warmup=5),
    )  # fmt: skip
    config, task = RefinementConfig(8, lines=4, hidden=48), IntraPrediction(loss="dct_satd", beside=0.1)
    run = Run(Recipe(training, task, config), [data], None, tmp_path / "run")
    train(run)
    modes, trained = Refinement(config).eval(), read_weights(tmp_path / "run" / "last.safetensors").network
    torch.nn.init.zeros_(modes.last.weight)
    assert isinstance(trained, Refinement)
    before, after = (task.validate(network, choose_shards(run).training) for network in (modes, trained))
    for figure in ("hadamard_satd", "dct_satd", "rate_distortion"):
        assert after[figure] < 0.99 * before[figure]


def test_what_does_not_fit_is_refused(data: Path) -> None:
    shards = open_folder(data)
    with pytest.raises(InputError, match="network must be one that predicts blocks, not 'absolute'"):
        IntraPrediction().draws(shards, AbsoluteConfig())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="CTUs of 32 hold no blocks of 64"):
        IntraPrediction().draws(shards, ConnectedConfig(64))
    for wrong in ({"blocks": 0}, {"others": -0.1}, {"others": float("nan")}, {"validate_ctus": 0}):
        with pytest.raises(ValueError, match="must be 1 or more and others in"):
            IntraPrediction(**wrong)
    for tried in (0, 36):
        with pytest.raises(ValueError, match="tried must be from 1 to 35"):
            IntraPrediction(tried=tried)
    for loss, beside in (("l2", 0.1), ("rate_distortion", 1.0), ("dct_satd", -1.0), ("dct_satd", float("nan"))):
        with pytest.raises(ValueError, match="beside must be from 0 to 10, and 0 with a loss other than"):
            IntraPrediction(loss=loss, beside=beside)  # type: ignore[arg-type]
