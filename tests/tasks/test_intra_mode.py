"""Test the task of ranking intra modes: its blocks against the references of the library, its figures against NumPy."""

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from codecnn.dataset.reader import Shard, open_folder
from codecnn.dataset.surroundings import read_surroundings
from codecnn.errors import InputError
from codecnn.intra import hevc, vvc
from codecnn.intra.block_size import BlockSize
from codecnn.intra.references import reference_samples
from codecnn.labels.magnitude_bits import magnitude_bits
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.labels.ranking import regret
from codecnn.labels.rate_distortion import estimated_bits, lagrange_multiplier, quantisation_step, quantised_dct
from codecnn.labels.residuals import residuals_of
from codecnn.labels.search import label_picture
from codecnn.models.blocks import Blocks, ModeNetwork, to_tensors
from codecnn.models.modes.absolute import Absolute, AbsoluteConfig
from codecnn.models.rdn.config import RdnConfig
from codecnn.tasks.block_sites import Site, Sites
from codecnn.tasks.in_loop_filter import InLoopFilter
from codecnn.tasks.intra_mode import Batch, IntraMode, figures, transposed
from codecnn.training.loop import train
from codecnn.training.recipe import Optimiser, Recipe, Run, Training
from codecnn.transforms.reference import satd
from tests.small_data import CTU, write_shard


