"""512 bits at a time: vectors that have a name, for the loops that plain Numba leaves slow.

LLVM does not keep a vertical counter's planes in registers over a loop when they are arrays, because it
cannot tell the arrays apart. Named vectors stay there, and LLVM maps them to what the machine has (AVX-512,
AVX2, NEON).
`python -m benchmarks.vectors` measures what that pays against the same loops in plain Numba.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

VECTOR_WORDS = 8
LINE_BYTES = 64
_LANES = ir.VectorType(ir.IntType(64), VECTOR_WORDS)


class _VectorType(types.Type):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="vector_of_8_uint64")


_vector = _VectorType()


@register_model(_VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _LANES)


def _broadcast(builder: Any, word: Any) -> Any:
    index = ir.IntType(32)
    nothing = ir.Constant(_LANES, ir.Undefined)
    one = builder.insert_element(nothing, word, ir.Constant(index, 0))
    return builder.shuffle_vector(
        one, nothing, ir.Constant(ir.VectorType(index, VECTOR_WORDS), [0] * VECTOR_WORDS)
    )


@intrinsic  # type: ignore[untyped-decorator]
def load(typing: Any, address: Any) -> Any:
    """The vector at an address, aligned to 8 bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(builder.inttoptr(arguments[0], _LANES.as_pointer()))
        value.align = 8
        return value

    return _vector(types.uintp), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, vector: Any, address: Any) -> Any:
    """Put a vector at an address, aligned to 8 bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[0], builder.inttoptr(arguments[1], _LANES.as_pointer()))
        stored.align = 8
        return context.get_dummy_value()

    return types.void(_vector, types.uintp), generate


@intrinsic  # type: ignore[untyped-decorator]
def all_of(typing: Any, word: Any) -> Any:
    """A word in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _broadcast(builder, arguments[0])

    return _vector(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def both(typing: Any, x: Any, y: Any) -> Any:
    """x & y."""
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.and_(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def either(typing: Any, x: Any, y: Any) -> Any:
    """x | y."""
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.or_(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def unlike(typing: Any, x: Any, y: Any) -> Any:
    """x ^ y."""
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.xor(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def sum_bit(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """The sum bit of a full adder."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        return builder.xor(builder.xor(a[0], a[1]), a[2])

    return _vector(_vector, _vector, _vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def carry_bit(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """The carry bit of a full adder."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        either = builder.and_(builder.xor(a[0], a[1]), a[2])
        return builder.or_(builder.and_(a[0], a[1]), either)

    return _vector(_vector, _vector, _vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def is_full(typing: Any, x: Any) -> Any:
    """Whether every bit is set."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        wide = builder.bitcast(a[0], ir.IntType(64 * VECTOR_WORDS))
        return builder.icmp_unsigned("==", wide, ir.Constant(wide.type, -1))

    return types.boolean(_vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def add(typing: Any, x: Any, y: Any) -> Any:
    """Sums of 64-bit words."""
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.add(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def shift_left(typing: Any, x: Any, y: Any) -> Any:
    """Words shifted by words, each below 64."""
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.shl(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def shift_right(typing: Any, x: Any, y: Any) -> Any:
    """Words shifted by words, each below 64."""
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.lshr(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def below(typing: Any, x: Any, y: Any) -> Any:
    """All ones in lanes where x < y, else zero; both below 2^63."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        return builder.sext(builder.icmp_signed("<", a[0], a[1]), _LANES)

    return _vector(_vector, _vector), generate


def _gather(builder: Any, address: Any, index: Any, bits: int) -> Any:
    kind = ir.IntType(bits)
    lanes, places = ir.VectorType(kind, VECTOR_WORDS), ir.VectorType(kind.as_pointer(), VECTOR_WORDS)
    every = ir.Constant(ir.VectorType(ir.IntType(1), VECTOR_WORDS), [1] * VECTOR_WORDS)
    wanted = ir.FunctionType(lanes, [places, ir.IntType(32), every.type, lanes])
    name = f"llvm.masked.gather.v{VECTOR_WORDS}i{bits}.v{VECTOR_WORDS}p0"
    function = builder.module.globals.get(name) or ir.Function(builder.module, wanted, name)
    bytes_each = _broadcast(builder, ir.Constant(ir.IntType(64), bits // 8))
    addresses = builder.add(_broadcast(builder, address), builder.mul(index, bytes_each))
    pointers = builder.inttoptr(addresses, places)
    aligned = ir.Constant(ir.IntType(32), bits // 8)
    return builder.call(function, [pointers, aligned, every, ir.Constant(lanes, ir.Undefined)])


@intrinsic  # type: ignore[untyped-decorator]
def gather(typing: Any, address: Any, index: Any) -> Any:
    """Words of an array of uint64 that begins at an address."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        return _gather(builder, a[0], a[1], 64)

    return _vector(types.uintp, _vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def gather_numbers(typing: Any, address: Any, index: Any) -> Any:
    """Numbers, none negative, of an array of int32 that begins at an address."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        return builder.zext(_gather(builder, a[0], a[1], 32), _LANES)

    return _vector(types.uintp, _vector), generate


def _prefetch(builder: Any, address: Any, write: int) -> None:
    index, byte = ir.IntType(32), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, index, index, index])
    instruction = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
    how = (ir.Constant(index, value) for value in (write, 3, 1))
    builder.call(instruction, [builder.inttoptr(address, byte), *how])


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typing: Any, address: Any) -> Any:
    """Have the cache line of an address fetched, to be written; does not wait for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _prefetch(builder, arguments[0], 1)
        return context.get_dummy_value()

    return types.void(types.uintp), generate


@intrinsic  # type: ignore[untyped-decorator]
def fetch(typing: Any, address: Any) -> Any:
    """Have the cache line of an address fetched, to be read; does not wait for it. Any address will do."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _prefetch(builder, arguments[0], 0)
        return context.get_dummy_value()

    return types.void(types.uintp), generate


def aligned_zeros(shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint64) -> npt.NDArray[Any]:
    """Zeros that begin with a cache line: of others a vector would always lie in two."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + LINE_BYTES, dtype=np.uint8)
    first = -memory.ctypes.data % LINE_BYTES
    return memory[first : first + size].view(dtype).reshape(shape)
