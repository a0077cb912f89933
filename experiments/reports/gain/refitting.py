"""Load what report-gain --refit needs beside the weights."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from codecnn.inference.load import Loaded
from codecnn.inference.refit.basis import Basis, read_basis
from codecnn.inference.refit.statistics import refittable
from codecnn.models.rdn.network import Rdn
from codecnn.models.weights_header import Notes


class Refitting(NamedTuple):
    """Hold a filter whose last layer is refitted, the basis of its corrections, and the frames that share one."""

    network: Rdn
    basis: Basis
    frames: int
    notes: Notes  # of the basis

    def describe(self) -> str:
        """Describe in words what is refitted."""
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
