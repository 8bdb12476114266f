"""An edge has a history: which pairs of cameras have begun to see the same ground, and which have ceased to.

Evidence comes visit by visit. Somebody is in a part of a's view that is linked to b: for a visit to support
the edge, b must see somebody where it should for half of it. Whether an edge has vanished is asked by a
sequential test (Page's CUSUM) of the support that the edge had before against what chance would give; whether
one has appeared, by the same test the other way round, on visits after those that proposed it. Nothing decays
with time: an edge that nobody visits stays as it was, however long.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.bits import popcount
from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.topology.links import Links, directed_links, mutual_links

APPEARED, VANISHED = "appeared", "vanished"
SUPPORT = 0.8
"""Share of visits that support an edge that is true, before more is known of it."""
LEAST_BASE, MOST_BASE = 0.05, 0.5
LEAST_SUPPORT, MOST_SUPPORT = 0.6, 0.95
MOST_VISITS = 200
"""Visits beyond which an edge's support is that of the newest; older ones count half."""
LONGEST_VISIT_S = 10.0
"""Who stays longer is counted again."""
HISTORY_VISITS, HISTORY_PERIODS = 20, 64


@dataclass(frozen=True)
class ChangeSpec:
    """Numbers of the search for changes.

    Attributes:
        tolerance: of the links, ticks.
        threshold, least_links: of the links and edges that are proposed; see topology.links, topology.graph.
        recent_s: links are proposed by what was seen in so many seconds.
        period_s: how often new edges are looked for.
        evidence: nats that a change must have.
        settle_s: what is found before that was there from the beginning.
        changes: newest changes that are kept.
    """

    tolerance: int = 3
    threshold: float = 0.8
    least_links: int = 3
    recent_s: float = 600.0
    period_s: float = 120.0
    evidence: float = 15.0
    settle_s: float = 1200.0
    changes: int = 10_000


@dataclass(frozen=True)
class Change:
    """An edge that has appeared or vanished.

    Attributes:
        kind: "appeared" or "vanished".
        camera_a, camera_b: indices, camera_a < camera_b.
        tick: when it was known.
        since: tick since when the visits say so.
        visits: how many that were.
        confidence: 1 less how often chance would look like that.
    """

    kind: str
    camera_a: int
    camera_b: int
    tick: int
    since: int
    visits: int
    confidence: float


@dataclass(kw_only=True)
class EdgeHistory:
    """What visits have said of an edge.

    Attributes:
        known: it has been told of; otherwise it is proposed.
        sum: of the test that goes on, nats; since: the tick that its visits began at; visits: how many.
        supporting, contradicting: visits, older ones halved.
        periods: (tick, supporting, contradicting) of so many visits each, oldest first.
    """

    known: bool = False
    sum: float = 0.0
    since: int = 0
    visits: int = 0
    supporting: int = 0
    contradicting: int = 0
    periods: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=HISTORY_PERIODS))
    now: list[int] = field(default_factory=lambda: [0, 0])

    def note(self, supports: bool, tick: int) -> bool:
        """Count one visit more; whether older ones have been halved."""
        self.now[0 if supports else 1] += 1
        if sum(self.now) >= HISTORY_VISITS:
            self.periods.append((tick, self.now[0], self.now[1]))
            self.now = [0, 0]
        self.supporting += supports
        self.contradicting += not supports
        if self.supporting + self.contradicting <= MOST_VISITS:
            return False
        self.supporting //= 2
        self.contradicting //= 2
        return True


