"""Variants of the network: branches that are merged for use, attention, and modulation by the QP."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.inference import filtering
from codecnn.inference.filtering import filter_picture
from codecnn.models.costs import parameter_count
from codecnn.models.rdn.channels import Attention, Modulation
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.convolution import BranchedConv
from codecnn.models.rdn.integer import wiring
from codecnn.models.rdn.network import Rdn
from codecnn.models.rdn.quantise import quantise
from codecnn.models.weights import read_weights, save_weights
from tests.pictures import photograph

SMALL = RdnConfig(channels=6, blocks=2, convolutions=3, growth=4)
BRANCHES, ATTENTION = replace(SMALL, branches=True), replace(SMALL, attention=3)
MODULATION = replace(SMALL, modulation=5)
ALL = replace(SMALL, branches=True, attention=3, modulation=5)


def shaken(config: RdnConfig) -> Rdn:
    """A network whose weights are all random, those that are zero at first as well."""
    torch.manual_seed(0)
    network = Rdn(config)
    for parameter in network.parameters():
        parameter.detach().add_(0.05 * torch.randn_like(parameter))
    return network


def planes_of(height: int = 44, width: int = 52) -> Tensor:
    planes = torch.rand(2, 5, height, width, generator=torch.Generator().manual_seed(1))
    planes[:, 3] = torch.tensor([22.0, 37.0]).view(2, 1, 1) / 64
    return planes


def test_a_convolution_with_branches_is_the_sum_of_four() -> None:
    torch.manual_seed(0)
    layer = BranchedConv(3, 5, 3, 1, 1)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    x = torch.rand(2, 3, 9, 8)
    expected = F.conv2d(x, layer.weight, layer.bias, padding=1) + F.conv2d(x, layer.point)
    expected += F.conv2d(x, layer.column, padding=(1, 0)) + F.conv2d(x, layer.row, padding=(0, 1))
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("config", [BRANCHES, ALL, replace(BRANCHES, head="6x6 by 2")])
def test_a_merged_network_computes_the_same(config: RdnConfig) -> None:
    network = shaken(config).eval()
    merged = network.merged()
    assert merged.config == replace(config, branches=False)
    assert not any(isinstance(module, BranchedConv) for module in merged.modules())
    assert parameter_count(merged) == parameter_count(Rdn(merged.config)) < parameter_count(network)
    assert not merged.training
    planes = planes_of()
    torch.testing.assert_close(merged.restore(planes), network.restore(planes))
    without = Rdn(merged.config)
    own = network.state_dict()
    without.load_state_dict({name: own[name] for name in without.state_dict()})
    assert not torch.allclose(without.restore(planes), network.restore(planes))  # the branches do something


def test_all_branches_learn() -> None:
    network = shaken(BRANCHES).train()
    torch.autograd.backward(network.restore(planes_of()).square().mean())
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_saved_weights_are_merged(tmp_path: Path) -> None:
    network, path = shaken(ALL).eval(), tmp_path / "w.safetensors"
    save_weights(path, network, "in-loop-filter", {})
    loaded = read_weights(path).network
    assert isinstance(loaded, Rdn)
    assert loaded.config == replace(ALL, branches=False)
    torch.testing.assert_close(loaded.restore(planes_of()), network.restore(planes_of()))


@pytest.mark.parametrize("config", [ATTENTION, MODULATION, ALL])
def test_untrained_parts_change_nothing(config: RdnConfig) -> None:
    network = Rdn(config)
    nn.init.normal_(network.last.weight)
    planes = planes_of()
    features = network.features(planes)
    for block in network.blocks:
        block.attention = None  # type: ignore[assignment]
    if network.modulation is not None:
        network.modulation = None
        planes = torch.cat((planes[:, :3], planes[:, 4:]), 1)
    torch.testing.assert_close(network.features(planes), features)


@pytest.mark.parametrize(("height", "width"), [(40, 70), (32, 64), (9, 20)])
def test_attention_by_a_plain_formula(height: int, width: int) -> None:
    torch.manual_seed(0)
    attention = Attention(4, 2, tile=32).double()
    for parameter in attention.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 4, height, width, dtype=torch.float64)
    squeeze, expand = (layer.weight.detach()[:, :, 0, 0].numpy() for layer in (attention.squeeze, attention.expand))
    biases = [layer.bias.detach().numpy() for layer in (attention.squeeze, attention.expand)]  # type: ignore[union-attr]
    expected = x.numpy().copy()
    for image in expected:
        for top in range(0, height, 32):
            for left in range(0, width, 32):
                tile = image[:, top : top + 32, left : left + 32]
                hidden = np.maximum(squeeze @ tile.mean((1, 2)) + biases[0], 0)
                tile *= (2 / (1 + np.exp(-(expand @ hidden + biases[1]))))[:, None, None]
    np.testing.assert_allclose(attention(x).detach().numpy(), expected, rtol=1e-12)


def test_modulation_by_a_plain_formula() -> None:
    torch.manual_seed(0)
    modulation = Modulation(hidden=3, channels=4, places=2)
    for parameter in modulation.parameters():
        nn.init.normal_(parameter)
    first, second = ([t.detach().double().numpy() for t in m.parameters()] for m in modulation.children())
    for qp in (22, 37):
        hidden = np.maximum(first[0][:, 0] * (qp - 32) / 16 + first[1], 0)
        output = (second[0] @ hidden + second[1]).reshape(2, 2, 4)  # places, scale and shift, channels
        found = modulation(torch.tensor([qp / 64]))
        for (scale, shift), (its_scale, its_shift) in zip(found, output, strict=True):
            np.testing.assert_allclose(scale[0, :, 0, 0].detach(), 1 + its_scale, rtol=1e-5)
            np.testing.assert_allclose(shift[0, :, 0, 0].detach(), its_shift, rtol=1e-5, atol=1e-6)


def test_modulation_tells_the_qps_of_a_batch_apart() -> None:
    network, planes = shaken(MODULATION).double(), planes_of().double()
    both = network.features(planes)
    for number in (0, 1):
        torch.testing.assert_close(network.features(planes[number : number + 1])[0], both[number])
    planes[0, 3] = 37 / 64
    assert not torch.allclose(network.features(planes)[0], both[0])


@pytest.mark.parametrize("config", [ATTENTION, replace(ATTENTION, head="6x6 by 2"), MODULATION], ids=str)
def test_parts_of_a_picture_agree_with_all_of_it(config: RdnConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    network = shaken(config).eval()
    baseline, unfiltered = (photograph(name, 200, 330) for name in ("astronaut", "chelsea"))
    whole = filter_picture(network, baseline, unfiltered, 32, way="picture")
    monkeypatch.setattr(filtering, "PART", 64)
    assert np.array_equal(filter_picture(network, baseline, unfiltered, 32, way="picture"), whole)


def test_attention_is_the_same_ctu_by_ctu_and_of_whole_pictures() -> None:
    """Features of a picture and of its CTUs, of whole tiles, where the picture ends as well."""
    torch.manual_seed(0)
    attention = Attention(4, 2, tile=32)
    nn.init.normal_(attention.expand.weight)
    x = torch.randn(1, 4, 96, 128)
    whole = attention(x)
    for top, left in ((0, 0), (0, 64), (64, 0), (64, 64)):
        ctu = x[..., top : top + 64, left : left + 64]
        torch.testing.assert_close(attention(ctu), whole[..., top : top + 64, left : left + 64])


@pytest.mark.parametrize("config", [ATTENTION, MODULATION])
def test_no_form_in_integers(config: RdnConfig) -> None:
    with pytest.raises(ValueError, match="attention or modulation has no form in integers"):
        wiring(config)
    with pytest.raises(ValueError, match="has no form in integers"):
        quantise(Rdn(config), [])
