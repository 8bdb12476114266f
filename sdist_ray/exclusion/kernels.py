"""The counting loops. They take arrays and numbers, and count.

What bounds them is memory traffic: each occupied row of N is read and written once per range. The innermost
loop runs over one camera's windows, which are contiguous, so that the compiler makes vector code of it.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(inline="always", nogil=True)
def popcount(word):  # type: ignore[no-untyped-def]
    """Number of set bits of a uint64 (LLVM knows this idiom and makes it one instruction)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def active_cameras(padded, active):  # type: ignore[no-untyped-def]
    """Mark the cameras that have a padded window at all in this range.

    Args:
        padded: uint64 (cameras, windows).
        active: bool (cameras,), written.
    """
    for camera in range(padded.shape[0]):
        some = np.uint64(0)
        for window in range(padded.shape[1]):
            some |= padded[camera, window]
        active[camera] = some != 0


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_wide(occupied, padded, countable, active, agreements, opportunities):  # type: ignore[no-untyped-def]
    """Add one range to exact counts.

    N[i,j] += #{t : x[i,t] and r[b,t] and y[j,t]}, O[i,b] += #{t : x[i,t] and r[b,t]}.

    Args:
        occupied: x of the row cameras, uint64 (row cameras, windows).
        padded: y of the column cameras, uint64 (column cameras, windows).
        countable: r, uint64 (column cameras,).
        active: bool (column cameras,), False where ``padded`` is all zero.
        agreements: N, unsigned (row windows, column windows), updated.
        opportunities: O, unsigned (row windows, column cameras), updated.
    """
    windows = occupied.shape[1]
    for row in range(agreements.shape[0]):
        x = occupied[row // windows, row % windows]
        if x == 0:
            continue
        for camera in range(countable.shape[0]):
            ticks = x & countable[camera]
            if ticks == 0:
                continue
            opportunities[row, camera] += popcount(ticks)
            if active[camera]:
                counts = agreements[row, camera * windows : (camera + 1) * windows]
                words = padded[camera]
                for j in range(windows):
                    counts[j] += popcount(ticks & words[j])


@numba.njit(cache=True, nogil=True, boundscheck=False)
def halve_full_rows(occupied, countable, agreements, opportunities):  # type: ignore[no-untyped-def]
    """The byte policy: make room in the rows that a range would take over 255.

    Where adding the range would take some O[i,b] over 255, every O[i,b] above 127 in that row is halved, and
    the E of all its windows. N = O - E is what is stored, so N becomes O // 2 - (O - N) // 2.

    Args:
        occupied: x of the row cameras, uint64 (row cameras, windows).
        countable: r, uint64 (column cameras,).
        agreements: N, uint8 (row windows, column windows), updated.
        opportunities: O, uint8 (row windows, column cameras), updated.
    """
    windows = occupied.shape[1]
    for row in range(agreements.shape[0]):
        x = occupied[row // windows, row % windows]
        if x == 0:
            continue
        most = np.int64(0)
        for camera in range(countable.shape[0]):
            more = popcount(x & countable[camera])
            most = max(most, np.int64(opportunities[row, camera]) + np.int64(more))
        if most <= 255:
            continue
        for camera in range(countable.shape[0]):
            had = np.int64(opportunities[row, camera])
            if had > 127:
                half = had // 2
                opportunities[row, camera] = half
                counts = agreements[row, camera * windows : (camera + 1) * windows]
                for j in range(windows):
                    counts[j] = half - (had - np.int64(counts[j])) // 2
