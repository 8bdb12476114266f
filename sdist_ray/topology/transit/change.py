"""Transits have a history: where people have begun to walk between cameras, and where they have ceased to.

Evidence comes exit by exit. Somebody leaves camera a: the exit supports an edge from a to b where it is by a
zone that the edge begins at, and somebody comes into view of b where and when the edge leads there. How often
chance would have it so is asked of the same exit moved back by minutes. Whether an edge has vanished is asked
by a sequential test (Page's CUSUM) of the share of exits that supported it before against chance; whether one
has appeared, by the same test the other way round, on exits after those that proposed it, and of the exits
before: where they support it as well, it has been there all along. Nothing decays with time: an edge from
where nobody leaves stays as it was, however long.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import OccupancyRange
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.topology.change import MOST_VISITS, Change, ChangeSpec, EdgeHistory
from sdist_ray.topology.transit.events import NEVER
from sdist_ray.topology.transit.learner import TransitLearner
from sdist_ray.topology.transit.model import Transits, transit_quantiles
from sdist_ray.topology.transit.nodes import Log

APPEARED, VANISHED = "transit appeared", "transit vanished"
NEWEST_EVENTS = 200
"""Exits and entries of every camera that edges are proposed from."""
PRIOR_VISITS = 10
"""What the share of a proposed edge is worth, until exits after it say more."""
LEAST_CHANCE, MOST_CHANCE, MOST_USUAL = 0.03, 0.7, 0.95
LEAST_MARGIN = 0.05
"""By how much an edge's support must be above chance to be told from it."""
ABSENT_SHARE = 0.25
"""Share of the evidence that earlier exits must have against an edge for it to be new."""
LEAST_OF_EDGE = 0.1
"""Share of an edge's transits that a route has; rarer ones are left out."""
MOST_OUTAGES = 256
BLIND_SHARE = 0.1
"""Share of a range's ticks without which a camera was not there in it."""

Ints = npt.NDArray[np.int64]


@dataclass(kw_only=True)
class TransitHistory(EdgeHistory):
    """What is known of a directed edge.

    Attributes:
        routes: int64 (routes, 4): the nodes that people leave from and come to, and the ticks that it takes,
            from the least to before the most.
        began: tick before which it was not there, as far as is known.
        chances, looks: how often chance supported it, of so many times; older ones halved with the visits.
        usual, chance: shares of visits that the test compares: with the edge, and without.
    """

    routes: Ints
    began: int
    chances: float = 0.0
    looks: float = 0.0
    usual: float = 0.0
    chance: float = 0.0


@dataclass(frozen=True)
class Visits:
    """Exits that an edge was asked at, in order of time.

    Attributes:
        tick: int64 (visits,).
        supports: bool (visits,), somebody came where the edge leads.
        looks: int64 (visits,), how often it was asked of the exit moved back; chances: and was so.
    """

    tick: Ints
    supports: npt.NDArray[np.bool_]
    looks: Ints
    chances: Ints


class Outages:
    """When cameras were not there: the newest of each; whatever is before them counts as one.

    Args:
        cameras: how many there are.
    """

    def __init__(self, cameras: int) -> None:
        self._spans: list[list[tuple[int, int]]] = [[] for _ in range(cameras)]
        self._end = int(NEVER)

    def add(self, entry: OccupancyRange | SparseRange, ticks: int) -> None:
        """One range more, of so many ticks; those that are missing in between nobody was there in."""
        first = entry.index * ticks
        # Whoever joins was not there before.
        self._spans += [[(int(NEVER), first)] for _ in range(len(entry.available) - len(self._spans))]
        if first != self._end:
            for spans in self._spans:
                self._out(spans, self._end, first)
        self._end = first + ticks
        blind = np.bitwise_count(entry.available) < (1 - BLIND_SHARE) * ticks
        for camera in np.flatnonzero(blind).tolist():
            self._out(self._spans[camera], first, self._end)

    def _out(self, spans: list[tuple[int, int]], start: int, end: int) -> None:
        if spans and spans[-1][1] >= start:
            spans[-1] = spans[-1][0], end
            return
        spans.append((start, end))
        if len(spans) > MOST_OUTAGES:
            del spans[0]
            spans[0] = int(NEVER), spans[0][1]

    def there(self, camera: int, start: Ints, end: Ints) -> npt.NDArray[np.bool_]:
        """Whether a camera was there, from each start to before the end."""
        spans = np.array(self._spans[camera], dtype=np.int64).reshape(-1, 2)
        next_one = np.searchsorted(spans[:, 1], start, side="right")
        begins = np.append(spans[:, 0], np.iinfo(np.int64).max)[next_one]
        there: npt.NDArray[np.bool_] = begins >= end
        return there


