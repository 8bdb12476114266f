"""What count stores take, in bytes, and whether a plan fits a cluster. docs/capacity.md has the formulas.

Activity is taken as alike in all cameras and independent between them, which errs towards more memory:
people who keep to some windows fill fewer pairs of windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sdist_ray.errors import InputError
from sdist_ray.exclusion.batch import most_ticks, padded_columns
from sdist_ray.exclusion.rle import GROUP_BYTES, HOT_BYTES, HOT_SHARE
from sdist_ray.exclusion.search import BLOCK_REGIONS
from sdist_ray.partition.plan import PlannedTile, plan_tiles

CROSSING_S = 0.5
"""Seconds in one window, of a grid of 108 (some 5 s from one side of the view to the other)."""
BUSY = 5
"""The busiest window is occupied so many times as often as the mean one."""
TYPICAL_PEOPLE, TYPICAL_SECONDS = 0.5, 3600.0
"""What is proposed to who has too little memory must hold with these, where nothing is known."""
REGION_WINDOWS, VECTOR_BITS = 18, 512
"""Of the indexed store: windows of a region, as a rule, and bits that are searched together."""
SCRATCH_BYTES = 2 * (2 << 20)
"""Of the indexed store: what is touched of the arrays that are used again, in whole huge pages."""
PACKED_FILL = 0.65
"""The share of the run-length store's segments that is in use, while rows are packed anew."""
VISIT_BYTES = 12
"""Of a word of occupancy, in any store: its place and its bits."""
ASKING_BYTES = 2 << 20
"""Scratch, to find the links."""
LINK_BYTES = 150
"""Of a pair of windows that passes, in all the forms that it goes through."""
LINKS = 9
"""Of a window that was occupied often enough: to one window of another camera and its neighbours."""


@dataclass(frozen=True)
class Demand:
    """What is to be counted.

    Attributes:
        windows: of every camera.
        counters: "byte" or "wide".
        tolerance: p, ticks.
        fps, range_ticks: the clock.
        people: in view of a camera, on average; 0 where nothing is known.
        seconds: how long; 0 where nothing is known.
    """

    windows: int
    counters: str = "wide"
    tolerance: int = 3
    fps: float = 10.0
    range_ticks: int = 20
    people: float = 0.0
    seconds: float = 0.0

    @property
    def ticks(self) -> float:
        """How many are counted."""
        return self.seconds * self.fps

    @property
    def crossing(self) -> float:
        """Ticks that somebody is in one window: the finer the grid, the fewer; at least one."""
        return max(1.0, CROSSING_S * self.fps * math.sqrt(108 / self.windows))

    @property
    def occupied(self) -> float:
        """The share of ticks at which a window is occupied."""
        return 1 - math.exp(-self.people / self.windows)

    @property
    def padded(self) -> float:
        """The share of ticks at which a window, its neighbours and the ticks around them are occupied."""
        near = (3 - 2 / math.sqrt(self.windows)) ** 2
        longer = 1 + 2 * self.tolerance / self._padded_visit
        return 1 - math.exp(-self.people * near / self.windows * longer)

    @property
    def _padded_visit(self) -> float:
        return 3 * self.crossing

    @property
    def filled(self) -> float:
        """The share of pairs of windows with an agreement, of cameras that see different places.

        Two windows begin to agree when one becomes occupied while the other is: a Poisson process.
        """
        begin = 1 / self.crossing + 1 / (self._padded_visit + 2 * self.tolerance)
        return 1 - math.exp(-self.ticks * self.occupied * self.padded * begin)

    @property
    def agreements(self) -> float:
        """N of a pair that has any, on average."""
        filled = self.filled
        return self.ticks * self.occupied * self.padded / filled if filled else 0.0

    @property
    def words(self) -> float:
        """Words of occupancy of one camera in one range: the windows that anybody is in, in its time."""
        return self.people * min(self.windows, 1 + self.range_ticks / self.crossing)


