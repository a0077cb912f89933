"""Convolve 16-bit features by 16-bit weights in 32-bit integers, with the same result on every machine.

Features are (groups, rows, columns, LANES) int16: the channels of a tensor in groups of LANES. The last group is filled
up with zeros. Every IntegerConv is checked when it is made, so that no sum can overflow. Therefore the result does not
depend on the order of the sums, the instructions or the number of threads.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.core.base import BaseContext
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from numpy.typing import NDArray

from codecnn.vectors import LANES, Vector, VectorType, load, spread, store

LIMIT = (1 << 15) - 1  # features saturate at -LIMIT and LIMIT
MAX_SHIFT = 30
TILE = 8  # columns that the kernel computes together
BAND = 16  # rows that a thread takes at a time


def fits(weight: NDArray, bias: NDArray, shift: NDArray) -> NDArray[np.bool_]:
    """Tell for each output channel whether all weights are within LIMIT and no partial sum can leave int32.

    The bound is |any partial sum| <= LIMIT * sum |weight| + |bias| + 2^(shift - 1). Shapes are as in IntegerConv. The
    numbers are whole but of any type, so that they can be checked before they become integers.
    """
    magnitude = np.abs(weight.astype(np.float64))
    bound = LIMIT * magnitude.sum((1, 2, 3)) + np.abs(bias.astype(np.float64)) + 2.0 ** (shift.astype(np.float64) - 1)
    good: NDArray[np.bool_] = (magnitude.max((1, 2, 3)) <= LIMIT) & (bound < 1 << 31)
    return good


class PackedConv(NamedTuple):
    """Hold an IntegerConv with its weights in the order in which the kernel reads them."""

    weight: NDArray[np.int32]  # (output groups, input groups, k, k, LANES / 2, LANES), two int16 in each
    start: NDArray[np.int32]  # bias plus rounding
    shift: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class IntegerConv:
    """Hold a convolution with the outputs (sum of weight * feature + bias + 2^(shift - 1)) >> shift, saturated.

    weight: (O, I, k, k) int16. bias: (O,) int32. shift: (O,) uint8, 0 to MAX_SHIFT; a shift of 0 does not round.
    ValueError for other shapes or types, or if features up to LIMIT could make a sum that does not fit int32.
    """

    weight: NDArray[np.int16]
    bias: NDArray[np.int32]
    shift: NDArray[np.uint8]

    def __post_init__(self) -> None:
        arrays = self.weight, self.bias, self.shift
        outputs = self.weight.shape[:1]
        if (self.weight.ndim, self.bias.shape, self.shift.shape) != (4, outputs, outputs):
            raise ValueError(f"weights, biases and shifts are {', '.join(str(array.shape) for array in arrays)}")
        if [array.dtype for array in arrays] != [np.int16, np.int32, np.uint8]:
            raise ValueError(f"weights, biases and shifts are {', '.join(str(array.dtype) for array in arrays)}")
        if self.shift.max() > MAX_SHIFT:
            raise ValueError(f"a shift of {self.shift.max()} is above {MAX_SHIFT}")
        if not fits(*arrays).all():
            raise ValueError("the weights are so large that a sum could overflow")

    def pack(self, channels: Sequence[int]) -> PackedConv:
        """Return the form for the kernel. channels: the number of channels of each tensor that the input joins."""
        outputs, _, side, _ = self.weight.shape
        more = -outputs % LANES
        tensors = np.split(self.weight, np.cumsum(channels)[:-1], axis=1)
        filled = [np.pad(t, ((0, more), (0, -t.shape[1] % LANES), (0, 0), (0, 0))) for t in tensors]
        split = np.concatenate(filled, 1).reshape((outputs + more) // LANES, LANES, -1, LANES // 2, 2, side, side)
        pairs = np.ascontiguousarray(split.transpose(0, 2, 5, 6, 3, 1, 4)).view(np.int32)[..., 0]
        shift = self.shift.astype(np.int32)
        return PackedConv(pairs, np.pad(self.bias + ((1 << shift) >> 1), (0, more)), np.pad(shift, (0, more)))


class Place(NamedTuple):
    """Say where outputs are written: the first group, the row and column of the first output, and their extent."""

    group: int
    origin: int
    height: int
    width: int


def convolve(
    features: NDArray[np.int16],
    groups: Sequence[int],
    origin: int,
    conv: PackedConv,
    out: NDArray[np.int16],
    place: Place,
    pool: ThreadPoolExecutor,
    stride: int = 1,
    relu: bool = False,
) -> None:
    """Convolve some groups of features, from row and column `origin` on, and write the outputs to a place in `out`.

    Nothing else in `out` changes. `features` are read as if the width of `place` were a multiple of TILE. `out` may be
    the same array as `features`. The threads of `pool` share the rows.
    """
    low = np.int32(0 if relu else -LIMIT)
    pairs, chosen = features.view(np.int32), np.array(groups)  # pairs (G, rows, columns, LANES / 2)

    def compute(first: int) -> None:
        last = min(first + BAND, place.height)
        _kernel(pairs, chosen, origin, conv.weight, conv.start, conv.shift, out, place, first, last, stride, low)

    list(pool.map(compute, range(0, place.height, BAND)))


def _products(
    typing_context: BaseContext, a: VectorType, b: VectorType
) -> tuple[Signature, Callable[[BaseContext, ir.IRBuilder, Signature, list[ir.Value]], ir.Value]]:
    """Add the two products of a pair of int16 in each lane. Many processors have one instruction for this."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        narrow, wide = (ir.VectorType(ir.IntType(bits), 2 * LANES) for bits in (16, 32))
        x, y = (builder.sext(builder.bitcast(vector, narrow), wide) for vector in args)
        product, undefined = builder.mul(x, y), ir.Constant(wide, ir.Undefined)
        indices = ir.VectorType(ir.IntType(32), LANES)
        even, odd = (ir.Constant(indices, [*range(first, 2 * LANES, 2)]) for first in (0, 1))
        return builder.add(*(builder.shuffle_vector(product, undefined, which) for which in (even, odd)))

    vector = VectorType(types.int32)
    return vector(vector, vector), emit


