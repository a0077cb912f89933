"""Cut a plane into CTU windows, and put CTUs back into a plane.

CTU sizes and margins are in luma samples. `scale` is the number of luma rows and columns for one row and column of the
plane, such as (2, 2) for chroma at 4:2:0; sizes and margins are multiples of it.
"""

import numpy as np
from numpy.typing import NDArray


def grid(height: int, width: int, high: int, wide: int) -> tuple[int, int]:
    """Return the rows and columns of CTUs of high x wide samples that cover a plane; the last ones may be partial."""
    return -(-height // high), -(-width // wide)


def tile(plane: NDArray, ctu_size: int, margin: int, scale: tuple[int, int] = (1, 1)) -> NDArray:
    """Cut a plane (H, W) into CTU windows (rows * cols, S / scale[0], S / scale[1]), raster order.

    S = ctu_size + 2 margin: a window holds the CTU and `margin` samples of its neighbours on each side. Beyond the
    picture the nearest sample is repeated, for margins and for partial CTUs alike.
    """
    (height, width), (down, across) = plane.shape, scale
    high, wide = ctu_size // down, ctu_size // across  # a CTU's samples in this plane
    above, beside = margin // down, margin // across
    rows, cols = grid(height, width, high, wide)
    padded = np.pad(
        plane,
        ((above, rows * high - height + above), (beside, cols * wide - width + beside)),
        mode="edge",
    )
    window = high + 2 * above, wide + 2 * beside
    views = np.lib.stride_tricks.sliding_window_view(padded, window, writeable=True)[::high, ::wide]
    return views.reshape(rows * cols, *window)


def untile(windows: NDArray, height: int, width: int, margin: int = 0, scale: tuple[int, int] = (1, 1)) -> NDArray:
    """Put CTU windows back into a plane (H, W): the inverse of tile, margins and padding cut away."""
    above, beside = margin // scale[0], margin // scale[1]
    inner = windows[:, above : windows.shape[1] - above, beside : windows.shape[2] - beside]
    count, high, wide = inner.shape
    rows, cols = grid(height, width, high, wide)
    if count != rows * cols:
        raise ValueError(f"{height}x{width} needs {rows * cols} windows of CTUs of {high}x{wide}, not {windows.shape}")
    whole = inner.reshape(rows, cols, high, wide).swapaxes(1, 2).reshape(rows * high, -1)
    return np.ascontiguousarray(whole[:height, :width])


def positions(height: int, width: int, ctu_size: int) -> NDArray[np.int32]:
    """Return x, y, width, height of each CTU, (rows * cols, 4): its top left luma sample and its valid part."""
    rows, cols = grid(height, width, ctu_size, ctu_size)
    y, x = (ctu_size * a.ravel() for a in np.mgrid[:rows, :cols])
    valid_width, valid_height = np.minimum(ctu_size, width - x), np.minimum(ctu_size, height - y)
    return np.stack([x, y, valid_width, valid_height], axis=1).astype(np.int32)
