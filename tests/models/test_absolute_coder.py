"""Test the mode coder of absolute values: its symmetry, its costs, and the limits of its configuration."""

import pytest
import torch
from torch import Tensor

from codecnn.labels.block_grid import NEIGHBOURS, TRANSPOSED
from codecnn.labels.mode_sets import ModeSet, count_of
from codecnn.models.costs import macs
from codecnn.models.mode_coding.absolute_coder import AbsoluteCoder, AbsoluteCoderConfig
from codecnn.models.mode_context import Context

SMALL = AbsoluteCoderConfig(8, pairs=24, hidden=16)


def trained(config: AbsoluteCoderConfig) -> AbsoluteCoder:
    """Return a network in which no parameter is at its special first value."""
    torch.manual_seed(0)
    network = AbsoluteCoder(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return network.eval()


def contexts(count: int, size: int, modes: ModeSet, seed: int = 0) -> Context[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return Context(
        torch.randint(60, 120, (count, 12 * size + 9), generator=draw),
        torch.randint(0, 2, (count, 4), generator=draw).float(),
        torch.randint(0, count_of(modes) + 1, (count, NEIGHBOURS), generator=draw),
        torch.full((count,), 32.0),
        torch.full((count,), 255.0),
    )


@pytest.mark.parametrize("modes", ["vvc-67", "hevc-35"])
@pytest.mark.parametrize("lines", [1, 3])
def test_an_exchange_of_rows_and_columns_exchanges_the_modes(modes: ModeSet, lines: int) -> None:
    network = trained(AbsoluteCoderConfig(8, modes, lines, pairs=24, hidden=16))
    given = contexts(20, 8, modes)
    parts = torch.split(given.references, [part for line in range(3) for part in (16 + line, 1, 16 + line)], 1)
    mirror = torch.tensor([0, 1, *range(count_of(modes) - 1, 1, -1), count_of(modes)])
    exchanged = given._replace(
        references=torch.cat([parts[line + side] for line in (0, 3, 6) for side in (2, 1, 0)], 1),
        available=given.available[:, [2, 3, 0, 1]],
        modes=mirror[given.modes[:, TRANSPOSED]],
    )
    torch.testing.assert_close(network(exchanged), network(given)[:, mirror[:-1]], rtol=1e-4, atol=1e-4)
    assert (network(exchanged) - network(given)).abs().max() > 0.1


def test_brightness_changes_nothing_and_neighbours_do() -> None:
    network, given = trained(SMALL), contexts(20, 8, "vvc-67")
    brighter = given._replace(references=given.references + 40)
    torch.testing.assert_close(network(brighter), network(given), rtol=1e-3, atol=1e-3)
    for place in range(NEIGHBOURS):
        other = given.modes.clone()
        other[:, place] = (other[:, place] + 7) % 68
        assert (network(given._replace(modes=other)) - network(given)).abs().amax(1).min() > 1e-3


def test_deeper_samples_give_the_same() -> None:
    network, given = trained(SMALL), contexts(20, 8, "vvc-67")
    deeper = given._replace(references=given.references * 1023, peak=given.peak * 1023)
    torch.testing.assert_close(network(deeper), network(given), rtol=1e-4, atol=1e-4)


def test_multiply_accumulates_are_as_described() -> None:
    for size, lines, samples in ((4, 1, 17), (8, 3, 105), (16, 2, 132)):
        network = AbsoluteCoder(AbsoluteCoderConfig(size, lines=lines, pairs=64, hidden=32)).eval()
        found = macs(network, contexts(10, size, "vvc-67")) / 10
        assert found == pytest.approx((samples + 2 * 32) * 64 + 67 * 32, rel=0.08)
    with torch.inference_mode():
        default = macs(AbsoluteCoder(AbsoluteCoderConfig()).eval(), contexts(10, 8, "vvc-67")) / 10
    assert default <= 250e3


def test_what_cannot_be_is_refused() -> None:
    for config in (
        {"size": 64}, {"lines": 0}, {"lines": 4}, {"pairs": 0}, {"hidden": 1 << 20}, {"dropout": 1.0},
        {"dropout": float("nan")}, {"modes": "vvc-67-mrl"},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="must be"):
            AbsoluteCoderConfig(**config)