@dataclass(kw_only=True)
class OverlapHistory(EdgeHistory):
    """What is known of an edge between cameras that see the same ground.

    Attributes:
        links: int64 (links, 2), places that see the same ground: of camera_a, of camera_b.
    """

    links: npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def watch_links(start, here, there, occupied, padded, countable, windows, seen, agreed, base, known):  # type: ignore[no-untyped-def]
    """What one range says of directed edges.

    Args:
        start: int64 (edges + 1,), where an edge's links begin.
        here, there: int64 (links,), places: of the camera that is asked about, and of the other.
        occupied, padded: uint64 (places,), x and y.
        countable: uint64 (cameras,), r.
        windows: of a camera.
        seen, agreed: int64 (edges,), written: ticks at which somebody is in a linked window, and at which the
            other camera sees somebody where it should.
        base: int64 (edges,), updated: ticks at which the other camera sees somebody in any linked window.
        known: int64 (edges,), updated: ticks at which that can be told.
    """
    for edge in range(start.shape[0] - 1):
        opportunity = agreement = anybody = np.uint64(0)
        ready = np.uint64(0)
        for k in range(start[edge], start[edge + 1]):
            ready = countable[there[k] // windows]
            one = occupied[here[k]] & ready
            opportunity |= one
            agreement |= one & padded[there[k]]
            anybody |= padded[there[k]] & ready
        seen[edge], agreed[edge] = popcount(opportunity), popcount(agreement)
        base[edge] += popcount(anybody)
        known[edge] += popcount(ready)


class ChangeMonitor:
    """Watches a network range by range for edges that appear and vanish.

    Args:
        cameras: how many there are; they do not become more.
        grid: of every camera.
        clock: of the ranges.
        spec: see there.

    Attributes:
        changes: newest last.
        edges: by pair of cameras (a, b), a < b.
    """

    def __init__(self, cameras: int, grid: Grid, clock: Clock, spec: ChangeSpec | None = None) -> None:
        self.spec = spec = spec or ChangeSpec()
        self._grid, self._clock = grid, clock
        padding = Padding(grid, clock, spec.tolerance)
        self._padder = Padder(padding)
        digits = len(str(max(cameras - 1, 1)))
        self._names = tuple(f"{number:0{digits}}" for number in range(cameras))
        recent = max(1, round(spec.recent_s * clock.fps / clock.range_ticks))
        self._tile = Tile(self._names, self._names, Counting(padding, "wide", "indexed", recent))
        self._period = max(1, round(spec.period_s * clock.fps / clock.range_ticks))
        self._longest = max(1, round(LONGEST_VISIT_S * clock.fps / clock.range_ticks))
        self.changes: deque[Change] = deque(maxlen=spec.changes)
        self.edges: dict[tuple[int, int], OverlapHistory] = {}
        self._first: int | None = None
        self._looked = 0
        self._arrange()

    def add(self, entry: OccupancyRange | SparseRange) -> list[Change]:
        """Watch one range more; ranges come in ascending order. The changes that it makes known."""
        found: list[Change] = []
        for padded in self._padder.push(entry):
            found += self._watch(padded)
        self.changes.extend(found)
        return found

    def _watch(self, padded: PaddedRange) -> list[Change]:
        if self._first is None:
            self._first = self._looked = padded.index
        self._tile.apply(padded, self._names)
        found = self._visits(padded) if self.edges else []
        if padded.index - self._looked >= self._period:
            self._looked = padded.index
            self._propose(padded.index * self._clock.range_ticks)
        return found

    def _propose(self, tick: int) -> None:
        """Find edges in what was seen of late; links of edges that are still there are taken anew."""
        network = self._names
        directed = directed_links(self._tile, network, "nonexclusion", self.spec.threshold)
        links = mutual_links(directed, network, self._grid.windows)
        for pair, places in _by_pair(links, self._grid.windows, self.spec.least_links):
            if pair in self.edges:
                self.edges[pair].links = places
            else:
                self.edges[pair] = OverlapHistory(links=places, since=tick)
        self._arrange()

    def _arrange(self) -> None:
        """The links of all edges, in both directions, as arrays."""
        old = dict(zip(getattr(self, "_pairs", ()), range(len(getattr(self, "_pairs", ()))), strict=True))
        self._pairs = tuple(self.edges)
        ends = [(edge.links, edge.links[:, ::-1]) for edge in self.edges.values()]
        parts = [part for both in ends for part in both]
        sizes = [len(part) for part in parts]
        self._start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        places = np.concatenate([np.empty((0, 2), np.int64), *parts])
        self._here, self._there = places[:, 0].copy(), places[:, 1].copy()
        before = [getattr(self, name, None) for name in ("_base", "_known", "_open", "_seen", "_agreed")]
        self._base, self._known, self._open, self._seen, self._agreed = (
            np.zeros(2 * len(self._pairs), dtype=np.int64) for _ in range(5)
        )
        now = (self._base, self._known, self._open, self._seen, self._agreed)
        kept = np.array([old.get(pair, -1) for pair in self._pairs], dtype=np.int64)
        for new, known in zip(now, before, strict=True):
            if known is not None:
                for way in (0, 1):
                    new[way::2] = (
                        np.where(kept >= 0, known[np.maximum(kept, 0) * 2 + way], 0) if len(known) else 0
                    )

    def _visits(self, padded: PaddedRange) -> list[Change]:
        edges = len(self._pairs)
        seen, agreed = np.zeros(2 * edges, np.int64), np.zeros(2 * edges, np.int64)
        occupied = padded.occupied.dense(padded.cameras, self._grid.windows)
        watch_links(
            self._start, self._here, self._there, occupied.reshape(-1), padded.padded.reshape(-1),
            padded.countable, self._grid.windows, seen, agreed, self._base, self._known,
        )  # fmt: skip
        over = (self._open > 0) & ((seen == 0) | (self._open >= self._longest))
        tick = (padded.index + 1) * self._clock.range_ticks
        found = []
        gone: set[tuple[int, int]] = set()
        for k in np.flatnonzero(over).tolist():
            pair = self._pairs[k // 2]
            if pair in gone:
                continue
            base = self._base[k] / max(self._known[k], 1)
            change, over_with = self._visit(pair, 2 * self._agreed[k] >= self._seen[k], base, tick)
            if change is not None:
                found.append(change)
            if over_with:
                gone.add(pair)
        for state in (self._open, self._seen, self._agreed):
            state[over] = 0
        self._open += seen > 0
        self._seen += seen
        self._agreed += agreed
        if gone:
            for pair in gone:
                del self.edges[pair]
            self._arrange()
        return found

    def _visit(
        self, pair: tuple[int, int], supports: bool, base: float, tick: int
    ) -> tuple[Change | None, bool]:
        """One visit more: the change that it makes known, and whether the edge is over with."""
        edge, limit = self.edges[pair], self.spec.evidence
        chance = min(max(base, LEAST_BASE), MOST_BASE)
        total = edge.supporting + edge.contradicting
        usual = (edge.supporting + 4) / (total + 5) if edge.known else SUPPORT
        usual = min(max(usual, LEAST_SUPPORT, chance + 0.2), MOST_SUPPORT)
        gain = math.log(usual / chance) if supports else math.log((1 - usual) / (1 - chance))
        edge.note(supports, tick)
        if edge.known:
            if edge.sum <= 0:
                edge.sum, edge.since, edge.visits = 0.0, tick, 0
            edge.sum -= gain
            edge.visits += 1
            if edge.sum > limit:
                return self._change(VANISHED, pair, edge, tick), True
            return None, False
        edge.sum += gain
        edge.visits += 1
        if edge.sum < -limit / 2:
            return None, True
        if edge.sum <= limit:
            return None, False
        change = self._change(APPEARED, pair, edge, tick)
        edge.known, edge.sum, edge.visits = True, 0.0, 0
        assert self._first is not None
        early = tick - self._first * self._clock.range_ticks < self.spec.settle_s * self._clock.fps
        return None if early else change, False

    def _change(self, kind: str, pair: tuple[int, int], edge: EdgeHistory, tick: int) -> Change:
        confidence = 1 - math.exp(-abs(edge.sum))
        return Change(kind, *pair, tick, edge.since, edge.visits, confidence)


def _by_pair(
    links: Links, windows: int, least: int
) -> Sequence[tuple[tuple[int, int], npt.NDArray[np.int64]]]:
    """The places that each pair of cameras links, of pairs with enough links."""
    cameras = len(links.cameras)
    pair = links.camera_a * cameras + links.camera_b
    places = np.column_stack(
        [links.camera_a * windows + links.window_a, links.camera_b * windows + links.window_b]
    )
    found = []
    for key in np.unique(pair).tolist():
        of = pair == key
        if np.count_nonzero(of) >= least:
            found.append(((key // cameras, key % cameras), places[of]))
    return found
