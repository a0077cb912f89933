"""Provide vectors of LANES numbers for numba kernels: each operation works on LANES values side by side.

Loops over lanes would compute the same, but heuristics of the compiler decide whether they become vector code: short
loops are unrolled too early, other loops spend time on tests for overlapping arrays. Here all arithmetic stays in the
type of the elements and wraps around, while numba would widen integers to 64 bits.
"""

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.core.base import BaseContext
from numba.core.cgutils import get_or_insert_function
from numba.core.datamodel import DataModelManager
from numba.core.errors import TypingError
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import Signature
from numba.extending import intrinsic, models, register_model, type_callable
from numba.np.arrayobj import make_array

LANES = 16

_Emit = Callable[..., ir.Value]


class VectorType(types.Type):
    """Describe LANES numbers of one type: int16, int32 or float32."""

    def __init__(self, element: types.Type) -> None:
        self.element = element
        super().__init__(name=f"Vector({element}, {LANES})")


Vector: TypeAlias = Any  # a value of a VectorType in a kernel, for the type checker
Vectors: TypeAlias = Any  # a tuple of vectors


@register_model(VectorType)
def _vector_model(manager: DataModelManager, vector: VectorType) -> models.PrimitiveModel:
    element = manager.lookup(vector.element).get_value_type()
    return models.PrimitiveModel(manager, vector, ir.VectorType(element, LANES))


