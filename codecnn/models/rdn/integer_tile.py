"""Provide tiles for a numba kernel: the sums of several outputs at LANES positions, or at several times LANES.

A tile is a tuple with, for each output, a tuple of vectors of int32. Its sums stay in registers while products are
added. In memory two channels, int16, are one int32. Many processors multiply such pairs and add both products to a sum
in one instruction (VPDPWSSD of AVX-512 VNNI), and LLVM chooses it for what is emitted here. On such tiles: Goto and van
de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM Transactions on Mathematical Software 34(3), 2008.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from llvmlite import ir
from numba.core import types
from numba.core.base import BaseContext
from numba.core.registry import cpu_target
from numba.core.types.containers import UniTuple
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from codecnn.vectors import LANES, VectorType, in_all_lanes

Emitted: TypeAlias = tuple[Signature, Callable[[BaseContext, ir.IRBuilder, Signature, list[ir.Value]], Any]]
Shape: TypeAlias = tuple[tuple[int, ...], ...]  # for each output a zero for each vector
Tile: TypeAlias = Any  # a tuple of tuples of vectors in a kernel, for the type checker

_INT = ir.IntType(32)
_VECTOR, _PAIRS, _PRODUCTS = (
    ir.VectorType(ir.IntType(bits), lanes) for bits, lanes in ((32, LANES), (16, 2 * LANES), (32, 2 * LANES))
)


def _shapes(*sizes: tuple[int, int]) -> tuple[Shape, ...]:
    return tuple(((0,) * vectors,) * outputs for outputs, vectors in sizes)


# Outputs are even in number, as two are a pair. The sums, with what is multiplied, fill the registers: 32 that hold a
# vector each, or 16 that hold a half.
_, _, _FEATURES = cpu_target.target_context.codegen().magic_tuple()
_LARGE, _SMALL = _shapes((12, 2), (10, 2), (8, 2), (2, 8)), _shapes((6, 1), (4, 1), (2, 2))
SHAPES = _LARGE if "+avx512f" in _FEATURES else _SMALL


def _range(tile: UniTuple) -> tuple[range, range]:
    return range(len(tile)), range(len(tile.dtype))


def _at(
    context: BaseContext, builder: ir.IRBuilder, array_type: types.Array, array: ir.Value, at: ir.Value
) -> ir.Value:
    return builder.gep(make_array(array_type)(context, builder, array).data, [at])


def _load_to_all_lanes(builder: ir.IRBuilder, pointer: ir.Value, index: int) -> ir.Value:
    return in_all_lanes(builder, builder.load(builder.gep(pointer, [ir.Constant(_INT, index)])))


@intrinsic
def begin(typing_context: BaseContext, shape: UniTuple, starts: types.Array, first: types.Integer) -> Emitted:
    """Return a tile of a shape; all sums of an output start at its number in starts[first:]."""
    tile = UniTuple(UniTuple(VectorType(types.int32), len(shape[0])), len(shape))

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        pointer = _at(context, builder, signature.args[1], *args[1:])
        sums = ir.Constant(context.get_value_type(tile), ir.Undefined)
        outputs, vectors = _range(tile)
        for output in outputs:
            start = _load_to_all_lanes(builder, pointer, output)
            for vector in vectors:
                sums = builder.insert_value(sums, start, (output, vector))
        return sums

    return tile(shape, starts, types.intp), emit


@intrinsic
def multiply(
    typing_context: BaseContext,
    tile: UniTuple,
    features: types.Array,
    position: types.Integer,
    weights: types.Array,
    first: types.Integer,
) -> Emitted:
    """Add the products of a pair of channels: features[position:] by a pair for each output from weights[first:]."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        line = builder.bitcast(_at(context, builder, signature.args[1], *args[1:3]), _PAIRS.as_pointer())
        pointer, sums = _at(context, builder, signature.args[3], *args[3:]), args[0]
        outputs, vectors = _range(tile)
        loaded = [builder.load(builder.gep(line, [ir.Constant(_INT, vector)]), align=4) for vector in vectors]
        for output in outputs:
            weight = builder.bitcast(_load_to_all_lanes(builder, pointer, output), _PAIRS)
            for vector in vectors:
                sum_ = builder.extract_value(sums, (output, vector))
                sum_ = builder.add(sum_, _sums_of_pairs(builder, loaded[vector], weight))
                sums = builder.insert_value(sums, sum_, (output, vector))
        return sums

    return tile(tile, features, types.intp, weights, types.intp), emit


def _sums_of_pairs(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    products = builder.mul(builder.sext(a, _PRODUCTS), builder.sext(b, _PRODUCTS))
    halves = (ir.Constant(_VECTOR, [*range(half, 2 * LANES, 2)]) for half in (0, 1))
    return builder.add(
        *(builder.shuffle_vector(products, ir.Constant(_PRODUCTS, ir.Undefined), half) for half in halves)
    )


@intrinsic
def finish(
    typing_context: BaseContext,
    tile: UniTuple,
    shifts: types.Array,
    first: types.Integer,
    low: types.Integer,
    high: types.Integer,
    features: types.Array,
    position: types.Integer,
    step: types.Integer,
) -> Emitted:
    """Shift the sums of each output by its number in shifts[first:], clip them to low..high, and store them in pairs.

    The first pair of outputs is stored from features[position] on, each of the others `step` further.
    """

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        sums, *_, position, step = args
        shift = _at(context, builder, signature.args[1], *args[1:3])
        low, high = (in_all_lanes(builder, builder.trunc(limit, _INT)) for limit in args[3:5])
        outputs, vectors = _range(tile)

        def clipped(output: int, vector: int) -> ir.Value:
            value = builder.extract_value(sums, (output, vector))
            value = builder.ashr(value, _load_to_all_lanes(builder, shift, output))
            value = builder.select(builder.icmp_signed(">", value, low), value, low)
            return builder.select(builder.icmp_signed("<", value, high), value, high)

        for output in outputs[::2]:
            line = _at(context, builder, signature.args[5], args[5], position)
            line = builder.bitcast(line, _VECTOR.as_pointer())
            for vector in vectors:
                lower = builder.and_(clipped(output, vector), ir.Constant(_VECTOR, [0xFFFF] * LANES))
                upper = builder.shl(clipped(output + 1, vector), ir.Constant(_VECTOR, [16] * LANES))
                builder.store(builder.or_(lower, upper), builder.gep(line, [ir.Constant(_INT, vector)]), align=4)
            position = builder.add(position, step)
        return context.get_dummy_value()

    return types.void(tile, shifts, types.intp, types.intp, types.intp, features, types.intp, types.intp), emit
