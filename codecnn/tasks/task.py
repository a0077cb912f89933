"""Define a task: what a network is trained for.

A task says what a sample is and how it is drawn, what the loss is, how a network is validated, and which notes its
weights get. Everything else (epochs, processes, optimiser, moving average, checkpoints, early stopping) is the same for
all tasks and belongs to `codecnn.training`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from numpy.random import Generator
from torch import Tensor, nn

from codecnn.dataset.reader import Shard
from codecnn.models.network import Network

B = TypeVar("B", bound=tuple[Any, ...])  # a NamedTuple of arrays, of None, and of further such tuples
B_co = TypeVar("B_co", bound=tuple[Any, ...], covariant=True)
Sums = dict[str, tuple[Tensor, Tensor]]  # figures as a sum over samples, and their count: one value each


class Draws(Protocol[B_co]):
    """Draw samples from a dataset. Instances are pickled for other processes and open files at the first read."""

    @property
    def units(self) -> int:
        """Return the number of units in an epoch, such as CTU windows, or CTUs of whole frames."""

    def draw(self, unit: int, step: Generator, own: Generator) -> B_co:
        """Return n samples of one unit: a NamedTuple of arrays (n, ...), or None for a field that is not used.

        `step` is the same generator state for all positions of a batch and on all processes; `own` belongs to this
        position of this step.
        """


class Task(Protocol[B]):
    """Hold the configuration of a task, and no state: a frozen dataclass with defaults."""

    name: ClassVar[str]  # as in weights files and on the command line
    decides: ClassVar[str]  # the figure of `validate` by which the best weights are chosen
    larger_is_better: ClassVar[bool]  # of this figure
    network: ClassVar[str]  # the name of the network that is trained unless another is asked for

    def draws(self, shards: Sequence[Shard], config: Any) -> Draws[B]:  # noqa: ANN401
        """Return an object that draws samples; InputError if data, task and configuration do not fit together."""

    def sums(self, network: nn.Module, batch: B) -> Sums:
        """Call the network once on a batch of tensors and return its figures; "loss" is made small.

        The others are logged with it: of training batches, and at each validation of held-out ones.
        `network` may be wrapped (for several processes, or compiled): only its `forward` may be used.
        """

    def validate(self, network: Network, shards: Sequence[Shard]) -> dict[str, float]:
        """Return the figures of a network on whole frames of shards that are held out; InputError if it has none.

        The network has the averaged weights, and is in evaluation mode.
        """

    def notes(self, shards: Sequence[Shard]) -> dict[str, Any]:
        """Return notes on the training data for the weights file, besides sources, codecs and QPs."""
