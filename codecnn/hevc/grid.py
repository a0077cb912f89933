"""Ask and note what is known of the 4x4 blocks of a picture."""

import numpy as np

from codecnn.hevc.compiled import compiled
from codecnn.hevc.state import Arrays


@compiled
def is_parsed(state: np.void, arrays: Arrays, x: int, y: int) -> bool:
    """Tell whether a block left or above is there, in the slice and tile of the current one (H.265 6.4.1)."""
    return x >= 0 and y >= 0 and arrays.grid[y >> 2, x >> 2]["parsed_region"] == state["region"]


@compiled
def mark_parsed(state: np.void, arrays: Arrays, x: int, y: int, size_bits: int) -> None:
    """Note that a coding unit has begun."""
    for row in range(y >> 2, (y + (1 << size_bits)) >> 2):
        for column in range(x >> 2, (x + (1 << size_bits)) >> 2):
            arrays.grid[row, column]["parsed_region"] = state["region"]
            arrays.grid[row, column]["cb_bits"] = size_bits


@compiled
def mark_decoded(state: np.void, arrays: Arrays, x: int, y: int, size: int) -> None:
    """Note that a block is reconstructed."""
    for row in range(y >> 2, (y + size) >> 2):
        for column in range(x >> 2, (x + size) >> 2):
            arrays.grid[row, column]["region"] = state["region"]


@compiled
def mark_undecoded(arrays: Arrays, x: int, y: int, size: int) -> None:
    """Note that a block is not reconstructed, before it is coded in another way."""
    for row in range(y >> 2, (y + size) >> 2):
        for column in range(x >> 2, (x + size) >> 2):
            arrays.grid[row, column]["region"] = 0


@compiled
def mark_mode(arrays: Arrays, x: int, y: int, size: int, mode: int) -> None:
    """Note the luma mode of a block."""
    for row in range(y >> 2, (y + size) >> 2):
        for column in range(x >> 2, (x + size) >> 2):
            arrays.grid[row, column]["luma_mode"] = mode


@compiled
def mark_qp(arrays: Arrays, x: int, y: int, size: int, qp: int) -> None:
    """Note the QP of a coding unit."""
    for row in range(y >> 2, (y + size) >> 2):
        for column in range(x >> 2, (x + size) >> 2):
            arrays.grid[row, column]["qp"] = qp
