"""Filter the chroma of a whole picture by a network, CTU by CTU or at once, and round it."""

import numpy as np
from numpy.typing import NDArray

from codecnn.errors import InputError
from codecnn.inference.filtering import Area, Conditions, Way, check_unfiltered, cut, restore
from codecnn.models.chroma_rdn import CHROMA, ChromaRdn
from codecnn.video.picture import Picture, Plane


def filter_chroma(
    network: ChromaRdn,
    baseline: Picture,
    unfiltered: Picture | None,
    qp: int,
    ctu_size: int = 128,
    way: Way = "ctu",
    batch: int = 8,
) -> tuple[Plane, Plane]:
    """Return filtered U and V in the dtype of the picture, rounded to the nearest integer and clipped.

    The arguments are those of `filter_picture`. InputError as there, and if the picture is not 4:2:0.
    """
    restored = restore_chroma(network, baseline, unfiltered, Conditions(qp, ctu_size, way), batch)
    u, v = restored.round().clip(0, (1 << baseline.bit_depth) - 1).astype(baseline.u.dtype)
    return u, v


def restore_chroma(
    network: ChromaRdn, baseline: Picture, unfiltered: Picture | None, conditions: Conditions, batch: int = 8
) -> NDArray[np.float32]:
    """Return what `filter_chroma` rounds: U and V, (2, H / 2, W / 2), in units of a sample."""
    if baseline.chroma != CHROMA:
        raise InputError(f"a picture of the chroma format {baseline.chroma}: only chroma of {CHROMA} is filtered")
    unfiltered = check_unfiltered(network.config, baseline, unfiltered)
    restored = np.empty((2, *baseline.u.shape), np.float32)
    for part in cut(network.config, baseline, unfiltered, *conditions, batch):
        outputs = restore(network, part.windows).cpu().numpy()
        for output, (inner, place) in zip(outputs, part.places, strict=True):
            restored[:, *_halved(place)] = output[:, *_halved(inner)]
    return restored


def _halved(area: Area) -> Area:
    """Return the rows and columns of chroma that belong to those of luma, which begin at even numbers."""
    rows, columns = (slice((part.start or 0) // 2, -(-part.stop // 2)) for part in area)
    return rows, columns
