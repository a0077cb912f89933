"""Small pictures for the tests, cut from photographs that come with scikit-image."""

from pathlib import Path

import numpy as np
import skimage

from codecnn.clip import open_clip
from codecnn.yuv import Picture

PHOTOGRAPHS = Path(skimage.__path__[0]) / "data"


def photograph(name: str, height: int, width: int, bit_depth: int = 8) -> Picture:
    """The top-left part of a photograph; at 10 bit with two further bits of a fixed pattern."""
    picture = next(open_clip(PHOTOGRAPHS / f"{name}.png").frames()).crop(height, width)
    if bit_depth == 8:
        return picture
    pattern = np.arange(height * width).reshape(height, width) % 4
    deep = ((p.astype(np.uint16) << 2) + pattern[: p.shape[0], : p.shape[1]].astype(np.uint16) for p in picture.planes)
    return Picture.of(deep, bit_depth)
