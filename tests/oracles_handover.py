"""The slow, obvious reference of what becomes of those who leave, and of true handovers."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from sdist_ray.topology.handover.ahead import STANDING_M_S, USUAL_M_S, Ground, Motion, _ways_on
from tests.oracles_transit import entries_and_exits


def exit_counts(
    occupied: np.ndarray, available: np.ndarray, columns: int, gap: int, links: set[tuple[int, int]]
) -> dict[str, Counter]:
    """Counts by place (exits, gone, entries, came) and by place and camera (asked, held)."""
    ticks, _, windows = occupied.shape
    x = occupied & available[:, :, None]
    entries, exits = entries_and_exits(occupied, available, columns, gap, set())
    counts: dict[str, Counter] = {
        name: Counter() for name in ("exits", "gone", "entries", "came", "asked", "held")
    }
    for events, all_of, alone, before in (
        (exits, "exits", "gone", False),
        (entries, "entries", "came", True),
    ):
        for t, place in events:
            span = range(t - gap, t) if before else range(t + 1, t + gap + 1)
            known, seen = [], []
            for camera in sorted({other // windows for here, other in links if here == place}):
                known.append(all(0 <= s < ticks and available[s, camera] for s in span))
                places = [other for here, other in links if here == place and other // windows == camera]
                seen.append(any(0 <= s < ticks and x[s, camera, p % windows] for s in span for p in places))
                if not before and known[-1]:
                    counts["asked"][place, camera] += 1
                    counts["held"][place, camera] += seen[-1]
            if all(known):
                counts[all_of][place] += 1
                counts[alone][place] += not any(seen)
    return counts


def successions(exits: list[tuple[int, int]], entries: list[tuple[int, int]], edges: list[int]) -> Counter:
    """Entries (tick, camera) after exits (tick, node) by node, camera and bin of time."""
    found: Counter = Counter()
    for left, node in exits:
        for came, camera in entries:
            for number, (low, high) in enumerate(pairwise(edges)):
                found[node, camera, number] += low <= came - left < high
    return +found


def handovers(seen: np.ndarray, gap: int, longest: int) -> list[tuple[int, int, int, int, frozenset[int]]]:
    """(person, tick, camera, lag, cameras next), from bool (ticks, people, cameras)."""
    ticks, people, cameras = seen.shape
    found = []
    for person in range(people):
        for tick in range(ticks):
            for camera in range(cameras):
                if not seen[tick, person, camera] or seen[tick + 1 : tick + gap + 1, person, camera].any():
                    continue
                for lag in range(1, min(longest, ticks - 1 - tick) + 1):
                    following = np.flatnonzero(seen[tick + lag, person])
                    if len(following):
                        found.append((person, tick, camera, lag, frozenset(following.tolist())))
                        break
    return found


def inside(polygon: np.ndarray, x: float, y: float) -> bool:
    """Whether a ray from a place along x crosses a polygon's border an odd number of times."""
    crossings = 0
    for k in range(len(polygon)):
        (ax, ay), (bx, by) = polygon[k], polygon[(k + 1) % len(polygon)]
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            crossings += 1
    return len(polygon) >= 3 and crossings % 2 == 1


def first_sights(
    ground: Ground, motion: Motion, own: int, until_s: float, gap_s: float, step_s: float
) -> tuple[Counter, float]:
    """On how many paths each camera is the first to see them, or among the first; and how many are alone."""
    walking, standing = _ways_on()
    velocity = complex(motion.x_m_s, motion.y_m_s)
    ways = standing * USUAL_M_S if abs(velocity) < STANDING_M_S else walking * velocity
    total: Counter = Counter()
    alone = 0
    for path in range(ways.shape[1]):
        soon = False
        for step in range(ways.shape[0]):
            place = complex(motion.x_m, motion.y_m) + ways[step, path]
            members = set(ground.members[int(ground.sets_at(np.array([place]))[0])])
            early = step < round(gap_s / step_s)
            if members - ({own} if early else set()):
                soon = early
                if (step + 0.5) * step_s < until_s:
                    total.update(members - ({own} if early else set()))
                break
        alone += not soon
    return total, alone / ways.shape[1]