def _asking_bytes(rows: int, demand: Demand) -> float:
    """What finding the links takes beside the store."""
    often = 1 - math.exp(-demand.ticks * demand.occupied / 20)
    return ASKING_BYTES + LINK_BYTES * LINKS * rows * demand.windows * often


def tile_bytes(store: str, rows: int, columns: int, demand: Demand) -> int:
    """The most memory that a tile takes, from empty to its links.

    Args:
        store: "dense", "rle" or "indexed".
        rows, columns: cameras; the rows are among the columns.
        demand: how and what it counts.
    """
    if store == "indexed":
        return round(_indexed_bytes(columns, demand) + _asking_bytes(rows, demand))
    counters = rows * demand.windows * (padded_columns(columns * demand.windows) + columns)
    if store == "dense":
        kept = float(counters * _counter_bytes(columns, demand))
    else:
        kept = _packed_bytes(rows, columns, counters, demand)
    return round(kept + _batch_bytes(rows, columns, demand) + _asking_bytes(rows, demand))


def _counter_bytes(columns: int, demand: Demand) -> int:
    """Bytes of one counter: 2 of a wide one, until it could be full; 6 are held while it becomes one of 4."""
    if demand.counters == "byte":
        return 1
    most = min(1.0, BUSY * demand.occupied) * demand.ticks + most_ticks(columns * demand.windows)
    return 2 if most <= 65_535 or not demand.people else 6


def _batch_bytes(rows: int, columns: int, demand: Demand) -> float:
    """Ranges that are collected to be counted together."""
    wide = columns * demand.windows
    ticks = min(most_ticks(wide), demand.ticks or math.inf)
    bits = (most_ticks(wide) + 1) * padded_columns(wide) / 8
    # The words as they came, and again sorted by window; their ticks one by one; what each row has.
    words = 2 * VISIT_BYTES * rows * demand.words * ticks / demand.range_ticks
    ones = 4 * rows * demand.people * ticks
    return bits + words + ones + 48 * rows * demand.windows


def packed_counter_bytes(demand: Demand) -> float:
    """Bytes of one packed counter of N, empty ones included, on average.

    Fitted to made-up activity: zeros around few counts are runs, nearly full rows take a byte for each; twice
    that, in wide counters, when counts pass a byte.
    """
    filled = demand.filled
    share = 1.55 * filled / (1 + 0.55 * filled)
    if demand.counters == "byte" or demand.agreements <= 45:
        return share
    return share * min(2.0, 1 + (math.log2(demand.agreements) - 5.5) / 2.5)


def _packed_bytes(rows: int, columns: int, counters: int, demand: Demand) -> float:
    """Packed rows, rows that stay unpacked, and rows that are being packed."""
    unpacked = counters * _counter_bytes(columns, demand)
    packed = rows * demand.windows * columns * demand.windows * packed_counter_bytes(demand)
    hot = min(HOT_BYTES, HOT_SHARE * unpacked)
    at_once = 2 * min(GROUP_BYTES, unpacked)
    return packed / PACKED_FILL + hot + at_once + 32 * rows * demand.windows


