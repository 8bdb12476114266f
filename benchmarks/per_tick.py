"""The baseline: what the paper's central node does, one tick after the other, compiled."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_per_tick(occupied, padded, available, windows, opportunities, exclusions):  # type: ignore[no-untyped-def]
    """Add ticks to O and E, a byte for each pair of windows; a row with a full O is halved instead.

    Args:
        occupied: bool (ticks, rows).
        padded: bool (ticks, columns).
        available: bool (ticks, column cameras), r.
        windows: windows per camera.
        opportunities, exclusions: uint8 (rows, columns), updated.
    """
    for tick in range(occupied.shape[0]):
        for i in range(occupied.shape[1]):
            if not occupied[tick, i]:
                continue
            row_o, row_e = opportunities[i], exclusions[i]
            full = False
            for camera in range(available.shape[1]):
                if not available[tick, camera]:
                    continue
                for j in range(camera * windows, (camera + 1) * windows):
                    room = np.uint8(row_o[j] != 255)
                    full |= room == 0
                    row_o[j] += room
                    row_e[j] += room & np.uint8(not padded[tick, j])
            if full:
                for j in range(row_o.shape[0]):
                    if row_o[j] > 127:
                        row_o[j] >>= 1
                        row_e[j] >>= 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def touch(words):  # type: ignore[no-untyped-def]
    """Read and write every word once: what no way of counting can do without."""
    for row in range(words.shape[0]):
        for k in range(words.shape[1]):
            words[row, k] += np.uint64(1)


def unpack(words: npt.NDArray[np.uint64], ticks: int) -> npt.NDArray[np.bool_]:
    """Words to ticks: uint64 (n, ...) to bool (ticks, n * ...)."""
    shifts = np.arange(ticks, dtype=np.uint64)
    return ((words.reshape(1, -1) >> shifts[:, None]) & np.uint64(1)).astype(np.bool_)
