"""Filter as report-gain --guide does: with weights of the residuals for each unit of a picture."""

from collections.abc import Sequence
from typing import NamedTuple

from codecnn.dataset.reader import Shard
from codecnn.errors import InputError
from codecnn.inference.filtering import Conditions, Way
from codecnn.inference.guided.guide import guidable, guide
from codecnn.inference.load import Loaded
from codecnn.models.in_loop_filter import FilterNetwork
from codecnn.tasks.block_sites import lagrangian_of
from experiments.reports.gain.signalling import Signalled
from experiments.reports.shared.frames import FrameSignals


class Guiding(NamedTuple):
    """Hold a filter whose residuals are weighed, and the side of the units, in samples."""

    network: FilterNetwork
    unit: int
    frames: int = 1

    def filter(self, shard: Shard, frames: Sequence[FrameSignals], way: Way) -> Signalled:
        """Filter a frame without and with weights."""
        (frame,), info = frames, shard.info
        conditions = Conditions(info.hevc_qp, info.ctu_size, way)
        found = guide(self.network, *frame, conditions, self.unit, lagrangian_of(shard) / 255**2)
        return Signalled([found.plain], [found.guided], found.bits)

    def describe(self) -> str:
        """Describe in words what is signalled."""
        return guided_in_words(self.unit)


def guided_in_words(unit: int) -> str:
    """Describe in words weights of residuals."""
    return f"weights of the residuals for each unit of {unit}x{unit}, their bits in bits and BD-rate"


def load_guiding(chosen: Loaded, unit: int, shards: Sequence[Shard]) -> Guiding:
    """Return what is needed; InputError if the residuals cannot be weighed, or units and CTUs do not fit together."""
    network = guidable(chosen.network, chosen.name)
    check(unit, shards)
    return Guiding(network, unit)


def check(unit: int, shards: Sequence[Shard]) -> None:
    """Raise InputError if units and CTUs do not fit together, or for a codec without a known lambda."""
    for shard in shards:
        lagrangian_of(shard)
        if unit % shard.info.ctu_size:
            raise InputError(f"{shard.path}: units of {unit} are not whole CTUs of {shard.info.ctu_size}")
