"""Small pictures for the tests, cut from photographs that come with scikit-image."""

from pathlib import Path

import numpy as np
import skimage

from codecnn.video.clip import open_clip
from codecnn.video.format_options import FormatOptions
from codecnn.video.picture import BIT_DEPTHS, SCALES, Picture

PHOTOGRAPHS = Path(skimage.__path__[0]) / "data"
FORMATS = [(chroma, bit_depth) for chroma in SCALES for bit_depth in BIT_DEPTHS]


def photograph(name: str, height: int, width: int, bit_depth: int = 8, chroma: str = "420") -> Picture:
    """The top-left part of a photograph; above 8 bit with further bits of a fixed pattern."""
    picture = next(open_clip(PHOTOGRAPHS / f"{name}.png", FormatOptions(chroma=chroma)).frames()).crop(height, width)
    if bit_depth == 8:
        return picture
    more = bit_depth - 8
    pattern = (np.arange(height * width).reshape(height, width) % (1 << more)).astype(np.uint16)
    deep = ((p.astype(np.uint16) << more) + pattern[: p.shape[0], : p.shape[1]] for p in picture.planes)
    return Picture.of(deep, bit_depth)
