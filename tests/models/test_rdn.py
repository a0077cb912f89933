"""The network: what it is fed with, its form and every switch of it, its cost, and that it learns."""

from dataclasses import asdict, replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from codecnn import losses
from codecnn.errors import InputError
from codecnn.io.validated import validated
from codecnn.models import costs
from codecnn.models.costs import parameter_count
from codecnn.models.in_loop_filter import Windows
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.macs import block_macs, ctu_macs, kmac_per_sample
from codecnn.models.rdn.network import Rdn
from codecnn.models.rdn.planes import make_planes
from tests.pictures import photograph

S = RdnConfig(channels=32, blocks=3, convolutions=6, growth=16, input="baseline")
M = replace(S, blocks=4, growth=24)
SMALL = RdnConfig(channels=6, blocks=2, convolutions=3, growth=4)


def random_planes(config: RdnConfig, height: int = 24, width: int = 32, count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (count, config.planes, height + 2 * config.margin, width + 2 * config.margin)
    return torch.rand(shape, generator=generator)


def shaken(config: RdnConfig) -> Rdn:
    """A network whose last convolution is not zero."""
    torch.manual_seed(0)
    model = Rdn(config)
    nn.init.normal_(model.last.weight)
    return model


def zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


@pytest.mark.parametrize("shape", [(8, 12), (7, 9)])
@pytest.mark.parametrize("peak", [255, 1023])
def test_planes(shape: tuple[int, int], peak: int) -> None:
    height, width = shape
    rng = np.random.default_rng(0)
    y, extra = (rng.integers(0, peak + 1, (2, height, width)).astype(np.uint16) for _ in range(2))
    u, v = (rng.integers(0, peak + 1, (2, -(-height // 2), -(-width // 2))).astype(np.uint16) for _ in range(2))
    qp = np.array([22, 37], np.float32)
    tensors = [torch.from_numpy(plane) for plane in (y, u, v, extra)]
    planes = make_planes(
        Windows(tensors[0], tensors[1], tensors[2], tensors[3], torch.from_numpy(qp), torch.full((2,), float(peak)))
    )
    up_u, up_v = (np.repeat(np.repeat(c, 2, 1), 2, 2)[:, :height, :width] for c in (u, v))
    qps = np.broadcast_to(qp[:, None, None] / 64, y.shape)
    expected = np.stack([y / peak, up_u / peak, up_v / peak, qps, extra / peak], 1)
    np.testing.assert_allclose(planes.numpy(), expected, rtol=1e-6)


def test_planes_of_mixed_bit_depths() -> None:
    windows = torch.tensor([[[255]], [[1023]]], dtype=torch.int32)
    planes = make_planes(Windows(windows, windows, windows, None, torch.zeros(2), torch.tensor([255.0, 1023.0])))
    assert planes.shape == (2, 4, 1, 1)
    assert planes[:, :3].eq(1).all()


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        replace(SMALL, input="baseline", margin=6),
        replace(SMALL, head="one 5x5"),
        replace(SMALL, head="6x6 by 2"),
        replace(SMALL, residuals=3),
        replace(SMALL, head="6x6 by 2", residuals=2),
    ],
)
def test_an_untrained_network_gives_its_input_back(config: RdnConfig) -> None:
    planes = random_planes(config, 9, 14)
    m = config.margin
    restored = Rdn(config).restore(planes)
    assert restored.shape[1] == config.residuals
    assert torch.equal(restored[:, :1], planes[:, :1, m:-m, m:-m])
    for other in restored[:, 1:].unbind(1):  # small, but not nothing
        assert 1e-4 < (other - restored[:, 0]).square().mean().sqrt() < 0.1


@pytest.mark.parametrize(
    "config", [SMALL, replace(SMALL, head="one 5x5", input="baseline"), replace(SMALL, head="6x6 by 2")]
)
def test_an_untrained_network_answers_to_detail_and_qp_alone(config: RdnConfig) -> None:
    shallow = Rdn(config).shallow
    planes = random_planes(config)
    features = shallow(planes)
    brighter = planes + 0.25
    brighter[:, 3] = planes[:, 3]
    torch.testing.assert_close(shallow(brighter), features, rtol=0, atol=1e-4)
    planes[:, 3] += 0.25
    assert (shallow(planes) - features).abs().max() > 0.01


def test_a_larger_margin_is_cropped_away() -> None:
    config = replace(SMALL, margin=2 + SMALL.reach)  # more than zero padding can reach through
    model = shaken(config)
    planes = random_planes(config, 20, 24, 1)
    whole = model.restore(planes)
    assert whole.shape == (1, 1, 20, 24)

    def window(margin: int) -> Tensor:
        """Rows 4 to 12 and columns 6 to 16 of the output from a window of their own."""
        narrow = Rdn(replace(config, margin=margin))
        narrow.load_state_dict(model.state_dict())
        skip = config.margin - margin
        part: Tensor = narrow.restore(planes[..., 4 + skip : 12 + skip + 2 * margin, 6 + skip : 16 + skip + 2 * margin])
        return part

    torch.testing.assert_close(window(config.margin), whole[..., 4:12, 6:16])
    assert not torch.allclose(window(config.margin - 2), whole[..., 4:12, 6:16])  # and reach is no more than needed


def test_global_residual() -> None:
    for on in (True, False):
        model = shaken(replace(SMALL, global_residual=on, residual_output=False))
        zero(model.fuse)
        output = model.restore(random_planes(SMALL))
        assert (output.std() > 0.01) == on  # without it, nothing but the blocks leads from input to output


def test_residual_output() -> None:
    for on in (True, False):
        model = shaken(replace(SMALL, residual_output=on))
        zero(model.last)
        planes = random_planes(SMALL)
        expected = planes[:, :1, 2:-2, 2:-2] if on else torch.zeros(2, 1, 24, 32)
        assert torch.equal(model.restore(planes), expected)


def test_inner_residual() -> None:
    x = torch.rand(1, SMALL.channels, 8, 8)
    for on in (True, False):
        block = Rdn(replace(SMALL, inner_residual=on)).blocks[0]
        zero(block.get_submodule("fuse"))
        assert torch.equal(block(x), x if on else torch.zeros_like(x))


def test_head() -> None:
    kernels = {}
    for config in (SMALL, replace(SMALL, head="one 5x5"), replace(SMALL, head="6x6 by 2")):
        model = Rdn(config)
        assert model.restore(random_planes(SMALL)).shape == (2, 1, 24, 32)
        convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
        kernels[config.head] = [
            c.kernel_size[0] for c in convolutions if c.padding == (0, 0) and c.kernel_size != (1, 1)
        ]
    assert kernels == {"two 3x3": [3, 3], "one 5x5": [5], "6x6 by 2": [6]}


def test_every_layer_of_a_block_sees_all_before_it() -> None:
    block = Rdn(S).blocks[0]
    convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size) for c in convolutions] == [
        (32, 16, (3, 3)), (48, 16, (3, 3)), (64, 16, (3, 3)), (80, 16, (3, 3)), (96, 16, (3, 3)), (112, 32, (1, 1)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        *({"margin": 3}, {"margin": 0}, {"channels": 0}, {"blocks": 0}, {"growth": 0}, {"convolutions": 1}),
        *({"residuals": 0}, {"attention": -1}, {"modulation": -1}, {"margin": 16, "attention": 4}),
    ],
)
def test_impossible_configurations(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(S, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("margin", 2.0),
        ("margin", 20000),
        ("margin", 10**9),
        ("channels", True),
        ("channels", "8"),
        ("channels", 1025),
        ("growth", 10**9),
        ("blocks", 65),
        ("convolutions", 65),
        ("residuals", 5),
        ("inner_residual", 1),
        ("global_residual", "yes"),
        ("residual_output", None),
        ("head", "foo"),
        ("head", ["two 3x3"]),
        ("input", "filtered"),
        ("branches", 1),
        ("attention", 1025),
        ("attention", True),
        ("modulation", 10**9),
    ],
)
def test_forged_configurations(field: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"^a\.yaml: {field}:? must be "):
        validated(RdnConfig, asdict(S) | {field: value}, "a.yaml")


@pytest.mark.parametrize(
    "config",
    [S, M, SMALL, RdnConfig(5, 1, 2, 3), RdnConfig(7, 3, 4, 5, margin=8, input="unfiltered")]
    + [replace(SMALL, **{name: False}) for name in ("global_residual", "residual_output", "inner_residual")]  # type: ignore[arg-type]
    + [replace(SMALL, head=head, margin=margin) for head in ("one 5x5", "6x6 by 2") for margin in (2, 4)]
    + [replace(SMALL, residuals=2), replace(SMALL, head="6x6 by 2", residuals=4)]
    + [replace(SMALL, branches=True), replace(SMALL, modulation=3), replace(SMALL, attention=2, margin=34)]
    + [replace(S, branches=True, modulation=8, attention=4, head="6x6 by 2")],
)
def test_closed_form_of_macs(config: RdnConfig) -> None:
    for size in (16, 38):
        assert ctu_macs(config, size) == costs.ctu_macs(Rdn(config), size)


def test_published_cost() -> None:
    assert kmac_per_sample(S) == pytest.approx(172, abs=0.5)
    assert kmac_per_sample(M) == pytest.approx(390, abs=1)
    # The formula of the design, kernel taps 9 and 1: il = ol = 32, n = 6, g = 16.
    assert block_macs(S) == 9 * (5 * 32 + 16 * 5 * 4 // 2) * 16 + (32 + 5 * 16) * 32
    assert parameter_count(Rdn(RdnConfig(1, 1, 2, 1, input="baseline"))) == (36 + 1) + 10 + (10 + 3) + (2 + 10) + 10


def test_overfits_four_ctus() -> None:
    picture = photograph("astronaut", 64, 64)
    original = torch.from_numpy(np.ascontiguousarray(picture.y)).reshape(2, 32, 2, 32).swapaxes(1, 2).reshape(4, 32, 32)
    coded = nn.functional.avg_pool2d(original.float(), 5, 1, 2, count_include_pad=False).round()
    windows = nn.functional.pad(coded, (2, 2, 2, 2), mode="replicate")
    chroma = torch.full((4, 18, 18), 128)
    peak = torch.full((4,), 255.0)
    planes = make_planes(Windows(windows, chroma, chroma, None, torch.full((4,), 32), peak))
    torch.manual_seed(0)
    model = Rdn(RdnConfig(channels=16, blocks=2, convolutions=4, growth=12, input="baseline"))
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    steps = []
    for _ in range(600):
        total, count = losses.mse(
            model.restore(planes)[:, 0], original / 255, torch.ones_like(original, dtype=torch.bool)
        )
        optimiser.zero_grad()
        torch.autograd.backward(total / count)
        optimiser.step()
        steps.append(float((total / count).detach()))
    assert steps[-1] < steps[0] / 10


@pytest.mark.parametrize("head", ["two 3x3", "6x6 by 2"])
def test_each_residual_is_that_of_a_network_of_its_own(head: Literal["two 3x3", "6x6 by 2"]) -> None:
    config = replace(SMALL, head=head, residuals=3)
    model, planes = shaken(config), random_planes(SMALL, 9, 14)
    together = model.restore(planes)
    for place in range(3):
        single = Rdn(replace(config, residuals=1))
        outputs = slice(place * config.stride**2, (place + 1) * config.stride**2)
        tensors = model.state_dict()
        single.load_state_dict(tensors | {name: tensors[name][outputs] for name in ("last.weight", "last.bias")})
        torch.testing.assert_close(single.restore(planes)[:, 0], together[:, place])
