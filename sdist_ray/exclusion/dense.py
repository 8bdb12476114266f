"""The dense count store: one counter per pair of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.kernels import active_cameras, count_wide, halve_full_rows
from sdist_ray.occupancy.block import Words

POLICIES = ("byte", "wide")
Counts = npt.NDArray[np.unsignedinteger[Any]]


class DenseStore:
    """N and O of some row cameras against some column cameras.

    Pages of N that no agreement ever touched cost no memory.

    Attributes:
        policy: "byte" (halved at 255, the paper's) or "wide" (exact).
        agreements: N, (row cameras * windows, column cameras * windows); uint8 in byte policy, else uint16,
            and uint32 from the range on in which a count could pass 65 535.
        opportunities: O, (row cameras * windows, column cameras), same dtype.
    """

    def __init__(self, rows: int, columns: int, windows: int, policy: str) -> None:
        if policy not in POLICIES:
            raise ValueError(f"counter policy {policy!r}, not one of {POLICIES}")
        dtype = np.uint8 if policy == "byte" else np.uint16
        self.policy = policy
        self.windows = windows
        self.agreements: Counts = np.zeros((rows * windows, columns * windows), dtype=dtype)
        self.opportunities: Counts = np.zeros((rows * windows, columns), dtype=dtype)

    def apply(self, occupied: Words, padded: Words, countable: Words) -> None:
        """Count one range.

        Args:
            occupied: x of the row cameras, uint64 (row cameras, windows).
            padded: y of the column cameras, uint64 (column cameras, windows).
            countable: r of the column cameras, uint64 (column cameras,).
        """
        active = np.zeros(len(padded), dtype=np.bool_)
        active_cameras(padded, active)
        if self.policy == "byte":
            halve_full_rows(occupied, countable, self.agreements, self.opportunities)
        elif self.opportunities.dtype == np.uint16:
            limit = np.iinfo(np.uint16).max - 64
            if self.opportunities.size and int(self.opportunities.max()) > limit:
                self._widen(np.uint32)
        count_wide(occupied, padded, countable, active, self.agreements, self.opportunities)

    def _widen(self, dtype: type[np.unsignedinteger[Any]]) -> None:
        self.agreements = self.agreements.astype(dtype)
        self.opportunities = self.opportunities.astype(dtype)

    def cut(self, row: int, column: int) -> tuple[Counts, Counts]:
        """Take out the counts of one camera pair: N (windows, windows) and O (windows,), zeros remain."""
        rows, columns = self._slices(row, column)
        taken = self.agreements[rows, columns].copy(), self.opportunities[rows, column].copy()
        self.agreements[rows, columns] = 0
        self.opportunities[rows, column] = 0
        return taken

    def paste(self, row: int, column: int, agreements: Counts, opportunities: Counts) -> None:
        """Put the counts of one camera pair in place of what is there.

        Raises:
            ValueError: other shapes, or counts that this policy cannot hold.
        """
        if agreements.shape != (self.windows, self.windows) or opportunities.shape != (self.windows,):
            raise ValueError(f"counts of {agreements.shape} for {self.windows} windows")
        most = int(opportunities.max(initial=0))
        if most > np.iinfo(self.opportunities.dtype).max:
            if self.policy == "byte":
                raise ValueError(f"a count of {most} in byte policy")
            self._widen(np.uint32)
        rows, columns = self._slices(row, column)
        self.agreements[rows, columns] = agreements
        self.opportunities[rows, column] = opportunities

    def _slices(self, row: int, column: int) -> tuple[slice, slice]:
        w = self.windows
        return slice(row * w, (row + 1) * w), slice(column * w, (column + 1) * w)
