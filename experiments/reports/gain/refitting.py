"""Load what report-gain --refit needs beside the weights."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from codecnn.dataset.reader import Shard
from codecnn.inference.filtering import Conditions, Way
from codecnn.inference.load import Loaded
from codecnn.inference.refit.basis import Basis, read_basis
from codecnn.inference.refit.correction import refit
from codecnn.inference.refit.statistics import refittable
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights_header import Notes
from codecnn.tasks.block_sites import lagrangian_of
from experiments.reports.gain.signalling import Signalled
from experiments.reports.shared.frames import FrameSignals


class Refitting(NamedTuple):
    """Hold a filter whose last layer is refitted, the basis of its corrections, and the frames that share one."""

    network: Rdn
    basis: Basis
    frames: int
    notes: Notes  # of the basis

    def filter(self, shard: Shard, frames: Sequence[FrameSignals], way: Way) -> Signalled:
        """Filter frames without a correction, and with one for all of them."""
        conditions = Conditions(shard.info.hevc_qp, shard.info.ctu_size, way)
        return Signalled(*refit(self.network, self.basis, frames, conditions, lagrangian_of(shard) / 255**2))

    def describe(self) -> str:
        """Describe in words what is signalled."""
        return (
            f"last layer corrected along {self.basis.classes.size} directions, a correction for up to {self.frames} "
            "frames, its bits in bits and BD-rate"
        )


def load_refitting(chosen: Loaded, frames: int) -> Refitting:
    """Return what is needed; InputError if the last layer of the filter cannot be refitted, or its basis is missing."""
    network, file = refittable(chosen.network, chosen.name), Path(chosen.name)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    basis, notes = read_basis(file.with_suffix(".refit"), sha256, 9 * network.config.channels + 1)
    return Refitting(network, basis, frames, notes)
