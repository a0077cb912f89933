"""Turn pictures as their files say that they are shown."""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type
from numpy.typing import NDArray

from codecnn.errors import InputError
from codecnn.video.iso_media import is_mirrored
from codecnn.video.picture import Picture
from codecnn.video.picture_file import UPRIGHT

# The orientations of EXIF 2.32 (tag 274), with a, b, c and d of the display matrix of ISO/IEC 14496-12, 8.3.2, that
# does the same: it takes (x, y) to (a x + c y, b x + d y).
MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
NAMES = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "mirrored upside down",
    5: "mirrored and turned to the left",
    6: "turned to the right",
    7: "mirrored and turned to the right",
    8: "turned to the left",
}


def is_sideways(orientation: int) -> bool:
    """Return whether width and height are exchanged."""
    return orientation > 4


def orientation_of(path: Path, frame: av.VideoFrame) -> int:
    """Return the orientation of EXIF that a frame's display matrix stands for; InputError if there is none."""
    try:
        sides = list(cast(Iterable[SideData], frame.side_data))
    except ValueError:  # PyAV does not know all kinds: only the angle is left
        if is_mirrored(path):
            raise InputError(f"{path}: is to be mirrored; store it as it is shown") from None
        return _known_or_refuse(path, {0: 1, 90: 8, 180: 3, 270: 6}.get(round(frame.rotation) % 360))
    for side in sides:
        if side.type == Type.DISPLAYMATRIX:
            a, b, _, c, d = (value / 65536 for value in struct.unpack("=5i", bytes(side)[:20]))
            known = (orientation for orientation, matrix in MATRICES.items() if matrix == (a, b, c, d))
            return _known_or_refuse(path, next(known, None))
    return UPRIGHT


def _known_or_refuse(path: Path, orientation: int | None) -> int:
    if orientation is None:
        raise InputError(f"{path}: is to be turned by another angle than 90, 180 or 270 degrees")
    return orientation


def turn(samples: NDArray, orientation: int) -> NDArray:
    """Return a plane (H, W) or a picture (H, W, C) as it is shown."""
    a, b, c, d = MATRICES[orientation]
    if is_sideways(orientation):
        samples = samples.swapaxes(0, 1)
    return np.ascontiguousarray(samples[:: d or b, :: a or c])


def turn_picture(picture: Picture, orientation: int) -> Picture:
    """Return a picture as it is shown; ValueError if that would need other chroma samples."""
    height, width = picture.y.shape
    if orientation == UPRIGHT:
        return picture
    subsampled = len(picture.planes) > 1 and picture.u.shape != picture.y.shape
    if subsampled and (height % 2 or width % 2 or (picture.chroma == "422" and is_sideways(orientation))):
        raise ValueError(f"{width}x{height} of {picture.chroma} cannot be {NAMES[orientation]} as it is shown")
    return Picture.of((turn(plane, orientation) for plane in picture.planes), picture.bit_depth)
