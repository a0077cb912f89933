"""A filter's geometric self-ensemble: what it makes of the picture in all of its orientations, averaged."""

from itertools import product

import numpy as np

from codecnn.inference.filtering import Way, filter_picture
from codecnn.models.rdn.integer import IntegerRdn
from codecnn.models.rdn.network import Rdn
from codecnn.video.picture import SCALES, Picture, Plane


def filter_ensemble(
    model: Rdn | IntegerRdn,
    baseline: Picture,
    unfiltered: Picture,
    qp: int,
    way: Way = "picture",
    ctu_size: int = 128,
) -> Plane:
    """The mean of the filtered luma (H, W) over the flips and transposes of the picture, in the picture's dtype.

    There are eight of them, four at 4:2:2, which cannot be transposed. Each is filtered and rounded by filter_picture,
    and turned back; their mean is rounded to the nearest integer, up at a half. Where the last chroma sample stands for
    luma that is not there (an odd size at 4:2:0), the last row or column is repeated before and cut away after, so that
    a chroma sample stands for the same luma in every orientation. Between the luma samples it then lies mirrored where
    the codec has it off their centre. With the way "ctu" the grid of the CTUs starts at whatever corner comes first.
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
        filtered = filter_picture(model, turned[0], turned[1], qp, ctu_size, way)
        total += _transpose(filtered, transposed)[::vertical, ::horizontal][:height, :width]
    mean: Plane = (total // len(orientations)).astype(baseline.y.dtype)
    return mean


def _transpose(plane: Plane, transposed: bool) -> Plane:
    return np.ascontiguousarray(plane.T if transposed else plane)
