"""Vectors as a type of Numba: lanes that compute at once, held in registers from one step to the next.

Operators work lane by lane as on numbers, and wrap; a number beside lanes stands for one in each. Lanes of 1
bit are a mask, of 16 bits have no sign. It is LLVM's own vectors, which any processor runs: the compiler
splits those that are wider than its registers. Nothing here checks bounds.
"""

import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, register_model

from .unchecked import primitive

literal: Any = intrinsic(prefer_literal=True)  # sees the values of constants


class Lanes(types.Type):
    """So many lanes of so many bits."""

    def __init__(self, bits: int, size: int) -> None:
        self.bits, self.size = bits, size
        super().__init__(name=f"Lanes({bits}, {size})")

    @property
    def vector(self) -> ir.VectorType:
        """What LLVM calls it."""
        return ir.VectorType(ir.IntType(self.bits), self.size)


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm, kind):
        super().__init__(dmm, kind, kind.vector)


@lower_cast(types.Integer, Lanes)
def _everywhere(context, builder, given, lanes, value):
    """Return a vector that holds one number in each lane."""
    value = context.cast(builder, value, given, types.Integer.from_bitwidth(lanes.bits))
    one = builder.insert_element(ir.Constant(lanes.vector, ir.Undefined), value, ir.IntType(32)(0))
    first = ir.Constant(ir.VectorType(ir.IntType(32), lanes.size), None)
    return builder.shuffle_vector(one, ir.Constant(lanes.vector, ir.Undefined), first)


def _lane_by_lane(function, generate, compares=False):
    """Give lanes an operator."""

    class Typed(AbstractTemplate):
        def generic(self, args, kws):
            a, b = args
            if isinstance(a, Lanes) and (a == b or isinstance(b, types.Integer)):
                return signature(Lanes(1, a.size) if compares else a, a, a)

    typed: Any = infer_global(function)
    typed(Typed)
    lower_builtin(function, Lanes, Lanes)(generate)


def _arithmetic(name):
    def generate(context, builder, kinds, values):
        unsigned = name == "ashr" and kinds.args[0].bits == 16
        return getattr(builder, "lshr" if unsigned else name)(*values)

    return generate


def _comparison(sign):
    return lambda context, builder, kinds, values: builder.icmp_signed(sign, *values)


for _function, _name in (
    (operator.add, "add"), (operator.sub, "sub"), (operator.mul, "mul"), (operator.and_, "and_"),
    (operator.or_, "or_"), (operator.lshift, "shl"), (operator.rshift, "ashr"),
):  # fmt: skip
    _lane_by_lane(_function, _arithmetic(_name))
for _function, _name in ((operator.gt, ">"), (operator.lt, "<"), (operator.eq, "=="), (operator.ne, "!=")):
    _lane_by_lane(_function, _comparison(_name), compares=True)


@literal
def zeros(typing, bits, size):
    """Return so many lanes of so many bits, which are 0."""
    kind = Lanes(bits.literal_value, size.literal_value)
    return kind(bits, size), lambda context, builder, kinds, values: ir.Constant(kind.vector, None)


def _place(context, builder, array, values, lanes):
    """Return where lanes begin in an array of any type, and how they are aligned."""
    at = context.cast(builder, values[1], array[1], types.intp)
    place = builder.gep(context.make_array(array[0])(context, builder, values[0]).data, [at])
    return builder.bitcast(place, lanes.vector.as_pointer()), array[0].dtype.bitwidth // 8


@primitive
def load(typing, like, array, at):
    """Return lanes as many and as wide as others, from `array[at]` on."""

    def generate(context, builder, kinds, values):
        place, align = _place(context, builder, kinds.args[1:], values[1:], like)
        return builder.load(place, align=align)

    return like(like, array, at), generate


@primitive
def store(typing, array, at, lanes):
    """Put lanes into `array[at]` and what follows."""

    def generate(context, builder, kinds, values):
        place, align = _place(context, builder, kinds.args, values, lanes)
        builder.store(values[2], place, align=align)
        return context.get_dummy_value()

    return types.void(array, at, lanes), generate


@primitive
def where(typing, mask, a, b):
    """Return a in the lanes of a mask and b in the others; one of both may be a number."""
    lanes = a if isinstance(a, Lanes) else b
    return lanes(mask, lanes, lanes), lambda context, builder, kinds, values: builder.select(*values)


@primitive
def bits_of(typing, mask):
    """Return a mask as an unsigned number, the first lane in its lowest bit."""
    number = types.Integer.from_bitwidth(mask.size, signed=False)

    def generate(context, builder, kinds, values):
        return builder.bitcast(values[0], ir.IntType(mask.size))

    return number(mask), generate


def _shuffled(builder, a, b, order):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order)))


@literal
def widened(typing, low, high, group):
    """Return lanes of twice the bits: a group of the low ones, one of the high ones, and so on."""
    wide, each = Lanes(2 * low.bits, 2 * low.size), group.literal_value
    starts = (at for start in range(0, low.size, each) for at in (start, low.size + start))
    order = [start + i for start in starts for i in range(each)]

    def generate(context, builder, kinds, values):
        half = ir.VectorType(ir.IntType(wide.bits), low.size)
        of_low, of_high = (builder.zext(v, half) for v in values[:2])
        return _shuffled(builder, of_low, of_high, order)

    return wide(low, high, group), generate


@primitive
def dot(typing, pairs, others):
    """Return the sum of the products of halves, which have a sign: in each lane two.

    Written as processors with an instruction for it like it; LLVM finds it only in this form.
    """
    size, half = pairs.size, pairs.bits // 2

    def generate(context, builder, kinds, values):
        halves, wide = (ir.VectorType(ir.IntType(bits), 2 * size) for bits in (half, pairs.bits))
        factors = [builder.sext(builder.bitcast(v, halves), wide) for v in values]
        products = builder.mul(*factors)
        return builder.add(
            *(_shuffled(builder, products, products, range(side, 2 * size, 2)) for side in (0, 1))
        )

    return pairs(pairs, pairs), generate
