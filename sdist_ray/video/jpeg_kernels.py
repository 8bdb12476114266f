"""Luminance of plain JPEG scans, number for number what libjpeg-turbo's fast cosine transform makes of them.

It decodes every camera's colours, value by value. Here a code and the value behind it are mostly one look in
a table, colours are passed over, and the transform takes a vector of blocks at a time: the coefficients of 16
blocks stand side by side.

What is unusual in a scan, or wrong with it, is not told apart: whoever calls asks libjpeg-turbo then.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

FIRST_BITS = 11
"""Of a code and its value that are one look."""
MORE_BITS = 5
"""Of the longest code, besides the first."""
MOST_BITS = 26
"""Of a code and its value. Two of them are taken between two looks at how many bits there are."""
LINK = 32
"""Set in an entry whose code is longer than that: where the rest is looked up is behind it."""
END_OF_BLOCK = 128
"""As a run of zeros: past any block's end."""
LANES = 16
"""Blocks that are transformed together."""
_BLOCK = 64
_SPARE = 16 + 10 * 64 * 4
"""Bytes that may be read past the end before that is noticed: 10 blocks, MOST_BITS a value."""
# Of the fast cosine transform, in 1/16384.
_F1_414, _F1_847, _F1_082 = np.int16(362 << 6), np.int16(473 << 6), np.int16(277 << 6)
_F_1_613 = np.int16(-(413 << 6))


def _of_16_bits(name: str) -> Any:
    """An instruction upon two int16: Numba's own numbers are of 64 bits, and vectors of few of those."""

    def typed(typingctx: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments)

        return types.int16(types.int16, types.int16), code

    return intrinsic(typed)


_add, _sub = _of_16_bits("add"), _of_16_bits("sub")


@intrinsic
def _scaled(typingctx, value, factor):  # type: ignore[no-untyped-def]
    """4 * value * factor / 65536 of two int16, rounded down; 4 * value is cut to 16 bits."""

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        wide = ir.IntType(32)
        four = builder.shl(arguments[0], ir.Constant(ir.IntType(16), 2))
        product = builder.mul(builder.sext(four, wide), builder.sext(arguments[1], wide))
        return builder.trunc(builder.ashr(product, ir.Constant(wide, 16)), ir.IntType(16))

    return types.int16(types.int16, types.int16), code


@numba.njit(inline="always", nogil=True)
def _wave(a0, a1, a2, a3, a4, a5, a6, a7):  # type: ignore[no-untyped-def]
    """Eight points' inverse cosine transform in int16 (Arai, Agui, Nakajima 1988), as in jidctfst.c."""
    sum04, gap04, sum26 = _add(a0, a4), _sub(a0, a4), _add(a2, a6)
    turn = _sub(_scaled(_sub(a2, a6), _F1_414), sum26)
    e0, e1, e2, e3 = _add(sum04, sum26), _add(gap04, turn), _sub(gap04, turn), _sub(sum04, sum26)
    sum53, gap53, sum17, gap17 = _add(a5, a3), _sub(a5, a3), _add(a1, a7), _sub(a1, a7)
    both = _scaled(_add(gap53, gap17), _F1_847)
    o7 = _add(sum17, sum53)
    o6 = _sub(_add(_sub(_scaled(gap53, _F_1_613), gap53), both), o7)
    o5 = _sub(_scaled(_sub(sum17, sum53), _F1_414), o6)
    o4 = _add(_sub(_scaled(gap17, _F1_082), both), o5)
    return (
        _add(e0, o7), _add(e1, o6), _add(e2, o5), _sub(e3, o4),
        _add(e3, o4), _sub(e2, o5), _sub(e1, o6), _sub(e0, o7),
    )  # fmt: skip


@numba.njit(inline="always", nogil=True)
def _pair(left, right):  # type: ignore[no-untyped-def]
    """Two pixels' levels as one uint16, the left one in its low byte, of 32 times what they are over 128."""
    low = min(max(np.int16(left >> np.int16(5)), np.int16(-128)), np.int16(127))
    high = min(max(np.int16(right >> np.int16(5)), np.int16(-128)), np.int16(127))
    dark, light = np.uint16(np.int16(low) + np.int16(128)), np.uint16(np.int16(high) + np.int16(128))
    return np.uint16(dark | np.uint16(light << np.uint16(8)))


