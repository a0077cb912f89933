"""Filter a picture in all of its orientations, and average the results (geometric self-ensemble)."""

from itertools import product

import numpy as np

from codecnn.inference.filtering import Way, filter_picture
from codecnn.models.in_loop_filter import AnyFilter
from codecnn.video.picture import SCALES, Picture, Plane


def filter_ensemble(
    network: AnyFilter,
    baseline: Picture,
    unfiltered: Picture,
    qp: int,
    way: Way = "picture",
    ctu_size: int = 128,
) -> Plane:
    """Return the mean of the filtered luma (H, W) over the flips and transposes of a picture, in the picture's dtype.

    There are eight orientations, and four at 4:2:2, which cannot be transposed. Each is filtered and rounded by
    filter_picture, and turned back. The mean is rounded to the nearest integer, halves up. At an odd size at 4:2:0 the
    last row or column is repeated before filtering and cut away after it, so that a chroma sample stands for the same
    luma samples in every orientation. Where the codec places chroma off the centre of these, it is mirrored. With the
    way "ctu" the grid of the CTUs starts at the corner that comes first in each orientation.

    Timofte et al., "Seven ways to improve example-based single image super resolution", CVPR 2016.
    """
    height, width = baseline.y.shape
    down, across = SCALES[baseline.chroma][-1]
    whole = -(-height // down) * down, -(-width // across) * across
    pictures = baseline.pad(*whole), unfiltered.pad(*whole)
    orientations = list(product((1, -1), (1, -1), (False, True) if down == across else (False,)))
    total = np.full((height, width), len(orientations) // 2)  # for the rounding
    for vertical, horizontal, transposed in orientations:
        turned = [
            Picture.of((_transpose(p[::vertical, ::horizontal], transposed) for p in picture.planes), picture.bit_depth)
            for picture in pictures
        ]
        filtered = filter_picture(network, turned[0], turned[1], qp, ctu_size, way)
        total += _transpose(filtered, transposed)[::vertical, ::horizontal][:height, :width]
    mean: Plane = (total // len(orientations)).astype(baseline.y.dtype)
    return mean


def _transpose(plane: Plane, transposed: bool) -> Plane:
    return np.ascontiguousarray(plane.T if transposed else plane)
