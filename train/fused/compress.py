"""Where a row holds something: the places of its entries, eight of them looked at at once.

Processors with AVX-512 do it in one instruction; for others LLVM writes out what it means.
"""

from llvmlite import ir
from numba.core import cgutils, types

from ...simulate.compiled import inlined
from ...simulate.unchecked import primitive

LANES = 8
INDEX = ir.VectorType(ir.IntType(32), LANES)


@primitive
def eight_not_zero(typing, values, first, places, at):
    """Write which of `values[first : first + 8]` are not zero to `places` from `at` on; return how many."""

    def generate(context, builder, signature, given):
        array, kind = _array(context, builder, signature.args[0], given[0]), signature.args[0].dtype
        loaded = _load(context, builder, array, kind, given[1])
        none = ir.Constant(loaded.type, None)
        if isinstance(kind, types.Float):
            mask = builder.fcmp_unordered("!=", loaded, none)
        else:
            mask = builder.icmp_unsigned("!=", loaded, none)
        return _store(context, builder, signature, given[1:], mask)

    return types.intp(values, types.intp, places, types.intp), generate


@primitive
def eight_above(typing, values, limits, first, places, at):
    """As `eight_not_zero`: which values are above their limits."""

    def generate(context, builder, signature, given):
        rows = [
            _load(context, builder, _array(context, builder, kind, row), kind.dtype, given[2])
            for kind, row in zip(signature.args[:2], given[:2], strict=True)
        ]
        mask = builder.fcmp_ordered(">", *rows)
        return _store(context, builder, signature, given[2:], mask)

    return types.intp(values, limits, types.intp, places, types.intp), generate


def _array(context, builder, kind, value):
    return context.make_array(kind)(context, builder, value)


def _load(context, builder, array, kind, first):
    """Return eight values as a vector."""
    vector = ir.VectorType(context.get_data_type(kind), LANES)
    place = builder.bitcast(builder.gep(array.data, [first]), vector.as_pointer())
    return builder.load(place, align=context.get_abi_sizeof(context.get_data_type(kind)))


def _store(context, builder, signature, given, mask):
    """Write the places that the mask selects; return how many."""
    first, places, at = given
    target = builder.gep(_array(context, builder, signature.args[-2], places).data, [at])
    start = builder.trunc(first, ir.IntType(32))
    one = builder.insert_element(ir.Constant(INDEX, ir.Undefined), start, ir.IntType(32)(0))
    starts = builder.shuffle_vector(one, ir.Constant(INDEX, ir.Undefined), ir.Constant(INDEX, None))
    numbers = builder.add(starts, ir.Constant(INDEX, list(range(LANES))))
    kind = ir.FunctionType(ir.VoidType(), [INDEX, target.type, mask.type])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.compressstore.v{LANES}i32")
    builder.call(function, [numbers, target, mask])
    bits = builder.bitcast(mask, ir.IntType(LANES))
    return builder.zext(builder.ctpop(bits), ir.IntType(64))


@inlined
def places_not_zero(row, places, at):
    """Write where a row is not zero to `places` from `at` on; return the place behind the last."""
    j = 0
    while j + LANES <= row.size:
        at += eight_not_zero(row, j, places, at)
        j += LANES
    while j < row.size:
        if row[j] != 0:
            places[at] = j
            at += 1
        j += 1
    return at


@inlined
def places_above(row, limits, places, at):
    """Write where a row is above its limits to `places` from `at` on; return the place behind the last."""
    j = 0
    while j + LANES <= row.size:
        at += eight_above(row, limits, j, places, at)
        j += LANES
    while j < row.size:
        if row[j] > limits[j]:
            places[at] = j
            at += 1
        j += 1
    return at