@numba.njit(nogil=True, error_model="numpy", boundscheck=False)
def transform(group, lanes, pairs, pixels, stride):  # type: ignore[no-untyped-def]
    """Pixels of 16 blocks.

    Args:
        group: int16 (64 * 16,), coefficients times their quantum and scale, of a row of 16 blocks each: those
            of the upper row of a block first. Overwritten.
        lanes: uint64, 16: as a variable, for LLVM makes no vector code of so short a loop.
        pairs: uint16 (4 * 16,), overwritten.
        pixels: uint64 (7 * stride + 16 at least,), written: 8 pixels of a row, the leftmost in the lowest
            byte; 16 blocks side by side.
        stride: uint64, from one row of pixels to the next.
    """
    for at in range(np.uint64(0), np.uint64(128), np.uint64(16)):
        for i in range(lanes):
            p = at + i
            rows = _wave(
                group[p], group[p + np.uint64(128)], group[p + np.uint64(256)], group[p + np.uint64(384)],
                group[p + np.uint64(512)], group[p + np.uint64(640)], group[p + np.uint64(768)],
                group[p + np.uint64(896)],
            )  # fmt: skip
            group[p], group[p + np.uint64(128)] = rows[0], rows[1]
            group[p + np.uint64(256)], group[p + np.uint64(384)] = rows[2], rows[3]
            group[p + np.uint64(512)], group[p + np.uint64(640)] = rows[4], rows[5]
            group[p + np.uint64(768)], group[p + np.uint64(896)] = rows[6], rows[7]
    for y in range(np.uint64(8)):
        for i in range(lanes):
            q = y * np.uint64(128) + i
            row = _wave(
                group[q], group[q + np.uint64(16)], group[q + np.uint64(32)], group[q + np.uint64(48)],
                group[q + np.uint64(64)], group[q + np.uint64(80)], group[q + np.uint64(96)],
                group[q + np.uint64(112)],
            )  # fmt: skip
            pairs[i], pairs[i + np.uint64(16)] = _pair(row[0], row[1]), _pair(row[2], row[3])
            pairs[i + np.uint64(32)], pairs[i + np.uint64(48)] = _pair(row[4], row[5]), _pair(row[6], row[7])
        for i in range(lanes):
            left = np.uint64(pairs[i]) | np.uint64(pairs[i + np.uint64(16)]) << np.uint64(16)
            right = np.uint64(pairs[i + np.uint64(32)]) | np.uint64(pairs[i + np.uint64(48)]) << np.uint64(16)
            pixels[y * stride + i] = left | right << np.uint64(32)


@numba.njit(inline="always", nogil=True)
def _eight_bytes(plain, at):  # type: ignore[no-untyped-def]
    """The uint64 that begins at a byte, highest byte first (LLVM makes it one instruction)."""
    word = np.uint64(0)
    word |= np.uint64(plain[at]) << np.uint64(56)
    word |= np.uint64(plain[at + np.uint64(1)]) << np.uint64(48)
    word |= np.uint64(plain[at + np.uint64(2)]) << np.uint64(40)
    word |= np.uint64(plain[at + np.uint64(3)]) << np.uint64(32)
    word |= np.uint64(plain[at + np.uint64(4)]) << np.uint64(24)
    word |= np.uint64(plain[at + np.uint64(5)]) << np.uint64(16)
    word |= np.uint64(plain[at + np.uint64(6)]) << np.uint64(8)
    return word | np.uint64(plain[at + np.uint64(7)])


@numba.njit(inline="always", nogil=True)
def _has_255(word):  # type: ignore[no-untyped-def]
    """Whether one of a uint64's bytes is 255."""
    return (~word - np.uint64(0x0101010101010101)) & word & np.uint64(0x8080808080808080)


@numba.njit(nogil=True, error_model="numpy", boundscheck=False)
def unstuffed(data, first, end, plain):  # type: ignore[no-untyped-def]
    """Copy a scan without the zeros that follow its bytes of 255.

    Args:
        first, end: uint64, where in the data the scan is.

    Returns:
        How many bytes there are, uint64; more than there were where a marker is among them.
    """
    one, eight = np.uint64(1), np.uint64(8)
    count, copied, at = np.uint64(0), first, first
    while at < end:
        if at + eight <= end and not _has_255(_eight_bytes(data, at)):
            at += eight
        elif data[at] != np.uint8(255):
            at += one
        elif at + one == end or data[at + one]:
            return end + one
        else:
            length = at + one - copied
            for i in range(length):
                plain[count + i] = data[copied + i]
            count += length
            at += np.uint64(2)
            copied = at
    for i in range(end - copied):
        plain[count + i] = data[copied + i]
    count += end - copied
    for i in range(np.uint64(_SPARE)):
        plain[count + i] = 0
    return count


