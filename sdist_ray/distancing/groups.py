"""Who is together: people who keep close and move alike over seconds, found on line."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from sdist_ray.distancing.companions import GroupSettings, Looks, Motion, Walkers, look
from sdist_ray.distancing.scene import NO_GROUP, Floats, Ints
from sdist_ray.distancing.together import Group, Pair, Together

__all__ = ["Group", "GroupFinder", "GroupSettings", "Together"]


@dataclass(slots=True)
class _Acquaintance:
    """What is known of two people who came near each other."""

    last_s: float
    since_s: float
    evidence: float = 0.0
    alike: float = 0.0
    sure_s: float = 0.0
    distance_m: float = math.inf
    direct: bool = False
    parting: bool = False
    direct_s: float = 0.0
    joint_s: float = 0.0
    watched_s: float = 0.0
    distances: float = 0.0
    differences: float = 0.0
    verdict: Together | None = None

    def restart(self, time_s: float) -> None:
        """From here on they may begin to keep together."""
        self.since_s = time_s
        self.watched_s = self.distances = self.differences = 0.0

    def end_s(self) -> float:
        """When they were last together: once they part, when that was last certain."""
        return self.sure_s if self.parting else self.last_s


@dataclass(slots=True)
class _Party:
    """A group that lasts."""

    group: Group
    now: tuple[int, ...]


class GroupFinder:
    """Finds groups frame by frame.

    Two people who come near each other are an acquaintance: every look at them adds evidence that they are
    together or takes some away (:func:`~sdist_ray.distancing.companions.look`), in proportion to the time
    since the last look, so the frame rate does not matter. At ``recognise`` they are together, below
    ``dissolve`` no longer. They began to keep together when the evidence was last against it, and parted when
    it last sufficed: both become known later than they happened.

    Groups are the connected components of such pairs. A pair does not join two parts, though, where most
    pairs across the two are far apart or move differently: two groups that meet stay two.

    Attributes:
        settings: what it was made with.
    """

    def __init__(self, settings: GroupSettings) -> None:
        self.settings = settings
        self._motion = Motion(settings)
        self._pairs: dict[Pair, _Acquaintance] = {}
        self._time_s = -math.inf
        self._parties: dict[int, _Party] = {}
        self._number: dict[int, int] = {}
        self._next = 0
        self._ended: OrderedDict[int, Group] = OrderedDict()
        self._parted: OrderedDict[Pair, tuple[Together, ...]] = OrderedDict()

    def update(self, time_s: float, track: Ints, ground: Floats) -> Ints:
        """Takes one frame.

        Args:
            time_s: when it was captured, seconds, not before the last frame.
            track: int64 (n,), in any order.
            ground: float64 (n, 2), metres; rows with NaN are ignored, and so is a track's second row.

        Returns:
            int64 (n,): the number of each person's group, NO_GROUP for none.

        Raises:
            ValueError: time runs backwards, or the arrays do not fit together.
        """
        track, ground = np.asarray(track, np.int64), np.asarray(ground, np.float64)
        if ground.shape != (len(track), 2):
            raise ValueError(f"ground must be ({len(track)}, 2) for {len(track)} tracks, got {ground.shape}")
        if not time_s >= self._time_s:
            raise ValueError(f"time must not run backwards: {time_s} s after {self._time_s} s")
        self._time_s = time_s
        self._forget(time_s)
        rows = np.flatnonzero(np.isfinite(ground).all(axis=1))
        names, first = np.unique(track[rows], return_index=True)
        walkers = self._motion.observe(time_s, names, ground[rows[first]])
        self._meet(time_s, walkers)
        self._weigh(time_s, walkers)
        parts = self._components()
        self._judge(time_s, parts)
        self._enrol(time_s, parts)
        return np.array([self._number.get(name, NO_GROUP) for name in track.tolist()], dtype=np.int64)

    @property
    def records(self) -> list[Group]:
        """All groups so far by number; of those that have ended, the last ``settings.kept``."""
        lasting = {number: party.group for number, party in self._parties.items()}
        return [group for _, group in sorted({**self._ended, **lasting}.items())]

    @property
    def pairs(self) -> list[Together]:
        """All verdicts so far, by pair and time; of pairs that have parted, the last ``settings.kept``."""
        lasting = [pair.verdict for pair in self._pairs.values() if pair.verdict is not None]
        parted = [verdict for verdicts in self._parted.values() for verdict in verdicts]
        return sorted(parted + lasting, key=lambda verdict: (verdict.pair, verdict.since_s))

    def verdicts(self, a: int, b: int) -> tuple[Together, ...]:
        """The times that two people were together, in order; empty if they never were."""
        key = (min(a, b), max(a, b))
        pair = self._pairs.get(key)
        last = () if pair is None or pair.verdict is None else (pair.verdict,)
        return self._parted.get(key, ()) + last

    def together(self, a: int, b: int, time_s: float | None = None) -> bool:
        """Whether two people were together at ``time_s``, or ever, as is known now."""
        verdicts = self.verdicts(a, b)
        return bool(verdicts) if time_s is None else any(verdict.covers(time_s) for verdict in verdicts)

    def evidence(self, a: int, b: int) -> float:
        """What speaks for two people being together at present, nats; 0 for two who have not met."""
        pair = self._pairs.get((min(a, b), max(a, b)))
        return 0.0 if pair is None else pair.evidence

    @property
    def remembered(self) -> tuple[int, int]:
        """How many tracks and how many pairs are in memory at present."""
        return len(self._motion), len(self._pairs)

    def _forget(self, time_s: float) -> None:
        gone = self._motion.forget(time_s)
        if gone:
            for key in [key for key in self._pairs if key[0] in gone or key[1] in gone]:
                self._part(key, self._pairs.pop(key))

    def _meet(self, time_s: float, walkers: Walkers) -> None:
        """People who are near each other become acquainted."""
        if len(walkers.track) < 2:
            return
        near = cKDTree(walkers.position).query_pairs(self.settings.reach_m, output_type="ndarray")
        near.sort(axis=1)
        track = walkers.track[near].tolist()
        met = walkers.since_s[near].max(axis=1, initial=-math.inf).tolist()
        for (a, b), both_s in zip(track, met, strict=True):
            if (a, b) not in self._pairs:
                # Their velocities tell of the time before, back to when both were first seen.
                since_s = max(both_s, time_s - self.settings.longest_step_s)
                self._pairs[a, b] = _Acquaintance(last_s=since_s, since_s=since_s)

    def _weigh(self, time_s: float, walkers: Walkers) -> None:
        """Adds what this frame says of every acquaintance that is in it."""
        row = {name: at for at, name in enumerate(walkers.track.tolist())}
        seen = [(key, pair) for key, pair in self._pairs.items() if key[0] in row and key[1] in row]
        if not seen:
            return
        places = np.array([(row[a], row[b]) for (a, b), _ in seen], dtype=np.intp)
        looks = look(walkers, places[:, 0], places[:, 1], self.settings)
        for (key, pair), values in zip(seen, _rows(looks), strict=True):
            self._add(pair, time_s, *values)
            if pair.distance_m > self.settings.reach_m and not pair.direct and pair.verdict is None:
                del self._pairs[key]

    def _add(
        self,
        pair: _Acquaintance,
        time_s: float,
        distance: float,
        difference: float,
        gain: float,
        alike: float,
    ) -> None:
        s = self.settings
        step = min(time_s - pair.last_s, s.longest_step_s)
        pair.last_s, pair.distance_m = time_s, distance
        pair.evidence = min(max(pair.evidence + gain * step, s.lowest), s.highest)
        pair.alike = min(max(pair.alike + alike * step, s.lowest), s.highest)
        pair.watched_s += step
        pair.distances += distance * step
        pair.differences += difference * step
        if not pair.direct and pair.evidence <= s.dissolve:
            pair.restart(time_s)
        if not pair.direct and pair.evidence >= s.recognise:
            pair.direct, pair.direct_s = True, time_s
        if pair.evidence >= s.recognise:
            pair.sure_s = time_s
        pair.parting = pair.direct and pair.evidence < s.dissolve

    def _components(self) -> list[tuple[int, ...]]:
        """Groups of tracks that are together, each ascending, in the order of their first track.

        Who found together first comes first, so that a late acquaintance cannot pull a group apart.
        """
        edges = []
        for key, pair in self._pairs.items():
            if pair.direct and not pair.parting:
                edges.append((pair.direct_s, key))
        part: dict[int, set[int]] = {}
        for _, (a, b) in sorted(edges):
            one, other = part.get(a, {a}), part.get(b, {b})
            if one is other or not self._agree(one, other):
                continue
            joined = one | other
            part.update(dict.fromkeys(joined, joined))
        return sorted({tuple(sorted(members)) for members in part.values()})

    def _agree(self, one: Iterable[int], other: Iterable[int]) -> bool:
        """Whether at least half of the pairs across two parts are fit to be together."""
        fit = [self._fits((min(a, b), max(a, b))) for a in one for b in other]
        return 2 * sum(fit) >= len(fit)

    def _fits(self, key: Pair) -> bool:
        pair = self._pairs.get(key)
        if pair is None:
            return False
        return pair.direct or (pair.alike >= 0 and pair.distance_m <= self.settings.reach_m)

    def _judge(self, time_s: float, parts: list[tuple[int, ...]]) -> None:
        """Gives every acquaintance its verdict: together directly, by way of others, or not."""
        part_of = {member: at for at, part in enumerate(parts) for member in part}
        joined: dict[int, float] = {}
        for (a, b), pair in self._pairs.items():
            if pair.direct:
                for member in (a, b):
                    joined[member] = min(joined.get(member, math.inf), pair.since_s)
        for key, pair in self._pairs.items():
            a, b = key
            one = part_of.get(a, -1) == part_of.get(b, -2)
            if pair.parting:
                self._part(key, pair)
                pair.direct = pair.parting = False
                pair.restart(time_s)
            elif pair.direct and one:
                if pair.verdict is None or not pair.verdict.direct:
                    since = pair.since_s if pair.verdict is None else min(pair.since_s, pair.verdict.since_s)
                    known = time_s if pair.verdict is None else pair.verdict.recognised_s
                    pair.verdict = Together(key, since, known)
            elif one and self._fits(key):
                pair.joint_s = pair.joint_s or time_s
                if pair.verdict is None and time_s - pair.joint_s >= self.settings.joint_s:
                    since = max(pair.since_s, joined[a], joined[b])
                    pair.verdict = Together(key, min(since, time_s), time_s, direct=False)
            else:
                pair.joint_s = 0.0
                if pair.verdict is not None and not pair.direct:
                    self._part(key, pair)

    def _part(self, key: Pair, pair: _Acquaintance) -> None:
        if pair.verdict is not None:
            until_s = max(pair.end_s(), pair.verdict.since_s)
            before = self._parted.pop(key, ())[-self.settings.kept :]
            self._parted[key] = (*before, replace(pair.verdict, until_s=until_s))
            pair.verdict = None
            while len(self._parted) > self.settings.kept:
                self._parted.popitem(last=False)

    def _enrol(self, time_s: float, parts: list[tuple[int, ...]]) -> None:
        """Gives every group its number: that of the group which most of its members had."""
        claims = []
        for at, part in enumerate(parts):
            before = Counter(self._number[member] for member in part if member in self._number)
            claims += [(-count, number, at) for number, count in before.items()]
        numbers: dict[int, int] = {}
        for _, number, at in sorted(claims):
            if at not in numbers and number not in numbers.values():
                numbers[at] = number
        self._number = {}
        for at, part in enumerate(parts):
            number = numbers.get(at, self._next)
            self._next += number == self._next
            self._number.update(dict.fromkeys(part, number))
            self._note(time_s, number, part)
        for number in [n for n in self._parties if n not in set(self._number.values())]:
            party = self._parties.pop(number)
            ends = [v.until_s for key in combinations(party.now, 2) for v in self._parted.get(key, ())[-1:]]
            until_s = max((end_s for end_s in ends if end_s >= party.group.since_s), default=time_s)
            self._ended[number] = replace(party.group, until_s=until_s)
            if len(self._ended) > self.settings.kept:
                self._ended.popitem(last=False)

    def _note(self, time_s: float, number: int, part: tuple[int, ...]) -> None:
        pairs = [pair for key in combinations(part, 2) if (pair := self._pairs.get(key)) and pair.direct]
        party = self._parties.get(number)
        if party is None:
            since_s = min(pair.since_s for pair in pairs)
            group = Group(number, part, since_s, time_s, math.inf, _reason(part, pairs))
            self._parties[number] = _Party(group, part)
            return
        if part != party.now:
            members = tuple(sorted({*party.group.members, *part}))
            reason = _reason(part, pairs) if len(part) > len(party.now) else party.group.reason
            party.group, party.now = replace(party.group, members=members, reason=reason), part


def _rows(looks: Looks) -> Iterator[tuple[float, float, float, float]]:
    columns = (looks.distance, looks.difference, looks.together, looks.alike)
    return zip(*(column.tolist() for column in columns), strict=True)


def _reason(members: tuple[int, ...], pairs: list[_Acquaintance]) -> str:
    """Why, in the means over the pairs that keep close to each other."""
    watched = sum(pair.watched_s for pair in pairs) or math.nan
    distance = sum(pair.distances for pair in pairs) / watched
    difference = sum(pair.differences for pair in pairs) / watched
    lasted = max(pair.last_s - pair.since_s for pair in pairs)
    return (
        f"{len(members)} people: {distance:.1f} m apart, {difference:.1f} m/s velocity difference, "
        f"for {lasted:.1f} s"
    )
