"""VRCNN: the numbers of its paper, its form by hand, and that it learns."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from codecnn.models.costs import ctu_macs, kmac_per_sample, parameter_count
from codecnn.models.in_loop_filter import Windows
from codecnn.models.vrcnn import Vrcnn, VrcnnConfig
from experiments.train_filter import main as train_filter

PAPER = 54_512  # the weights of the paper's table, without biases
BIASES = 64 + 16 + 32 + 16 + 32 + 1


def windows(config: VrcnnConfig, side: int = 20) -> Windows[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    whole = side + 2 * config.margin
    y, other = torch.randint(0, 256, (2, 2, whole, whole), generator=generator, dtype=torch.uint8)
    empty = torch.empty((2, 0, 0), dtype=torch.uint8)
    extra = other if config.input == "both" else None
    return Windows(y, empty, empty, extra, torch.tensor([22.0, 37.0]), torch.full((2,), 255.0))


def shaken(config: VrcnnConfig) -> Vrcnn:
    torch.manual_seed(0)
    network = Vrcnn(config).eval()
    torch.nn.init.normal_(network.last.weight)
    return network


def test_it_has_the_size_of_the_paper() -> None:
    network = Vrcnn(VrcnnConfig())
    assert parameter_count(network) == PAPER + BIASES
    assert ctu_macs(network, 64) == PAPER * 64**2  # a multiply-accumulate for each weight and sample
    assert kmac_per_sample(network) == pytest.approx(54.512)


def test_it_is_the_network_of_the_paper() -> None:
    """By plain correlations of SciPy in double precision."""
    network, fed = shaken(VrcnnConfig()), windows(VrcnnConfig())
    weights = {name: tensor.detach().double().numpy() for name, tensor in network.named_parameters()}

    def layer(name: str, features: list[np.ndarray]) -> list[np.ndarray]:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return [
            sum(correlate2d(f, w, mode="same") for f, w in zip(features, of_output, strict=True)) + b
            for of_output, b in zip(weight, bias, strict=True)
        ]

    def relu(features: list[np.ndarray]) -> list[np.ndarray]:
        return [np.maximum(feature, 0) for feature in features]

    luma = fed.y[0].double().numpy() / 255
    features = relu(layer("first", [luma]))
    features = relu(layer("second.0", features)) + relu(layer("second.1", features))
    features = relu(layer("third.0", features)) + relu(layer("third.1", features))
    (residual,) = layer("last", features)
    with torch.inference_mode():
        restored = network(fed)[0, 0].numpy()
    assert restored == pytest.approx(luma + residual, abs=2e-5)
    assert np.abs(residual).max() > 0.1


@pytest.mark.parametrize(
    "config", [VrcnnConfig("both", 2, True), VrcnnConfig("baseline", 6), VrcnnConfig(qp_plane=True)]
)
def test_margin_planes_and_reach(config: VrcnnConfig) -> None:
    network, fed = shaken(config), windows(config)
    with torch.inference_mode():
        restored = network(fed)
        other_qp = network(fed._replace(qp=fed.qp + 5))
        without = shaken(replace(config, margin=0))
        without.load_state_dict(network.state_dict())
        whole = without(fed)
        cut = without(
            fed._replace(y=fed.y[:, 3:], unfiltered_y=None if fed.unfiltered_y is None else fed.unfiltered_y[:, 3:])
        )
    assert restored.shape == (2, 1, 20, 20)
    m = config.margin
    assert torch.equal(restored, whole[..., m : m + 20, m : m + 20])
    assert torch.equal(restored, other_qp) != config.qp_plane
    reach = config.reach
    assert torch.allclose(cut[:, :, reach:], whole[:, :, 3 + reach :], atol=1e-5)
    assert not torch.allclose(cut[:, :, reach - 1], whole[:, :, 2 + reach], atol=1e-5)


def test_a_margin_out_of_range_is_refused() -> None:
    for margin in (-2, 3, 130):
        with pytest.raises(ValueError, match="margin must be even and from 0 to 128"):
            VrcnnConfig(margin=margin)


def test_it_learns_for_one_qp(data: Path, tmp_path: Path) -> None:
    small = "--steps 40 --batch 8 --patch 16 --precision fp32 --workers 0 --holdout 0.25 --validate-every 40 --ema 0.9"
    words = [*small.split(), "--optimiser.warmup", "5", "--data", str(data), "--out", str(tmp_path / "run")]
    assert train_filter(["vrcnn", *words]) == 0
    *_, validation = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    assert validation["gain_37"] > 0.02
    assert "gain_22" not in validation  # the recipe is for QP 37 only
