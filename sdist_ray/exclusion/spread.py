"""The indexed store's loops over events: from words of ranges to ticks, and to bit masks tick by tick."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.vector import VECTOR_WORDS, either, load, store
from sdist_ray.occupancy.bits import lowest_bit

ONE = np.uint64(1)
ALL = ~np.uint64(0)


class WordLists(NamedTuple):
    """Words of ranges, camera by camera; see events.CameraWords."""

    starts: npt.NDArray[Any]
    number: npt.NDArray[Any]
    place: npt.NDArray[Any]
    word: npt.NDArray[Any]


class Evidenced(NamedTuple):
    """What padded windows are made of, as loops take it.

    Attributes:
        starts, ticks: each window's ticks.
        gaps, halo, seams: see events.Events.
        near, word_of, bit_of: see Regions.
        tolerance: p.
        range_ticks: ticks of a range.
    """

    starts: npt.NDArray[Any]
    ticks: npt.NDArray[Any]
    gaps: WordLists
    halo: WordLists
    seams: WordLists
    near: npt.NDArray[Any]
    word_of: npt.NDArray[Any]
    bit_of: npt.NDArray[Any]
    tolerance: int
    range_ticks: int


class Room(NamedTuple):
    """Arrays for one camera's padded windows, used again from camera to camera.

    Attributes:
        spaced: uint64 (words, ticks + 2p).
        padded: uint64 (words, ticks): y', bits as in Regions.
        known: bool (ticks,): r.
    """

    spaced: npt.NDArray[Any]
    padded: npt.NDArray[Any]
    known: npt.NDArray[Any]


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


@numba.njit(nogil=True, boundscheck=False)
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


@numba.njit(nogil=True, boundscheck=False)
def spread_words(words, camera, range_ticks, near, offset, spaced):  # type: ignore[no-untyped-def]
    """The same for a camera's WordLists; see spread_windows."""
    for k in range(words.starts[camera], words.starts[camera + 1]):
        window = words.place[k]
        x = words.word[k]
        while x:
            tick = words.number[k] * range_ticks + lowest_bit(x) + offset
            for at in range(near.shape[1]):
                spaced[at, tick] |= near[window, at]
            x &= x - ONE


@numba.njit(nogil=True, boundscheck=False)
def add_words(words, camera, range_ticks, word_of, bit_of, padded):  # type: ignore[no-untyped-def]
    """Set the padded bits of a camera's WordLists.

    Args:
        words, camera: whose.
        range_ticks: ticks of a range.
        word_of, bit_of: see Regions.
        padded: uint64 (words, ticks), updated.
    """
    for k in range(words.starts[camera], words.starts[camera + 1]):
        window = words.place[k]
        mask = ONE << bit_of[window]
        row = padded[word_of[window]]
        x = words.word[k]
        while x:
            row[words.number[k] * range_ticks + lowest_bit(x)] |= mask
            x &= x - ONE


@numba.njit(nogil=True, boundscheck=False)
def open_gaps(missing, camera, range_ticks, padded, known):  # type: ignore[no-untyped-def]
    """Take the ticks of a camera that cannot be counted for agreement.

    Args:
        missing, camera: WordLists, not r.
        range_ticks: ticks of a range.
        padded: uint64 (words, ticks), updated.
        known: bool (ticks,), updated.
    """
    for k in range(missing.starts[camera], missing.starts[camera + 1]):
        x = missing.word[k]
        while x:
            tick = missing.number[k] * range_ticks + lowest_bit(x)
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


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pad_camera(evidenced, camera, room):  # type: ignore[no-untyped-def]
    """A camera's padded windows at every tick, and all ones where it cannot be counted, into ``room``.

    Args:
        evidenced: Evidenced.
        camera: which.
        room: Room, written.

    Returns:
        Whether there is any tick at which it cannot be counted.
    """
    spaced, padded, known = room
    near, tolerance, range_ticks = evidenced.near, evidenced.tolerance, evidenced.range_ticks
    spaced[:] = 0
    known[:] = True
    first_place = camera * near.shape[0]
    spread_windows(evidenced.starts, evidenced.ticks, first_place, near, tolerance, spaced)
    spread_words(evidenced.halo, camera, range_ticks, near, tolerance, spaced)
    for word in range(near.shape[1]):
        pad_in_time(spaced[word], tolerance, padded[word])
    add_words(evidenced.seams, camera, range_ticks, evidenced.word_of, evidenced.bit_of, padded)
    open_gaps(evidenced.gaps, camera, range_ticks, padded, known)
    return evidenced.gaps.starts[camera + 1] > evidenced.gaps.starts[camera]
