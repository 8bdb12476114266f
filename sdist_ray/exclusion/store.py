"""Where counts live: what every store must do, and what a tile gives it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Words
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.occupancy.sparse import SparseWords

POLICIES = ("byte", "wide")
Counts = npt.NDArray[np.unsignedinteger[Any]]
State = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Pairs:
    """Pairs of windows and their counts; all arrays have one length.

    Attributes:
        row: int64, row camera * windows + window, cameras numbered as in the tile.
        column: int64, column camera * windows + window.
        agreements: N, int64.
        opportunities: O, int64.
        agreements_back, opportunities_back: N and O of (column, row), int64, from a store that finds only
            pairs that pass in both directions; it gives each unordered pair once. None from others.
    """

    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    agreements: npt.NDArray[np.int64]
    opportunities: npt.NDArray[np.int64]
    agreements_back: npt.NDArray[np.int64] | None = None
    opportunities_back: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def concatenate(cls, parts: Sequence[Pairs]) -> Pairs:
        """All pairs of the parts, in their order."""
        empty = np.empty(0, np.int64)

        def join(name: str) -> npt.NDArray[np.int64]:
            return np.concatenate([empty, *(getattr(part, name) for part in parts)])

        forth = join("row"), join("column"), join("agreements"), join("opportunities")
        if all(part.agreements_back is None for part in parts):
            return cls(*forth)
        return cls(*forth, join("agreements_back"), join("opportunities_back"))

    def where(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        """Some of the pairs."""
        back = (self.agreements_back, self.opportunities_back)
        return Pairs(
            self.row[chosen],
            self.column[chosen],
            self.agreements[chosen],
            self.opportunities[chosen],
            *(None if counts is None else counts[chosen] for counts in back),
        )


@dataclass(frozen=True)
class Selection:
    """Some cameras of a network, in an order of their own.

    Attributes:
        places: where each is in the network; a slice, which copies nothing, where they are a run of it.
        cameras: of the network.
    """

    places: npt.NDArray[np.intp] | slice
    cameras: int

    @classmethod
    def of(cls, cameras: Sequence[str], network: Sequence[str]) -> Selection:
        """Find the cameras in the network; those that it does not have (any more) are left out."""
        return cls.where(cameras, {camera: place for place, camera in enumerate(network)})

    @classmethod
    def where(cls, cameras: Sequence[str], places: Mapping[str, int]) -> Selection:
        """The same, where the place of every camera of the network is known."""
        found = np.array([places.get(camera, -1) for camera in cameras], dtype=np.intp)
        if len(found) and found[0] >= 0 and (np.diff(found) == 1).all():
            return cls(slice(int(found[0]), int(found[-1]) + 1), len(places))
        return cls(found, len(places))

    @property
    def everything(self) -> bool:
        """Whether it is the whole network, in its own order."""
        return isinstance(self.places, slice) and self.places == slice(0, self.cameras)

    @functools.cached_property
    def numbers(self) -> npt.NDArray[np.int32]:
        """int32 (network cameras,), a camera's place in the selection, -1 where it has none."""
        numbers = np.full(self.cameras, -1, dtype=np.int32)
        places = np.arange(self.cameras)[self.places] if isinstance(self.places, slice) else self.places
        numbers[places[places >= 0]] = np.flatnonzero(places >= 0)
        return numbers

    def occupied(self, words: SparseWords, windows: int) -> SparseWords:
        """The selected cameras' sparse words."""
        if self.everything:
            return words
        if isinstance(self.places, slice):
            bounds = np.array([self.places.start, self.places.stop], np.int32) * np.int32(windows)
            start, end = np.searchsorted(words.place, bounds)
            return SparseWords(words.place[start:end] - bounds[0], words.word[start:end])
        return words.select(self.numbers, windows)

    def words(self, words: Words) -> Words:
        """The selected cameras' words; zero for one that the network does not have."""
        if isinstance(self.places, slice):
            return words[self.places]
        found = words[np.maximum(self.places, 0)] if len(words) else words
        found[self.places < 0] = 0
        return found


