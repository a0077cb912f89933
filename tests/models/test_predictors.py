"""Test networks that predict blocks: what they may and may not depend on, and their cost."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from codecnn.intra import vvc
from codecnn.intra.references import substitute
from codecnn.models.costs import macs, parameter_count
from codecnn.models.network import Network
from codecnn.models.predictors.connected import ConnectedConfig
from codecnn.models.predictors.convolutional import ConvolutionalConfig
from codecnn.models.predictors.directions import modes_as_matrix, references_of
from codecnn.models.predictors.mixture import MixtureConfig
from codecnn.models.predictors.neighbourhood import Neighbourhood, zero_neighbourhood
from codecnn.models.predictors.refinement import HORIZONTAL_MODES, RefinementConfig
from codecnn.models.registry import make_network
from codecnn.models.weights import read_weights, save_weights
from codecnn.tasks.neighbourhoods import transposed

Config = ConnectedConfig | ConvolutionalConfig | MixtureConfig | RefinementConfig
CONFIGS: list[Config] = [
    *(ConnectedConfig(size, min(size, 8), 2, hidden=24) for size in (4, 8, 16, 32, 64)),
    *(ConvolutionalConfig(size, min(size, 8), 2, channels=8, hidden=24) for size in (4, 8, 16, 32, 64)),
    *(MixtureConfig(size, min(size, 8), 2, transforms=24, hidden=8, linear=5) for size in (4, 8, 16, 32)),
    *(RefinementConfig(size, min(size, 8), hidden=6) for size in (4, 8, 16, 32)),
]
EVERY = pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{type(c).__name__}{c.size}")


def samples(config: Config, count: int = 6) -> Neighbourhood[Tensor]:
    """Random samples at 10 bit: the first block has no neighbours, the others some or all of them."""
    rng = np.random.default_rng(0)
    size, lines = config.size, config.lines
    above_known, left_known = np.zeros((count, lines + 2 * size), bool), np.zeros((count, 2 * size), bool)
    for block in range(1, count):
        above_known[block, lines * (block % 2) : lines + size * (1 + block % 3 // 2)] = True
        left_known[block, : size * (block % 3)] = True
    above = rng.integers(200, 600, (count, lines, lines + 2 * size)) * above_known[:, None]
    left = rng.integers(200, 600, (count, 2 * size, lines)) * left_known[..., None]
    arrays = above, left, above_known, left_known, np.full(count, 30.0), np.full(count, 1023.0)
    return Neighbourhood(*map(torch.from_numpy, arrays))


def network_of(config: Config) -> Network:
    torch.manual_seed(0)
    return make_network(config).eval()


@EVERY
def test_every_predictor_at_every_size_gives_blocks_and_has_gradients(config: Config) -> None:
    network = network_of(config).train()
    predicted = network(samples(config))
    assert predicted.shape == (6, config.predictions, config.size, config.size)
    predicted.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@EVERY
def test_brightness_and_contrast_of_the_prediction_are_those_around_the_block(config: Config) -> None:
    network, around = network_of(config), samples(config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "side." in name:
                parameter.zero_()  # they are inputs as well
    known = around.above_known[:, None], around.left_known[..., None]

    def changed(factor: float, more: float) -> Tensor:
        parts = ((part * factor + more) * mask for part, mask in zip((around.above, around.left), known, strict=True))
        predicted: Tensor = network(around._replace(above=next(parts), left=next(parts))).detach()
        return predicted[1:]

    torch.testing.assert_close(changed(1.5, 100), changed(1, 0) * 1.5 + 100 / 1023, rtol=0.02, atol=1e-3)
    torch.testing.assert_close(network(around)[0].mean(), torch.tensor(0.5), rtol=0, atol=1e-2)  # nothing is known


def test_sides_share_their_kernels() -> None:
    """What a convolutional network knows of both sides are the same features, exchanged."""
    config = ConvolutionalConfig(16, 4, channels=8, hidden=24)
    network, around = network_of(config), samples(config)
    seen: list[Tensor] = []
    network.get_submodule("first").register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    swapped = transposed(Neighbourhood(*(part.numpy() for part in around)))
    network(around), network(Neighbourhood(*map(torch.from_numpy, swapped)))
    both = [part.detach().view(6, 2, -1) for part in seen]
    torch.testing.assert_close(both[1], both[0].flip(1))
    assert (both[0][:, 0] != both[0][:, 1]).any()


@pytest.mark.parametrize("size", [4, 8, 32])
def test_modes_as_linear_functions_are_the_modes_of_the_standard(size: int) -> None:
    """But for rounding: of smoothed references, of the prediction, and of its blend with the references."""
    references = np.random.default_rng(0).integers(200, 800, 4 * size + 1).astype(np.uint16)
    found = (torch.from_numpy(references).float() @ modes_as_matrix(size)).view(67, size, size)
    expected = np.stack([vvc.predict(references, size, size, mode, 10) for mode in range(67)])
    np.testing.assert_allclose(found, expected, atol=2.5)


def test_references_have_the_substitutes_of_the_standard() -> None:
    config = ConnectedConfig(4, 2)
    around = samples(config)
    found = references_of(around.above, around.left, around.above_known, around.left_known).numpy()
    for block in range(1, 6):
        border = np.concatenate((around.left[block, :, -1].numpy()[::-1], around.above[block, -1, 1:]))
        known = np.concatenate((around.left_known[block].numpy()[::-1], around.above_known[block, 1:]))
        filled = substitute(border, known, 10)
        np.testing.assert_array_equal(found[block], np.concatenate((filled[:8][::-1], filled[8:])))
    assert (found[0] == 0).all()


def test_without_a_correction_a_refinement_is_the_modes_of_the_standard() -> None:
    """At 10 bit, but for rounding; also the vertical modes, which it predicts as horizontal ones of other blocks."""
    config = RefinementConfig(8, 2, hidden=16)
    network, around = network_of(config), samples(config)
    with torch.no_grad():
        torch.nn.init.zeros_(network.get_submodule("last").weight)  # type: ignore[arg-type]
    references = references_of(around.above, around.left, around.above_known, around.left_known).numpy()
    found = 1023 * network(around).detach()
    for block in range(1, 6):
        expected = [vvc.predict(references[block].astype(np.uint16), 8, 8, mode, 10) for mode in range(67)]
        np.testing.assert_allclose(found[block], np.stack(expected).clip(0, 1023), atol=2.5)


def test_the_refined_modes_of_a_transposed_block_are_those_of_the_block_exchanged() -> None:
    config = RefinementConfig(8, 4, hidden=16)
    network, around = network_of(config), samples(config)
    with torch.no_grad():
        network.get_parameter("last.weight").mul_(100)  # corrections as large as predictions
    turned = Neighbourhood(*map(torch.from_numpy, transposed(Neighbourhood(*(part.numpy() for part in around)))))
    blocks = [2, 4]  # where the corner is decoded with both sides, as it is in pictures
    straight, other = (network(part).detach()[blocks] for part in (around, turned))
    angular = range(2, HORIZONTAL_MODES - 1)
    torch.testing.assert_close(other[:, [68 - mode for mode in angular]], straight[:, angular].mT, rtol=0, atol=2e-4)
    assert (straight[:, 20] - straight[:, 22]).abs().max() > 0.1


def test_some_refined_modes_are_the_same_as_among_all() -> None:
    config = RefinementConfig(4, 2, hidden=16)
    network, around = network_of(config), samples(config)
    modes = torch.randint(0, HORIZONTAL_MODES, (6, 3), generator=torch.Generator().manual_seed(0))
    every = network(around)
    torch.testing.assert_close(network(around, modes), every[torch.arange(6)[:, None], modes])


def test_a_mixture_is_read_from_its_file(tmp_path: Path) -> None:
    """A network on the device "meta" is made first, which must not leave its trace."""
    modes_as_matrix.cache_clear()
    config = MixtureConfig(8, 2, transforms=8, hidden=8, linear=8)
    with torch.device("meta"):
        make_network(config)
    network = network_of(config)
    save_weights(tmp_path / "m.safetensors", network, "intra-prediction", {})
    read = read_weights(tmp_path / "m.safetensors").network
    assert isinstance(read, Network)
    torch.testing.assert_close(read(samples(config)), network(samples(config)))
    assert (tmp_path / "m.safetensors").stat().st_size < 4 * parameter_count(network) + 4096


def test_multiply_accumulates() -> None:
    connected = ConnectedConfig(8, 4, 3, hidden=100, layers=3)
    expected = (4 * (4 * 8 + 4) + 6) * 100 + 2 * 100 * 100 + 100 * 3 * 64
    assert macs(network_of(connected), zero_neighbourhood(connected, 5)) == 5 * expected
    convolutional = ConvolutionalConfig(16, 8, 2, channels=10, hidden=50)
    sides = 2 * (20 * 5 * 9 * 10 + 10 * 5 * 10 * 10)
    dense = (2 * 10 * 10 + 6) * 50 + 50 * 10 * 16
    block = 16 * 9 * 10 * 10 + 16 * 9 * 10 * 2 * 16
    assert macs(network_of(convolutional), zero_neighbourhood(convolutional, 1)) == sides + dense + block
    mixture = MixtureConfig(8, 4, 3, transforms=100, hidden=20, linear=30)
    samples = (3 * 20 + 4 * 19 + 20) + (3 * 16 + 4 * 15 + 16)  # between lines, along lines, the nearest line
    shares = (samples + 6) * 100 + 100 * 3 * 67 + 33 * 67 * 64 + 3 * 67 * 64
    correction = (samples + 6) * 20 + 20 * 20 + samples * 30 + 50 * 3 * 64
    assert macs(network_of(mixture), zero_neighbourhood(mixture, 2)) == 2 * (shares + correction)
    refinement = RefinementConfig(8, 4, hidden=10)
    block, mode = (samples + 6) * 10 + 33 * 35 * 64, 2 * 64 * 10
    assert macs(network_of(refinement), zero_neighbourhood(refinement, 1)) == 2 * block + 67 * mode
    assert parameter_count(network_of(connected)) == expected + 3 * 100 + 3 * 64


@pytest.mark.parametrize("kind", [ConnectedConfig, ConvolutionalConfig, MixtureConfig, RefinementConfig])
@pytest.mark.parametrize(
    "wrong",
    [{"size": 12}, {"size": 8, "lines": 9}, {"size": 32, "lines": 17}, {"lines": 0}, {"hidden": 0}],
)  # fmt: skip
def test_what_cannot_be_is_refused(kind: type[Config], wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        kind(**wrong)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [*((kind, {"predictions": count}) for kind in (ConnectedConfig, MixtureConfig) for count in (0, 68)),
     (MixtureConfig, {"size": 64}), (RefinementConfig, {"size": 64})],
)  # fmt: skip
def test_what_only_some_networks_have_is_refused(kind: type[Config], wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        kind(**wrong)
