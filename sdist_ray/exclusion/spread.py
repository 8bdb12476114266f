"""The indexed store's loops over events: from words of ranges to ticks, and to bit masks tick by tick."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.kernels import lowest_bit
from sdist_ray.exclusion.vector import VECTOR_WORDS, either, load, store

ONE = np.uint64(1)
ALL = ~np.uint64(0)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_ticks(place, word, ends):  # type: ignore[no-untyped-def]
    """ends[place + 1] += the ticks of one range's words."""
    for k in range(place.shape[0]):
        x = word[k]
        while x:
            ends[place[k] + 1] += 1
            x &= x - ONE


@numba.njit(cache=True, nogil=True, boundscheck=False)
def fill_ticks(place, word, first, free, ticks):  # type: ignore[no-untyped-def]
    """Append one range's ticks to their windows' lists.

    Args:
        place: int32 (n,).
        word: uint64 (n,).
        first: the range's first tick.
        free: int64 (places,), next free entries, updated.
        ticks: int32, written.
    """
    for k in range(place.shape[0]):
        x = word[k]
        at = free[place[k]]
        while x:
            ticks[at] = first + lowest_bit(x)
            at += 1
            x &= x - ONE
        free[place[k]] = at


@numba.njit(cache=True, nogil=True, boundscheck=False)
def spread_windows(starts, ticks, first_place, near, offset, spaced):  # type: ignore[no-untyped-def]
    """One camera's windows and their neighbours, tick by tick.

    Args:
        starts: int64 (places + 1,), each window's ticks.
        ticks: int32.
        first_place: the camera's first window.
        near: uint64 (windows, words), see Regions.
        offset: added to ticks.
        spaced: uint64 (words, ticks), all zero; written.
    """
    for window in range(near.shape[0]):
        for word in range(near.shape[1]):
            mask = near[window, word]
            if mask == 0:
                continue
            row = spaced[word]
            for k in range(starts[first_place + window], starts[first_place + window + 1]):
                row[ticks[k] + offset] |= mask


@numba.njit(cache=True, nogil=True, boundscheck=False)
def spread_words(number, place, word, range_ticks, near, offset, spaced):  # type: ignore[no-untyped-def]
    """The same for words of ranges; see add_words and spread_windows."""
    for k in range(place.shape[0]):
        window = place[k]
        x = word[k]
        while x:
            tick = number[k] * range_ticks + lowest_bit(x) + offset
            for at in range(near.shape[1]):
                spaced[at, tick] |= near[window, at]
            x &= x - ONE


@numba.njit(cache=True, nogil=True, boundscheck=False)
def add_words(number, place, word, range_ticks, word_of, bit_of, padded):  # type: ignore[no-untyped-def]
    """Set the padded bits of one camera's words.

    Args:
        number: int32 (n,), ranges.
        place: int32 (n,), the camera's windows.
        word: uint64 (n,).
        range_ticks: ticks of a range.
        word_of, bit_of: see Regions.
        padded: uint64 (words, ticks), updated.
    """
    for k in range(place.shape[0]):
        window = place[k]
        mask = ONE << bit_of[window]
        row = padded[word_of[window]]
        x = word[k]
        while x:
            row[number[k] * range_ticks + lowest_bit(x)] |= mask
            x &= x - ONE


@numba.njit(cache=True, nogil=True, boundscheck=False)
def open_gaps(number, missing, range_ticks, padded, known):  # type: ignore[no-untyped-def]
    """Take the ticks of one camera that cannot be counted for agreement.

    Args:
        number: int32 (n,), ranges.
        missing: uint64 (n,), not r.
        range_ticks: ticks of a range.
        padded: uint64 (words, ticks), updated.
        known: bool (ticks,), updated.
    """
    for k in range(number.shape[0]):
        x = missing[k]
        while x:
            tick = number[k] * range_ticks + lowest_bit(x)
            known[tick] = False
            for word in range(padded.shape[0]):
                padded[word, tick] = ALL
            x &= x - ONE


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
        store(either(load(np.uintp(at + t)), load(np.uintp(ahead + t))), np.uintp(to + t))
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
