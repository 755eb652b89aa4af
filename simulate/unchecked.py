"""What Numba does not give for free: a view without a reference, wide stores and sums, a shift of 32 bits.

None checks its bounds: the caller does.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

primitive: Any = intrinsic  # the first argument is Numba's own, which a type checker cannot know


@primitive
def window(typing, array, start, size):
    """Return `array.ravel()[start : start + size]`; it does not keep the array alive.

    A slice counts references with atomic operations, which for a row of synapses take as long as its sum.
    """
    row = types.Array(array.dtype, 1, "C")

    def generate(context, builder, signature, values):
        begin, length = (
            context.cast(builder, value, kind, types.intp)
            for value, kind in zip(values[1:], signature.args[1:], strict=True)
        )
        whole = context.make_array(array)(context, builder, values[0])
        view = context.make_array(row)(context, builder)
        bytes_each = context.get_abi_sizeof(context.get_data_type(array.dtype))
        stride = context.get_constant(types.intp, bytes_each)
        data = builder.gep(whole.data, [begin])
        populate_array(view, data, shape=[length], strides=[stride], itemsize=stride, meminfo=None)
        return view._getvalue()

    return row(array, start, size), generate


@primitive
def put_eight(typing, target, at, table, index, add):
    """`target[at : at + 8] = table[index] + add`: a row of a uint8 (n, 8) table into uint32, in one store.

    Numba does not make vectors of a loop as short as this.
    """
    byte, word = ir.VectorType(ir.IntType(8), 8), ir.VectorType(ir.IntType(32), 8)

    def generate(context, builder, signature, values):
        first, row, more = (
            context.cast(builder, values[i], signature.args[i], types.intp) for i in (1, 3, 4)
        )
        source = context.make_array(table)(context, builder, values[2]).data
        place = builder.gep(source, [builder.shl(row, row.type(3))])
        eight = builder.load(builder.bitcast(place, byte.as_pointer()), align=1)
        more = builder.trunc(more, word.element)
        one = builder.insert_element(ir.Constant(word, ir.Undefined), more, ir.IntType(32)(0))
        spread = builder.shuffle_vector(one, ir.Constant(word, ir.Undefined), ir.Constant(word, None))
        out = builder.gep(context.make_array(target)(context, builder, values[0]).data, [first])
        total = builder.add(builder.zext(eight, word), spread)
        builder.store(total, builder.bitcast(out, word.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(target, at, table, index, add), generate


def _tile(lanes, bits):
    """Return a primitive that sums some lanes of rows in registers of so many bits.

    It writes `a_in[at : at + lanes] = (sum << left >> right) + (a_in[at : at + lanes] & kept)`: what numbers
    list between start and stop are rows of n.
    """
    row, sums, wide = (ir.VectorType(ir.IntType(b), lanes) for b in (16, bits, 32))

    @primitive
    def sum_tile(typing, a_in, rows, numbers, start, stop, n, at, left, right, kept):
        def generate(context, builder, signature, values):
            into, table, listed = (
                context.make_array(kind)(context, builder, value).data
                for value, kind in zip(values[:3], signature.args[:3], strict=True)
            )
            begin, end, width, first = (
                context.cast(builder, value, kind, types.intp)
                for value, kind in zip(values[3:7], signature.args[3:7], strict=True)
            )
            up, down, mask = (
                _splat(builder, context.cast(builder, value, kind, types.int32), lanes)
                for value, kind in zip(values[7:], signature.args[7:], strict=True)
            )
            total = cgutils.alloca_once_value(builder, ir.Constant(sums, None))
            with cgutils.for_range_slice(builder, begin, end, begin.type(1), begin.type) as (k, _):
                number = builder.zext(builder.load(builder.gep(listed, [k])), begin.type)
                place = builder.gep(table, [builder.add(builder.mul(number, width), first)])
                one = builder.load(builder.bitcast(place, row.as_pointer()), align=2)
                builder.store(builder.add(builder.load(total), builder.sext(one, sums)), total)
            place = builder.bitcast(builder.gep(into, [first]), wide.as_pointer())
            shifted = builder.ashr(builder.shl(builder.sext(builder.load(total), wide), up), down)
            before = builder.and_(builder.load(place, align=4), mask)
            builder.store(builder.add(shifted, before), place, align=4)
            return context.get_dummy_value()

        return types.void(a_in, rows, numbers, start, stop, n, at, left, right, kept), generate

    return sum_tile


def _splat(builder, value, lanes):
    """Return a vector that holds one value everywhere."""
    vector = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), everywhere)


sum_256, sum_128, sum_64, sum_32, sum_16 = (_tile(lanes, 16) for lanes in (256, 128, 64, 32, 16))
sum_16_wide = _tile(16, 32)


@primitive
def shift_right(typing, value, by):
    """Return `value >> by` in 32 bits; Numba would widen both to 64."""

    def generate(context, builder, signature, values):
        return builder.ashr(*values)

    return types.int32(types.int32, types.int32), generate


@primitive
def borrowed(typing, arrays):
    """Return a tuple of arrays whose references nobody counts; the caller keeps them alive."""

    def generate(context, builder, signature, values):
        (kept,) = values
        for i, kind in enumerate(arrays.types):
            array = context.make_array(kind)(context, builder, builder.extract_value(kept, i))
            array.meminfo = ir.Constant(array.meminfo.type, None)
            kept = builder.insert_value(kept, array._getvalue(), i)
        return kept

    return arrays(arrays), generate
