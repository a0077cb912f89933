"""RGB to planar YCbCr 4:2:0, with a stated matrix and range."""

import numpy as np
from numpy.typing import NDArray

from codecnn.yuv import Picture

DESCRIPTION = "RGB by BT.709, limited range; chroma is the mean of 2x2 samples (centre siting)"
KR, KB = 0.2126, 0.0722  # ITU-R BT.709-6, item 3.2


def rgb_to_picture(rgb: NDArray, bit_depth: int) -> Picture:
    """Convert gamma-coded R'G'B' (H, W, 3) of type uint8 or uint16, full range, to a limited-range 4:2:0 picture.

    ITU-R BT.709-6, items 3.2 to 3.4: Y is 16..235, Cb and Cr 16..240, times 2^(bit_depth-8). Odd sizes repeat the
    last row and column before the chroma mean is taken.
    """
    r, g, b = np.moveaxis(rgb / np.float64(np.iinfo(rgb.dtype).max), 2, 0)
    luma = KR * r + (1 - KR - KB) * g + KB * b
    scale = 1 << (bit_depth - 8)
    planes = [(219 * luma + 16) * scale]
    for difference, span in ((b - luma, 2 * (1 - KB)), (r - luma, 2 * (1 - KR))):
        h, w = difference.shape
        even = np.pad(difference, ((0, h % 2), (0, w % 2)), mode="edge")
        mean = even.reshape(-(-h // 2), 2, -(-w // 2), 2).mean(axis=(1, 3))
        planes.append((224 * mean / span + 128) * scale)
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    return Picture.of((np.floor(p + 0.5).astype(dtype) for p in planes), bit_depth)
