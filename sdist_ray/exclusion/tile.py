"""A tile: the counts of a set of row cameras against a set of column cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.dense import DenseStore
from sdist_ray.exclusion.indexed import IndexedStore
from sdist_ray.exclusion.rle import RleStore
from sdist_ray.exclusion.store import Counts, Pairs, Selection, State, Store, TileRange
from sdist_ray.occupancy.padding import PaddedRange, Padding

NEVER = -(2**63)


@dataclass(frozen=True)
class Counting:
    """How a tile counts.

    Attributes:
        padding: grid, clock, tolerance.
        policy: "byte" or "wide".
        store: a key of STORES.
        recent: how many of the newest ranges count, in the indexed store; 0 for all.
    """

    padding: Padding
    policy: str = "wide"
    store: str = "dense"
    recent: int = 0


MakeStore = Callable[[Sequence[str], Sequence[str], Counting], Store]
STORES: dict[str, MakeStore] = {
    "dense": lambda rows, columns, how: DenseStore(
        len(rows), len(columns), how.padding.grid.windows, how.policy
    ),
    "rle": lambda rows, columns, how: RleStore(len(rows), len(columns), how.padding.grid.windows, how.policy),
    "indexed": lambda rows, columns, how: IndexedStore(rows, columns, how.padding, how.policy, how.recent),
}


@dataclass(frozen=True)
class PairCounts:
    """Counts of one (row camera, column camera): N (windows, windows), O (windows,)."""

    agreements: Counts
    opportunities: Counts


@dataclass(frozen=True)
class TileSnapshot:
    """Everything a tile is, as plain values and arrays.

    Attributes:
        rows, columns: camera ids.
        counting: how it counts.
        last_range: the newest range that was applied.
        state: the store's.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counting: Counting
    last_range: int
    state: State


class Tile:
    """Counts ranges for its cameras; a range that was applied is never applied again.

    Attributes:
        rows, columns: camera ids, in the order of the counts.
        counting: how it counts.
        store: the counts.
        last_range: the newest range that was applied.
    """

    def __init__(self, rows: Sequence[str], columns: Sequence[str], counting: Counting) -> None:
        self.rows = tuple(rows)
        self.columns = tuple(columns)
        self.counting = counting
        self.store = STORES[counting.store](self.rows, self.columns, counting)
        self.last_range = NEVER
        self._network: tuple[str, ...] | None = None
        self._selections: tuple[Selection, Selection] | None = None

    @property
    def windows(self) -> int:
        """Windows per camera."""
        return self.counting.padding.grid.windows

    def apply(self, padded: PaddedRange, network: Sequence[str]) -> bool:
        """Count a range, unless it or a later one was counted: ranges come in order.

        Args:
            padded: the range, for all cameras of the network.
            network: camera ids in the order of the range's arrays.

        Returns:
            Whether the range was counted.
        """
        if padded.index <= self.last_range:
            return False
        self.store.apply(TileRange(padded, *self._select(tuple(network))))
        self.last_range = padded.index
        return True

    def _select(self, network: tuple[str, ...]) -> tuple[Selection, Selection]:
        if self._selections is None or network != self._network:
            self._network = network
            self._selections = Selection.of(self.rows, network), Selection.of(self.columns, network)
        return self._selections

    def pairs(self, least: npt.NDArray[np.int64], threads: int = 1) -> Pairs:
        """See Store; only pairs of different cameras."""
        found = self.store.pairs(least, threads)
        ids = {camera: number for number, camera in enumerate(dict.fromkeys(self.rows + self.columns))}
        row_ids = np.array([ids[camera] for camera in self.rows], dtype=np.int64)
        column_ids = np.array([ids[camera] for camera in self.columns], dtype=np.int64)
        apart = row_ids[found.row // self.windows] != column_ids[found.column // self.windows]
        return found if apart.all() else found.where(apart)

    def cut(self, row: str, column: str) -> PairCounts:
        """Take out a camera pair's counts; zeros remain."""
        return PairCounts(*self.store.cut(self.rows.index(row), self.columns.index(column)))

    def paste(self, row: str, column: str, counts: PairCounts) -> None:
        """Put a camera pair's counts in place of what is there."""
        self.store.paste(
            self.rows.index(row),
            self.columns.index(column),
            counts.agreements,
            counts.opportunities,
        )

    def snapshot(self, copy: bool = True) -> TileSnapshot:
        """Everything; later ranges do not change it, unless it is no copy."""
        state = self.store.state()
        if copy:
            state = {name: array.copy() for name, array in state.items()}
        return TileSnapshot(self.rows, self.columns, self.counting, self.last_range, state)

    @classmethod
    def restore(cls, snapshot: TileSnapshot) -> Tile:
        """The tile as it was when the snapshot was taken.

        Raises:
            ValueError: the store does not know such a state.
        """
        tile = cls(snapshot.rows, snapshot.columns, snapshot.counting)
        tile.store.load(snapshot.state)
        tile.last_range = snapshot.last_range
        return tile
