"""What is looked at in a picture, to tell whether it can be trusted: kernels of ``sight``."""

from __future__ import annotations

import numba
import numpy as np

CELL_ROWS, CELL_COLUMNS = 6, 8
FLAT = 2.5
"""Grey levels of detail that noise and compression leave in a picture of nothing."""
TEXTURED = 3.0
"""Grey levels of detail from which on a cell can lose some."""
FLAT_SHARE = 0.95
"""Of the cells: a picture as flat as that shows nothing, whatever it showed before."""


@numba.njit(cache=True, nogil=True, boundscheck=False)
def changed(grey, high, wide, last):  # type: ignore[no-untyped-def]
    """Whether one of a few pixels is another than the last time.

    Args:
        grey: uint8 (h, w), contiguous.
        high, wide: int, how far these pixels are apart.
        last: uint8 (rows, columns), those pixels; updated.
    """
    other = 0
    for row in range(last.shape[0]):
        y = row * high + high // 2
        for column in range(last.shape[1]):
            value = grey[y, column * wide + wide // 2]
            other |= value ^ last[row, column]
            last[row, column] = value
    return other != 0


@numba.njit(cache=True, nogil=True, boundscheck=False)
def checksum(pixels):  # type: ignore[no-untyped-def]
    """A number that differs for different pictures, as good as always.

    Args:
        pixels: uint8 (h * w,).
    """
    total = np.uint32(0)
    for k in range(pixels.shape[0]):
        total += np.uint32(pixels[k]) * np.uint32(2 * k + 1)
    return total


@numba.njit(cache=True, nogil=True, boundscheck=False)
def measure_blocks(pixels, width, high, wide, blocks):  # type: ignore[no-untyped-def]
    """Brightness of each block: the mean of up to eight pixels of two of its lines.

    Args:
        pixels: uint8 (h * w,), the picture.
        width: int, w.
        high, wide: int, pixels of a block.
        blocks: float32 (rows, columns), written: grey levels.
    """
    taken = np.uint64(min(wide, 8))
    scale = np.float32(1.0) / np.float32(2 * min(wide, 8))
    for row in range(blocks.shape[0]):
        first = (row * high + high // 4) * width
        second = (row * high + 3 * high // 4) * width
        one, other = pixels[first : first + width], pixels[second : second + width]
        for column in range(blocks.shape[1]):
            x = np.uint64(column * wide)
            levels = np.int32(0)
            for k in range(taken):
                levels += np.int32(one[x + k]) + np.int32(other[x + k])
            blocks[row, column] = np.float32(levels) * scale


@numba.njit(cache=True, nogil=True, boundscheck=False)
def measure_detail(blocks, black_level, detail):  # type: ignore[no-untyped-def]
    """Detail of each cell: the mean difference between blocks side by side plus that between stacked ones.

    Args:
        blocks: float32 (rows, columns), their brightness, grey levels.
        black_level: float, grey level up to which a block is black.
        detail: float32 (CELL_ROWS, CELL_COLUMNS), written: grey levels.

    Returns:
        Mean brightness, grey levels, and the share of black blocks.
    """
    rows, columns = blocks.shape
    cell_rows, cell_columns = detail.shape
    light = np.float32(0)
    black = 0
    for cell_row in range(cell_rows):
        top, bottom = cell_row * rows // cell_rows, (cell_row + 1) * rows // cell_rows
        for cell_column in range(cell_columns):
            left = cell_column * columns // cell_columns
            right = (cell_column + 1) * columns // cell_columns
            total = np.float32(0)
            for row in range(top, bottom):
                below = min(row + 1, rows - 1)
                for column in range(left, right):
                    here = blocks[row, column]
                    light += here
                    black += here <= black_level
                    total += abs(blocks[row, min(column + 1, columns - 1)] - here)
                    total += abs(blocks[below, column] - here)
            detail[cell_row, cell_column] = total / max(1, (bottom - top) * (right - left))
    return light / (rows * columns), black / (rows * columns)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def lost_share(detail, usual, factor, gain):  # type: ignore[no-untyped-def]
    """Of the cells that usually have detail, the share that has lost it.

    That is those with less than ``factor`` of it, and those that are flat although twice as much would be
    left if there were just less light. A picture that is flat nearly everywhere has lost all, one that never
    had any nothing.

    Args:
        detail, usual: float32 (CELL_ROWS, CELL_COLUMNS), grey levels.
        factor: float, 0 to 1; 0 where what is usual is not known.
        gain: float, the picture's light over what is usual; 0 where that is not known.
    """
    flat, textured, lost = 0, 0, 0
    cells = detail.size
    for row in range(detail.shape[0]):
        for column in range(detail.shape[1]):
            here, before = detail[row, column], usual[row, column]
            flat += here < FLAT
            if before >= TEXTURED:
                textured += 1
                lost += here < max(before * factor, min(FLAT, before * gain * 0.5))
    if flat >= FLAT_SHARE * cells:
        return 1.0
    return lost / textured if textured >= (1 - FLAT_SHARE) * cells else 0.0


@numba.njit(cache=True, nogil=True, boundscheck=False)
def learn_mean(detail, usual, looks):  # type: ignore[no-untyped-def]
    """Learn one of the first looks: ``usual`` becomes their mean, this one being number ``looks``, from 1."""
    for row in range(detail.shape[0]):
        for column in range(detail.shape[1]):
            usual[row, column] += (max(detail[row, column], np.float32(0.05)) - usual[row, column]) / looks


@numba.njit(cache=True, nogil=True, boundscheck=False)
def learn_slowly(detail, usual, step):  # type: ignore[no-untyped-def]
    """Move ``usual`` towards a look by the share ``step`` of itself: in the long run it is the median."""
    for row in range(detail.shape[0]):
        for column in range(detail.shape[1]):
            before = usual[row, column]
            usual[row, column] = before * (1 + step if detail[row, column] > before else 1 - step)