class Asked:
    """What became of exits: of a log, with its entries sorted by node."""

    def __init__(self, log: Log, outages: Outages, shifts: Sequence[int]) -> None:
        self._log, self._outages, self._shifts = log, outages, shifts
        order = np.argsort(log.entry_node, kind="stable")
        self._tick = log.entry_tick[order]
        self._start = np.searchsorted(log.entry_node[order], np.arange(log.nodes + 1))

    def visits(self, camera: int, routes: Ints, since: int, until: int) -> Visits:
        """The exits of a camera that an edge is asked at, from tick ``since`` to before ``until``."""
        log, target = self._log, int(routes[0, 1]) // self._log.zones
        exits = slice(log.exit_start[camera * log.zones], log.exit_start[(camera + 1) * log.zones])
        tick, node = log.exit_tick[exits], log.exit_node[exits]
        chosen = np.flatnonzero((tick >= since) & (tick < until))
        chosen = chosen[np.argsort(tick[chosen], kind="stable")]
        tick, node = tick[chosen], node[chosen]
        at = tick - np.array([[0], *([shift] for shift in self._shifts)])
        asked = at + routes[:, 2].min() >= log.begins[target]
        asked &= self._outages.there(target, at + routes[:, 2].min(), at + routes[:, 3].max())
        came = np.zeros(at.shape, dtype=np.bool_)
        for source, to, first, last in routes.tolist():
            entries = self._tick[self._start[to] : self._start[to + 1]]
            some = np.searchsorted(entries, at + first) < np.searchsorted(entries, at + last)
            came |= some & (node == source)
        looks = asked[1:].sum(axis=0)
        kept = asked[0] & (looks > 0)
        return Visits(tick[kept], came[0][kept], looks[kept], (asked & came)[1:].sum(axis=0)[kept])


class TransitMonitor:
    """Watches what a learner of transits is told, range by range, for edges that appear and vanish.

    Args:
        learner: that keeps the exits and entries; ranges come to it by way of the monitor.
        spec: see there.

    Attributes:
        changes: newest last.
        edges: by cameras (a, b), from a to b.
    """

    def __init__(self, learner: TransitLearner, spec: ChangeSpec | None = None) -> None:
        self.learner, self.spec = learner, spec or ChangeSpec()
        self.changes: deque[Change] = deque(maxlen=self.spec.changes)
        self.edges: dict[tuple[int, int], TransitHistory] = {}
        self._outages = Outages(learner.cameras)
        fps = learner.clock.fps
        self._longest = round(learner.spec.longest_s * fps)
        self._shifts = tuple(round((2.5 + 1.3 * k) * self._longest) for k in range(4))
        self._period = round(self.spec.period_s * fps)
        self._first: int | None = None
        self._end = self._looked = 0

    def add(self, entry: OccupancyRange | SparseRange) -> None:
        """Watch one range more; ranges come in ascending order."""
        self.learner.add(entry)
        ticks = self.learner.clock.range_ticks
        self._outages.add(entry, ticks)
        self._end = (entry.index + 1) * ticks
        if self._first is None:
            self._first = self._looked = entry.index * ticks

    def look(self, overlapping: Sequence[tuple[int, int]] = ()) -> list[Change]:
        """The changes that have become known; once in a period, otherwise there are none.

        Args:
            overlapping: pairs of cameras, in any order, that see common ground: between them are no transits.
        """
        if self._first is None or self._end - self._looked < self._period:
            return []
        # What came of later exits is not known yet.
        since, until = self._looked - self._longest, self._end - self._longest
        self._looked = self._end
        asked = Asked(self.learner.log(), self._outages, self._shifts)
        apart = self.learner.apart(overlapping)
        found: list[Change] = []
        for pair in list(self.edges):
            if apart[pair]:
                found += self._watch(asked, pair, since, until)
            else:
                del self.edges[pair]
        self._propose(asked, self.learner.learn_newest(NEWEST_EVENTS, overlapping), until)
        self.changes.extend(found)
        return found

    def _watch(self, asked: Asked, pair: tuple[int, int], since: int, until: int) -> list[Change]:
        """What the exits of some time make known of an edge."""
        edge, found = self.edges[pair], []
        visits = asked.visits(pair[0], edge.routes, since, until)
        for tick, supports, looks, chances in zip(
            visits.tick.tolist(), visits.supports.tolist(), visits.looks.tolist(), visits.chances.tolist(),
            strict=True,
        ):  # fmt: skip
            kind = self._visit(edge, tick, supports)
            _count(edge, tick, supports, looks, chances)
            if kind == APPEARED:
                found += self._appeared(asked, pair, edge, tick)
                edge.known, edge.sum = True, 0.0
            elif kind == VANISHED:
                if edge.known:
                    found.append(self._change(VANISHED, pair, edge))
                del self.edges[pair]
                break
        return found

    def _visit(self, edge: TransitHistory, tick: int, supports: bool) -> str | None:
        """One visit more: whether by now the edge is there, or is not."""
        if edge.known and edge.sum <= 0:
            edge.sum, edge.since, edge.visits = 0.0, tick, 0
        if not edge.known or edge.sum <= 0:
            # While a test goes on, what it compares with is what was before it.
            edge.usual, edge.chance = _shares(edge)
        if edge.usual < edge.chance + LEAST_MARGIN:
            return None if edge.known else VANISHED
        gain = _gain(edge.usual, edge.chance, supports)
        edge.sum += -gain if edge.known else gain
        edge.visits += 1
        if edge.known:
            return VANISHED if edge.sum > self.spec.evidence else None
        if edge.sum < -self.spec.evidence / 2:
            return VANISHED
        return APPEARED if edge.sum > self.spec.evidence else None

    def _appeared(self, asked: Asked, pair: tuple[int, int], edge: TransitHistory, tick: int) -> list[Change]:
        """The change, unless the edge has been there all along."""
        before = asked.visits(pair[0], edge.routes, int(NEVER), tick + 1)
        chance = _clipped_chance(before.chances.sum(), before.looks.sum())
        usual = max(edge.usual, chance + 2 * LEAST_MARGIN)
        low = int(_path(before.supports, usual, chance)[:-1].argmin())
        # Where it was only walked less often before, that is no beginning.
        path = _path(before.supports[:low], (usual + chance) / 2, chance)
        absent = path.max() - path[-1]
        new = absent >= ABSENT_SHARE * self.spec.evidence or not before.supports[:low].any()
        assert self._first is not None
        since = int(before.tick[low])
        if not new or since - self._first < self.spec.settle_s * self.learner.clock.fps:
            return []
        edge.since = edge.began = since
        edge.visits = len(before.tick) - low
        return [self._change(APPEARED, pair, edge)]

    def _change(self, kind: str, pair: tuple[int, int], edge: TransitHistory) -> Change:
        return Change(kind, *pair, self._end, edge.since, edge.visits, 1 - math.exp(-edge.sum))

    def _propose(self, asked: Asked, transits: Transits, tick: int) -> None:
        """Edges that the newest exits say are there; of those whose test is at rest routes are taken anew."""
        for pair, routes, share in _routes(transits, self.learner.clock.fps):
            edge = self.edges.get(pair)
            if edge is not None and not (edge.known and edge.sum <= 0):
                continue
            began = int(NEVER) if edge is None else edge.began
            known = TransitHistory(routes=routes, began=began, since=tick)
            visits = asked.visits(pair[0], routes, known.began, tick)
            for k in range(max(0, len(visits.tick) - MOST_VISITS), len(visits.tick)):
                _count(known, 0, bool(visits.supports[k]), int(visits.looks[k]), int(visits.chances[k]))
            if edge is None:
                chance = _shares(known)[1]
                known.supporting = round(PRIOR_VISITS * (share + (1 - share) * chance))
                known.contradicting = PRIOR_VISITS - known.supporting
                known.periods.clear()
                known.now = [0, 0]
            else:
                known.known, known.periods, known.now = True, edge.periods, edge.now
            self.edges[pair] = known


