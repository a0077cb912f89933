"""Filter the chroma of a whole picture by a network, CTU by CTU or at once, and round it."""

import numpy as np

from codecnn.errors import InputError
from codecnn.inference.filtering import Area, Way, check_unfiltered, cut, run_network
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
    if baseline.chroma != CHROMA:
        raise InputError(f"a picture of the chroma format {baseline.chroma}: only chroma of {CHROMA} is filtered")
    unfiltered = check_unfiltered(network.config, baseline, unfiltered)
    filtered = np.empty((2, *baseline.u.shape), baseline.u.dtype)
    for part in cut(network.config, baseline, unfiltered, qp, ctu_size, way, batch):
        for output, (inner, place) in zip(run_network(network, part.windows), part.places, strict=True):
            filtered[:, *_halved(place)] = output[:, *_halved(inner)]
    return filtered[0], filtered[1]


def _halved(area: Area) -> Area:
    """Return the rows and columns of chroma that belong to those of luma, which begin at even numbers."""
    rows, columns = (slice((part.start or 0) // 2, -(-part.stop // 2)) for part in area)
    return rows, columns
