"""Convert R'G'B' to planar Y'CbCr of any chroma format, with a stated matrix, range and chroma siting."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codecnn.video.picture import SCALES, Picture

Matrix = Literal["bt601", "bt709", "bt2020"]
Range = Literal["limited", "full"]
# KR and KB: ITU-R BT.601-7, item 2.5.1; BT.709-6, item 3.2; BT.2020-2, table 4, non-constant luminance.
WEIGHTS: dict[str, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
NAMES = {"bt601": "BT.601", "bt709": "BT.709", "bt2020": "BT.2020 (non-constant luminance)"}
SITINGS = {
    "400": "only luma",
    "420": "chroma is the mean of 2x2 samples (centre siting)",
    "422": "chroma is the mean of 2 samples of a row (centre siting)",
    "444": "chroma at every sample",
}


@dataclass(frozen=True)
class Conversion:
    """State how R'G'B' becomes Y'CbCr."""

    matrix: Matrix = "bt709"
    range: Range = "limited"
    chroma: str = "420"

    @property
    def description(self) -> str:
        """Describe the conversion in words, for the attributes of a dataset file."""
        return f"RGB by {NAMES[self.matrix]}, {self.range} range; {SITINGS[self.chroma]}"


def rgb_to_picture(
    rgb: NDArray, bit_depth: int, conversion: Conversion = Conversion(), rgb_bits: int | None = None
) -> Picture:
    """Convert gamma-coded, full-range R'G'B', (H, W, 3) uint8 or uint16, to a picture of 8, 10 or 12 bit.

    rgb_bits: of a sample of `rgb`, if they are not all bits of its type.

    Samples are rounded once, halves upwards. Limited range: Y is 16..235, Cb and Cr are 16..240, times
    2^(bit_depth-8). Full range: Y is 0..2^bit_depth-1, Cb and Cr are 1..2^bit_depth-1 with the centre
    2^(bit_depth-1). ITU-T H.273, clause 8.3.
    A chroma sample is the mean of the samples that it covers; odd sizes first repeat the last row and column.
    """
    kr, kb = WEIGHTS[conversion.matrix]
    r, g, b = np.moveaxis(rgb / np.float64((1 << (rgb_bits or 8 * rgb.itemsize)) - 1), 2, 0)
    luma = kr * r + (1 - kr - kb) * g + kb * b
    peak, scale = (1 << bit_depth) - 1, 1 << (bit_depth - 8)
    limited = conversion.range == "limited"
    planes = [(219 * luma + 16) * scale if limited else peak * luma]
    differences = (b - luma, 2 * (1 - kb)), (r - luma, 2 * (1 - kr))
    for (difference, span), (down, across) in zip(differences, SCALES[conversion.chroma][1:], strict=False):
        h, w = difference.shape
        whole = np.pad(difference, ((0, -h % down), (0, -w % across)), mode="edge")
        mean = whole.reshape(-(-h // down), down, -(-w // across), across).mean(axis=(1, 3))
        planes.append((224 * mean / span + 128) * scale if limited else peak * mean / span + (1 << (bit_depth - 1)))
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    return Picture.of((np.floor(p + 0.5).clip(0, peak).astype(dtype) for p in planes), bit_depth)
