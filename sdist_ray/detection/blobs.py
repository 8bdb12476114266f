"""Foreground bits to blobs: specks removed, parts joined, connected components with their boxes and areas.

Opening and closing are shifts of whole words, 64 pixels at a time; components are found from the runs of set
bits, so that a row without any costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.detection.bits import Bits
from sdist_ray.occupancy.bits import lowest_bit, popcount

Blobs = npt.NDArray[np.int32]
"""int32 (n, 5): left, top, width, height of the box and area, pixels; in the order of their first pixels, row
by row."""
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Cleaning:
    """What is done to foreground before its components are found; pixels.

    Attributes:
        opening: side of the square that removes specks, 0 or 1 for none.
        closing_width, closing_height: rectangle that joins the parts of one person, 0 or 1 for none.
    """

    opening: int = 3
    closing_width: int = 3
    closing_height: int = 9


def find_blobs(
    bits: Bits, width: int, cleaning: Cleaning, least: float = 1, largest: float = np.inf
) -> Blobs:
    """The 8-connected components of the cleaned foreground.

    An even side's centre is the pixel right of (below) its middle, as it is OpenCV's; outside the image
    there is nothing to open or close.

    Args:
        bits: the foreground, uint64 (words, height), see detection.bits.
        width: of the image, pixels.
        cleaning: opening and closing.
        least, largest: areas that count, pixels.
    """
    # Of a copy, also because memory that cannot be written to is another type to Numba: all compiled twice.
    blobs: Blobs = clean_and_label(
        bits.copy(),
        width,
        max(1, cleaning.opening),
        max(1, cleaning.closing_width),
        max(1, cleaning.closing_height),
        float(least),
        float(largest),
    )
    return blobs


@numba.njit(cache=True, nogil=True, boundscheck=False)
def clean_and_label(bits, width, opening, closing_width, closing_height, least, largest):  # type: ignore[no-untyped-def]
    """See find_blobs; the sides are at least 1, and ``bits`` are opened."""
    open_bits(bits, width, opening)
    # Rows further than this from all that is set stay empty.
    first, end = _rows_with_any(bits)
    first, end = max(0, first - closing_height), min(bits.shape[1], end + closing_height)
    if end <= first:
        return np.empty((0, 5), np.int32)
    part = bits[:, first:end].copy()
    if closing_width > 1 or closing_height > 1:
        _along_rows(part, width, closing_width, False)
        _across_rows(part, closing_height, False)
        _along_rows(part, width, closing_width, True)
        _across_rows(part, closing_height, True)
    blobs = _components(part, least, largest)
    blobs[:, 1] += first
    return blobs


@numba.njit(cache=True, nogil=True, boundscheck=False)
def open_bits(bits, width, opening):  # type: ignore[no-untyped-def]
    """Clear what no square of ``opening`` set pixels holds; see find_blobs."""
    if opening > 1:
        _along_rows(bits, width, opening, True)
        _across_rows(bits, opening, True)
        _along_rows(bits, width, opening, False)
        _across_rows(bits, opening, False)


@numba.njit(nogil=True, boundscheck=False)
def _rows_with_any(bits):  # type: ignore[no-untyped-def]
    """The first row in which anything is set, and the row after the last; where none is, neither makes sense:
    the second is far below the first."""
    words, height = bits.shape
    some = np.zeros(height, np.uint64)
    for k in range(words):
        for y in range(height):
            some[y] |= bits[k, y]
    first, end = 4 * height, -4 * height
    for y in range(height):
        if some[y]:
            first = min(first, y)
            end = y + 1
    return first, end


@numba.njit(nogil=True, boundscheck=False)
def _along_rows(bits, width, side, erode):  # type: ignore[no-untyped-def]
    """Erode or dilate by a row of ``side`` pixels, side // 2 of them to the left of its centre.

    To erode is to dilate what is not set: outside the image nothing is, in either case.
    """
    if side == 1:
        return
    _flip_inside(bits, width, erode)
    reach = side - 1 - side // 2
    have = 1
    while have <= reach:
        step = min(have, reach + 1 - have)
        _shift_left(bits, step)
        have += step
    reach = side // 2
    have = 1
    while have <= reach:
        step = min(have, reach + 1 - have)
        _shift_right(bits, step)
        have += step
    _flip_inside(bits, width, erode)


@numba.njit(nogil=True, boundscheck=False)
def _flip_inside(bits, width, flip):  # type: ignore[no-untyped-def]
    """Clear what is beyond the image's width, and set what is not set, clear what is, if ``flip``."""
    flipped = _ALL if flip else np.uint64(0)
    for k in range(bits.shape[0]):
        rest = width - 64 * k
        inside = _ALL if rest >= 64 else (np.uint64(1) << np.uint64(rest)) - np.uint64(1)
        for y in range(bits.shape[1]):
            bits[k, y] = (bits[k, y] ^ flipped) & inside


@numba.njit(nogil=True, boundscheck=False)
def _shift_left(bits, step):  # type: ignore[no-untyped-def]
    """Set every pixel that has a set one ``step`` pixels to its right."""
    words, height = bits.shape
    far, near = step >> 6, np.uint64(step & 63)
    rest = np.uint64(64) - near
    for k in range(words - far):
        # The same column is another case: LLVM makes vector code only of what cannot overlap.
        if far:
            for y in range(height):
                bits[k, y] |= bits[k + far, y] >> near
        else:
            for y in range(height):
                bits[k, y] |= bits[k, y] >> near
        if near and k + far + 1 < words:
            for y in range(height):
                bits[k, y] |= bits[k + far + 1, y] << rest


