"""Draw the partition of a picture into coding units, and the directions of its intra modes."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw

from codecnn.hevc import CodedPicture
from codecnn.intra import hevc

SCALE = 3  # pixels of the drawing for a sample
MOST_PIXELS = 60_000_000
UNIT, PART, MODE, PLANAR, PCM = (255, 210, 0), (160, 130, 0), (0, 220, 255), (255, 80, 200), (255, 60, 60)


def plot_partition(picture: CodedPicture) -> bytes:
    """Return a PNG file: unfiltered luma, coding units, the parts of NxN, and in each block its luma mode.

    A line has the direction of an angular mode, a ring stands for planar, a dot for DC, a cross for PCM. Large pictures
    are drawn with fewer pixels for a sample.
    """
    height, width = picture.coded.y.shape
    scale = max(1, min(SCALE, math.isqrt(MOST_PIXELS // (height * width))))
    luma = picture.coded.y >> (picture.coded.bit_depth - 8)
    grey = Image.fromarray((luma // 2).astype(np.uint8)).resize(
        (width * scale, height * scale), Image.Resampling.NEAREST
    )
    image = grey.convert("RGB")
    draw = ImageDraw.Draw(image)
    for block in picture.prediction_blocks:
        x, y, size = (int(block[name]) * scale for name in ("x", "y", "size"))
        draw.rectangle((x, y, x + size, y + size), outline=PART)
        _draw_mode(draw, x + size / 2, y + size / 2, size * 0.35, int(block["luma_mode"]))
    for unit in picture.coding_units:
        x, y, size = (int(unit[name]) * scale for name in ("x", "y", "size"))
        draw.rectangle((x, y, x + size, y + size), outline=UNIT)
    left, right, top, bottom = picture.sps.window
    image = image.crop((left * scale, top * scale, (width - right) * scale, (height - bottom) * scale))
    png = io.BytesIO()
    image.quantize(64).save(png, "PNG", optimize=True)
    return png.getvalue()


def _draw_mode(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, mode: int) -> None:
    if mode < 0:
        draw.line((x - radius, y - radius, x + radius, y + radius), fill=PCM)
        draw.line((x - radius, y + radius, x + radius, y - radius), fill=PCM)
    elif mode == hevc.PLANAR:
        draw.ellipse((x - radius / 2, y - radius / 2, x + radius / 2, y + radius / 2), outline=PLANAR)
    elif mode == hevc.DC:
        draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=PLANAR)
    else:
        dx, dy = direction(mode)
        draw.line((x - dx * radius, y - dy * radius, x + dx * radius, y + dy * radius), fill=MODE)


def direction(mode: int) -> tuple[float, float]:
    """Return (x, y) of a vector of length 1 from a predicted sample to its reference, for an angular mode."""
    along = hevc.angle(mode) / 32
    dx, dy = (along, -1.0) if hevc.is_vertical(mode) else (-1.0, along)
    length = math.hypot(dx, dy)
    return dx / length, dy / length