@numba.njit(inline="always", nogil=True)
def _apart(word, entry):  # type: ignore[no-untyped-def]
    """Bits taken by a code and its value, where an entry tells only how long they are; and the value."""
    length, size = np.uint64(entry >> 16) & np.uint64(31), np.uint64(entry >> 24)
    value = np.int64(0)
    if size:
        value = np.int64((word << length) >> (np.uint64(64) - size))
        if value < np.int64(1) << np.int64(size - np.uint64(1)):
            value -= (np.int64(1) << np.int64(size)) - 1
    return length + size if length else np.uint64(0), value


@numba.njit(cache=True, nogil=True, error_model="numpy", boundscheck=False)
def decode_scan(data, first, end, codes, blocks, places, wide, high, luma, grey):  # type: ignore[no-untyped-def]
    """Decode the luminance of a scan.

    Args:
        data: uint8 (bytes,), the file.
        first, end: where the scan begins, and where its end is marked.
        codes: int32, tables of codes, see video.jpeg_plain.
        blocks: int64 (blocks of a unit, at most 10, 5): where the codes of its mean and of its waves are,
            which colour it is of (luminance is colour 0), its row and its column among those of that colour.
        places: int32 (64,), in the order of the file: a coefficient's place in a group in the upper 16 bits,
            its quantum times its scale in the lower.
        wide, high: of the image, units.
        luma: (height, width) of a unit's luminance, blocks.
        grey: uint8 (8 * high * height, 8 * wide * width), written.

    Returns:
        False where the scan is not what it should be; then what is written makes no sense.
    """
    plain = np.empty(end - first + LANES + _SPARE, np.uint8)
    count = unstuffed(data, np.uint64(first), np.uint64(end), plain)
    if count > np.uint64(end):
        return False
    tall, across = luma
    row_blocks = wide * across
    groups = (row_blocks * tall + LANES - 1) // LANES
    # What is beyond luminance goes to one more group, which nobody looks at.
    waves = np.empty((groups + 1) * _BLOCK * LANES, np.int16)
    pairs = np.empty(4 * LANES, np.uint16)
    strip = np.empty((8, groups * LANES), np.uint64)
    lines = grey.reshape(-1).view(np.uint64).reshape(high, tall, 8, row_blocks)
    means = np.zeros(4, np.int64)
    # The bits that come next, from the highest on; how many there are of them; and the byte after them.
    word, have, byte = np.uint64(0), np.uint64(0), np.uint64(0)
    for y in range(high):
        waves[: groups * _BLOCK * LANES] = 0
        for x in range(wide):
            for j in range(blocks.shape[0]):
                colour = blocks[j, 2]
                number = np.uint64((blocks[j, 3] * wide + x) * across + blocks[j, 4])
                if colour:
                    number = np.uint64(groups * LANES)
                base = number // np.uint64(LANES) * np.uint64(1024) + number % np.uint64(LANES)
                table, k = np.uint64(blocks[j, 0]), np.uint64(0)
                while k < np.uint64(64):
                    # Enough for two symbols, of MOST_BITS at most each.
                    word |= _eight_bytes(plain, byte) >> have
                    byte += (np.uint64(63) - have) >> np.uint64(3)
                    have |= np.uint64(56)
                    for _ in range(2):
                        entry = codes[table + (word >> np.uint64(64 - FIRST_BITS))]
                        taken, value = np.uint64(entry & 31), np.int64(entry >> 16)
                        if not taken:
                            if entry & LINK:
                                rest = (word << np.uint64(FIRST_BITS)) >> np.uint64(64 - MORE_BITS)
                                entry = codes[table + np.uint64(entry >> 8) + rest]
                            taken, value = _apart(word, entry)
                            if not taken:
                                return False
                        word <<= taken
                        have -= taken
                        if not k:
                            means[colour] += value
                            value = means[colour]
                            table = np.uint64(blocks[j, 1])
                        k += np.uint64((entry >> 8) & 255)
                        if k >= np.uint64(64):
                            break
                        place = places[k]
                        waves[base + np.uint64(place >> 16)] = np.int16(value * np.int64(np.int16(place)))
                        k += np.uint64(1)
                        if k == np.uint64(64):
                            break
                if np.uint64(64) < k < np.uint64(END_OF_BLOCK):
                    return False
            # Beyond the end are zeros, but not many.
            if byte > count + np.uint64(8):
                return False
        for g in range(groups):
            transform(
                waves[g * 1024 : (g + 1) * 1024], np.uint64(LANES), pairs,
                strip.reshape(-1)[g * LANES :], np.uint64(groups * LANES),
            )  # fmt: skip
        for v in range(tall):
            lines[y, v] = strip[:, v * row_blocks : (v + 1) * row_blocks]
    left = np.int64(count) * 8 - (np.int64(byte) * 8 - np.int64(have))
    return 0 <= left < 8
