"""What Numba does not give for free: a view without a reference, and what processors do with bits of a word.

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
def ones_in(typing, word):
    """Return how many bits of a word are 1."""
    return word(word), lambda context, builder, signature, values: builder.ctpop(*values)


@primitive
def zeros_below(typing, word):
    """Return how many bits lie below the lowest 1; all of them where there is none."""

    def generate(context, builder, signature, values):
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 0))

    return word(word), generate


@primitive
def borrowed(typing, arrays):
    """Return a tuple whose arrays' references nobody counts; the caller keeps them alive."""

    def generate(context, builder, signature, values):
        (kept,) = values
        for i, kind in enumerate(arrays.types):
            if not isinstance(kind, types.Array):
                continue
            array = context.make_array(kind)(context, builder, builder.extract_value(kept, i))
            array.meminfo = ir.Constant(array.meminfo.type, None)
            kept = builder.insert_value(kept, array._getvalue(), i)
        return kept

    return arrays(arrays), generate


@primitive
def add_one(typing, numbers):
    """Add one to `numbers[0]`, which no other thread does meanwhile; return what it was."""

    def generate(context, builder, signature, values):
        data = context.make_array(numbers)(context, builder, values[0]).data
        return builder.atomic_rmw("add", data, context.get_constant(numbers.dtype, 1), "monotonic")

    return numbers.dtype(numbers), generate


@primitive
def read_shared(typing, numbers):
    """Return `numbers[0]`, to which another thread may add meanwhile."""

    def generate(context, builder, signature, values):
        data = context.make_array(numbers)(context, builder, values[0]).data
        return builder.load_atomic(data, "monotonic", numbers.dtype.bitwidth // 8)

    return numbers.dtype(numbers), generate


@primitive
def anew(typing, number):
    """Return a number of which the compiler must not know that it is the same each time.

    It then loads again what a loop finds at that place, instead of before the loop.
    """

    def generate(context, builder, signature, values):
        kind = ir.FunctionType(values[0].type, [values[0].type])
        return builder.asm(kind, "", "=r,0", values, side_effect=True)

    return number(number), generate


@primitive
def prefetch(typing, array, at):
    """Ask for the line that holds `array.ravel()[at]`, which need not exist."""

    def generate(context, builder, signature, values):
        data = context.make_array(array)(context, builder, values[0]).data
        place = builder.bitcast(builder.gep(data, [values[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [place, word(0), word(2), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
