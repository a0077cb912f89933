"""Compute a network of integer convolutions row by row: what is worked on stays in the cache of a core.

Each tensor is a ring that holds as many rows as its readers still need. A row is (pairs, columns) int32: two channels
in each number, and zeros on both sides of the picture.
"""

from typing import Any, TypeAlias

import numpy as np
from numba import literal_unroll, njit
from numpy.typing import NDArray

from codecnn.models.rdn.integer_conv import LIMIT
from codecnn.models.rdn.integer_tile import SHAPES, Shape, begin, finish, multiply
from codecnn.vectors import LANES

EDGE = LANES  # columns on each side of a row
Records: TypeAlias = NDArray[np.void]
Record: TypeAlias = Any  # in a kernel, for the type checker


def _record(*names: str) -> np.dtype:
    return np.dtype([(name, np.int64) for name in names])


TENSOR = _record("rows", "pairs", "origin", "start")  # its shape, the place of row 0, and where it is in memory
CONV = _record(
    *("tensor", "border", "low", "ahead"),  # low: 0 for a ReLU; ahead: rows before those of the last convolution
    *("outputs", "parts", "lines", "taps"),  # outputs: of a tile; parts: the tiles of a position
    *("first_line", "first_tap", "first_weight", "first_output"),
)
LINE = _record("tensor", "down")  # a row that a convolution reads, relative to the row that it computes
TAP = _record("line", "pair", "across")  # what a pair of weights is multiplied by; across: from the column computed


@njit(nogil=True)
def compute(
    convs: Records,
    lines: Records,
    taps: Records,
    weights: NDArray[np.int32],
    starts: NDArray[np.int32],
    shifts: NDArray[np.int32],
    tensors: Records,
    memory: NDArray[np.int32],
    extent: tuple[int, int, int],
    first: int,
    last: int,
) -> None:
    """Compute the rows from `first` up to `last` of the last tensor from those of the first, in memory.

    weights, starts, shifts: of all convolutions, as `multiply`, `begin` and `finish` read them. extent: the height and
    width of the picture, and the columns of a row. In each step every convolution computes one row, if it is needed.
    """
    height, width, columns = extent
    begins, offsets = np.empty(len(lines), np.int64), np.empty(len(taps), np.int64)
    for step in range(first - 2 * convs[0].ahead, last):
        for number in range(len(convs)):
            conv = convs[number]
            row, border, tensor = step + conv.ahead, conv.border, tensors[conv.tensor]
            if not max(first - conv.ahead, -1) <= row < min(last + conv.ahead, height + 1):
                continue
            target = _begin_of(tensor, row, columns)
            if not -border <= row < height + border:
                memory[target - EDGE : target - EDGE + tensor.pairs * columns] = 0
                continue
            for index in range(conv.lines):
                line = lines[conv.first_line + index]
                begins[index] = _begin_of(tensors[line.tensor], row + line.down, columns)
            for index in range(conv.taps):
                tap = taps[conv.first_tap + index]
                offsets[index] = begins[tap.line] + tap.pair * columns + tap.across
            end = width + border
            _convolve(conv, offsets, weights, starts, shifts, memory, target, -border, end, columns)
            for begin_of_pair in range(target, target + tensor.pairs * columns, columns):
                memory[begin_of_pair + end : begin_of_pair + columns - EDGE] = 0


@njit(nogil=True)
def _begin_of(tensor: Record, row: int, columns: int) -> int:
    """Return where column 0 of a row is in memory."""
    place: int = tensor.start + (row + tensor.origin) % tensor.rows * tensor.pairs * columns + EDGE
    return place


@njit(nogil=True)
def _convolve(
    conv: Record,
    offsets: NDArray[np.int64],
    weights: NDArray[np.int32],
    starts: NDArray[np.int32],
    shifts: NDArray[np.int32],
    memory: NDArray[np.int32],
    target: int,
    first_column: int,
    end: int,
    columns: int,
) -> None:
    """Compute a row from its first column up to `end`."""
    for shape in literal_unroll(SHAPES):
        if len(shape) == conv.outputs:
            _convolve_by(shape, conv, offsets, weights, starts, shifts, memory, target, first_column, end, columns)


@njit(nogil=True)
def _convolve_by(
    shape: Shape,
    conv: Record,
    offsets: NDArray[np.int64],
    weights: NDArray[np.int32],
    starts: NDArray[np.int32],
    shifts: NDArray[np.int32],
    memory: NDArray[np.int32],
    target: int,
    first_column: int,
    end: int,
    columns: int,
) -> None:
    """Compute a row by tiles of one shape."""
    for part in range(conv.parts):
        first = conv.first_output + part * conv.outputs
        for column in range(first_column, end, LANES * len(shape[0])):
            sums = begin(shape, starts, first)
            position = conv.first_weight + part * conv.taps * conv.outputs
            for index in range(conv.taps):
                sums = multiply(sums, memory, offsets[index] + column, weights, position)
                position += conv.outputs
            place = target + part * (conv.outputs // 2) * columns + column
            finish(sums, shifts, first, conv.low, LIMIT, memory, place, columns)