def test_blocks_and_references_are_those_of_the_picture(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", "coffee", 37, frames=2)
    shard = Shard(tmp_path / "a.h5")
    sites = Sites([shard], 8)
    seen = 0
    for number in range(len(sites)):
        site, row = sites.read(number), int(sites.rows[number])
        frame, around = int(shard.ctus[row]["frame"]), read_surroundings(shard, "unfiltered", row)
        original, unfiltered = (shard.picture(name, frame).y for name in ("original", "unfiltered"))
        labels = label_picture(original, unfiltered, 8, (BlockSize(8, 8),), CTU, tables=True)[BlockSize(8, 8)]
        assert labels.tables is not None
        tables = site.satd_tables("vvc-67")
        for place, (x, y) in enumerate(site.blocks[:, :2] + (around.x, around.y)):
            np.testing.assert_array_equal(site.samples.original[place], original[y : y + 8, x : x + 8])
            expected = reference_samples(unfiltered, x, y, 8, 8, CTU, 8)
            np.testing.assert_array_equal(site.samples.references[place], expected)
            np.testing.assert_array_equal(tables[0, place], labels.tables.hadamard[y // 8, x // 8])
            seen += 1
    assert seen == 2 * (76 // 8) * (90 // 8)


def test_availability_follows_the_order_of_decoding(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", "coffee", 37)
    site = Sites([Shard(tmp_path / "a.h5")], 16).read(4)  # the CTU in the middle; its blocks are in z-order
    assert site.samples.available.tolist() == [[1, 1, 1, 1], [1, 0, 1, 1], [1, 0, 1, 1], [1, 0, 1, 0]]


def test_costs_are_in_the_scale_of_8_bit(tmp_path: Path) -> None:
    """So that files of 8 and of 10 bit weigh the same in a sum of costs."""
    write_shard(tmp_path / "a.h5", "coffee", 37)
    site = Sites([Shard(tmp_path / "a.h5")], 8).read(4)
    deep = replace(site, original=site.original << 2, reference=site.reference << 2, bit_depth=10)
    shallow_costs, deep_costs = (each.satd_tables("vvc-67").sum((1, 2)) for each in (site, deep))
    np.testing.assert_allclose(deep_costs, shallow_costs, rtol=0.03)


def with_codec(site: Site, codec: str) -> Site:
    """Return a site whose file says that another codec made it."""
    shard = copy(site.shard)
    shard.info = replace(shard.info, codec=codec)
    return replace(site, shard=shard)


def test_rate_distortion_costs_are_those_of_numpy(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.h5", "coffee", 37)
    shallow = with_codec(Sites([Shard(tmp_path / "a.h5")], 8).read(4), "x265")
    deep = replace(shallow, original=shallow.original << 2, reference=shallow.reference << 2, bit_depth=10)
    for site in (shallow, deep):
        depth, step = site.bit_depth, quantisation_step(37, site.bit_depth)
        found = site.costs("rd", "vvc-67")
        for mode in (0, 1, 18, 34, 50, 66):
            chosen = np.full(len(site.blocks), mode)
            residuals = residuals_of(site.original, site.reference, site.blocks, site.size, depth, "vvc-67", chosen)
            levels, error = quantised_dct(residuals, step)
            bits = estimated_bits(levels, magnitude_bits(site.size, 37))
            expected = (error + lagrange_multiplier("x265", 37, depth) * bits) / 4 ** (depth - 8)
            np.testing.assert_allclose(found[:, mode], expected, rtol=1e-4)
    np.testing.assert_allclose(deep.costs("rd", "vvc-67").sum(), shallow.costs("rd", "vvc-67").sum(), rtol=0.03)


def test_a_codec_without_a_lambda_is_refused_by_name(data: Path) -> None:
    refusal = "astronaut_22.h5: no lambda is known for the codec blur"
    with pytest.raises(InputError, match=refusal):
        IntraMode(labels="rd").draws(open_folder(data), AbsoluteConfig(8))
    with pytest.raises(InputError, match=refusal):
        Sites(open_folder(data), 8).read(0).rate_distortion_table("vvc-67")


def test_a_draw_has_other_blocks_of_the_same_ctu(data: Path) -> None:
    sites = Sites(open_folder(data), 8)
    drawn = [sites.read(0, 5, np.random.default_rng(seed)).blocks.tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    everything = sites.read(0).blocks.tolist()
    assert len(drawn[0]) == 5
    assert all(block in everything for block in drawn[0])


@pytest.mark.parametrize("modes", ["vvc-67", "hevc-35"])
def test_transposed_blocks_have_the_costs_of_the_mirrored_modes(data: Path, modes: ModeSet) -> None:
    site = Sites(open_folder(data)[:1], 8).read(4)
    batch = transposed(Batch(site.samples, site.satd_tables(modes)[0]))
    blocks, side = batch.blocks, slice(None, None, 9)
    for block, references, costs in zip(blocks.original[side], blocks.references[side], batch.costs[side], strict=True):
        for mode in (0, 1, 2, 7, 18, 26, count_of(modes) - 1):
            predicted = (
                vvc.predict(references, 8, 8, mode, 8) if modes == "vvc-67" else hevc.predict(references, 8, mode, 8)
            )
            assert costs[mode] == satd(block, predicted)
    again = transposed(batch)
    for before, after in zip((*site.samples, site.satd_tables(modes)[0]), (*again.blocks, again.costs), strict=True):
        np.testing.assert_array_equal(before, after)


def test_regret() -> None:
    costs = np.array([[10.0, 4, 2, 8], [6, 1, 9, 3]])
    ranked = np.array([[1, 2, 0, 3], [3, 1, 0, 2]])
    assert regret(costs, ranked[:, :1]) == pytest.approx((4 + 3) / (2 + 1) - 1)
    assert regret(costs, ranked[:, :2]) == 0
    assert regret(np.zeros((2, 4)), ranked[:, :1]) == 0


def test_figures_of_a_perfect_and_of_a_wrong_ranking() -> None:
    costs = np.random.default_rng(0).uniform(1, 2, (50, 67)).astype(np.float32)
    assert figures(costs, -costs) == {"regret": 0, "top2_regret": 0, "top3_regret": 0, "top5_regret": 0, "top1": 100}
    worst = figures(costs, costs)
    assert worst["regret"] == pytest.approx(100 * (costs.max(1).sum() / costs.min(1).sum() - 1), rel=1e-5)
    assert worst["top1"] == 0


class Given(ModeNetwork):
    """Give logits that are known."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, blocks: Blocks[Tensor]) -> Tensor:
        return self.logits


@pytest.mark.parametrize("target", ["hard", "soft", "expected"])
def test_the_loss_by_its_definition(target: str) -> None:
    rng = np.random.default_rng(0)
    logits, costs = rng.normal(0, 1, (6, 67)), rng.uniform(50, 90, (6, 67))
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    least = costs.min(1, keepdims=True)
    wanted = np.exp(-(costs / least - 1) / 0.1)
    if target == "hard":
        wanted = (costs == least).astype(float)
    expected = -(wanted / wanted.sum(1, keepdims=True) * np.log(probability)).sum() / 6
    if target == "expected":
        expected = (probability * costs).sum() / least.sum() - 1
    batch = Batch(Blocks(*[None] * 5), torch.from_numpy(costs))
    task = IntraMode(target=target, temperature=0.1)  # type: ignore[arg-type]
    total, count = task.sums(Given(torch.from_numpy(logits)), batch)["loss"]
    assert float(total / count) == pytest.approx(expected, rel=1e-4)


def test_brightness_and_contrast_do_not_change_the_ranking() -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    network = Absolute(AbsoluteConfig(4)).eval()
    with torch.no_grad():
        network.even.weight[:, -4:].zero_()
        network.odd.weight[:, -2:].zero_()
    block, references = (torch.from_numpy(rng.integers(60, 120, shape)).float() for shape in ((9, 4, 4), (9, 17)))
    rest = torch.ones(9, 4), torch.full((9,), 32.0), torch.full((9,), 1023.0)
    dark, bright = (network(Blocks(block * a + b, references * a + b, *rest)) for a, b in ((4, 0), (8, 40)))
    torch.testing.assert_close(dark, bright, rtol=0.05, atol=0.02)


@pytest.mark.parametrize(("modes", "reduction"), [("vvc-67", 1), ("vvc-67", 2), ("hevc-35", 1)])
def test_transposed_blocks_get_the_logits_of_the_mirrored_modes(data: Path, modes: ModeSet, reduction: int) -> None:
    torch.manual_seed(0)
    network = Absolute(AbsoluteConfig(8, modes, pairs=32, reduction=reduction)).eval()
    samples = Sites(open_folder(data)[:1], 8).read(4).samples
    batch = transposed(Batch(samples, np.zeros((len(samples.qp), count_of(modes)))))
    logits, mirrored = (network(to_tensors(blocks)) for blocks in (samples, batch.blocks))
    expected = torch.cat((logits[:, :2], logits[:, 2:].flip(1)), 1)
    torch.testing.assert_close(mirrored, expected, rtol=1e-4, atol=1e-4)


def test_training_ranks_better_than_chance(data: Path, tmp_path: Path) -> None:
    training = Training(
        steps=60, batch=4, workers=0, precision="fp32", ema=0.9, clip=0, validate_every=60, checkpoint_every=60,
        holdout=0.25, optimiser=Optimiser(lr=5e-3, last=1, warmup=5),
    )  # fmt: skip
    recipe = Recipe(training, IntraMode(blocks=48), AbsoluteConfig(8, pairs=64))
    found: list[dict[str, float]] = []
    train(Run(recipe, [data], None, tmp_path / "run"), tell=lambda event: found.extend([event.figures or {}]))
    untrained = IntraMode().validate(Absolute(AbsoluteConfig(8)).eval(), open_folder(data))
    assert found[-1]["regret"] < untrained["regret"] / 2
    assert found[-1]["regret"] > found[-1]["top2_regret"] > found[-1]["top5_regret"] >= 0


def test_what_does_not_fit_is_refused(data: Path) -> None:
    shards = open_folder(data)
    with pytest.raises(InputError, match="network must be one that ranks intra modes, not 'rdn'"):
        IntraMode().draws(shards, RdnConfig())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="network must be an in-loop filter, not 'absolute'"):
        InLoopFilter().draws(shards, AbsoluteConfig())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="CTUs of 32 hold no blocks of 64"):
        IntraMode().draws(shards, AbsoluteConfig(64))
    for wrong in ({"blocks": 0}, {"temperature": 0.0}, {"temperature": float("nan")}, {"validate_ctus": 0}):
        with pytest.raises(ValueError, match="must be 1 or more and temperature above 0"):
            IntraMode(**wrong)
    for config in ({"size": 12}, {"pairs": 0}, {"reduction": 4}, {"dropout": 1.0}, {"modes": "vvc-67-mrl"}):
        with pytest.raises(ValueError, match="must be"):
            AbsoluteConfig(**config)
