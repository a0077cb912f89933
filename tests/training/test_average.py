"""The moving average of weights and buffers."""

import torch
from torch import Tensor, nn

from codecnn.models.network import Network
from codecnn.training.average import average_of, update


class Small(Network):
    """One layer with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.config = None
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x)
        return normed


def test_weights_and_statistics_follow_with_the_decay() -> None:
    network = Small()
    average = average_of(network)
    assert not average.training
    assert not any(parameter.requires_grad for parameter in average.parameters())
    nn.init.constant_(network.norm.weight, 3.0)
    network(torch.tensor([[0.0, 2.0], [4.0, 2.0]]))  # means 2 and 2, of which a tenth is taken
    update(average, network, ema=0.9, step=10**6)
    torch.testing.assert_close(average.norm.weight, torch.full((2,), 1 + 0.1 * 2.0))
    torch.testing.assert_close(average.norm.running_mean, torch.full((2,), 0.1 * 0.2))
    assert average.norm.num_batches_tracked == 1


def test_the_decay_is_smaller_at_the_beginning() -> None:
    for step, decay in ((0, 0.1), (8, 0.5), (10**6, 0.9)):
        network = Small()
        average = average_of(network)
        nn.init.constant_(network.norm.bias, 1.0)
        update(average, network, ema=0.9, step=step)
        torch.testing.assert_close(average.norm.bias, torch.full((2,), 1 - decay))


def test_without_average_it_is_the_network() -> None:
    network = Small()
    average = average_of(network)
    nn.init.constant_(network.norm.bias, 1.0)
    update(average, network, ema=0, step=5)
    assert torch.equal(average.norm.bias, network.norm.bias)
