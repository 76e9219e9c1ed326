"""Sixteen float32 at a time in compiled kernels, written out rather than hoped for.

LLVM turns a plain loop into vector instructions only if it can prove that nothing overlaps, and
rounds a product and a sum once or twice as it likes. Here a kernel says what it means: `Lanes`
are sixteen neighbouring pixels, and every lane is computed by the same instructions wherever in
a block the pixel lies, which is what makes a map the same for every block size.

The functions can be called in functions that numba compiles and nowhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

LANES = 16
_intrinsic: Any = intrinsic  # untyped: what it makes is called with one argument less
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
#: 1.5 * 2^23: added to a small float32 it leaves the nearest whole number in the low bits.
_ROUND = 12582912.0
#: 2^r for r in -0.5 ... 0.5, the highest power first, to 2e-7 of it (least squares at the
#: Chebyshev nodes, as the next).
_EXP2 = (1.33908674e-3, 9.66637369e-3, 5.5503571e-2, 0.240223489, 0.693147188, 1.0)
#: (log(1 + r) - r + r^2 / 2) / r^3 for r in sqrt(1/2) - 1 ... sqrt(2) - 1; the logarithm to 1e-8.
_LOG1P = (
    -0.0810155889, 0.12712308, -0.129722389, 0.142021738,
    -0.166422476, 0.200014686, -0.250002965, 0.333333286,
)  # fmt: skip


class _Lanes(types.Type):
    """The type of some float32."""

    def __init__(self, count: int) -> None:
        self.vector = ir.VectorType(_FLOAT, count)
        super().__init__(name=f"Lanes{count}")


Lanes: Any = _Lanes(LANES)
#: Half as many: what one register of most processors holds, for kernels that need all of them.
HALF = LANES // 2
Half: Any = _Lanes(HALF)


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, fe_type.vector)  # type: ignore[no-untyped-call]


def _all(value: float, kind: Any = _FLOATS) -> Any:
    """Return a constant with the same number in every lane."""
    exact = value if kind is _INTS else float(np.float32(value))
    return ir.Constant(kind, [exact] * LANES)


def _place(
    context: Any, builder: Any, array_type: Any, array: Any, index: Any, kind: Any = _FLOATS
) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), kind.as_pointer())


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(a.type, [a.type] * 3)
    utils: Any = cgutils
    function = utils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{a.type.count}f32")
    return builder.call(function, [a, b, c])


def _loader(lanes: Any) -> Any:
    @_intrinsic  # type: ignore[untyped-decorator]
    def load(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = _place(context, builder, signature.args[0], args[0], args[1], lanes.vector)
            value = builder.load(place)
            value.align = 4
            return value

        return lanes(array, types.intp), generate

    return load


#: ``load(array, index)``: the lanes of a flat float32 array from an index on; and half as many.
load, load_half = _loader(Lanes), _loader(Half)


@_intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Write lanes to a flat float32 array from an index on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature.args[0], args[0], args[1], args[2].type)
        builder.store(args[2], place, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


def _first(builder: Any, count: Any) -> Any:
    """Return true in the lanes before a count."""
    low = builder.trunc(count, _INT)
    nothing = ir.Constant(_INTS, ir.Undefined)
    all_counts = builder.shuffle_vector(
        builder.insert_element(nothing, low, _INT(0)), nothing, _all(0, _INTS)
    )
    numbers = ir.Constant(_INTS, list(range(LANES)))
    return builder.icmp_signed("<", numbers, all_counts)


_TRUTHS = ir.VectorType(ir.IntType(1), LANES)


@_intrinsic  # type: ignore[untyped-decorator]
def load_some(typing: Any, array: Any, index: Any, count: Any) -> Any:  # noqa: ARG001
    """Return the first lanes of a flat float32 array from an index on, 0 in the others."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature.args[0], *args[:2])
        kind = ir.FunctionType(_FLOATS, [_FLOATS.as_pointer(), _INT, _TRUTHS, _FLOATS])
        utils: Any = cgutils
        name = f"llvm.masked.load.v{LANES}f32.p0"
        function = utils.get_or_insert_function(builder.module, kind, name)
        truths = _first(builder, args[2])
        return builder.call(function, [place, _INT(4), truths, _all(0.0)])

    return Lanes(array, types.intp, types.intp), generate


