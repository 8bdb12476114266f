"""A tile: the counts of a set of row cameras against a set of column cameras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.dense import DenseStore
from sdist_ray.exclusion.following import Criterion
from sdist_ray.exclusion.indexed import IndexedStore
from sdist_ray.exclusion.rle import RleStore
from sdist_ray.exclusion.store import Counts, Pairs, Part, Selection, State, Store, TileRange
from sdist_ray.occupancy.padding import PaddedRange, Padding
from sdist_ray.occupancy.sparse import SparseWords

NEVER = -(2**63)


@dataclass(frozen=True)
class Counting:
    """How a tile counts.

    Attributes:
        padding: grid, clock, tolerance.
        policy: "byte" or "wide".
        store: a key of STORES.
        recent: how many of the newest ranges count, in the indexed store; 0 for all.
        whole: how many of the newest ranges all count while older ones are thinned, in the indexed store; 0
            where none is. See Thinning.
    """

    padding: Padding
    policy: str = "wide"
    store: str = "dense"
    recent: int = 0
    whole: int = 0


MakeStore = Callable[[Sequence[str], Sequence[str], Counting], Store]
STORES: dict[str, MakeStore] = {
    "dense": lambda rows, columns, how: DenseStore(
        len(rows), len(columns), how.padding.grid.windows, how.policy
    ),
    "rle": lambda rows, columns, how: RleStore(len(rows), len(columns), how.padding.grid.windows, how.policy),
    "indexed": lambda rows, columns, how: IndexedStore(
        rows, columns, how.padding, how.policy, how.recent, how.whole
    ),
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
        until: the last range that it counts; None where there is no such.
    """

    def __init__(self, rows: Sequence[str], columns: Sequence[str], counting: Counting) -> None:
        self.rows = tuple(rows)
        self.columns = tuple(columns)
        self.counting = counting
        self.store = STORES[counting.store](self.rows, self.columns, counting)
        self.last_range = NEVER
        self.until: int | None = None
        self._network: tuple[str, ...] | None = None
        self._selections: tuple[Selection, Selection] | None = None
        self._row_places: dict[str, int] | None = None
        self._column_places: dict[str, int] | None = None

    @property
    def counts(self) -> bool:
        """Whether there are ranges that it is still to count."""
        return self.until is None or self.last_range < self.until

    @property
    def recounting(self) -> bool:
        """Whether it is not yet what it is to be; never."""
        return False

    @property
    def whole(self) -> Tile:
        """This."""
        return self

    @property
    def windows(self) -> int:
        """Windows per camera."""
        return self.counting.padding.grid.windows

    def apply(self, padded: PaddedRange, network: Sequence[str], occupied: SparseWords | None = None) -> bool:
        """Count a range, unless it or a later one was counted: ranges come in order.

        Args:
            padded: the range, for all cameras of the network.
            network: camera ids in the order of the range's arrays.
            occupied: x of the tile's own cameras, where its rows are its columns and somebody has found it.

        Returns:
            Whether the range was counted.
        """
        if padded.index <= self.last_range or (self.until is not None and padded.index > self.until):
            return False
        self.store.apply(TileRange(padded, *self._select(tuple(network)), occupied))
        self.last_range = padded.index
        return True

    def meet(self, network: tuple[str, ...], places: Mapping[str, int]) -> None:
        """Find the tile's cameras in a network of which the places are known: ranges of it come next."""
        rows = Selection.where(self.rows, places)
        columns = rows if self.columns == self.rows else Selection.where(self.columns, places)
        self._network, self._selections = network, (rows, columns)

    def _select(self, network: tuple[str, ...]) -> tuple[Selection, Selection]:
        if self._selections is None or (network is not self._network and network != self._network):
            self.meet(network, {camera: place for place, camera in enumerate(network)})
        assert self._selections is not None
        return self._selections

    def pairs(self, least: npt.NDArray[np.int64], threads: int = 1, mutual: bool = False) -> Pairs:
        """See Store; only pairs of different cameras.

        Where ``mutual``, those that pass in one direction only are not wanted, and may be left out.
        """
        if mutual and self.rows == self.columns and isinstance(self.store, DenseStore):
            return self.store.mutual_pairs(least)
        return self._apart(self.store.pairs(least, threads))

    def follow(self, criterion: Criterion, threads: int = 1) -> Pairs:
        """Pairs of different cameras that pass in both directions, for whoever asks again and again.

        They may lack some that have begun to pass a short while ago, where that saves work; see
        IndexedStore.follow.
        """
        if isinstance(self.store, IndexedStore):
            return self._apart(self.store.follow(criterion, threads))
        return self.pairs(criterion.least(self.store.most_opportunities()), threads, mutual=True)

    def _apart(self, found: Pairs) -> Pairs:
        """Those of different cameras."""
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

    def part(self, rows: Sequence[str], columns: Sequence[str]) -> TileSnapshot:
        """A copy of what was counted of some rows against some columns.

        Of a tile that keeps events it is a part of these cameras against themselves; there, rows that the
        tile has as columns only, and columns that it has as rows only, are cameras all the same.
        """
        if self.counting.store != "indexed":
            state = self.store.part(*self._places(rows, columns))
            return TileSnapshot(tuple(rows), tuple(columns), self.counting, self.last_range, state)
        cameras = tuple(dict.fromkeys((*rows, *columns)))
        there = set(self.rows)
        as_rows = tuple(camera for camera in cameras if camera in there)
        as_columns = tuple(camera for camera in cameras if camera not in there)
        state = self.store.part(*self._places(as_rows, as_columns))
        cameras = as_rows + as_columns
        return TileSnapshot(cameras, cameras, self.counting, self.last_range, state)

    @classmethod
    def of_parts(
        cls, cameras: Sequence[str], counting: Counting, parts: Sequence[TileSnapshot], last_range: int
    ) -> Tile:
        """A tile of cameras against themselves that goes on where others have stopped.

        Args:
            cameras: ids.
            counting: how it counts.
            parts: what was counted of different pairs of these cameras, up to ``last_range``.
            last_range: the newest range that was counted.

        Raises:
            ValueError: parts that the store cannot hold.
        """
        tile = cls(cameras, cameras, counting)
        tile.store.join([Part(*tile._places(part.rows, part.columns), part.state) for part in parts])
        tile.last_range = last_range
        return tile

    def _places(self, rows: Sequence[str], columns: Sequence[str]) -> tuple[list[int], list[int]]:
        if self._row_places is None or self._column_places is None:
            self._row_places = {camera: place for place, camera in enumerate(self.rows)}
            self._column_places = {camera: place for place, camera in enumerate(self.columns)}
        return [self._row_places[c] for c in rows], [self._column_places[c] for c in columns]

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