def _indexed_bytes(cameras: int, demand: Demand) -> float:
    """The events; to find the links, their ticks by window, and regions at every tick."""
    ranges = demand.ticks / demand.range_ticks
    # A place and a word, which is half as long where that is enough for a range.
    events = ranges * cameras * (8 if demand.range_ticks <= 32 else VISIT_BYTES) * demand.words
    ticks = 4 * demand.ticks * cameras * demand.people + 8 * cameras * demand.windows
    regions = math.ceil(demand.windows / REGION_WINDOWS)
    # As Search cuts cameras into blocks.
    most = BLOCK_REGIONS if cameras * regions > 4 * BLOCK_REGIONS else BLOCK_REGIONS // 2
    block = min(cameras, max(1, most // regions))
    vectors = math.ceil(block * regions / VECTOR_BITS)
    bits = demand.ticks * (math.ceil(cameras / block) + 1) * vectors * VECTOR_BITS / 8
    return events + ticks + bits + SCRATCH_BYTES


def refuse_unless_fits(
    plan: Sequence[PlannedTile], store: str, demand: Demand, nodes: Sequence[int], cluster: bool
) -> None:
    """Raise InputError, with what would fit, where a plan does not fit the memory that there is.

    Shards are given to nodes largest first, each to the first node that has room for it.

    Args:
        plan: of a whole network.
        store: "dense", "rle" or "indexed".
        demand: how and what is counted. What is not known of it is taken for nothing.
        nodes: free memory of each machine, bytes.
        cluster: whether machines can be added.
    """
    if _fits(plan, store, demand, nodes):
        return
    needs = _shard_bytes(plan, store, demand)
    cameras = sum(len(tile.rows) for tile in plan)
    parts = "" if len(needs) == 1 else f" in {len(needs)} shards"
    where = "" if len(nodes) == 1 else f" on {len(nodes)} nodes"
    ways = _what_fits(plan, store, demand, nodes, cluster)
    raise InputError(
        f"counting {cameras} cameras (exclusion.store={store}, exclusion.counters={demand.counters}) "
        f"needs {readable(sum(needs))}{parts}, {readable(sum(nodes))} free{where}: "
        + ", or ".join(filter(None, (", ".join(ways[:-1]), ways[-1])))
    )


def _shard_bytes(plan: Sequence[PlannedTile], store: str, demand: Demand) -> list[int]:
    """What each shard needs; one after another its tiles are asked for links, with the same scratch."""
    needs: dict[int, int] = {}
    scratch = ASKING_BYTES + (SCRATCH_BYTES if store == "indexed" else 0)
    for tile in plan:
        needed = tile_bytes(store, len(tile.rows), len(tile.columns), demand)
        needs[tile.shard] = needs.get(tile.shard, scratch) + needed - scratch
    return list(needs.values())


def _fits(plan: Sequence[PlannedTile], store: str, demand: Demand, nodes: Sequence[int]) -> bool:
    free = sorted(nodes, reverse=True)
    for needed in sorted(_shard_bytes(plan, store, demand), reverse=True):
        room = next((node for node, left in enumerate(free) if left >= needed), None)
        if room is None:
            return False
        free[room] -= needed
    return True


def _what_fits(
    plan: Sequence[PlannedTile], store: str, demand: Demand, nodes: Sequence[int], cluster: bool
) -> list[str]:
    """Settings under which it would fit, the smallest change first; more memory always would."""
    cameras = tuple(camera for tile in plan for camera in tile.rows)
    shards = len({tile.shard for tile in plan})
    usual = replace(demand, people=demand.people or TYPICAL_PEOPLE, seconds=demand.seconds or TYPICAL_SECONDS)
    ways = ["add a node" if cluster else "count on a cluster (runtime=ray)"]
    for more in (2 * shards, 4 * shards, 8 * shards):
        if len(nodes) > 1 and _fits(plan_tiles(cameras, more, store), store, demand, nodes):
            ways.insert(0, f"runtime.shards={more}")
            break
    if store != "indexed" and demand.counters == "wide":
        narrow = replace(demand, counters="byte")
        if _fits(plan, store, narrow, nodes):
            ways.append("exclusion.counters=byte")
    if store != "indexed":
        indexed = plan_tiles(cameras, shards, "indexed")
        if _fits(indexed, "indexed", replace(usual, counters="wide"), nodes):
            exact = "" if demand.counters == "wide" else " with exclusion.counters=wide"
            ways.append(f"exclusion.store=indexed{exact}")
    return ways


def readable(size: float) -> str:
    """Bytes as people read them: 11.7 GB, 340 MB, 20 B."""
    if size >= 0.95e9:
        return f"{size / 1e9:.1f} GB"
    if size >= 0.95e6:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e3:.0f} kB" if size >= 0.95e3 else f"{size:.0f} B"
