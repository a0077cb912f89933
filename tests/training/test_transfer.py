"""Starting from weights of another form: what is taken over, what stays as it is, and how fast the rest moves."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from codecnn.errors import InputError
from codecnn.models.modes.absolute import Absolute, AbsoluteConfig
from codecnn.models.network import Network, ParameterGroups
from codecnn.models.rdn.config import RdnConfig
from codecnn.models.rdn.growth import can_grow
from codecnn.models.rdn.network import Rdn
from codecnn.models.registry import FAMILIES, make_network
from codecnn.models.weights import read_weights
from codecnn.training.layers import freeze, modules_up_to, shares_by_depth
from codecnn.training.optimisers import make_optimiser
from codecnn.training.recipe import Optimiser
from codecnn.training.transfer import transfer
from experiments.train_filter import main
from experiments.train_modes import main as train_modes
from tests.training.runs import assert_same_run, command, refused
from tests.weights_files import load

SMALL = RdnConfig(channels=6, blocks=2, convolutions=3, growth=4)
MODES = ["--model.pairs=8", "--batch=2", "--workers=0", "--holdout=0.25", "--precision=fp32", "--ema=0.5"]
MODES += ["--log-every=1", "--optimiser.warmup=1", "--optimiser.lr=1e-2"]


def filled(config: RdnConfig) -> Rdn:
    """A network whose last convolution is not zero, so that its output tells of all its weights."""
    network = Rdn(config).eval()
    nn.init.normal_(network.last.weight)
    return network


@pytest.mark.parametrize("added", ["zero", "mean"])
def test_input_planes_are_added(added: str) -> None:
    old, new = filled(replace(SMALL, input="baseline")), filled(SMALL)
    tensors, account = transfer(old, new, added)  # type: ignore[arg-type]
    assert account.adapted == {"shallow.weight": "4 input planes before, 5 now"}
    assert (account.new, account.unused) == ({}, [])
    new.load_state_dict(tensors)
    planes = torch.rand(2, 5, 20, 20)
    if added == "zero":
        torch.testing.assert_close(new.restore(planes), old.restore(planes[:, :4]))
    else:
        before = old.shallow.weight.double().sum(1) / 4
        torch.testing.assert_close(new.shallow.weight[:, 4].double(), before, rtol=1e-5, atol=1e-6)
        assert torch.equal(new.shallow.weight[:, :4], old.shallow.weight)


def test_input_planes_are_left_out() -> None:
    old, new = filled(SMALL), filled(replace(SMALL, input="unfiltered"))
    tensors, account = transfer(old, new, "zero")
    assert account.adapted == {"shallow.weight": "5 input planes before, 4 now"}
    new.load_state_dict(tensors)
    planes = torch.rand(2, 4, 20, 20)
    silent = torch.cat((planes, torch.zeros(2, 1, 20, 20)), 1)
    torch.testing.assert_close(new.restore(planes), old.restore(silent))


@pytest.mark.parametrize("modulated", [False, True])
def test_other_input_planes_are_not_taken_for_each_other(modulated: bool) -> None:
    """With modulation there is no QP plane: the fourth plane is the unfiltered luma."""
    configs = SMALL, replace(SMALL, modulation=3)
    old, new = (filled(config) for config in configs[:: -1 if modulated else 1])
    _, account = transfer(old, new, "zero")
    assert account.new["shallow.bias"] == "as shallow.weight"
    with_qp, without = "planes y, u, v, qp, unfiltered_y", "planes y, u, v, unfiltered_y"
    names = (without, with_qp) if modulated else (with_qp, without)
    assert account.new["shallow.weight"] == f"{names[0]} before, {names[1].removeprefix('planes ')} now"
    assert {"entry.weight", "blocks.1.fuse.weight", "last.weight"} <= {*account.taken}


def test_branches_begin_from_weights_without_them_and_compute_the_same() -> None:
    old, new = filled(SMALL), filled(replace(SMALL, branches=True, attention=2))
    tensors, account = transfer(old, new, "zero")
    assert account.new["blocks.0.layers.1.row"] == account.new["blocks.1.attention.squeeze.bias"] == "not there before"
    assert (account.adapted, account.unused) == ({}, [])
    new.load_state_dict(tensors)
    planes = torch.rand(2, 5, 20, 20)
    torch.testing.assert_close(new.restore(planes), old.restore(planes))


@pytest.mark.parametrize("head", ["two 3x3", "6x6 by 2"])
@pytest.mark.parametrize("counts", [(1, 3), (3, 2)])
def test_residuals_are_added_and_left_out(counts: tuple[int, int], head: Literal["two 3x3", "6x6 by 2"]) -> None:
    config = replace(SMALL, head=head)
    old, new = (filled(replace(config, residuals=count)) for count in counts)
    untrained = new.last.weight.detach().clone()
    tensors, account = transfer(old, new, "zero")
    outputs = [count * config.stride**2 for count in counts]
    said = f"{outputs[0]} outputs before, {outputs[1]} now"
    assert account.adapted == {"last.weight": said, "last.bias": said}
    assert (account.new, account.unused) == ({}, [])
    new.load_state_dict(tensors)
    planes = torch.rand(2, 5, 20, 20)
    kept = min(counts)
    torch.testing.assert_close(new.restore(planes)[:, :kept], old.restore(planes)[:, :kept])
    assert torch.equal(new.last.weight[outputs[0] :], untrained[outputs[0] :])
    _, account = transfer(old, filled(replace(config, channels=7, residuals=2)), "zero")
    assert account.new["last.bias"] == "as last.weight"


@pytest.mark.parametrize(
    "sizes", [{"growth": 7}, {"blocks": 3}, {"convolutions": 5}, {"blocks": 4, "convolutions": 4, "growth": 9}]
)
@pytest.mark.parametrize(
    "fields", [{}, {"attention": 3}, {"branches": True}, {"head": "6x6 by 2", "input": "baseline"}]
)
def test_a_network_that_grows_computes_the_same_and_learns(sizes: dict[str, Any], fields: dict[str, Any]) -> None:
    small = replace(SMALL, **fields)
    old, new = filled(small), filled(replace(small, **sizes))
    for branch in (tensor for name, tensor in old.named_parameters() if name.endswith((".column", ".row", ".point"))):
        nn.init.normal_(branch, std=0.1)
    before = {name: tensor.clone() for name, tensor in old.state_dict().items()}
    tensors, account = transfer(old, new, "zero")
    new.load_state_dict(tensors)
    planes = torch.rand(2, small.planes, 36, 36)
    expected = old.restore(planes)
    torch.testing.assert_close(new.restore(planes), expected, rtol=1e-4, atol=1e-5)
    assert account.unused == []
    assert {"shallow.weight", "last.weight"} <= {*account.taken}
    if "growth" in sizes:
        rows = f"{sizes['growth']} x 6 x 3 x 3"
        assert account.adapted["blocks.1.layers.0.weight"] == f"4 x 6 x 3 x 3 before, {rows} now, computes the same"
    if "blocks" in sizes:
        assert account.new["blocks.2.layers.0.weight"] == "not there before"
    new.train().restore(planes).square().sum().backward()  # type: ignore[no-untyped-call]
    for block in new.blocks[: len(old.blocks)]:  # the new features are taken as input at once
        gradient = block.get_parameter("fuse.weight").grad
        assert gradient is not None
        assert (gradient.abs().sum((0, 2, 3)) > 0).float().mean() > 0.5
    assert all(torch.equal(tensor, before[name]) for name, tensor in old.state_dict().items())


def test_what_cannot_grow() -> None:
    larger: dict[str, Any] = {"growth": 5, "blocks": 3}
    assert can_grow(SMALL, replace(SMALL, **larger))
    assert can_grow(replace(SMALL, modulation=2), replace(SMALL, growth=5))
    for old, new in (
        (SMALL, SMALL),
        (SMALL, replace(SMALL, growth=5, convolutions=2)),
        (SMALL, replace(SMALL, growth=5, channels=7)),
        (replace(SMALL, inner_residual=False), replace(SMALL, **larger)),
        (replace(SMALL, modulation=2), replace(SMALL, **larger)),
    ):
        assert not can_grow(old, new)


def test_other_widths_are_new_and_neither_network_is_changed() -> None:
    old, new = filled(SMALL), filled(replace(SMALL, growth=3, blocks=3))
    before = [{name: tensor.clone() for name, tensor in each.state_dict().items()} for each in (old, new)]
    tensors, account = transfer(old, new, "zero")
    assert {name.partition(".")[0] for name in account.new} == {"blocks", "fuse"}  # the fuse of three blocks, not two
    assert account.new["blocks.0.layers.0.bias"] == "4 before, 3 now"
    assert account.new["blocks.2.fuse.bias"] == "not there before"
    assert account.taken == [name for name in tensors if name not in account.new]
    assert "blocks.1.fuse.weight" in account.unused
    for name, tensor in tensors.items():
        assert torch.equal(tensor, before[name in account.new][name])
    for each, its in zip((old, new), before, strict=True):
        assert all(torch.equal(tensor, its[name]) for name, tensor in each.state_dict().items())


def test_a_head_for_other_modes_is_new() -> None:
    old, new = Absolute(AbsoluteConfig(4, pairs=7)), Absolute(AbsoluteConfig(4, "hevc-35", pairs=7))
    nn.init.normal_(old.norm.running_mean)  # type: ignore[arg-type]
    tensors, account = transfer(old, new, "zero")
    assert list(account.new) == ["last_even.weight", "last_even.bias", "last_odd.weight"]
    assert account.unused == sorted(account.new)
    assert torch.equal(tensors["last_even.weight"], new.last_even.weight)
    for name in ("even.weight", "odd.weight", "norm.weight", "norm.running_mean"):
        assert torch.equal(tensors[name], old.state_dict()[name])


class Other(Network):
    """A network of another family: two convolutions like those of an Rdn, but for the planes of the first; a third."""

    def __init__(self) -> None:
        super().__init__()
        self.config = None
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6))
        self.second, self.third = nn.Conv2d(6, 6, 3), nn.Conv2d(6, 4, 5)
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.third(self.second(self.first(x)))
        result: Tensor = self.last(features.mean((2, 3)))
        return result


def test_another_family_gets_the_convolutions_that_fit_in_their_order() -> None:
    old, new = filled(SMALL), Other()
    tensors, account = transfer(old, new, "zero")
    assert account.adapted == {"first.0.weight": "5 input planes before, 3 now"}
    assert account.taken == ["second.weight", "second.bias"]
    assert torch.equal(tensors["first.0.weight"], old.shallow.weight[:, :3])
    assert torch.equal(tensors["second.weight"], old.entry.weight)  # type: ignore[arg-type]
    assert {"third.weight", "last.weight", "last.bias", "first.1.running_var"} <= account.new.keys()
    assert {"shallow.bias", "last.weight"} <= set(account.unused)
    assert next(iter(account.lines())) == "taken over: second"
    assert transfer(Absolute(AbsoluteConfig(4)), new, "zero")[1].taken == []


def test_every_pair_of_families() -> None:
    """What is made of two networks always fits the new one; of the same form, all is taken over."""
    networks = {name: make_network(family.config()) for name, family in FAMILIES.items()}
    for name, old in networks.items():
        for other, new in networks.items():
            tensors, account = transfer(old, new, "mean")
            parts = [account.taken, account.adapted, account.new]
            assert sorted(key for part in parts for key in part) == sorted(new.state_dict())
            new.load_state_dict(tensors)  # strict
            assert (account.taken == list(tensors)) == (name == other)


def test_frozen_is_a_module_with_all_before_it() -> None:
    network = Other()
    freeze(network, "second")
    assert [n for n, p in network.named_parameters() if p.requires_grad] == [
        *("third.weight", "third.bias", "last.weight", "last.bias")
    ]
    assert [network.first[1].training, network.second.training, network.third.training] == [False, False, True]
    assert network.training
    assert list(modules_up_to(network, "first.0")) == ["", "first", "first.0"]
    inner = Other()
    freeze(inner, "first.0")
    assert [n for n, p in inner.named_parameters() if not p.requires_grad] == ["first.0.weight"]
    assert inner.first.training
    assert modules_up_to(network, "") == {}
    with pytest.raises(InputError, match=r"module: first, first\.0, first\.1, second, third, last; not 'fourth'"):
        freeze(network, "fourth")
    with pytest.raises(InputError, match="nothing is left to train after last"):
        freeze(network, "last")


@pytest.mark.parametrize(("deeper", "expected"), [(2, [0.125, 0.25, 0.5, 1]), (0.5, [1, 0.5, 0.25, 0.125])])
def test_rates_by_depth(deeper: float, expected: list[float]) -> None:
    network = Other()
    freeze(network, "first.0")
    shares = shares_by_depth(network, deeper)
    layers = [network.first[1], network.second, network.third, network.last]
    assert [shares[layer.weight] for layer in layers] == expected  # type: ignore[index]
    assert len(shares) == 8
    network.parameter_groups = lambda: ParameterGroups(list(network.parameters())[:-2], list(network.last.parameters()))  # type: ignore[method-assign]
    groups = make_optimiser(network, Optimiser(deeper=deeper, last=0.1)).param_groups
    found = {p: group["share"] for group in groups for p in group["params"]}
    assert found.keys() == set(network.parameters())
    assert found[network.second.bias] == expected[1]
    assert found[network.last.bias] == pytest.approx(0.1 * expected[3])
    assert len(make_optimiser(network, Optimiser()).param_groups) == 2


# By the commands


def test_a_filter_from_one_with_fewer_planes(
    data: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is said and noted; frozen layers and rates by depth, stopped and resumed."""
    first, on, again = tmp_path / "first", tmp_path / "on", tmp_path / "again"
    assert main(command(config, data, first, "--steps=3", "--validate-every=3", "--model.input=baseline")) == 0
    capsys.readouterr()
    more = [f"--start={first}", "--freeze=blocks.0.layers.0", "--optimiser.deeper=1.5", "--validate-every=2"]
    more += ["--optimiser.schedule=constant"]
    assert main(command(config, data, on, *more, "--steps=4")) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("train-filter: ")]
    assert said[0].startswith("train-filter: taken over: shallow, entry, blocks.0.layers.0, ")
    assert said[1:] == ["train-filter: adapted: shallow (4 input planes before, 5 now)"]
    (before, _), (after, notes) = load(first / "best.safetensors"), load(on / "last.safetensors")
    assert notes["transfer"]["adapted"] == {"shallow.weight": "4 input planes before, 5 now"}
    assert notes["transfer"]["new"] == {}
    old, new = before.state_dict(), after.state_dict()
    frozen = [name for name in new if name.startswith(("shallow.", "entry.", "blocks.0.layers.0."))]
    assert len(frozen) == 6
    for name, tensor in new.items():
        assert torch.equal(tensor[:, : old[name].shape[1]] if tensor.ndim == 4 else tensor, old[name]) == (
            name in frozen
        )
    assert main(command(config, data, again, *more, "--steps=2")) == 0
    assert main(command(config, data, again, *more, "--steps=4", "--resume")) == 0
    assert "taken over" not in capsys.readouterr().err.splitlines()[-1]
    on_notes, again_notes = (load(each / "last.safetensors")[1] for each in (on, again))
    assert on_notes["transfer"] == again_notes["transfer"]
    assert_same_run(on, again)


