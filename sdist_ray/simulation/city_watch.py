"""What a city's cameras report of its walkers: visits to cells become runs of ticks, runs become words.

A camera's clock is off by its skew: it reports at a tick what happened its skew earlier. A walker is missed
by a camera for whole spells of time, each independent of the others.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from sdist_ray.simulation.city_random import (
    GOLDEN,
    QUANTUM,
    draw,
    draw_exponential,
    first_tick,
    fraction,
    mix,
    moment,
)

RUN = np.dtype([("first", np.int64), ("until", np.int64), ("place", np.int64)])
"""A window is occupied from tick ``first`` to before ``until``."""
TICK_BITS = 7
"""A tick of a range, or the one after its last, 0 to 64."""


@numba.njit(cache=True, nogil=True)
def spell_key(seed, walker, camera):  # type: ignore[no-untyped-def]
    """What decides when a camera misses a walker, uint64."""
    return mix(mix(np.uint64(seed) + GOLDEN) ^ ((np.uint64(walker) << np.uint64(32)) | np.uint64(camera)))


@numba.njit(cache=True, nogil=True)
def spell_phase(key, spell_s):  # type: ignore[no-untyped-def]
    """How long before time 0 a spell of this pair began, in whole quanta."""
    return math.floor(fraction(key) * spell_s * QUANTUM) / QUANTUM


@numba.njit(cache=True, nogil=True)
def is_missed(key, spell, probability):  # type: ignore[no-untyped-def]
    """Whether the walker is missed for all of a spell."""
    return fraction(mix(key + np.uint64(spell) * GOLDEN + GOLDEN)) < probability


@numba.njit(cache=True, nogil=True, boundscheck=False)
def look(  # type: ignore[no-untyped-def]
    visits, count, begin, table, windows, camera_of, from_s, until_s, skew_s, misses, spell_s, seed, fps, runs
):
    """The runs of ticks at which visits are seen.

    Args:
        visits: VISIT; the first ``count`` are looked at, from ``begin`` on.
        table: see CellTable.
        windows: of a camera.
        camera_of, from_s, until_s: see Views.
        skew_s: float64 (cameras,).
        misses: probability that a walker is missed for a spell.
        spell_s: how long a spell lasts.
        seed: of the misses.
        fps: ticks per second.
        runs: RUN (room,), written.

    Returns:
        The visit that there was no more room for (or ``count``), and how many runs were written.
    """
    written = 0
    for number in range(begin, count):
        visit = visits[number]
        block = table.block[visit.cell >> 6]
        if block < 0:
            continue
        row = (np.int64(block) << 6) + (visit.cell & 63)
        start, stop = table.starts[row], table.starts[row + 1]
        if written + (stop - start) * np.int64((visit.end - visit.start) / spell_s + 3) > runs.shape[0]:
            return number, written
        for entry in range(start, stop):
            view = table.places[entry] // windows
            camera = np.int64(camera_of[view])
            skew = skew_s[camera]
            since, until = max(visit.start, from_s[view]), min(visit.end, until_s[view])
            if since >= until or first_tick(since + skew, fps) >= first_tick(until + skew, fps):
                continue
            place = camera * windows + table.places[entry] - view * windows
            key = spell_key(seed, visit.walker, camera)
            phase = spell_phase(key, spell_s)
            spell = np.int64(math.floor((since + phase) / spell_s))
            while since < until:
                end = min(max((spell + 1) * spell_s - phase, since), until)
                if not is_missed(key, spell, misses):
                    tick, after = first_tick(since + skew, fps), first_tick(end + skew, fps)
                    if tick < after:
                        runs[written].first, runs[written].until, runs[written].place = tick, after, place
                        written += 1
                since = end
                spell += 1
    return count, written


@numba.njit(cache=True, nogil=True, boundscheck=False)
def alternate(  # type: ignore[no-untyped-def]
    rng,
    camera,
    on,
    until,
    window,
    favourite,
    windows,
    on_s,
    least_on_s,
    off_s,
    end,
    fps,
    first,
    begin,
    written,
    runs,
):
    """Let things that are on and off in turn run on to a moment: stuck windows, false detections, outages.

    Args:
        rng: uint64 (things,), generators, updated.
        camera: int64 (things,), whose they are.
        on: bool (things,), updated.
        until: float64 (things,), when that changes, seconds; updated.
        window: int64 (things,), drawn anew whenever something turns on; updated.
        favourite: how often that is the camera's favourite window.
        windows: of a camera.
        on_s, least_on_s, off_s: mean and least seconds on, mean seconds off.
        end: ticks before this one.
        fps: ticks per second.
        first: the first tick that was not looked at yet.
        begin: the thing to begin with.
        written: how many runs there are already.
        runs: RUN (room,), written.

    Returns:
        The thing that there may be no more room for (or how many there are), and how many runs there are.
    """
    for k in range(begin, camera.shape[0]):
        # A thing has a run per tick at most.
        if written + end - first > runs.shape[0]:
            return k, written
        tick = first
        while True:
            change = first_tick(until[k], fps)
            after = min(change, end)
            if on[k] and tick < after:
                runs[written].first, runs[written].until = tick, after
                runs[written].place = camera[k] * windows + window[k]
                written += 1
            if change >= end:
                break
            tick = max(tick, after)
            on[k] = not on[k]
            if on[k]:
                length = least_on_s + (on_s - least_on_s) * draw_exponential(rng, k)
                pick = draw(rng, k)
                if draw(rng, k) < favourite:
                    pick = fraction(mix(np.uint64(camera[k]) + GOLDEN))
                window[k] = np.int64(pick * windows)
            else:
                length = off_s * draw_exponential(rng, k)
            until[k] = moment(until[k] + length)
    return camera.shape[0], written


@numba.njit(cache=True, nogil=True, boundscheck=False)
def sort_keys(runs, count, first, end, keys):  # type: ignore[no-untyped-def]
    """The parts of runs that lie in a range, as numbers that sort by place; what lies after it is kept.

    Args:
        runs: RUN; the first ``count`` are read, and those that reach beyond the range moved to the front.
        first, end: the range's first tick, and the one after its last.
        keys: int64 (count,), written: place, first tick and the one after the last, from the range's
            first tick on, from the highest bits down.

    Returns:
        How many keys there are, and how many runs were kept.
    """
    found = kept = 0
    for k in range(count):
        a, b = max(runs[k].first, first), min(runs[k].until, end)
        if a < b:
            keys[found] = (((runs[k].place << TICK_BITS) | (a - first)) << TICK_BITS) | (b - first)
            found += 1
        if runs[k].until > end:
            runs[kept] = runs[k]
            kept += 1
    return found, kept


@numba.njit(cache=True, nogil=True, boundscheck=False)
def merge_keys(keys, available, windows, place, word):  # type: ignore[no-untyped-def]
    """Sorted keys to the words that are not zero.

    Args:
        keys: int64 (n,), ascending; see ``sort_keys``.
        available: uint64 (cameras,); what an unavailable camera would have seen is left out.
        windows: of a camera.
        place: int32 (n,), written.
        word: uint64 (n,), written.

    Returns:
        How many words there are.
    """
    mask = np.int64((1 << TICK_BITS) - 1)
    count, last = 0, np.int64(-1)
    for k in range(keys.shape[0]):
        where = keys[k] >> (2 * TICK_BITS)
        bits = bits_between((keys[k] >> TICK_BITS) & mask, keys[k] & mask) & available[where // windows]
        if bits == 0:
            continue
        if where == last:
            word[count - 1] |= bits
        else:
            place[count], word[count], last = where, bits, where
            count += 1
    return count


@numba.njit(cache=True, nogil=True, boundscheck=False)
def clear_runs(runs, count, first, end, words):  # type: ignore[no-untyped-def]
    """Clear the bits of runs in words: outages.

    Args:
        runs: RUN; the first ``count``, whose places are indices of words.
        first, end: the range's first tick, and the one after its last.
        words: uint64 (n,), updated.
    """
    for k in range(count):
        a, b = max(runs[k].first, first), min(runs[k].until, end)
        if a < b:
            words[runs[k].place] &= ~bits_between(a - first, b - first)


@numba.njit(cache=True, nogil=True)
def bits_between(first, end):  # type: ignore[no-untyped-def]
    """A word with the bits from ``first`` to before ``end``, at least one, at most 64."""
    return (~np.uint64(0) >> np.uint64(64 - (end - first))) << np.uint64(first)
