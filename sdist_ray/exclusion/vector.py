"""512 bits at a time: the two loops that plain Numba leaves slow, with their vectors named.

LLVM does not keep a vertical counter's planes in registers over a loop when they are arrays, because it
cannot tell the arrays apart. Named vectors stay there, and LLVM maps them to what the machine has (AVX-512,
AVX2, NEON).
`python -m benchmarks.vectors` measures what that pays against the same loops in plain Numba.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

VECTOR_WORDS = 8
_LANES = ir.VectorType(ir.IntType(64), VECTOR_WORDS)


class _VectorType(types.Type):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="vector_of_8_uint64")


_vector = _VectorType()


@register_model(_VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _LANES)


@intrinsic  # type: ignore[untyped-decorator]
def _load(typing: Any, address: Any) -> Any:
    """The vector at an address, aligned to 8 bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(builder.inttoptr(arguments[0], _LANES.as_pointer()))
        value.align = 8
        return value

    return _vector(types.uintp), generate


@intrinsic  # type: ignore[untyped-decorator]
def _store(typing: Any, vector: Any, address: Any) -> Any:
    """Put a vector at an address, aligned to 8 bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[0], builder.inttoptr(arguments[1], _LANES.as_pointer()))
        stored.align = 8
        return context.get_dummy_value()

    return types.void(_vector, types.uintp), generate


@intrinsic  # type: ignore[untyped-decorator]
def _all_of(typing: Any, word: Any) -> Any:
    """A word in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        index = ir.IntType(32)
        nothing = ir.Constant(_LANES, ir.Undefined)
        one = builder.insert_element(nothing, arguments[0], ir.Constant(index, 0))
        zeros = ir.Constant(ir.VectorType(index, VECTOR_WORDS), [0] * VECTOR_WORDS)
        return builder.shuffle_vector(one, nothing, zeros)

    return _vector(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _and(typing: Any, x: Any, y: Any) -> Any:
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.and_(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def _or(typing: Any, x: Any, y: Any) -> Any:
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.or_(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def _xor(typing: Any, x: Any, y: Any) -> Any:
    return _vector(_vector, _vector), lambda context, builder, signature, a: builder.xor(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def _sum(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """The sum bit of a full adder."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        return builder.xor(builder.xor(a[0], a[1]), a[2])

    return _vector(_vector, _vector, _vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def _carry(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """The carry bit of a full adder."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        either = builder.and_(builder.xor(a[0], a[1]), a[2])
        return builder.or_(builder.and_(a[0], a[1]), either)

    return _vector(_vector, _vector, _vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def _is_full(typing: Any, x: Any) -> Any:
    """Whether every bit is set."""

    def generate(context: Any, builder: Any, signature: Any, a: Any) -> Any:
        wide = builder.bitcast(a[0], ir.IntType(64 * VECTOR_WORDS))
        return builder.icmp_unsigned("==", wide, ir.Constant(wide.type, -1))

    return types.boolean(_vector), generate


ALL = ~np.uint64(0)


@numba.njit(inline="always", nogil=True)
def _plane(preset, digit):  # type: ignore[no-untyped-def]
    """A plane of a preset counter: all ones where the digit is one."""
    return _all_of(np.uint64(0) - ((preset >> np.uint64(digit)) & np.uint64(1)))


@numba.njit(cache=True, nogil=True, boundscheck=False)
def rows_that_reach(starts, ticks, spare, rows, misses, passed):  # type: ignore[no-untyped-def]
    """Which regions each row misses seldom enough.

    Vertical counters of misses, up to six digits in registers and the rest in memory, are preset to
    2^K - (spare + 1): a carry out of the highest digit is one miss too many. When that has happened to all
    512 regions of a vector the row is done with them.

    Args:
        starts: int64 (places + 1,), each row's ticks.
        ticks: int32.
        spare: int32 (places,), misses that a row may have; -1 for a row that cannot be linked.
        rows: int64 (rows,), which rows.
        misses: uint64 (ticks + 1, words), a bit for every region that is not occupied at a tick; ones beyond
            the last region; the last row is all zero. Words are a multiple of 8.
        passed: uint64 (words, rows at least), written.

    Returns:
        Steps: how often 512 regions were looked at, at 8 ticks or none.
    """
    steps = 0
    words = misses.shape[1]
    stride = np.uintp(words * 8)
    zero = np.uintp(misses.shape[0] - 1)
    base = np.uintp(misses.ctypes.data)
    reached = np.empty(VECTOR_WORDS, dtype=np.uint64)
    reached_at = np.uintp(reached.ctypes.data)
    high = np.empty((32, VECTOR_WORDS), dtype=np.uint64)
    high_at = np.uintp(high.ctypes.data)
    for number in range(rows.shape[0]):
        row = rows[number]
        allowed = np.int64(spare[row])
        if allowed < 0:
            passed[:, number] = 0
            continue
        start, stop = starts[row], starts[row + 1]
        # Three digits or at least six: most rows are short.
        digits = np.int64(3 if allowed < 7 else 6)
        while (allowed + 1) >> digits:
            digits += 1
        preset = np.uint64((np.int64(1) << digits) - (allowed + 1))
        for vector in range(words // VECTOR_WORDS):
            at = base + np.uintp(vector * VECTOR_WORDS * 8)
            c0, c1, c2 = _plane(preset, 0), _plane(preset, 1), _plane(preset, 2)
            c3, c4, c5 = _plane(preset, 3), _plane(preset, 4), _plane(preset, 5)
            for digit in range(6, digits):
                _store(_plane(preset, digit), high_at + np.uintp((digit - 6) * VECTOR_WORDS * 8))
            dead = _all_of(np.uint64(0))
            steps += 1
            for first in range(start, stop, 8):
                if first + 8 <= stop:
                    x0, x1 = (
                        _load(at + np.uintp(ticks[first]) * stride),
                        _load(at + np.uintp(ticks[first + 1]) * stride),
                    )
                    x2, x3 = (
                        _load(at + np.uintp(ticks[first + 2]) * stride),
                        _load(at + np.uintp(ticks[first + 3]) * stride),
                    )
                    x4, x5 = (
                        _load(at + np.uintp(ticks[first + 4]) * stride),
                        _load(at + np.uintp(ticks[first + 5]) * stride),
                    )
                    x6, x7 = (
                        _load(at + np.uintp(ticks[first + 6]) * stride),
                        _load(at + np.uintp(ticks[first + 7]) * stride),
                    )
                else:
                    left = stop - first
                    x0 = _load(at + np.uintp(ticks[first]) * stride)
                    x1 = _load(at + (np.uintp(ticks[first + 1]) if left > 1 else zero) * stride)
                    x2 = _load(at + (np.uintp(ticks[first + 2]) if left > 2 else zero) * stride)
                    x3 = _load(at + (np.uintp(ticks[first + 3]) if left > 3 else zero) * stride)
                    x4 = _load(at + (np.uintp(ticks[first + 4]) if left > 4 else zero) * stride)
                    x5 = _load(at + (np.uintp(ticks[first + 5]) if left > 5 else zero) * stride)
                    x6 = _load(at + (np.uintp(ticks[first + 6]) if left > 6 else zero) * stride)
                    x7 = _load(at + zero * stride)
                t1 = _carry(x0, x1, c0)
                c0 = _sum(x0, x1, c0)
                t2 = _carry(x2, x3, c0)
                c0 = _sum(x2, x3, c0)
                t3 = _carry(x4, x5, c0)
                c0 = _sum(x4, x5, c0)
                t4 = _carry(x6, x7, c0)
                c0 = _sum(x6, x7, c0)
                f1 = _carry(t1, t2, c1)
                c1 = _sum(t1, t2, c1)
                f2 = _carry(t3, t4, c1)
                c1 = _sum(t3, t4, c1)
                carry = _carry(f1, f2, c2)
                c2 = _sum(f1, f2, c2)
                if digits > 3:
                    following = _and(c3, carry)
                    c3 = _xor(c3, carry)
                    carry = _and(c4, following)
                    c4 = _xor(c4, following)
                    following = _and(c5, carry)
                    c5 = _xor(c5, carry)
                    carry = following
                for digit in range(6, digits):
                    where = high_at + np.uintp((digit - 6) * VECTOR_WORDS * 8)
                    plane = _load(where)
                    following = _and(plane, carry)
                    _store(_xor(plane, carry), where)
                    carry = following
                dead = _or(dead, carry)
                steps += 1
                if _is_full(dead):
                    break
            _store(_xor(dead, _all_of(ALL)), reached_at)
            for word in range(VECTOR_WORDS):
                passed[vector * VECTOR_WORDS + word, number] = reached[word]
    return steps


@numba.njit(nogil=True, boundscheck=False)
def or_ahead(source, step, out, count):  # type: ignore[no-untyped-def]
    """out[t] = source[t] | source[t + step] for t < count. ``out`` may be ``source``.

    Args:
        source: uint64 (at least count + step,).
        step: int, at least 0.
        out: uint64 (at least count,), written.
        count: int.
    """
    at, ahead, to = source.ctypes.data, source.ctypes.data + step * 8, out.ctypes.data
    whole = count - count % VECTOR_WORDS
    for t in range(0, whole * 8, VECTOR_WORDS * 8):
        _store(_or(_load(np.uintp(at + t)), _load(np.uintp(ahead + t))), np.uintp(to + t))
    for t in range(whole, count):
        out[t] = source[t] | source[t + step]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pad_in_time(spaced, tolerance, padded):  # type: ignore[no-untyped-def]
    """padded[t] = spaced[t] | ... | spaced[t + 2 * tolerance], by doubling, in pieces that stay in the cache.

    Args:
        spaced: uint64 (ticks + 2 * tolerance,).
        tolerance: int, p >= 0.
        padded: uint64 (ticks,), written.
    """
    ticks = padded.shape[0]
    length = 2 * tolerance + 1
    piece = max(1024, 4 * tolerance)
    scratch = np.empty(piece + 2 * tolerance, dtype=np.uint64)
    for first in range(0, ticks, piece):
        count = min(piece, ticks - first)
        source = spaced[first : first + count + 2 * tolerance]
        left = count + 2 * tolerance
        span = 1
        while 2 * span <= length:
            left -= span
            or_ahead(source, span, scratch, left)
            source = scratch
            span *= 2
        or_ahead(source, length - span, padded[first : first + count], count)
