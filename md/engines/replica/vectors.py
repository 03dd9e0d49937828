"""Short vectors for Numba on the CPU: a few particles side by side in one register.

LLVM does not vectorise a loop over particles around a loop over their neighbours, so the vectors are spelt out here, as
an LLVM vector type with the usual operators. LLVM maps them to whatever registers the processor has. How many numbers
a new vector has is given to ``load``, ``splat`` and ``places`` as a constant; all else follows from its operands.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model


class Vector(types.Type):
    """``width`` numbers of one type; of booleans, a mask."""

    def __init__(self, element: types.Type, width: int):
        self.element, self.width = element, width
        super().__init__(f"Vector({element}, {width})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A vector is an LLVM vector, in registers and in memory."""

    def __init__(self, manager, vector):
        element = ir.IntType(1) if vector.element is types.boolean else manager[vector.element].get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.width))


def instruction(function: Callable) -> Any:
    """Numba's ``intrinsic``; callers do not pass the typing context that type checkers would ask them for."""
    return intrinsic(prefer_literal=True)(function)


def spread(builder, value, width):
    """An LLVM vector with ``value`` in every place."""
    vector = ir.VectorType(value.type, width)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    order = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), order)


def shuffle(builder, a, b, order):
    """The vector of the places ``order`` of ``a``, and of ``b`` counted on."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))


@instruction
def splat(typing, value, width):
    """``value`` in each of ``width`` places."""

    def generate(context, builder, signature, arguments):
        return spread(builder, arguments[0], width.literal_value)

    number = types.unliteral(value)
    return Vector(number, width.literal_value)(number, width), generate


@instruction
def splat_like(typing, value, vector):
    """``value`` in every place of a vector as wide as ``vector``."""

    def generate(context, builder, signature, arguments):
        return spread(builder, arguments[0], vector.width)

    number = types.unliteral(value)
    return Vector(number, vector.width)(number, vector), generate


def pointer(context, builder, array_type, array, index):
    """Where a vector of ``array`` begins."""
    values = context.make_array(array_type)(context, builder, array)
    return builder.gep(values.data, [index])


@instruction
def load(typing, array, index, width):
    """``array[index:index + width]`` of a contiguous array."""

    def generate(context, builder, signature, arguments):
        array, index, _ = arguments
        vector = context.get_value_type(signature.return_type)
        place = pointer(context, builder, signature.args[0], array, index)
        result = builder.load(builder.bitcast(place, vector.as_pointer()))
        result.align = vector.element.get_abi_alignment(context.target_data)
        return result

    return Vector(array.dtype, width.literal_value)(array, types.intp, width), generate


@instruction
def store(typing, array, index, value):
    """``array[index:index + width] = value`` of a vector of ``width`` places."""

    def generate(context, builder, signature, arguments):
        array, index, value = arguments
        place = pointer(context, builder, signature.args[0], array, index)
        instruction = builder.store(value, builder.bitcast(place, value.type.as_pointer()))
        instruction.align = value.type.element.get_abi_alignment(context.target_data)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@instruction
def sums_of_rows(typing, array, index, width):
    """The sum of each of ``width`` rows of ``width`` numbers, from ``array[index]`` on in a contiguous array."""

    def generate(context, builder, signature, arguments):
        array, index, _ = arguments
        vector = context.get_value_type(signature.return_type)
        first = builder.bitcast(pointer(context, builder, signature.args[0], array, index), vector.as_pointer())
        rows = [builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), k)])) for k in range(vector.count)]
        for row in rows:
            row.align = vector.element.get_abi_alignment(context.target_data)
        # Two vectors become one, until one is left: its place p is the sum of two places of the first vector, or of the
        # second where p has the bit ``step``. So place p comes to the sum of row p.
        step = 1
        while len(rows) > 1:
            whose = [vector.count if p & step else 0 for p in range(vector.count)]
            without = [begin + (p & ~step) for p, begin in enumerate(whose)]
            with_it = [begin + (p | step) for p, begin in enumerate(whose)]
            rows = [
                builder.fadd(shuffle(builder, a, b, without), shuffle(builder, a, b, with_it))
                for a, b in zip(rows[0::2], rows[1::2], strict=True)
            ]
            step *= 2
        return rows[0]

    return Vector(array.dtype, width.literal_value)(array, types.intp, width), generate


@instruction
def convert(typing, value, like):
    """Integers as floating-point numbers of the type of ``like``."""

    def generate(context, builder, signature, arguments):
        return builder.sitofp(arguments[0], context.get_value_type(signature.return_type))

    return Vector(like, value.width)(value, like), generate


@instruction
def select(typing, mask, yes, no):
    """``yes`` where ``mask``, else ``no``."""

    def generate(context, builder, signature, arguments):
        return builder.select(*arguments)

    return yes(mask, yes, no), generate


@instruction
def any_of(typing, mask):
    """Whether ``mask`` is true anywhere."""

    def generate(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], ir.IntType(mask.width))
        return builder.icmp_unsigned("!=", bits, bits.type(0))

    return types.boolean(mask), generate


@instruction
def places(typing, like, width):
    """0, 1, 2, ... up to ``width`` as vector of the integer type of ``like``."""

    def generate(context, builder, signature, arguments):
        return ir.Constant(context.get_value_type(signature.return_type), list(range(width.literal_value)))

    return Vector(like, width.literal_value)(like, width), generate


def arithmetic(integer: str, floating: str):
    """The intrinsic for an LLVM instruction on two vectors of numbers."""

    @instruction
    def of_two(typing, a, b):
        name = floating if isinstance(a.element, types.Float) else integer

        def generate(context, builder, signature, arguments):
            return getattr(builder, name)(*arguments)

        return a(a, b), generate

    return of_two


def comparison(symbol: str):
    """The intrinsic that compares two vectors to give a mask; false where a number is not a number."""

    @instruction
    def of_two(typing, a, b):
        def generate(context, builder, signature, arguments):
            compare = builder.fcmp_ordered if isinstance(a.element, types.Float) else builder.icmp_signed
            return compare(symbol, *arguments)

        return Vector(types.boolean, a.width)(a, b), generate

    return of_two


def overload_operator(symbol, of_two):
    """Let ``symbol`` mean ``of_two`` between vectors, or a vector and a number, which is spread first."""

    @overload(symbol)
    def implementation(a, b):
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: of_two(a, b)
        if isinstance(a, Vector) and isinstance(b, types.Number):
            return lambda a, b: of_two(a, splat_like(b, a))
        if isinstance(b, Vector) and isinstance(a, types.Number):
            return lambda a, b: of_two(splat_like(a, b), b)
        return None


overload_operator(operator.add, arithmetic("add", "fadd"))
overload_operator(operator.sub, arithmetic("sub", "fsub"))
overload_operator(operator.mul, arithmetic("mul", "fmul"))
overload_operator(operator.truediv, arithmetic("sdiv", "fdiv"))
overload_operator(operator.lt, comparison("<"))
overload_operator(operator.eq, comparison("=="))
