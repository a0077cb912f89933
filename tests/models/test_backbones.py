"""Test the backbones: input planes, forms and sizes, learning, going on after an interruption, limits."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codecnn.models.backbones.alexnet import AlexNetConfig
from codecnn.models.backbones.config import BackboneConfig
from codecnn.models.backbones.densenet import DenseNet, DenseNetConfig
from codecnn.models.backbones.efficientnet import EfficientNetConfig
from codecnn.models.backbones.inception import InceptionConfig
from codecnn.models.backbones.parts import Backbone, SqueezeExcitation
from codecnn.models.backbones.plain import Plain, PlainConfig
from codecnn.models.backbones.planes import input_planes
from codecnn.models.backbones.reinjection import GlobalContext, ReinjectionConfig
from codecnn.models.backbones.resnet import ResNet, ResNetConfig
from codecnn.models.backbones.se_resnet import SeResNetConfig
from codecnn.models.backbones.vgg import VggConfig
from codecnn.models.backbones.vit import Layer, VitConfig
from codecnn.models.blocks import Blocks
from codecnn.models.costs import macs
from codecnn.models.modes.normalise import normalised
from codecnn.models.registry import FAMILIES, make_network
from codecnn.models.weights import read_weights
from codecnn.tasks.intra_mode import IntraMode
from codecnn.training.loop import Event, train
from codecnn.training.optimisers import learning_rate, make_optimiser, set_rate
from codecnn.training.recipe import Optimiser, Recipe, Run, Training
from tests.small_data import write_dataset
from tests.training.runs import rows, state_of

SIZES = (4, 8, 16, 32, 64)
SMALL: tuple[BackboneConfig, ...] = (
    PlainConfig(width=8, hidden=32),
    AlexNetConfig(width=8, hidden=32),
    VggConfig(width=6, hidden=32),
    InceptionConfig(width=12, hidden=32),
    ResNetConfig(width=12, hidden=32),
    DenseNetConfig(width=8, growth=4, hidden=32),
    SeResNetConfig(width=12, hidden=32),
    EfficientNetConfig(width=8, hidden=32),
    VitConfig(width=16, hidden=32),
    ReinjectionConfig(width=12, hidden=32),
)
each_backbone = pytest.mark.parametrize("config", SMALL, ids=lambda config: type(config).__name__)


def random_blocks(size: int, count: int = 4) -> Blocks[Tensor]:
    numbers = torch.Generator().manual_seed(size)
    shapes = (count, size, size), (count, 4 * size + 1), (count, 4)
    block, references, available = (torch.rand(shape, generator=numbers) for shape in shapes)
    return Blocks(255 * block, 255 * references, available, torch.full((count,), 32.0), torch.full((count,), 255.0))


def gratings(rng: np.random.Generator, size: int, angles: int, count: int) -> tuple[Blocks[Tensor], Tensor]:
    """Blocks of waves in random phase and of one of some directions, with their references, and which direction."""
    label = rng.integers(0, angles, count)
    angle, frequency, phase = np.pi * label / angles, rng.uniform(0.1, 0.2, count), rng.uniform(0, 2 * np.pi, count)

    def wave(x: np.ndarray, y: np.ndarray) -> Tensor:
        x, y = x.reshape(1, -1), y.reshape(1, -1)
        along = x * np.cos(angle)[:, None] + y * np.sin(angle)[:, None]
        return torch.from_numpy(128 + 90 * np.sin(2 * np.pi * frequency[:, None] * along + phase[:, None])).float()

    y, x = np.mgrid[:size, :size]
    line, outside = np.arange(2 * size), np.full(2 * size, -1)
    references = wave(np.concatenate((outside, [-1], line)), np.concatenate((line, [-1], outside)))
    rest = torch.ones(count, 4), torch.full((count,), 32.0), torch.full((count,), 255.0)
    return Blocks(wave(x, y).view(-1, size, size), references, *rest), torch.from_numpy(label)


def test_planes_hold_the_references_by_direction() -> None:
    blocks, size = random_blocks(8), 8
    original, references, side = normalised(blocks)
    planes, numbers = input_planes(blocks)
    expected = torch.empty(4, 5, size, size)
    for y in range(size):
        for x in range(size):
            lines = [2 * size + 1 + x, 3 * size + 1 + x, y, size + y]  # above, above right, left, below left
            expected[:, :, y, x] = torch.cat((original[:, y, x, None], references[:, lines]), 1)
    torch.testing.assert_close(planes, expected)
    torch.testing.assert_close(numbers, torch.cat((side, references[:, 2 * size, None]), 1))


def test_all_backbones_are_tested() -> None:
    made = {name for name, family in FAMILIES.items() if issubclass(family.network, Backbone)}
    assert {type(config) for config in SMALL} == {FAMILIES[name].config for name in made}
    assert len(made) == 10


@pytest.mark.parametrize("size", SIZES)
@each_backbone
def test_forward_and_backward_at_every_size(config: BackboneConfig, size: int) -> None:
    torch.manual_seed(0)
    for modes, count in (("vvc-67", 67), *([("hevc-35", 35)] if size < 64 else [])):
        network = make_network(replace(config, size=size, modes=modes))  # type: ignore[arg-type]
        logits = network(random_blocks(size))
        assert logits.shape == (4, count)
        assert logits.isfinite().all()
    torch.autograd.backward(logits.logsumexp(1).sum())
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not silent
    hidden, output = network.parameter_groups()
    assert {id(p) for p in network.parameters()} == {id(p) for p in [*hidden, *output]}
    assert [p.shape[0] for p in output] == [count, count]


@pytest.mark.parametrize(("size", "angles"), [(4, 4), (8, 16)])
@each_backbone
def test_the_angle_of_a_grating_is_learned(config: BackboneConfig, size: int, angles: int) -> None:
    torch.manual_seed(0)
    network = make_network(replace(config, size=size))
    choice, steps, rng = Optimiser(lr=3e-2, last=1, warmup=5), 60 if size == 4 else 100, np.random.default_rng(0)
    optimiser = make_optimiser(network, choice)
    for step in range(steps):
        set_rate(optimiser, learning_rate(choice, step, steps))
        blocks, label = gratings(rng, size, angles, 128)
        torch.autograd.backward(F.cross_entropy(network(blocks), label))
        optimiser.step()
        optimiser.zero_grad()
    blocks, label = gratings(rng, size, angles, 1000)
    with torch.inference_mode():
        assert (network.eval()(blocks).argmax(1) == label).float().mean() > 0.9


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


def weights_of(out: Path) -> dict[str, Tensor]:
    network = read_weights(out / "last.safetensors").network
    assert isinstance(network, nn.Module)
    return network.state_dict()


class KilledError(Exception):
    """End a training in the middle."""


@each_backbone
def test_resumed_is_as_if_nothing_had_happened(config: BackboneConfig, data: Path, tmp_path: Path) -> None:
    """With dropout, whose random numbers must not begin anew."""
    training = Training(
        steps=5, batch=2, workers=0, precision="fp32", log_every=1, validate_every=5, checkpoint_every=2, holdout=0.25
    )
    recipe = Recipe(training, IntraMode(blocks=8, validate_ctus=1), replace(config, size=8, dropout=0.5))

    def kill(event: Event) -> None:
        if event.step == 3:
            raise KilledError

    train(Run(recipe, [data], None, tmp_path / "whole"))
    with pytest.raises(KilledError):
        train(Run(recipe, [data], None, tmp_path / "parts"), kill)
    train(Run(recipe, [data], None, tmp_path / "parts", resume=True))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert rows(whole) == rows(parts)
    states = [state_of(out) for out in (whole, parts)]
    weights = [weights_of(out) for out in (whole, parts)]
    for one, other in (weights, *([state[part] for state in states] for part in ("model", "average"))):
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert weights[0].keys() == make_network(recipe.model).state_dict().keys()


def layers(network: nn.Module, *kinds: type[nn.Module]) -> Iterator[Any]:
    return (module for module in network.modules() if isinstance(module, kinds))


@pytest.mark.parametrize(
    ("norm", "order"),
    [("before", "Conv2d BatchNorm2d ReLU"), ("after", "Conv2d ReLU BatchNorm2d"), ("none", "Conv2d ReLU")],
)
def test_batch_norm_is_where_it_is_asked_for(norm: Literal["before", "after", "none"], order: str) -> None:
    network = Plain(PlainConfig(8, norm=norm))
    found = [type(layer).__name__ for layer in layers(network.features, nn.Conv2d, nn.BatchNorm2d, nn.ReLU)]
    assert found == 2 * order.split()


def test_multiply_accumulates_by_hand() -> None:
    blocks = random_blocks(16, 1)
    plain = 256 * 45 * 4 + 64 * 36 * 8 + 16 * 72 * 16 + (4 * 16 + 7) * 64 + 64 * 67
    assert macs(Plain(PlainConfig(width=4)).eval(), blocks) == plain
    # Bottlenecks of a quarter, and projected shortcuts where the shape changes: not in the first stage.
    blocks_of_stages = [64 * (8 * 2 + 2 * 18 + 2 * 8)]
    for side, inputs in ((8, 8), (4, 16)):
        outputs, within, after = 2 * inputs, inputs // 2, (side // 2) ** 2
        convolutions = side**2 * inputs * within + after * within * (9 * within + outputs)
        blocks_of_stages.append(convolutions + after * inputs * outputs)
    resnet = 64 * 45 * 8 + sum(blocks_of_stages) + (32 + 7) * 64 + 64 * 67
    assert macs(ResNet(ResNetConfig(width=8)).eval(), blocks) == resnet


def test_a_dense_network_grows_and_is_compressed() -> None:
    network = DenseNet(DenseNetConfig(16, width=8, growth=4, depth=2, compression=0.5))
    shapes = [tuple(conv.weight.shape[:2]) for conv in layers(network, nn.Conv2d)]
    layer = [[(16, n), (4, 16)] for n in range(8, 17, 4)]
    assert shapes == [(8, 5), *layer[0], *layer[1], (8, 16), *layer[0], *layer[1], (8, 16), *layer[0], *layer[1]]


def test_compound_scaling() -> None:
    config = EfficientNetConfig(16, width=10, depth=2, scale=2, deepen=1.2, broaden=1.1)
    assert config.scaled_depth == math.ceil(2 * 1.44)
    assert config.scaled_widths == [12, 24, 48]
    assert replace(config, scale=0).scaled_widths == [10, 20, 40]


def test_attention_is_that_of_pytorch() -> None:
    layer = Layer(VitConfig(8, width=12, heads=3)).eval()
    twin = nn.TransformerEncoderLayer(12, 3, 24, 0.0, F.gelu, batch_first=True, norm_first=True).eval()
    own = dict(layer.named_parameters())
    names = {
        "self_attn.in_proj_weight": "attend.weight", "self_attn.in_proj_bias": "attend.bias",
        "self_attn.out_proj.weight": "join.weight", "self_attn.out_proj.bias": "join.bias",
        "linear1.weight": "perceptron.1.weight", "linear1.bias": "perceptron.1.bias",
        "linear2.weight": "perceptron.3.weight", "linear2.bias": "perceptron.3.bias",
        "norm1.weight": "norm.weight", "norm1.bias": "norm.bias",
        "norm2.weight": "perceptron.0.weight", "norm2.bias": "perceptron.0.bias",
    }  # fmt: skip
    twin.load_state_dict({theirs: own[ours] for theirs, ours in names.items()})
    tokens = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(tokens), twin(tokens))


def test_weights_of_features_and_of_places() -> None:
    image = torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    squeeze = SqueezeExcitation(8, 2, nn.ReLU())
    first, _, second, _ = squeeze.weights
    for number, one in enumerate(image):
        hidden = (one.mean((1, 2)) @ first.weight.T + first.bias).clamp(min=0)
        weights = 1 / (1 + torch.exp(-(hidden @ second.weight.T + second.bias)))
        torch.testing.assert_close(squeeze(image)[number], one * weights.view(8, 1, 1))
    context = GlobalContext(8)
    nn.init.zeros_(context.weights.weight)  # all places weigh the same: the mean
    expected = image + context.change(image.mean((2, 3)))[..., None, None]
    torch.testing.assert_close(context(image), expected)


def test_weights_are_of_the_variance_of_he() -> None:
    torch.manual_seed(0)
    network = make_network(VggConfig(32, width=64))
    for layer in layers(network, nn.Conv2d, nn.Linear):
        expected = math.sqrt(2 / layer.weight[0].numel())
        assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (VggConfig, {"size": 12}, "size must be one of 4, 8, 16, 32, 64 for vvc-67, not 12"),
        (PlainConfig, {"size": 64, "modes": "hevc-35"}, "size must be one of 4, 8, 16, 32 for hevc-35, not 64"),
        (ResNetConfig, {"modes": "vvc-67-mrl"}, "modes must be vvc-67 or hevc-35"),
        (AlexNetConfig, {"width": 0}, "width must be from 1 to 1024, not 0"),
        (InceptionConfig, {"width": 3}, "width must be from 4 to 1024, not 3"),
        (PlainConfig, {"hidden": 10**9}, "hidden must be from 1 to 4096, not 1000000000"),
        (VggConfig, {"dropout": 1.0}, "dropout must be from 0 to 0.95, not 1.0"),
        (VggConfig, {"widening": float("nan")}, "widening must be from 1 to 4, not nan"),
        (DenseNetConfig, {"compression": 0.0}, "compression must be from 0.1 to 1, not 0.0"),
        (EfficientNetConfig, {"scale": -1.0}, "scale must be from 0 to 4, not -1.0"),
        (SeResNetConfig, {"reduction": 0}, "reduction must be from 1 to 1024, not 0"),
        (VitConfig, {"size": 4, "tokens": 8}, "tokens must be 1, 2, 4, 8 or 16, and at most the size, 4, not 8"),
        (VitConfig, {"width": 33}, "width must be a multiple of heads, not 33 with 2"),
    ],
)
def test_what_is_out_of_range_is_refused(kind: type[BackboneConfig], fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kind(**fields)