products = intrinsic(_products)


def _multiply(total: Vector, line: NDArray[np.int32], column: int, pair: int, weight: Vector) -> Vector:
    return total + products(spread(line[np.uintp(column), np.uintp(pair)]), weight)


multiply = njit(_multiply, nogil=True, forceinline=True)


def _convolve_rows(
    pairs: NDArray[np.int32],
    groups: NDArray[np.int64],
    origin: int,
    weights: NDArray[np.int32],
    start: NDArray[np.int32],
    shift: NDArray[np.int32],
    out: NDArray[np.int16],
    place: Place,
    first: int,
    last: int,
    stride: int,
    low: np.int32,
) -> None:
    """Compute the rows from `first` up to `last` of all output groups, TILE columns of one group at a time."""
    side, flat = weights.shape[2], out.reshape(-1)
    for row in range(first, last):
        for group in range(len(weights)):
            weight = weights[group].reshape(-1)
            target = ((place.group + group) * out.shape[1] + place.origin + row) * out.shape[2] + place.origin
            for col in range(0, place.width, TILE):
                a = b = c = d = e = f = g = h = load(start, group)
                position = 0
                for source in groups:
                    for down in range(side):
                        line = pairs[source, origin + row * stride + down]
                        for across in range(side):
                            x = origin + col * stride + across
                            for pair in range(LANES // 2):
                                w = load(weight, position)
                                a = multiply(a, line, x, pair, w)
                                b = multiply(b, line, x + stride, pair, w)
                                c = multiply(c, line, x + 2 * stride, pair, w)
                                d = multiply(d, line, x + 3 * stride, pair, w)
                                e = multiply(e, line, x + 4 * stride, pair, w)
                                f = multiply(f, line, x + 5 * stride, pair, w)
                                g = multiply(g, line, x + 6 * stride, pair, w)
                                h = multiply(h, line, x + 7 * stride, pair, w)
                                position += 1
                by = load(shift, group)
                for i, total in enumerate((a, b, c, d, e, f, g, h)):
                    if col + i < place.width:
                        store(flat, target + col + i, min(max(total >> by, low), np.int32(LIMIT)))


_kernel = njit(_convolve_rows, nogil=True)
