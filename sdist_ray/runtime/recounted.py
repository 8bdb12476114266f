"""Tiles that are counted anew from the first range, through all the plans that there have been."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from sdist_ray.coordinator.instructions import TilePlan
from sdist_ray.exclusion.tile import NEVER, Counting, Tile, TileSnapshot
from sdist_ray.occupancy.padding import PaddedRange


class RecountedTile:
    """A tile whose cameras were in other groups before: it counts them in those first.

    Counts of a pair of cameras do not depend on who else is counted with them: nobody else's are needed.

    Attributes:
        rows, columns: camera ids.
        until: see Tile.
    """

    def __init__(self, plan: TilePlan, counting: Counting) -> None:
        self.rows, self.columns, self.until = plan.rows, plan.columns, plan.until
        self._counting = counting
        self._last = NEVER
        self._ends = deque(past.through for past in plan.past)
        self._groups = deque([*(past.groups for past in plan.past), (plan.rows,)])
        self._tiles: list[Tile] = []
        self._begin(NEVER)

    def _begin(self, last: int) -> None:
        """The next groups, with what there is of them, go on after range ``last``."""
        new = []
        for group in self._groups.popleft():
            parts = []
            for tile in self._tiles:
                there = set(tile.rows)
                both = [camera for camera in group if camera in there]
                if both:
                    parts.append(tile.part(both, both))
            new.append(Tile.of_parts(group, self._counting, parts, last) if parts else self._new(group, last))
        self._tiles = new

    def _new(self, group: Sequence[str], last: int) -> Tile:
        tile = Tile(group, group, self._counting)
        tile.last_range = last
        return tile

    @property
    def counts(self) -> bool:
        """See Tile."""
        return self.until is None or self._last < self.until

    def apply(self, padded: PaddedRange, network: Sequence[str]) -> bool:
        """See Tile."""
        if padded.index <= self._last or (self.until is not None and padded.index > self.until):
            return False
        while self._ends and padded.index > self._ends[0]:
            self._begin(self._ends.popleft())
        for tile in self._tiles:
            tile.apply(padded, network)
        self._last = padded.index
        return True

    @property
    def recounting(self) -> bool:
        """Whether it is still in the past."""
        return bool(self._ends) and self._last < self._ends[-1]

    @property
    def whole(self) -> Tile:
        """The tile that it has become; whatever is counted next is counted in it."""
        while self._ends:
            self._begin(self._ends.popleft())
        return self._tiles[0]

    def part(self, rows: Sequence[str], columns: Sequence[str]) -> TileSnapshot:
        """See Tile."""
        return self.whole.part(rows, columns)

    def snapshot(self, copy: bool = True) -> TileSnapshot:
        """See Tile."""
        return self.whole.snapshot(copy)


AnyTile = Tile | RecountedTile
