"""Test the network that ranks modes with their SATDs at hand: its symmetry, where it begins, and that it learns."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from codecnn.dataset.reader import open_folder
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.models.blocks import to_tensors
from codecnn.models.costs import kmac_per_block
from codecnn.models.modes.ranker import Ranker, RankerConfig
from codecnn.models.modes.symmetry import folded_modes, unfolded_modes
from codecnn.models.weights import load_weights
from codecnn.tasks.block_sites import Sites
from codecnn.tasks.intra_mode import Batch, IntraMode, transposed
from codecnn.training.loop import train
from codecnn.training.recipe import Optimiser, Recipe, Run, Training
from tests.small_data import NAMES, write_shard

SMALL = {"transforms": 24, "sums": 16, "hidden": 12}


def batch_of(data: Path, modes: ModeSet) -> Batch:
    site = Sites(open_folder(data)[:1], 8).read(4)
    return Batch(site.samples_with_costs(modes), site.costs("dct", modes))


def test_values_of_modes_are_folded_and_unfolded() -> None:
    values = torch.arange(1.0, 36)[None]
    even, odd = folded_modes(values)
    assert even[0, :4].tolist() == [1, 2, 3 + 35, 4 + 34]
    assert (even[0, -1].item(), odd[0, 0].item()) == (19, 3 - 35)
    back = unfolded_modes(even, odd)
    assert back[0, [0, 1, 18]].tolist() == [1, 2, 19]
    assert back[0, [2, 3, 34]].tolist() == [6, 8, 70]


@pytest.mark.parametrize("modes", ["vvc-67", "hevc-35"])
def test_it_begins_with_the_order_of_the_dct_satd(data: Path, modes: ModeSet) -> None:
    batch = batch_of(data, modes)
    logits = Ranker(RankerConfig(8, modes, **SMALL)).eval()(to_tensors(batch.blocks))
    assert logits.shape == batch.costs.shape
    np.testing.assert_array_equal(logits.argmax(1), batch.costs.argmin(1))
    ordered = np.take_along_axis(batch.costs, logits.argsort(1, descending=True).numpy(), 1)
    assert (np.diff(ordered) > -1e-3 * ordered[:, 1:]).all()


@pytest.mark.parametrize("modes", ["vvc-67", "hevc-35"])
def test_an_exchange_of_rows_and_columns_mirrors_the_modes(data: Path, modes: ModeSet) -> None:
    torch.manual_seed(0)
    network, batch = Ranker(RankerConfig(8, modes, **SMALL)), batch_of(data, modes)
    for parameter in (network.last_even.weight, network.last_odd.weight):
        nn.init.normal_(parameter)
    mirrored = [0, 1, *range(count_of(modes) - 1, 1, -1)]
    first, second = (network.eval()(to_tensors(each.blocks)) for each in (batch, transposed(batch)))
    torch.testing.assert_close(second, first[:, mirrored], rtol=1e-4, atol=1e-3)
    assert (first[:, mirrored] - first).abs().max() > 1


def test_multiply_accumulates_of_a_block() -> None:
    modes, samples, satds = 67, 64 + 32 + 7, 2 * 67 + 3
    expected = 24 * samples + 16 * satds + 12 * 2 * 40 + (40 + 12) * modes
    assert kmac_per_block(Ranker(RankerConfig(8, "vvc-67", **SMALL))) == expected / 1000


def test_it_learns_what_the_dct_satd_does_not_tell(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in NAMES:
        write_shard(folder / f"{name}.h5", name, 32, codec="x265")
    task, config = IntraMode(labels="rd", blocks=16), RankerConfig(8, "vvc-67", **SMALL)
    training = Training(
        steps=60, batch=9, workers=0, precision="fp32", ema=0.9, clip=0, validate_every=60, checkpoint_every=60,
        holdout=0.25, optimiser=Optimiser(lr=4e-3, last=1, warmup=5),
    )  # fmt: skip
    train(Run(Recipe(training, task, config), [folder], None, tmp_path / "run"))
    trained = load_weights(tmp_path / "run")
    assert isinstance(trained, Ranker)
    shards = open_folder(folder)  # three of the four were trained on
    before, after = (task.validate(network, shards) for network in (Ranker(config).eval(), trained))
    assert after["regret"] < 0.8 * before["regret"]


def test_other_sizes_are_refused() -> None:
    for wrong in ({"size": 12}, {"hidden": 0}, {"transforms": 1 << 20}, {"modes": "vvc-67-mrl"}):
        with pytest.raises(ValueError, match="must be"):
            RankerConfig(**wrong)
