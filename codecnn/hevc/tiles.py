"""Derive the order of the CTUs of a picture from its tiles (H.265 6.5.1)."""

import numpy as np

from codecnn.hevc.errors import damaged
from codecnn.hevc.parameter_sets import Pps, Sps


def tile_bounds(sps: Sps, pps: Pps) -> tuple[np.ndarray, np.ndarray]:
    """Return where the columns and the rows of tiles begin, in CTUs, each with the end of the last."""
    if pps.tiles is None:
        return np.array([0, sps.ctus_across]), np.array([0, sps.ctus_down])
    columns = _bounds(pps.tiles.columns, pps.tiles.widths, sps.ctus_across)
    return columns, _bounds(pps.tiles.rows, pps.tiles.heights, sps.ctus_down)


def _bounds(count: int, lengths: tuple[int, ...] | None, total: int) -> np.ndarray:
    if count > total or (lengths is not None and sum(lengths) >= total):
        raise damaged("the tiles are larger than the picture")
    if lengths is None:
        return np.arange(count + 1) * total // count
    return np.array([0, *np.cumsum(lengths, dtype=int), total])


def coding_order(sps: Sps, pps: Pps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the raster address of each CTU in coding order, and by raster address its tile and the tile's column."""
    columns, rows = tile_bounds(sps, pps)
    tile = np.repeat(np.arange(columns.size - 1), np.diff(columns))
    down = np.repeat(np.arange(rows.size - 1), np.diff(rows))
    tiles = down[:, None] * (columns.size - 1) + tile
    first_column = np.broadcast_to(np.repeat(columns[:-1], np.diff(columns)), tiles.shape)
    order = np.argsort(tiles, axis=None, kind="stable")  # in a tile: raster order
    return order, tiles.ravel(), first_column.ravel()
