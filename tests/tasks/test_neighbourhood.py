"""Patches with their neighbourhood: the network filters them as it filters the whole decoded picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from codecnn.dataset.reader import Shard, open_folder
from codecnn.errors import InputError
from codecnn.inference.filtering import filter_picture
from codecnn.inference.load import Loaded
from codecnn.models.in_loop_filter import to_tensors
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.network import Rdn
from codecnn.tasks import in_loop_filter
from codecnn.tasks.in_loop_filter import InLoopFilter, Patches
from codecnn.training.batches import mapped
from experiments.reports.shared.chosen_filter import way_of
from tests.small_data import CTU, HEIGHT, WIDTH, write_shard

PATCH = 16
CONFIG = RdnConfig(channels=6, blocks=1, convolutions=3, growth=4)  # reaches 4 samples, and its head takes 2


def network_of(config: RdnConfig) -> Rdn:
    torch.manual_seed(0)
    network = Rdn(config).eval()
    nn.init.normal_(network.last.weight, std=0.02)
    return network


def filtered_patches(shard: Shard, config: RdnConfig, monkeypatch: pytest.MonkeyPatch, way: str) -> list[bool]:
    """Whether each of many patches is filtered as the whole picture is, for patches away from the picture's edges."""
    network, task = network_of(config), InLoopFilter(patch=PATCH, neighbourhood=way)  # type: ignore[arg-type]
    whole = filter_picture(network, shard.picture("baseline", 0), shard.picture("unfiltered", 0), 37, way="picture")
    corners: list[tuple[int, int]] = []
    corner = in_loop_filter.corner

    def noted(own: np.random.Generator, height: int, width: int, patch: int) -> tuple[int, int]:
        corners.append(corner(own, height, width, patch))
        return corners[-1]

    monkeypatch.setattr(in_loop_filter, "corner", noted)
    monkeypatch.setattr(in_loop_filter, "turned", lambda plane, _: plane)
    draws, same = task.draws([shard], config), []
    margin = 6 + config.margin
    for unit, here in enumerate(shard.ctus):
        for number in range(4):
            batch = draws.draw(unit, np.random.default_rng(0), np.random.default_rng(number))
            y, x = (int(here[name]) + start for name, start in zip(("y", "x"), corners[-1], strict=True))
            if min(y, x) < margin or y + PATCH + margin > HEIGHT or x + PATCH + margin > WIDTH:
                continue
            extent = PATCH + 2 * config.margin + (2 * 4 if way == "picture" else 0)
            assert batch.windows.y.shape == (1, extent, extent)
            with torch.no_grad():
                luma = network(to_tensors(batch.windows))[0, 0] * 255
            cut = (len(luma) - PATCH) // 2
            found = luma[cut : cut + PATCH, cut : cut + PATCH].round().clip(0, 255).numpy()
            same.append(np.array_equal(found, whole[y : y + PATCH, x : x + PATCH]))
    assert len(same) > 5
    return same


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, input="unfiltered", margin=4)])
def test_a_patch_is_filtered_as_in_the_decoded_picture(
    tmp_path: Path, config: RdnConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "a.h5", "coffee", 37)
    shard = Shard(tmp_path / "a.h5")
    assert all(filtered_patches(shard, config, monkeypatch, "picture"))
    monkeypatch.undo()
    if config.margin == 2:  # the margin of the data
        assert not all(filtered_patches(shard, config, monkeypatch, "ctu"))  # it meets zeros instead


def test_the_loss_is_over_the_patch_only(data: Path) -> None:
    """An identity network has the loss of the baseline in the patch, whatever is around it."""
    shards, task = open_folder(data), InLoopFilter(patch=PATCH, neighbourhood="picture", loss="mse")
    batch = task.draws(shards, CONFIG).draw(4, np.random.default_rng(0), np.random.default_rng(1))
    border = (batch.windows.y.shape[-1] - PATCH) // 2
    inner = batch.windows.y[:, border:-border, border:-border].astype(float)
    expected = (((inner - batch.original) / 255) ** 2)[batch.valid].sum()
    batch = mapped(batch, np.ascontiguousarray)
    tensors = batch._replace(
        windows=to_tensors(batch.windows),
        original=torch.from_numpy(batch.original),
        valid=torch.from_numpy(batch.valid),
    )
    loss, count = task.sums(Rdn(CONFIG), tensors)["loss"]
    assert (float(loss.detach()), float(count)) == pytest.approx((expected, batch.valid.sum()), rel=1e-4)


def test_it_is_validated_as_it_is_used(data: Path) -> None:
    shards, network = open_folder(data)[:2], network_of(CONFIG)
    gains = {way: InLoopFilter(neighbourhood=way).validate(network, shards)["gain"] for way in ("ctu", "picture")}
    assert gains["ctu"] != gains["picture"]


def test_what_cannot_be(data: Path) -> None:
    shards = open_folder(data)
    wide = replace(CONFIG, margin=8)
    with pytest.raises(InputError, match=r"model\.margin is 8, but the data have a margin of 2"):
        Patches(shards, wide, PATCH)
    assert Patches(shards, wide, PATCH, "picture").draw(
        0, np.random.default_rng(0), np.random.default_rng(0)
    ).windows.y.shape == (1, 40, 40)
    with pytest.raises(InputError, match=f"but the data have CTUs of {CTU}"):
        Patches(shards, CONFIG, CTU + 2, "picture")


def test_reports_filter_as_the_filter_was_trained() -> None:
    def chosen(**notes: object) -> Loaded:
        return Loaded("a", network_of(CONFIG), notes)

    wide = {"recipe": {"neighbourhood": "picture"}}
    assert way_of(chosen(), None) == way_of(chosen(recipe={"patch": 32}), None) == "ctu"
    assert way_of(chosen(**wide), None) == way_of(chosen(by_qp={"22": wide, "37": wide}), None) == "picture"
    assert way_of(chosen(by_qp={"22": wide, "37": {"recipe": {}}}), None) == "ctu"
    assert way_of(chosen(**wide), "ctu") == way_of(chosen(), "ctu") == "ctu"