class TileRange:
    """A range as the cameras of one tile saw it."""

    def __init__(
        self, padded: PaddedRange, rows: Selection, columns: Selection, occupied: SparseWords | None = None
    ) -> None:
        """Of a range; ``occupied`` is x of the rows and of the columns where these are the same."""
        self.index = padded.index
        self.padding = padded.padding
        self._whole = padded
        self._rows = rows
        self._columns = columns
        self._occupied = occupied

    @functools.cached_property
    def row_occupied(self) -> SparseWords:
        """x of the row cameras."""
        if self._occupied is not None:
            return self._occupied
        return self._rows.occupied(self._whole.occupied, self.padding.grid.windows)

    @functools.cached_property
    def column_occupied(self) -> SparseWords:
        """x of the column cameras."""
        if self._rows is self._columns:
            return self.row_occupied
        return self._columns.occupied(self._whole.occupied, self.padding.grid.windows)

    @functools.cached_property
    def row_padded(self) -> Words:
        """y of the row cameras, uint64 (row cameras, windows)."""
        return self._rows.words(self._whole.padded)

    @functools.cached_property
    def column_padded(self) -> Words:
        """y of the column cameras, uint64 (column cameras, windows)."""
        if self._rows is self._columns:
            return self.row_padded
        return self._columns.words(self._whole.padded)

    @functools.cached_property
    def row_countable(self) -> Words:
        """r of the row cameras, uint64 (row cameras,)."""
        return self._rows.words(self._whole.countable)

    @functools.cached_property
    def column_countable(self) -> Words:
        """r of the column cameras, uint64 (column cameras,)."""
        if self._rows is self._columns:
            return self.row_countable
        return self._columns.words(self._whole.countable)


class Part(NamedTuple):
    """What was counted elsewhere of some of a store's rows against some of its columns.

    Attributes:
        rows, columns: cameras, as the store numbers them.
        state: of a store of these alone.
    """

    rows: Sequence[int]
    columns: Sequence[int]
    state: State


class Store(Protocol):
    """Counts of row windows against column windows."""

    @property
    def nbytes(self) -> int:
        """Bytes that the counts, or what they come from, take now."""
        ...

    def apply(self, part: TileRange) -> None:
        """Count one range, later than those before."""
        ...

    def most_opportunities(self) -> int:
        """The greatest O, or a bound of it."""
        ...

    def pairs(self, least: npt.NDArray[np.int64], threads: int = 1) -> Pairs:
        """The pairs, of different cameras or not, with N at least ``least[O]``; see Pairs for which.

        Args:
            least: int64 (most_opportunities() + 1,), at least 1; above O where no N is enough.
            threads: that may work on it.
        """
        ...

    def counts(self, row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]) -> Pairs:
        """N and O of asked pairs, exactly as counted."""
        ...

    def cut(self, row: int, column: int) -> tuple[Counts, Counts]:
        """Take out the counts of one camera pair: N (windows, windows) and O (windows,); zeros remain.

        Raises:
            NotImplementedError: the store keeps events, which belong to no pair.
        """
        ...

    def paste(self, row: int, column: int, agreements: Counts, opportunities: Counts) -> None:
        """Put the counts of one camera pair in place of what is there.

        Raises:
            ValueError: other shapes, or counts that this store cannot hold.
            NotImplementedError: as for cut.
        """
        ...

    def part(self, rows: Sequence[int], columns: Sequence[int]) -> State:
        """A copy of what it has of some rows against some columns, as the state of a store of these alone.

        Where events are kept, those of these rows and columns, each camera once, and in that order.
        """
        ...

    def join(self, parts: Sequence[Part]) -> None:
        """Put parts, of different pairs of cameras, in place of what is there: nothing yet.

        Raises:
            ValueError: counts that this store cannot hold, or parts of other stores.
        """
        ...

    def state(self) -> State:
        """All that it holds, as arrays; they are good until the next range."""
        ...

    def load(self, state: State) -> None:
        """Become what gave the state.

        Raises:
            ValueError: not the state of such a store.
        """
        ...
