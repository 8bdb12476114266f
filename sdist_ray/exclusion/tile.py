"""A tile: the counts of a set of row cameras against a set of column cameras."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.dense import Counts, DenseStore
from sdist_ray.occupancy.padding import PaddedRange

NEVER = -(2**63)


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
        windows: windows per camera.
        policy: counter policy.
        last_range: the newest range that was applied.
        agreements: N.
        opportunities: O.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    windows: int
    policy: str
    last_range: int
    agreements: Counts
    opportunities: Counts


class Tile:
    """Counts ranges for its cameras; a range that was applied is never applied again.

    Attributes:
        rows, columns: camera ids, in the order of the counts.
        store: the counts.
        last_range: the newest range that was applied.
    """

    def __init__(self, rows: Sequence[str], columns: Sequence[str], windows: int, policy: str) -> None:
        self.rows = tuple(rows)
        self.columns = tuple(columns)
        self.store = DenseStore(len(self.rows), len(self.columns), windows, policy)
        self.last_range = NEVER

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
        rows, columns = _places(self.rows, network), _places(self.columns, network)
        self.store.apply(padded.occupied[rows], padded.padded[columns], padded.countable[columns])
        self.last_range = padded.index
        return True

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

    def snapshot(self) -> TileSnapshot:
        """A copy of everything; later ranges do not change it."""
        return TileSnapshot(
            self.rows,
            self.columns,
            self.store.windows,
            self.store.policy,
            self.last_range,
            self.store.agreements.copy(),
            self.store.opportunities.copy(),
        )

    @classmethod
    def restore(cls, snapshot: TileSnapshot) -> Tile:
        """The tile as it was when the snapshot was taken."""
        tile = cls(snapshot.rows, snapshot.columns, snapshot.windows, snapshot.policy)
        tile.store.agreements = snapshot.agreements.copy()
        tile.store.opportunities = snapshot.opportunities.copy()
        tile.last_range = snapshot.last_range
        return tile


def row_stripes(cameras: Sequence[str], parts: int) -> list[tuple[str, ...]]:
    """The cameras cut into at most ``parts`` runs of nearly equal length, none empty.

    A tile that holds whole rows (all columns) halves them in byte policy just as one tile would.
    """
    bounds = np.linspace(0, len(cameras), min(parts, len(cameras)) + 1).round().astype(int)
    return [tuple(cameras[a:b]) for a, b in itertools.pairwise(bounds)]


def _places(cameras: Sequence[str], network: Sequence[str]) -> npt.NDArray[np.intp] | slice:
    """Where the cameras are in the network; a slice, which copies nothing, when they are a run of it."""
    where = {camera: place for place, camera in enumerate(network)}
    places = np.array([where[camera] for camera in cameras], dtype=np.intp)
    if len(places) and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places