def _count(edge: TransitHistory, tick: int, supports: bool, looks: int, chances: int) -> None:
    """Count one visit more for what is usual, and for chance."""
    edge.looks += looks
    edge.chances += chances
    if edge.note(supports, tick):
        edge.looks /= 2
        edge.chances /= 2


def _shares(edge: TransitHistory) -> tuple[float, float]:
    """Share of visits that support an edge, and that chance would have support it."""
    total = edge.supporting + edge.contradicting
    usual = min((edge.supporting + 1) / (total + 2), MOST_USUAL)
    return usual, _clipped_chance(edge.chances, edge.looks)


def _clipped_chance(chances: float, looks: float) -> float:
    return min(max((chances + 1) / (looks + 10), LEAST_CHANCE), MOST_CHANCE)


def _gain(usual: float, chance: float, supports: bool) -> float:
    """What one visit says for an edge, nats."""
    return math.log(usual / chance) if supports else math.log((1 - usual) / (1 - chance))


def _path(supports: npt.NDArray[np.bool_], usual: float, chance: float) -> npt.NDArray[np.float64]:
    """What visits say for an edge, nats, before each of them and after the last: float64 (visits + 1,)."""
    gains = np.where(supports, _gain(usual, chance, True), _gain(usual, chance, False))
    return np.concatenate([[0.0], np.cumsum(gains)])


def _routes(transits: Transits, fps: float) -> list[tuple[tuple[int, int], Ints, float]]:
    """Of every edge its cameras, its routes (see TransitHistory) and the share of exits that take one."""
    zones = int(transits.zone.max()) + 1
    low, high = transit_quantiles(transits.zone_histogram, transits.bin_s, (0.05, 0.95)) * fps
    first = np.maximum(np.floor(low) - transits.bin_ticks, 0).astype(np.int64)
    last = (np.ceil(high) + transits.bin_ticks + 1).astype(np.int64)
    columns = np.column_stack([transits.zone_source, transits.zone_target, first, last])
    found = []
    for a, b in zip(transits.source.tolist(), transits.target.tolist(), strict=True):
        here = (transits.zone_source // zones == a) & (transits.zone_target // zones == b)
        walked = transits.zone_transits * here
        kept = here & (walked >= LEAST_OF_EDGE * walked.sum()) & (walked > 0)
        if not kept.any():
            continue
        exits = transits.zone_exits[a * zones : (a + 1) * zones].sum()
        found.append(((a, b), columns[kept], min(float(walked[kept].sum() / max(exits, 1)), 1.0)))
    return found
