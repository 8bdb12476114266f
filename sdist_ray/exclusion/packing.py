"""Run-length encoding of rows of counts: the loops.

A packed row is a sequence of runs. A run's head is the number length * 8 + kind, and after it comes

    ZEROS     nothing: the next ``length`` counts are zero
    EQUAL     one number, that all ``length`` counts are equal to
    NIBBLES   half a byte for each count, the first in the lower half; all are below 16
    BYTES     a byte for each count; all are below 256
    NUMBERS   a number for each count

A number is written in base 128, lowest digit first, with 128 added to every digit but the last. So 15 zeros
take a byte, 100 000 take three, and a row without any equal neighbours little more than its counts. Equal
counts that are fewer than 16 to 24 are not looked for: it would take longer than all else, to save little.
"""

from __future__ import annotations

import numba
import numpy as np

ZEROS, EQUAL, NIBBLES, BYTES, NUMBERS = 0, 1, 2, 3, 4
LEAST_EQUAL = 16
"""Fewer equal counts than these are never a run; LEAST_EQUAL + STEP always are."""
STEP = 8
CHUNK = 32
"""Counts of which it is decided together how they are written."""


def most_packed_bytes(length: int, itemsize: int) -> int:
    """A bound of what ``length`` counters of ``itemsize`` bytes take when packed.

    A number of 8, 16, 32 bits has 1 (as BYTES), 3, 5 digits. There is a head for every CHUNK counts at most,
    and one for what was left of a chunk before a run, which with the run takes less than LEAST_EQUAL counts.
    """
    digits = {1: 1, 2: 3, 4: 5}[itemsize]
    return length * digits + 5 * (length // CHUNK + 1) + length // LEAST_EQUAL + 16


@numba.njit(inline="always", nogil=True)
def put_number(number, out, at):  # type: ignore[no-untyped-def]
    """Write a number; where the next goes."""
    rest = np.uint64(number)
    while rest > 127:
        out[at] = np.uint8((rest & np.uint64(127)) | np.uint64(128))
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@numba.njit(inline="always", nogil=True)
def get_number(data, at):  # type: ignore[no-untyped-def]
    """Read a number; it, and where the next is."""
    digit = np.int64(data[at])
    at += 1
    if digit < 128:
        return digit, at
    number = digit & 127
    shift = 7
    while digit > 127:
        digit = np.int64(data[at])
        at += 1
        number |= (digit & 127) << shift
        shift += 7
    return number, at


@numba.njit(inline="always", nogil=True)
def kind_of(counts, first, last):  # type: ignore[no-untyped-def]
    """How some counts are best written."""
    # Kept as narrow as the counts, of which a register then holds more.
    narrow = counts.dtype.type
    together = narrow(0)
    for k in range(first, last):
        together = narrow(together | counts[k])
    if together < 16:
        return NIBBLES
    return BYTES if together < 256 else NUMBERS


@numba.njit(nogil=True, boundscheck=False)
def put_mixed(counts, first, last, out, at):  # type: ignore[no-untyped-def]
    """Write counts that are no run; where the next goes."""
    while first < last:
        stop = min(last, first + CHUNK)
        kind = kind_of(counts, first, stop)
        while stop < last:
            chunk = min(last, stop + CHUNK)
            if kind_of(counts, stop, chunk) != kind:
                break
            stop = chunk
        at = put_number((stop - first) * 8 + kind, out, at)
        if kind == NIBBLES:
            half = (stop - first) // 2
            for k in range(half):
                out[at + k] = np.uint8(counts[first + 2 * k] | (counts[first + 2 * k + 1] << 4))
            at += half
            if (stop - first) % 2:
                out[at] = np.uint8(counts[stop - 1])
                at += 1
        elif kind == BYTES:
            for k in range(first, stop):
                out[at + k - first] = np.uint8(counts[k])
            at += stop - first
        else:
            for k in range(first, stop):
                at = put_number(counts[k], out, at)
        first = stop
    return at


@numba.njit(inline="always", nogil=True)
def equal_ahead(counts, k):  # type: ignore[no-untyped-def]
    """Whether the LEAST_EQUAL counts from k on are equal."""
    narrow = counts.dtype.type
    value = counts[k]
    # Nearly always decided here, where there is no run.
    if counts[k + 5] != value or counts[k + 11] != value or counts[k + LEAST_EQUAL - 1] != value:
        return False
    different = narrow(0)
    for j in range(LEAST_EQUAL):
        different = narrow(different | (counts[k + j] ^ value))
    return different == 0


@numba.njit(nogil=True, boundscheck=False)
def pack_counts(counts, length, out, at):  # type: ignore[no-untyped-def]
    """Pack counts.

    Args:
        counts: unsigned (length or more,).
        length: how many.
        out: uint8, with room for most_packed_bytes; written.
        at: where to begin in it.

    Returns:
        Where the next goes.
    """
    mixed = 0
    k = 0
    while k + LEAST_EQUAL <= length:
        if not equal_ahead(counts, k):
            k += STEP
            continue
        value = counts[k]
        stop = k + LEAST_EQUAL
        while stop + LEAST_EQUAL <= length and counts[stop] == value and equal_ahead(counts, stop):
            stop += LEAST_EQUAL
        while stop < length and counts[stop] == value:
            stop += 1
        while k > mixed and counts[k - 1] == value:
            k -= 1
        at = put_mixed(counts, mixed, k, out, at)
        if value == 0:
            at = put_number((stop - k) * 8 + ZEROS, out, at)
        else:
            at = put_number((stop - k) * 8 + EQUAL, out, at)
            at = put_number(value, out, at)
        mixed = k = stop
    return put_mixed(counts, mixed, length, out, at)


@numba.njit(nogil=True, boundscheck=False)
def unpack_counts(data, at, counts, length):  # type: ignore[no-untyped-def]
    """Unpack ``length`` counts.

    Args:
        data: uint8, packed.
        at: where to begin in it.
        counts: unsigned (length or more,), written.
        length: how many.

    Returns:
        Where the next begins.
    """
    k = 0
    while k < length:
        head, at = get_number(data, at)
        kind, stop = head & 7, k + (head >> 3)
        if kind == ZEROS:
            counts[k:stop] = 0
        elif kind == EQUAL:
            value, at = get_number(data, at)
            counts[k:stop] = value
        elif kind == NIBBLES:
            half = (stop - k) // 2
            for j in range(half):
                pair = data[at + j]
                counts[k + 2 * j] = pair & 15
                counts[k + 2 * j + 1] = pair >> 4
            at += half
            if (stop - k) % 2:
                counts[stop - 1] = data[at]
                at += 1
        elif kind == BYTES:
            for j in range(k, stop):
                counts[j] = data[at + j - k]
            at += stop - k
        else:
            for j in range(k, stop):
                value, at = get_number(data, at)
                counts[j] = value
        k = stop
    return at


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pack_rows(  # type: ignore[no-untyped-def]
    opportunities, agreements, columns, first, line, data, at, offset, size
):
    """Pack rows, O before N, while they fit.

    Args:
        opportunities: O, unsigned (rows, cameras).
        agreements: N, unsigned (rows, columns or more).
        columns: how many of N.
        first: the row to begin with.
        line: uint8, room for one packed row; scratch.
        data: uint8, written.
        at: where to begin in it.
        offset, size: int64 (rows,), where each row lies in ``data``; written.

    Returns:
        The first row that did not fit, and where the next goes.
    """
    cameras = opportunities.shape[1]
    for row in range(first, opportunities.shape[0]):
        end = pack_counts(opportunities[row], cameras, line, 0)
        end = pack_counts(agreements[row], columns, line, end)
        if at + end > data.shape[0]:
            return row, at
        data[at : at + end] = line[:end]
        offset[row] = at
        size[row] = end
        at += end
    return opportunities.shape[0], at


@numba.njit(cache=True, nogil=True, boundscheck=False)
def unpack_rows(data, offset, size, place, columns, opportunities, agreements):  # type: ignore[no-untyped-def]
    """Unpack rows.

    Args:
        data: uint8, packed.
        offset, size: int64 (n,), where each row lies in it; a size of 0 is a row of zeros.
        place: int64 (n,), which rows of the arrays to write.
        columns: of N.
        opportunities: O, unsigned (rows, cameras), written.
        agreements: N, unsigned (rows, columns or more), written.
    """
    for k in range(offset.shape[0]):
        row = place[k]
        if size[k] == 0:
            opportunities[row] = 0
            agreements[row, :columns] = 0
            continue
        at = unpack_counts(data, offset[k], opportunities[row], opportunities.shape[1])
        unpack_counts(data, at, agreements[row], columns)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def are_packed(data, starts, cameras, columns, most):  # type: ignore[no-untyped-def]
    """Whether data is packed rows, none of whose counts is above ``most``.

    Args:
        data: uint8.
        starts: int64 (rows + 1,), ascending, within ``data``; an empty row is a row of zeros.
        cameras, columns: counts of O and of N in a row.
        most: the greatest count.
    """
    for row in range(starts.shape[0] - 1):
        at, end = starts[row], starts[row + 1]
        left = cameras
        parts = 0 if at == end else 2
        while parts > 0:
            while left > 0:
                # Ten bytes hold the longest number; beyond the end there is nothing to read.
                kind, length, at = checked_head(data, at, end)
                if length < 1 or length > left:
                    return False
                left -= length
                if kind > NUMBERS or at + bytes_after(kind, length) > end:
                    return False
                if kind in (NIBBLES, BYTES):
                    after = at + bytes_after(kind, length)
                    for k in range(at, after):
                        greatest = data[k] if kind == BYTES else max(data[k] & 15, data[k] >> 4)
                        if greatest > most:
                            return False
                    at = after
                elif kind != ZEROS:
                    for _ in range(length if kind == NUMBERS else 1):
                        number, at = checked_number(data, at, end)
                        if number < 0 or number > most:
                            return False
            parts -= 1
            left = columns
        if at != end:
            return False
    return True


@numba.njit(inline="always", nogil=True)
def bytes_after(kind, length):  # type: ignore[no-untyped-def]
    """Bytes after the head of NIBBLES and BYTES; the least there can be after others."""
    if kind == NIBBLES:
        return (length + 1) // 2
    return length if kind in (BYTES, NUMBERS) else 0


@numba.njit(nogil=True, boundscheck=False)
def checked_head(data, at, end):  # type: ignore[no-untyped-def]
    """A run's kind and length, and where to go on; a length of -1 where there is none."""
    head, at = checked_number(data, at, end)
    return (head & 7, head >> 3, at) if head >= 0 else (head, head, at)


@numba.njit(nogil=True, boundscheck=False)
def checked_number(data, at, end):  # type: ignore[no-untyped-def]
    """A number of at most six digits, and where to go on; -1 where there is none."""
    number = np.int64(0)
    for digit in range(6):
        if at >= end:
            return np.int64(-1), at
        byte = np.int64(data[at])
        at += 1
        number |= (byte & 127) << (7 * digit)
        if byte < 128:
            return number, at
    return np.int64(-1), at
