"""Vectors as a type of Numba: lanes that compute at once, held in registers from one step to the next.

Operators work lane by lane as on numbers, and wrap; a number beside lanes stands for one in each. Lanes of 1
bit are a mask, of 16 bits have no sign. It is LLVM's own vectors, which any processor runs: the compiler
splits those that are wider than its registers. Nothing here checks bounds.
"""

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.registry import cpu_target
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, register_model

from .unchecked import primitive

# what not every processor can: a product of floats that is rounded toward zero, and bytes to be compressed
_target: Any = cpu_target.target_context
TOWARD_ZERO, COMPRESSES = (f"+avx512{name}" in _target.codegen().magic_tuple()[2] for name in ("f", "vbmi2"))
FLOATS, ROUND_TOWARD_ZERO = 16, ir.IntType(32)(0b1011)  # of that instruction: at once, and no exceptions

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
for _function, _name in (
    (operator.gt, ">"), (operator.lt, "<"), (operator.le, "<="), (operator.eq, "=="), (operator.ne, "!="),
):  # fmt: skip
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
    kind = lanes.vector if isinstance(lanes, Lanes) else ir.IntType(lanes.bitwidth)
    return builder.bitcast(place, kind.as_pointer()), array[0].dtype.bitwidth // 8


@primitive
def load(typing, like, array, at):
    """Return lanes as many and as wide as others, from `array[at]` on."""

    def generate(context, builder, kinds, values):
        place, align = _place(context, builder, kinds.args[1:], values[1:], like)
        return builder.load(place, align=align)

    return like(like, array, at), generate


@primitive
def store(typing, array, at, lanes):
    """Put lanes, or a number, into `array[at]` and what follows."""

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


@primitive
def bits_outside(typing, mask):
    """Return the other lanes of a mask as `bits_of`.

    LLVM is kept from turning the mask itself around, which takes as long as a sum.
    """
    number = types.Integer.from_bitwidth(mask.size, signed=False)

    def generate(context, builder, kinds, values):
        kind = ir.IntType(mask.size)
        copy = ir.FunctionType(kind, [kind])
        inside = builder.asm(copy, "", "=r,0", [builder.bitcast(values[0], kind)], side_effect=True)
        return builder.not_(inside)

    return number(mask), generate


def _shuffled(builder, a, b, order):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order)))


@primitive
def paired(typing, lanes):
    """Return two neighbors as one lane of twice the bits, the first in its lower half."""
    pairs = Lanes(2 * lanes.bits, lanes.size // 2)
    return pairs(lanes), lambda context, builder, kinds, values: builder.bitcast(values[0], pairs.vector)


@literal
def in_turn(typing, a, b, group):
    """Return all lanes of two: a group of the first, one of the second, and so on."""
    both, each = Lanes(a.bits, 2 * a.size), group.literal_value
    starts = (at for start in range(0, a.size, each) for at in (start, a.size + start))
    order = [start + i for start in starts for i in range(each)]

    def generate(context, builder, kinds, values):
        return _shuffled(builder, values[0], values[1], order)

    return both(a, b, group), generate


@primitive
def places_of(typing, word):
    """Return which bits of 64 are 1, the lowest first, in lanes of 8 bits; where COMPRESSES only.

    What follows the last of them is of no use.
    """
    lanes = Lanes(8, word.bitwidth)

    def generate(context, builder, kinds, values):
        mask = ir.VectorType(ir.IntType(1), lanes.size)
        kind = ir.FunctionType(lanes.vector, [lanes.vector, lanes.vector, mask])
        name = "llvm.x86.avx512.mask.compress.v64i8"
        places = ir.Constant(lanes.vector, list(range(lanes.size)))
        move = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(move, [places, places, builder.bitcast(values[0], mask)])

    return lanes(word), generate


@literal
def widened(typing, lanes, size):
    """Return the first lanes, which have no sign, in 32 bits."""
    wide = Lanes(32, size.literal_value)

    def generate(context, builder, kinds, values):
        first = _shuffled(builder, values[0], values[0], range(wide.size))
        return builder.zext(first, wide.vector)

    return wide(lanes, size), generate


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


@primitive
def share(typing, x, left):
    """Return x * left / 4096 toward zero, for |x| <= 2^24; where TOWARD_ZERO only.

    A float holds x, and a product of floats that is itself rounded toward zero never skips a whole number.
    """

    def generate(context, builder, kinds, values):
        floats, some = (ir.VectorType(ir.FloatType(), size) for size in (x.size, FLOATS))
        a, b = (builder.sitofp(v, floats) for v in values)
        b = builder.fmul(b, ir.Constant(floats, [1 / 4096] * x.size))
        kind = ir.FunctionType(some, [some, some, ir.IntType(32)])
        multiply = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.mul.ps.512")
        products = []
        for at in range(0, x.size, FLOATS):
            factors = [_shuffled(builder, v, v, range(at, at + FLOATS)) for v in (a, b)]
            products.append(builder.call(multiply, [*factors, ROUND_TOWARD_ZERO]))
        while len(products) > 1:
            both = range(2 * products[0].type.count)
            pairs = zip(products[::2], products[1::2], strict=True)
            products = [_shuffled(builder, first, second, both) for first, second in pairs]
        return builder.fptosi(products[0], x.vector)

    return x(x, left), generate