def test_modes_of_hevc_from_those_of_vvc(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vvc, hevc, third = (tmp_path / name for name in ("vvc", "hevc", "third"))

    def arguments(out: Path, *more: str) -> list[str]:
        return ["--data", str(data), "--out", str(out), *MODES, *more]

    assert train_modes(arguments(vvc, "--steps=2")) == 0
    onwards = "--model.modes=hevc-35", f"--start={vvc}", "--freeze=norm"
    assert train_modes(arguments(hevc, *onwards, "--steps=3")) == 0
    said = capsys.readouterr().err
    assert "train-modes: taken over: even, odd, norm\n" in said
    assert "train-modes: new: last_even (35 x 8 before, 19 x 8 now), last_odd (32 x 8 before, 16 x 8 now)\n" in said
    before, after = (read_weights(run / "best.safetensors").network for run in (vvc, hevc))
    assert isinstance(before, Absolute)
    assert isinstance(after, Absolute)
    for name in ("even", "odd", "norm"):
        old, new = (getattr(network, name).state_dict() for network in (before, after))
        assert all(torch.equal(old[key], new[key]) for key in old)  # the statistics of batch norm as well
    for wrong, reason in (
        (["--freeze=last_even"], "train-modes: freeze: last_even.weight is not of "),
        (["--freeze=first"], "the name of a module: even, odd, norm, last_even, last_odd; not 'first'"),
        (["--freeze=last_odd"], "freeze: nothing is left to train after last_odd"),
        (["--added-planes=one"], "added_planes"),
        (["--optimiser.deeper=0"], "optimiser.deeper must be above 0"),
    ):
        assert train_modes(arguments(third, *onwards, *wrong, "--steps=3")) == 2
        error = capsys.readouterr().err
        assert reason in error
        assert error.count("\n") == 1
    assert not (third / "last.pt").exists()


def test_weights_of_which_nothing_fits(
    data: Path, config: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(data), "--out", str(tmp_path / "out"), *MODES, f"--start={finished}"]
    assert train_modes(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"train-modes: {finished / 'best.safetensors'}: nothing of RdnConfig(channels=8, ")
    assert " fits into AbsoluteConfig(" in error
    assert error.count("\n") == 1
    assert "was trained on" in refused(
        [*command(config, data, tmp_path / "out"), "--holdout=0.5", f"--start={finished}", "--model.growth=5"], capsys
    )