@numba.njit(nogil=True, boundscheck=False)
def _shift_right(bits, step):  # type: ignore[no-untyped-def]
    """Set every pixel that has a set one ``step`` pixels to its left."""
    words, height = bits.shape
    far, near = step >> 6, np.uint64(step & 63)
    rest = np.uint64(64) - near
    for k in range(words - 1, far - 1, -1):
        if far:
            for y in range(height):
                bits[k, y] |= bits[k - far, y] << near
        else:
            for y in range(height):
                bits[k, y] |= bits[k, y] << near
        if near and k - far >= 1:
            for y in range(height):
                bits[k, y] |= bits[k - far - 1, y] >> rest


@numba.njit(nogil=True, boundscheck=False)
def _across_rows(bits, side, erode):  # type: ignore[no-untyped-def]
    """Erode or dilate by a column of ``side`` pixels, side // 2 of them above its centre."""
    words, height = bits.shape
    # From a copy, for LLVM makes vector code only of what cannot overlap.
    before = np.empty(height, np.uint64)
    for k in range(words):
        column = bits[k]
        for down in (True, False):
            reach = side - 1 - side // 2 if down else side // 2
            have = 1
            while have <= reach:
                step = min(have, reach + 1 - have)
                have += step
                if step >= height:
                    break
                for y in range(height):
                    before[y] = column[y]
                source = before[step:] if down else before[: height - step]
                target = column[: height - step] if down else column[step:]
                if erode:
                    for y in range(height - step):
                        target[y] &= source[y]
                else:
                    for y in range(height - step):
                        target[y] |= source[y]


@numba.njit(nogil=True, boundscheck=False)
def _components(bits, least, largest):  # type: ignore[no-untyped-def]
    """Blobs, int32 (n, 5), of the areas that count."""
    words, height = bits.shape
    some = np.zeros(height, np.uint64)
    most = np.int64(0)
    for k in range(words):
        for y in range(height):
            word = bits[k, y]
            carry = bits[k - 1, y] >> np.uint64(63) if k else np.uint64(0)
            some[y] |= word
            most += popcount(word & ~(word << np.uint64(1) | carry))
    # A run of set pixels is known by its number, and so is a component: by that of its first run.
    runs = np.empty((most, 3), np.int32)
    parent = np.empty(most, np.int32)
    count = above = 0
    for y in range(height):
        begin = count
        start = -1
        for k in range(words if some[y] else 0):
            word = bits[k, y]
            if start >= 0:
                length = lowest_bit(~word)
                if length == 64:
                    continue
                count = _add_run(runs, parent, count, start, 64 * k + length, y)
                start = -1
                word = word >> np.uint64(length) << np.uint64(length)
            while word:
                first = lowest_bit(word)
                end = first + lowest_bit(~(word >> np.uint64(first)))
                if end == 64:
                    start = 64 * k + first
                    break
                count = _add_run(runs, parent, count, 64 * k + first, 64 * k + end, y)
                word = word >> np.uint64(end) << np.uint64(end)
        if start >= 0:
            count = _add_run(runs, parent, count, start, 64 * words, y)
        _join_rows(runs, parent, above, begin, count)
        above = begin
    return _boxes(runs, parent, least, largest)


@numba.njit(inline="always", nogil=True)
def _add_run(runs, parent, count, start, end, y):  # type: ignore[no-untyped-def]
    runs[count, 0], runs[count, 1], runs[count, 2] = start, end, y
    parent[count] = count
    return count + 1


@numba.njit(nogil=True, boundscheck=False)
def _root(parent, run):  # type: ignore[no-untyped-def]
    """The first run of the component that a run belongs to, as far as is known."""
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@numba.njit(nogil=True, boundscheck=False)
def _join_rows(runs, parent, above, begin, end):  # type: ignore[no-untyped-def]
    """Join the runs from ``begin`` to ``end`` with those of the row above that touch them."""
    for run in range(begin, end):
        while above < begin and runs[above, 1] < runs[run, 0]:
            above += 1
        other = above
        while other < begin and runs[other, 0] <= runs[run, 1]:
            a, b = _root(parent, other), _root(parent, run)
            parent[max(a, b)] = min(a, b)
            other += 1


@numba.njit(nogil=True, boundscheck=False)
def _boxes(runs, parent, least, largest):  # type: ignore[no-untyped-def]
    """Boxes and areas of the components, in the order of their first runs."""
    # Of a component's first run, its runs' extent: left, top, right, bottom; and their pixels.
    boxes = np.empty((len(runs), 5), np.int32)
    found = 0
    for run in range(len(runs)):
        left, right, y = runs[run, 0], runs[run, 1], runs[run, 2]
        root = _root(parent, run)
        if root == run:
            boxes[run, 0], boxes[run, 1], boxes[run, 2], boxes[run, 4] = left, y, right, 0
        boxes[root, 0] = min(boxes[root, 0], left)
        boxes[root, 2] = max(boxes[root, 2], right)
        boxes[root, 3] = y + 1
        boxes[root, 4] += right - left
    for run in range(len(runs)):
        if parent[run] == run and least <= boxes[run, 4] <= largest:
            left, top, right, bottom = boxes[run, 0], boxes[run, 1], boxes[run, 2], boxes[run, 3]
            boxes[found, 0], boxes[found, 1] = left, top
            boxes[found, 2], boxes[found, 3] = right - left, bottom - top
            boxes[found, 4] = boxes[run, 4]
            found += 1
    return boxes[:found]