@intrinsic
def load(typing_context: BaseContext, array: types.Array, position: types.Integer) -> tuple[Signature, _Emit]:
    """Load the vector at array[position * LANES:] of a contiguous one-dimensional array; bounds are not checked."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        pointer = _pointer(context, builder, signature.args[0], *args)
        return builder.load(pointer, align=signature.args[0].dtype.bitwidth // 8)

    return _contiguous_vector(array)(array, types.intp), emit


@intrinsic
def store(
    typing_context: BaseContext, array: types.Array, position: types.Integer, vector: VectorType
) -> tuple[Signature, _Emit]:
    """Write a vector to array[position * LANES:]; its elements are truncated if the type of the array is narrower."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        element = signature.args[0].dtype
        pointer = _pointer(context, builder, signature.args[0], *args[:2])
        narrower = element.bitwidth < signature.args[2].element.bitwidth
        value = builder.trunc(args[2], pointer.type.pointee) if narrower else args[2]
        builder.store(value, pointer, align=element.bitwidth // 8)
        return context.get_dummy_value()

    _contiguous_vector(array)
    return types.void(array, types.intp, vector), emit


def _contiguous_vector(array: types.Array) -> VectorType:
    if array.ndim != 1 or array.layout != "C":
        raise TypingError(f"no vectors in {array}: it must be contiguous and have one dimension")
    return VectorType(array.dtype)


def _pointer(
    context: BaseContext, builder: ir.IRBuilder, array_type: types.Array, array: ir.Value, position: ir.Value
) -> ir.Value:
    data = make_array(array_type)(context, builder, array).data
    first = builder.gep(data, [builder.mul(position, ir.Constant(position.type, LANES))])
    return builder.bitcast(first, context.get_value_type(VectorType(array_type.dtype)).as_pointer())


@intrinsic
def spread(typing_context: BaseContext, number: types.Number) -> tuple[Signature, _Emit]:
    """Return a vector with a NumPy scalar, such as np.int32(0), in all its lanes."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        return in_all_lanes(builder, args[0])

    return VectorType(number)(number), emit


def in_all_lanes(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Emit a vector with a value in all its lanes."""
    undefined = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


@intrinsic
def widen(typing_context: BaseContext, vector: VectorType) -> tuple[Signature, _Emit]:
    """Convert the integers of a vector to int32."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        return builder.sext(args[0], context.get_value_type(signature.return_type))

    return VectorType(types.int32)(vector), emit


@intrinsic
def to_float(typing_context: BaseContext, vector: VectorType) -> tuple[Signature, _Emit]:
    """Convert the integers of a vector to float32."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        return builder.sitofp(args[0], context.get_value_type(signature.return_type))

    return VectorType(types.float32)(vector), emit


@intrinsic
def to_int(typing_context: BaseContext, vector: VectorType) -> tuple[Signature, _Emit]:
    """Convert the float32 numbers of a vector to int32, towards 0."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        return builder.fptosi(args[0], context.get_value_type(signature.return_type))

    return VectorType(types.int32)(vector), emit


@intrinsic
def exponent(typing_context: BaseContext, vector: VectorType) -> tuple[Signature, _Emit]:
    """Return floor(log2) of the float32 numbers of a vector, each at least 1, as int32."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        integers = context.get_value_type(signature.return_type)
        biased = builder.lshr(builder.bitcast(args[0], integers), ir.Constant(integers, [23] * LANES))
        return builder.sub(biased, ir.Constant(integers, [127] * LANES))

    return VectorType(types.int32)(vector), emit


@intrinsic
def look_up(typing_context: BaseContext, table: types.Array, indices: VectorType) -> tuple[Signature, _Emit]:
    """Return the elements of a contiguous one-dimensional array at LANES positions; bounds are not checked."""

    def emit(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        data = make_array(signature.args[0])(context, builder, args[0]).data
        found = ir.Constant(context.get_value_type(signature.return_type), ir.Undefined)
        for lane in range(LANES):
            place = ir.Constant(ir.IntType(32), lane)
            element = builder.load(builder.gep(data, [builder.extract_element(args[1], place)]))
            found = builder.insert_element(found, element, place)
        return found

    return _contiguous_vector(table)(table, indices), emit


def _define(function: Callable[..., object], emit: _Emit, unary: bool = False) -> None:
    """Define a Python operator or built-in function for vectors; a scalar operand is spread over the lanes."""

    def vector_of(*operands: types.Type) -> VectorType | None:
        vectors = {operand for operand in operands if isinstance(operand, VectorType)}
        return vectors.pop() if len(vectors) == 1 else None

    @type_callable(function)
    def typing(context: BaseContext) -> Callable[..., VectorType | None]:
        return (lambda a: vector_of(a)) if unary else (lambda a, b: vector_of(a, b))

    def lower(context: BaseContext, builder: ir.IRBuilder, signature: Signature, args: list[ir.Value]) -> ir.Value:
        vector = signature.return_type
        operands = [
            value if operand == vector else in_all_lanes(builder, context.cast(builder, value, operand, vector.element))
            for value, operand in zip(args, signature.args, strict=True)
        ]
        return emit(builder, isinstance(vector.element, types.Float), *operands)

    pairs = [(VectorType, VectorType), (VectorType, types.Number), (types.Number, VectorType)]
    for operand_types in [(VectorType,)] if unary else pairs:
        lower_builtin(function, *operand_types)(lower)


def _instruction(integer: str, floating: str = "") -> _Emit:
    return lambda builder, is_float, *operands: getattr(builder, floating if is_float else integer)(*operands)


def _call(integer: str, floating: str, *flags: ir.Value) -> _Emit:
    """Emit a call of LLVM's function for vectors; `flags` go to the integer function."""

    def emit(builder: ir.IRBuilder, is_float: bool, *operands: ir.Value) -> ir.Value:
        arguments = operands if is_float else (*operands, *flags)
        vector = operands[0].type
        function_type = ir.FunctionType(vector, [argument.type for argument in arguments])
        name = f"llvm.{floating if is_float else integer}.v{LANES}{vector.element.intrinsic_name}"
        return builder.call(get_or_insert_function(builder.module, function_type, name), arguments)

    return emit


_define(operator.add, _instruction("add", "fadd"))
_define(operator.iadd, _instruction("add", "fadd"))
_define(operator.sub, _instruction("sub", "fsub"))
_define(operator.mul, _instruction("mul", "fmul"))
_define(operator.lshift, _instruction("shl"))
_define(operator.rshift, _instruction("ashr"))
_define(min, _call("smin", "minnum"))
_define(max, _call("smax", "maxnum"))
_define(abs, _call("abs", "fabs", ir.Constant(ir.IntType(1), 0)), unary=True)


@njit(nogil=True, forceinline=True)
def load_4(data: np.ndarray, position: int, stride: int) -> Vectors:
    """Load four vectors, `stride` positions apart."""
    a, b = load(data, position), load(data, position + stride)
    return a, b, load(data, position + 2 * stride), load(data, position + 3 * stride)


@njit(nogil=True, forceinline=True)
def store_4(data: np.ndarray, position: int, values: Vectors) -> None:
    """Store four vectors side by side."""
    store(data, position, values[0])
    store(data, position + 1, values[1])
    store(data, position + 2, values[2])
    store(data, position + 3, values[3])