@_intrinsic  # type: ignore[untyped-decorator]
def store_some(typing: Any, array: Any, index: Any, value: Any, count: Any) -> Any:  # noqa: ARG001
    """Write the first lanes to a flat float32 array from an index on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature.args[0], *args[:2])
        kind = ir.FunctionType(ir.VoidType(), [_FLOATS, _FLOATS.as_pointer(), _INT, _TRUTHS])
        utils: Any = cgutils
        name = f"llvm.masked.store.v{LANES}f32.p0"
        function = utils.get_or_insert_function(builder.module, kind, name)
        builder.call(function, [args[2], place, _INT(4), _first(builder, args[3])])
        return context.get_dummy_value()

    return types.void(array, types.intp, Lanes, types.intp), generate


def _splatter(lanes: Any) -> Any:
    @_intrinsic  # type: ignore[untyped-decorator]
    def splat(typing: Any, value: Any) -> Any:  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
            nothing = ir.Constant(lanes.vector, ir.Undefined)
            first = builder.insert_element(nothing, args[0], _INT(0))
            zeros = ir.Constant(ir.VectorType(_INT, lanes.vector.count), None)
            return builder.shuffle_vector(first, nothing, zeros)

        return lanes(types.float32), generate

    return splat


#: ``splat(value)``: a float32 in every lane, or in half as many.
splat, splat_half = _splatter(Lanes), _splatter(Half)


@_intrinsic  # type: ignore[untyped-decorator]
def spread(typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Return the number at an index, 0 or more, of a flat float32 array, in every lane."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature.args[0], args[0], args[1], _FLOAT)
        nothing = ir.Constant(_FLOATS, ir.Undefined)
        first = builder.insert_element(nothing, builder.load(place), _INT(0))
        return builder.shuffle_vector(first, nothing, ir.Constant(_INTS, None))

    return Lanes(array, types.intp), generate


def _binary(operation: str) -> Any:
    @_intrinsic  # type: ignore[untyped-decorator]
    def function(typing: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
            return getattr(builder, operation)(*args)

        return a(a, a), generate

    return function


add, sub, mul, div = map(_binary, ("fadd", "fsub", "fmul", "fdiv"))


@_intrinsic  # type: ignore[untyped-decorator]
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:  # noqa: ARG001
    """Return a * b + c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return _fma(builder, *args)

    return a(a, a, a), generate


@_intrinsic  # type: ignore[untyped-decorator]
def where_larger(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:  # noqa: ARG001
    """Return ``yes`` in the lanes where a > b, else ``no``."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return Lanes(Lanes, Lanes, Lanes, Lanes), generate


@_intrinsic  # type: ignore[untyped-decorator]
def total(typing: Any, value: Any) -> Any:  # noqa: ARG001
    """Return the sum of the lanes, halves added to halves."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        left = args[0]
        nothing, count = ir.Constant(left.type, ir.Undefined), left.type.count
        while count > 1:
            count //= 2
            halves = [
                builder.shuffle_vector(
                    left, nothing, ir.Constant(ir.VectorType(_INT, count), list(numbers))
                )
                for numbers in (range(count), range(count, 2 * count))
            ]
            left = builder.fadd(*halves)
            nothing = ir.Constant(left.type, ir.Undefined)
        return builder.extract_element(left, _INT(0))

    return types.float32(value), generate


@_intrinsic  # type: ignore[untyped-decorator]
def exp2(typing: Any, power: Any) -> Any:  # noqa: ARG001
    """Return 2 to a power of at most 0, to 2e-7 of it; below -126 that of -126."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        low = _all(-126.0)
        power = builder.select(builder.fcmp_ordered(">", args[0], low), args[0], low)
        rounded = builder.fadd(power, _all(_ROUND))
        rest = builder.fsub(power, builder.fsub(rounded, _all(_ROUND)))
        value = _all(_EXP2[0])
        for coefficient in _EXP2[1:]:
            value = _fma(builder, value, rest, _all(coefficient))
        whole = builder.shl(builder.bitcast(rounded, _INTS), _all(23, _INTS))
        bits = builder.add(builder.bitcast(value, _INTS), whole)
        return builder.bitcast(bits, _FLOATS)

    return Lanes(Lanes), generate


@_intrinsic  # type: ignore[untyped-decorator]
def log(typing: Any, value: Any) -> Any:  # noqa: ARG001
    """Return the natural logarithm of positive, normal numbers, to 2e-7."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        # The number is m * 2^e with m in sqrt(1/2) ... sqrt(2).
        bits = builder.bitcast(args[0], _INTS)
        shifted = builder.sub(bits, _all(0x3F3504F3, _INTS))
        exponent = builder.ashr(shifted, _all(23, _INTS))
        part = builder.sub(bits, builder.shl(exponent, _all(23, _INTS)))
        r = builder.fsub(builder.bitcast(part, _FLOATS), _all(1.0))
        value = _all(_LOG1P[0])
        for coefficient in _LOG1P[1:]:
            value = _fma(builder, value, r, _all(coefficient))
        square = builder.fmul(r, r)
        cubic = builder.fmul(builder.fmul(square, r), value)
        small = builder.fadd(_fma(builder, square, _all(-0.5), r), cubic)
        return _fma(builder, builder.sitofp(exponent, _FLOATS), _all(0.6931471805599453), small)

    return Lanes(Lanes), generate
