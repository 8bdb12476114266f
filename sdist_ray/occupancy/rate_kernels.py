"""The loops that count visits, and how often windows are on."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.occupancy.bits import clear_above, lowest_bit, popcount
from sdist_ray.occupancy.padding import spread


@numba.njit(cache=True, nogil=True, boundscheck=False)
def merge(place, word, more_place, more_word, shift, out_place, out_word):  # type: ignore[no-untyped-def]
    """Put one range's words beside those of others.

    Args:
        place, more_place: int32 (n,) and (m,), windows, ascending.
        word, more_word: uint64 (n,) and (m,).
        shift: uint64, where the range's ticks begin.
        out_place, out_word: (n + m,), written.

    Returns:
        How many there are.
    """
    a, b, found = np.int64(0), np.int64(0), np.int64(0)
    while a < place.shape[0] and b < more_place.shape[0]:
        # Without branches: which of the two comes first is as good as random.
        one, other = place[a], more_place[b]
        take, take_more = np.int64(one <= other), np.int64(other <= one)
        out_place[found] = min(one, other)
        out_word[found] = word[a] * np.uint64(take) | (more_word[b] << shift) * np.uint64(take_more)
        a, b, found = a + take, b + take_more, found + 1
    for k in range(a, place.shape[0]):
        out_place[found], out_word[found] = place[k], word[k]
        found += 1
    for k in range(b, more_place.shape[0]):
        out_place[found], out_word[found] = more_place[k], more_word[k] << shift
        found += 1
    return found


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_occupied(place, word, first, gap, newest, visits, occupied):  # type: ignore[no-untyped-def]
    """Count one range's occupied ticks and visits.

    Args:
        place: int32 (n,), windows.
        word: uint64 (n,), x.
        first: the range's first tick.
        gap: empty ticks that do not end a visit, at most.
        newest: int64 (places,), each window's newest occupied tick, updated.
        visits: int64 (places,), updated.
        occupied: integers (places,), updated.
    """
    one = np.uint64(1)
    # Shifts that spread a bit over the next gap + 1 ticks.
    steps, reach = np.empty(64, dtype=np.uint64), np.int64(1)
    count = 0
    while reach <= gap:
        step = min(reach, gap + 1 - reach)
        steps[count] = step
        count += 1
        reach += step
    for k in range(place.shape[0]):
        at, x = place[k], word[k]
        occupied[at] += popcount(x)
        # What lies within reach of an earlier tick of this range begins no visit.
        near = x << one
        for step in range(count):
            near |= near << steps[step]
        # The first tick does where the newest before is farther away.
        lowest = lowest_bit(x)
        begins = popcount(x & ~near) - 1
        visits[at] += begins + np.int64(first + lowest - newest[at] > gap + 1)
        newest[at] = first + 63 - clear_above(x)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_padded(  # type: ignore[no-untyped-def]
    place, word, starts, offsets, reach_bits, tolerance, ticks, columns, inside, countable, counts
):
    """Pad cameras' windows in time and space, and count the ticks at which they are on and can be counted.

    Camera by camera, laid out with a border round the grid: what is worked on stays in the cache. A window's
    bits go to the nine about it without asking what the grid has there; counts of the border mean nothing.

    Args:
        place: int32 (n,), windows of this range and those near it, one after the other, each ascending.
        word: uint64 (n,), x.
        starts: int64 (ranges + 1,), where each range's begin.
        offsets: int64 (ranges,), ticks that each begins after this one.
        reach_bits: uint64 (ranges,), the ticks of each that reach into this one.
        tolerance: p.
        ticks: of a range.
        columns: of the grid.
        inside: int64 (windows,), where a window is in the layout with a border.
        countable: uint64 (cameras,), r.
        counts: uint32 (cameras, (rows + 2) * (columns + 2)), updated.
    """
    width, places, windows = columns + 2, counts.shape[1], inside.shape[0]
    full = ~np.uint64(0) >> np.uint64(64 - ticks)
    at = starts[:-1].copy()
    y = np.zeros(places, dtype=np.uint64)
    for camera in range(counts.shape[0]):
        first, end = camera * windows, (camera + 1) * windows
        nobody = True
        for k in range(offsets.shape[0]):
            while at[k] < starts[k + 1] and place[at[k]] < end:
                bits = word[at[k]] & reach_bits[k]
                if bits != 0:
                    bits = spread(bits, offsets[k] - tolerance, offsets[k] + tolerance) & full
                if bits != 0:
                    nobody = False
                    middle = inside[place[at[k]] - first]
                    for row in range(middle - width, middle + width + 1, width):
                        y[row - 1] |= bits
                        y[row] |= bits
                        y[row + 1] |= bits
                at[k] += 1
        if nobody:
            continue
        known, out = countable[camera], counts[camera]
        for j in range(places):
            out[j] += np.uint32(popcount(y[j] & known))
            y[j] = 0
