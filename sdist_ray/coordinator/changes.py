"""One plan in place of another, while counting goes on.

A change holds after a range, the newest that was published when it began. Tiles that the new plan does not
have end with that range. A shard that has counted so far hands out what others need of them; one that has
all it needs makes its new tiles, and only then counts what comes after. Nothing is let go of before every new
tile is there and, where snapshots are made, could be had again from either of two: until then, whoever is
lost is made anew with the tiles of before, and does its part once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sdist_ray.coordinator.instructions import BuildTiles, CreateTile, HandOut, Past, Piece, TilePlan
from sdist_ray.partition.partitioning import Group, Partitioning, place_groups


@dataclass(frozen=True)
class Era:
    """A plan that held for a time.

    Attributes:
        number: of its first tile, or of the next one where it has none of its own.
        after: the last range before it; None where it began with the first.
        groups: which cameras were counted together.
    """

    number: int
    after: int | None
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Plans:
    """All that must not be forgotten about who counts what.

    Attributes:
        tiles: those that there are, and whose they are; with those that end, and those that are to be made.
        eras: plans that held, and the one that does, the last; none where all cameras are counted together.
        due: a plan that waits for its turn.
    """

    tiles: tuple[CreateTile, ...] = ()
    eras: tuple[Era, ...] = ()
    due: Partitioning | None = None


def next_tiles(
    tiles: Sequence[CreateTile], new: Partitioning, shards: int, after: int | None, first: int, store: str
) -> tuple[list[CreateTile], list[CreateTile]]:
    """What becomes of tiles in a new plan.

    Args:
        tiles: those that there are.
        new: the groups that are to be counted.
        shards: how many there are.
        after: the last range that the old plan holds for; None where there was none.
        first: a number for the first new tile.
        store: what tiles count in.

    Returns:
        The tiles that there are, with where they end; and the new ones.
    """
    mine: dict[Group, CreateTile] = {}
    holds: dict[str, set[int]] = {}
    for tile in tiles:
        rows = tuple(sorted(tile.plan.rows))
        for camera in rows:
            holds.setdefault(camera, set()).add(tile.shard)
        if len(rows) == len(tile.plan.columns) and set(rows) == set(tile.plan.columns):
            mine.setdefault(rows, tile)
    # Counters of one camera against itself are nobody's links; its events may be wanted later.
    groups = [group for group in new.groups if len(group) > 1 or store == "indexed"]
    stays = {group: mine[group].shard for group in groups if group in mine}
    placed = place_groups(groups, shards, holds, stays)
    homes = dict(zip(groups, placed, strict=True))
    kept = {mine[group].plan.tile for group, shard in stays.items() if homes[group] == shard}
    ending = [
        tile if tile.plan.tile in kept else replace(tile, plan=replace(tile.plan, until=after))
        for tile in tiles
    ]
    sources = Sources([tile for tile in tiles if tile.plan.tile not in kept], store)
    created: list[CreateTile] = []
    for group, shard in zip(groups, placed, strict=True):
        if stays.get(group) != shard:
            plan = TilePlan(first + len(created), group, group, after)
            made = after is not None and any(True for _ in sources.pieces(plan))
            created.append(CreateTile(shard, replace(plan, made=made)))
    return ending, created


class Sources:
    """Tiles that end: what they have for others."""

    def __init__(self, tiles: Iterable[CreateTile], store: str) -> None:
        self._events = store == "indexed"
        self._tiles = {tile.plan.tile: tile for tile in tiles}
        self._rows: dict[str, list[int]] = {}
        self._columns: dict[str, list[int]] = {}
        for number, tile in self._tiles.items():
            for places, cameras in ((self._rows, tile.plan.rows), (self._columns, tile.plan.columns)):
                for camera in cameras:
                    places.setdefault(camera, []).append(number)

    def shard(self, tile: int) -> int:
        """Whose a tile is."""
        return self._tiles[tile].shard

    def pieces(self, plan: TilePlan) -> Iterator[Piece]:
        """What there is of a new tile's counts."""
        rows, columns = self._among(plan.rows, self._rows), self._among(plan.columns, self._columns)
        taken: set[str] = set()
        for number in sorted(rows.keys() | columns.keys()):
            mine, theirs = rows.get(number, ()), columns.get(number, ())
            if self._events:
                # A camera's events are the same wherever it is counted; the first tile has all of them.
                cameras = tuple(c for c in dict.fromkeys((*mine, *theirs)) if c not in taken)
                taken.update(cameras)
                if cameras:
                    yield Piece(number, plan.tile, cameras, cameras)
            elif mine and theirs and not (len(mine) == 1 and mine == theirs):
                yield Piece(number, plan.tile, tuple(mine), tuple(theirs))

    @staticmethod
    def _among(cameras: Sequence[str], places: Mapping[str, list[int]]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for camera in cameras:
            for number in places.get(camera, ()):
                found.setdefault(number, []).append(camera)
        return found


class Change:
    """A change under way, and who has done what of it.

    Attributes:
        number: of the change; that of its plan's first tile.
        after: the range after which the new plan holds.
        created, retired: ids of tiles that are to be made, and of those that end.
        targets: shards that make tiles.
        built: those that have.
        fresh: ranges of the snapshots that each has made since.
    """

    def __init__(self, tiles: Sequence[CreateTile], number: int, store: str) -> None:
        made = [tile for tile in tiles if tile.plan.made and tile.plan.tile >= number]
        ending = [tile for tile in tiles if tile.plan.until is not None]
        assert made
        assert made[0].plan.since is not None
        self.number, self.after = number, made[0].plan.since
        self.created = {tile.plan.tile for tile in made}
        self.retired = {tile.plan.tile for tile in ending}
        self._plans: dict[int, list[TilePlan]] = {}
        self._pieces: dict[tuple[int, int], list[Piece]] = {}
        sources = Sources(ending, store)
        for tile in made:
            self._plans.setdefault(tile.shard, []).append(tile.plan)
            for piece in sources.pieces(tile.plan):
                self._pieces.setdefault((sources.shard(piece.source), tile.shard), []).append(piece)
        self.targets = set(self._plans)
        self._asked: set[tuple[int, int]] = set()
        self._handed: set[tuple[int, int]] = set()
        self._building: set[int] = set()
        self.built: set[int] = set()
        self.fresh: dict[int, list[int]] = {shard: [] for shard in self.targets}

    @property
    def in_force(self) -> bool:
        """Whether every new tile is there."""
        return self.built == self.targets

    def saved(self, times: int) -> bool:
        """Whether every new tile is there and in so many snapshots."""
        return self.in_force and all(len(ranges) >= times for ranges in self.fresh.values())

    def holds_back(self, shard: int) -> bool:
        """Whether a shard may not count beyond ``after`` yet."""
        asked = self._asked | {(number, number) for number in self._building}
        mine = [pair for pair in self._pieces if pair[0] == shard and pair[0] != pair[1]]
        return (shard in self.targets and shard not in self._building) or not asked.issuperset(mine)

    def part_of(self, shard: int) -> Iterator[HandOut | BuildTiles]:
        """What a shard that has counted up to ``after`` is to do now, if it was not told yet."""
        for source, target in [p for p in self._pieces if p[0] == shard and p[1] != shard]:
            if (source, target) not in self._asked:
                self._asked.add((source, target))
                pieces = tuple(self._pieces[source, target])
                yield HandOut(self.number, source, target, pieces, self.after)
        if shard in self.targets and shard not in self._building:
            sources = [s for s, target in self._pieces if target == shard and s != shard]
            if all((source, shard) in self._handed for source in sources):
                self._building.add(shard)
                own = tuple(self._pieces.get((shard, shard), ()))
                plans = tuple(self._plans[shard])
                yield BuildTiles(self.number, shard, plans, own, tuple(sources), self.after)

    def handed_out(self, number: int, source: int, target: int) -> None:
        """A shard has copied its pieces for another one."""
        if number == self.number and (source, target) in self._asked:
            self._handed.add((source, target))

    def has_built(self, number: int, shard: int) -> None:
        """A shard has made its tiles."""
        if number == self.number and shard in self._building:
            self.built.add(shard)

    def found(self, shard: int, fresh: Sequence[int]) -> None:
        """A shard has made its tiles for a coordinator that is gone, and snapshots since."""
        self._building.add(shard)
        self.built.add(shard)
        self.fresh[shard] = list(fresh)

    def seen_by(
        self, shard: int, last: int | None, snapshots: Sequence[int]
    ) -> tuple[int | None, tuple[int, ...]]:
        """What a shard that has yet to make its tiles has counted of all that it is to count."""
        if shard not in self.targets or last is None:
            return last, tuple(snapshots)
        return min(last, self.after), tuple(min(index, self.after) for index in snapshots)

    def lost(self, shard: int) -> None:
        """A shard is gone: it has everything to do again, and so have others for it."""
        again = {
            (source, target)
            for source, target in self._pieces
            if target == shard or (source == shard and target not in self._building)
        }
        self._asked -= again
        self._handed -= again
        self._building.discard(shard)
        self.built.discard(shard)
        if shard in self.fresh:
            self.fresh[shard] = []


def past_of(plan: TilePlan, eras: Sequence[Era], store: str) -> tuple[Past, ...]:
    """How a tile's cameras were counted before there was the tile, as far as the plans before it tell."""
    numbers = [era.number for era in eras]
    mine = sum(number <= plan.tile for number in numbers) - 1
    if not plan.made or mine < 0:
        return ()
    cameras = set(plan.rows)
    before: list[Era | None] = [*eras[:mine]]
    if not before or eras[0].after is not None:
        # Before the first partitioning all cameras were counted together.
        before.insert(0, None)
    past = []
    for era, following in zip(before, [*(e for e in before[1:] if e is not None), eras[mine]], strict=True):
        if following.after is None:
            continue
        groups = (plan.rows,) if era is None else _within(era.groups, cameras)
        past.append(Past(following.after, groups))
    while past and not any(len(group) > 1 or store == "indexed" for group in past[0].groups):
        past.pop(0)
    return tuple(past)


def _within(groups: Iterable[Group], cameras: Collection[str]) -> tuple[Group, ...]:
    parts = (tuple(camera for camera in group if camera in cameras) for group in groups)
    return tuple(part for part in parts if part)
