"""Define what report-gain measures beside a filter: one that the encoder tells something for some frames, in bits."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from codecnn.dataset.reader import Shard
from codecnn.inference.filtering import Way
from codecnn.video.picture import Plane
from experiments.reports.shared.frames import FrameSignals


class Signalled(NamedTuple):
    """Hold the filtered luma of frames without and with what is signalled, and its bits."""

    plain: list[Plane]
    signalled: list[Plane]
    bits: list[int]


class Signalling(Protocol):
    """Filter frames without and with what an encoder signals."""

    @property
    def frames(self) -> int:
        """Return how many frames of a clip are filtered together."""

    def filter(self, shard: Shard, frames: Sequence[FrameSignals], way: Way) -> Signalled:
        """Filter frames of a shard."""

    def describe(self) -> str:
        """Describe in words what is signalled."""
