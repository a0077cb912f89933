"""Cutting a plane into CTU windows and putting CTUs back."""

import numpy as np
from numpy.typing import NDArray


def grid(height: int, width: int, ctu_size: int) -> tuple[int, int]:
    """Rows and columns of CTUs that cover a plane; those at the right and bottom edge may be partial."""
    return -(-height // ctu_size), -(-width // ctu_size)


def tile(plane: NDArray, ctu_size: int, margin: int) -> NDArray:
    """Cut a plane (H, W) into CTU windows (rows * cols, ctu_size + 2 margin, ctu_size + 2 margin), raster order.

    A window holds the CTU and `margin` samples of its neighbours on each side. Beyond the picture the nearest
    sample is repeated, for margins and for partial CTUs alike.
    """
    height, width = plane.shape
    rows, cols = grid(height, width, ctu_size)
    padded = np.pad(
        plane,
        ((margin, rows * ctu_size - height + margin), (margin, cols * ctu_size - width + margin)),
        mode="edge",
    )
    side = ctu_size + 2 * margin
    views = np.lib.stride_tricks.sliding_window_view(padded, (side, side), writeable=True)[::ctu_size, ::ctu_size]
    return views.reshape(rows * cols, side, side)


def untile(windows: NDArray, height: int, width: int, margin: int = 0) -> NDArray:
    """Put CTU windows back into a plane (H, W): the inverse of tile, margins and padding cut away."""
    side = windows.shape[-1]
    ctu_size = side - 2 * margin
    rows, cols = grid(height, width, ctu_size)
    if windows.shape != (rows * cols, side, side):
        raise ValueError(f"{height}x{width} needs {rows * cols} windows of {side}x{side}, not {windows.shape}")
    inner = windows[:, margin : side - margin, margin : side - margin]
    whole = inner.reshape(rows, cols, ctu_size, ctu_size).swapaxes(1, 2).reshape(rows * ctu_size, -1)
    return np.ascontiguousarray(whole[:height, :width])


def positions(height: int, width: int, ctu_size: int) -> NDArray[np.int32]:
    """(rows * cols, 4) of x, y, width, height: each CTU's top-left luma sample and its valid part."""
    rows, cols = grid(height, width, ctu_size)
    y, x = (ctu_size * a.ravel() for a in np.mgrid[:rows, :cols])
    valid_width, valid_height = np.minimum(ctu_size, width - x), np.minimum(ctu_size, height - y)
    return np.stack([x, y, valid_width, valid_height], axis=1).astype(np.int32)
