"""Packed rows in a few large segments, as a log-structured file system keeps its blocks.

A row that is packed anew goes to the newest segment, and leaves a hole where it was. A segment without rows
is dropped at once; one that is mostly holes is copied to the newest. (Rosenblum and Ousterhout, The design
and implementation of a log-structured file system, 1992.) A row costs 24 bytes of indices, and no object.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.packing import most_packed_bytes, pack_rows, unpack_rows
from sdist_ray.exclusion.store import Counts

SEGMENT_BYTES = 1 << 20
LEAST_FILLED = 0.75
"""A segment with less of its bytes in use is copied."""
Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]


class RowPool:
    """Rows of O and N, packed; a row that was never put is all zero.

    Attributes:
        size: int64 (rows,), bytes of each row, 0 where it is zero or was taken out.
    """

    def __init__(self, rows: int, cameras: int, columns: int) -> None:
        self._cameras = cameras
        self._columns = columns
        # A store of a few cameras is not to be rounded up to a large segment.
        self._segment_bytes = min(SEGMENT_BYTES, rows * (columns + cameras) // 64)
        self._segments: dict[int, Bytes] = {}
        self._filled: dict[int, int] = {}
        self._used: dict[int, int] = {}
        self._newest = -1
        self._row_bytes = 0
        self._segment = np.full(rows, -1, dtype=np.int64)
        self._offset = np.zeros(rows, dtype=np.int64)
        self.size: Numbers = np.zeros(rows, dtype=np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of segments and indices."""
        indices = self._segment.nbytes + self._offset.nbytes + self.size.nbytes
        return indices + self.segment_bytes

    @property
    def segment_bytes(self) -> int:
        """Bytes of segments."""
        return sum(segment.nbytes for segment in self._segments.values())

    def put(self, rows: Numbers, opportunities: Counts, agreements: Counts) -> None:
        """Pack rows in place of what was there.

        Args:
            rows: int64 (n,), distinct.
            opportunities: unsigned (n, cameras).
            agreements: unsigned (n, columns or more), of the same dtype.
        """
        self.drop(rows)
        most = most_packed_bytes(self._cameras, opportunities.itemsize)
        most += most_packed_bytes(self._columns, opportunities.itemsize)
        line = np.empty(most, dtype=np.uint8)
        self._row_bytes = max(self._row_bytes, most)
        offset, size = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
        done = 0
        while done < len(rows):
            if self._newest not in self._segments:
                self._begin_segment()
            newest = self._newest
            stop, at = pack_rows(
                opportunities, agreements, self._columns, done, line,
                self._segments[newest], self._filled[newest], offset, size,
            )  # fmt: skip
            packed = rows[done:stop]
            self._segment[packed] = newest
            self._offset[packed], self.size[packed] = offset[done:stop], size[done:stop]
            self._used[newest] += at - self._filled[newest]
            self._filled[newest] = at
            done = stop
            if done < len(rows):
                self._begin_segment()

    def _begin_segment(self) -> None:
        self._newest += 1
        # What is left at a segment's end is less than a row: a small part of it, if it holds several.
        size = max(self._segment_bytes, 8 * self._row_bytes)
        self._segments[self._newest] = np.empty(size, dtype=np.uint8)
        self._filled[self._newest] = self._used[self._newest] = 0

    def get(self, rows: Numbers, opportunities: Counts, agreements: Counts) -> None:
        """Unpack rows; they stay packed too. Arguments as for put, the arrays are written."""
        segments = self._segment[rows]
        for number in np.unique(segments):
            place = np.flatnonzero(segments == number)
            data = self._segments[number] if number >= 0 else np.empty(0, dtype=np.uint8)
            which = rows[place]
            unpack_rows(
                data, self._offset[which], self.size[which], place, self._columns, opportunities, agreements
            )

    def drop(self, rows: Numbers) -> None:
        """Make rows zero."""
        segments = self._segment[rows]
        for number in np.unique(segments[segments >= 0]):
            self._used[number] -= int(self.size[rows[segments == number]].sum())
            if self._used[number] == 0:
                self._forget(int(number))
        self._segment[rows] = -1
        self.size[rows] = 0

    def _forget(self, number: int) -> None:
        del self._segments[number], self._used[number], self._filled[number]

    def compact(self) -> None:
        """Copy what is left of segments that are mostly holes."""
        sparse = [
            number
            for number, used in self._used.items()
            if number != self._newest and used < LEAST_FILLED * len(self._segments[number])
        ]
        if not sparse:
            return
        live = np.flatnonzero(np.isin(self._segment, sparse))
        for row in live[np.argsort(self._segment[live], kind="stable")]:
            self._move(int(row))
        for number in sparse:
            if number in self._segments:
                self._forget(number)

    def _move(self, row: int) -> None:
        size = int(self.size[row])
        source = self._segments[int(self._segment[row])]
        if self._newest not in self._segments or self._filled[self._newest] + size > len(
            self._segments[self._newest]
        ):
            self._begin_segment()
        at = self._filled[self._newest]
        start = int(self._offset[row])
        self._segments[self._newest][at : at + size] = source[start : start + size]
        self._used[int(self._segment[row])] -= size
        self._segment[row], self._offset[row] = self._newest, at
        self._filled[self._newest] += size
        self._used[self._newest] += size

    def data(self) -> tuple[Bytes, Numbers]:
        """All rows one after another: bytes, and int64 (rows + 1,) where each begins."""
        starts = np.concatenate([[0], np.cumsum(self.size)])
        out = np.empty(int(starts[-1]), dtype=np.uint8)
        for row in np.flatnonzero(self.size):
            first, size = int(self._offset[row]), int(self.size[row])
            data = self._segments[int(self._segment[row])]
            out[starts[row] : starts[row] + size] = data[first : first + size]
        return out, starts

    def load(self, data: Bytes, starts: Numbers) -> None:
        """Hold what ``data`` gave, and nothing else."""
        self._segments, self._filled, self._used = {}, {}, {}
        self.size = np.diff(starts)
        self._row_bytes = int(self.size.max(initial=0))
        self._segment = np.full(len(self.size), -1, dtype=np.int64)
        self._offset = np.zeros(len(self.size), dtype=np.int64)
        first = 0
        while first < len(self.size):
            room = max(self._segment_bytes, 8 * self._row_bytes)
            stop = int(np.searchsorted(starts, starts[first] + room, side="right")) - 1
            self._newest += 1
            part = data[starts[first] : starts[stop]].copy()
            if len(part):
                self._segments[self._newest] = part
                self._filled[self._newest] = self._used[self._newest] = len(part)
                self._segment[first:stop] = self._newest
                self._offset[first:stop] = starts[first:stop] - starts[first]
            first = stop
        self._segment[self.size == 0] = -1
