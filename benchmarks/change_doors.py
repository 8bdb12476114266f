"""What benchmarks.change asks of doors: how soon it shows that one between two halls is opened or closed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from benchmarks.transit_runs import (
    CAMERAS,
    CLOCK,
    GRID,
    SIZE_M,
    learnt_links,
    overlapping,
    ranges_of,
)
from sdist_ray.simulation.layout import CAMERAS_PER_HALL
from sdist_ray.simulation.site import Site, SiteSpec, Walk, make_site, walk
from sdist_ray.simulation.truth import ground_overlap
from sdist_ray.simulation.truth_transits import sharing_cameras, true_transits
from sdist_ray.topology.change import ChangeSpec
from sdist_ray.topology.graph import camera_edges
from sdist_ray.topology.transit.change import VANISHED, TransitMonitor
from sdist_ray.topology.transit.events import SpreadLinks
from sdist_ray.topology.transit.learner import TransitLearner

PEOPLE = 60
OFTEN_PER_HOUR, LEFT_SHARE = 20.0, 0.1
LEAST_EXITS_PER_HOUR = 20.0


def locked(site: Site, hall: int, side: int) -> Site:
    """The site with the walkway on one side of a hall closed."""
    neighbours = site.layout.neighbours.copy()
    neighbours[neighbours[hall, side], (side + 2) % 4] = -1
    neighbours[hall, side] = -1
    return replace(site, layout=replace(site.layout, neighbours=neighbours))


def walk_by_doors(site: Site, seed: int) -> tuple[Walk, int, set[int]]:
    """People who find one walkway closed until the middle of the time, and another one after it.

    Returns:
        The walk, the tick of the change, and the halls at either walkway.
    """
    neighbours = site.layout.neighbours
    ways = [(hall, side) for hall in range(len(neighbours)) for side in (0, 1) if neighbours[hall, side] >= 0]
    chosen = np.random.default_rng(seed).choice(len(ways), 2, replace=False)
    doors = [ways[k] for k in chosen]
    # Whoever crosses the grass needs no door.
    with patch("sdist_ray.simulation.people.WANDER", 0.0):
        first, second = (walk(locked(site, *door)) for door in doors)
    at = first.ticks // 2
    positions = np.concatenate([first.positions[:at], second.positions[at:]])
    halls = {hall for hall, side in doors} | {int(neighbours[door]) for door in doors}
    return replace(first, positions=positions), at, halls


def walked_per_hour(
    site: Site, people: Walk, part: slice, sharing: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Parties that truly walk from camera to camera, float64 (cameras, cameras)."""
    positions = people.positions[part]
    found = true_transits(site, replace(people, positions=positions), sharing)
    walked = np.zeros(sharing.shape)
    walked[found.source, found.target] = found.parties
    return walked * 3600 * CLOCK.fps / len(positions)


def measure_doors(seed: int, minutes: float) -> dict[str, Any]:
    """One site."""
    width, depth = SIZE_M
    site = make_site(
        SiteSpec(
            cameras=CAMERAS, people=PEOPLE, minutes=minutes, width_m=width, depth_m=depth,
            miss_probability=0.1, seed=seed,
        )
    )  # fmt: skip
    people, at, halls = walk_by_doors(site, seed)
    sharing = sharing_cameras(ground_overlap(site.cameras, GRID), CAMERAS)
    before, after = (walked_per_hour(site, people, part, sharing) for part in (slice(at), slice(at, None)))
    ranges = ranges_of(site, people)
    links = learnt_links(ranges, site.camera_ids)
    learner = TransitLearner(CAMERAS, GRID, CLOCK)
    learner.link(SpreadLinks.between(links, links.cameras, GRID))
    monitor, over = TransitMonitor(learner), overlapping(camera_edges(links, 3))
    known: set[tuple[int, int]] = set()
    start = time.process_time()
    for entry in ranges:
        if entry.index == at // CLOCK.range_ticks:
            known = {pair for pair, edge in monitor.edges.items() if edge.known}
        monitor.add(entry)
        monitor.look(over)
    seconds = time.process_time() - start
    log = learner.log()
    late = np.bincount(log.exit_node[log.exit_tick >= at] // log.zones, minlength=CAMERAS)
    left = late * 3600 * CLOCK.fps / (people.ticks - at) >= LEAST_EXITS_PER_HOUR
    lost = (before >= OFTEN_PER_HOUR) & (after <= LEFT_SHARE * before)
    new = (after >= OFTEN_PER_HOUR) & (before <= LEFT_SHARE * after)
    # What nobody knew cannot be missed, and who is seen by nobody tells nothing.
    asked = {
        "lost": {pair for pair in known if lost[pair] and left[pair[0]]},
        "new": {(int(a), int(b)) for a, b in np.argwhere(new & left[:, None])},
    }
    delays: dict[str, list[float]] = {"lost": [], "new": []}
    false = beside = 0
    for change in monitor.changes:
        pair, delay_s = (change.camera_a, change.camera_b), (change.tick - at) / CLOCK.fps
        kind = "lost" if change.kind == VANISHED else "new"
        if delay_s > 0 and pair in asked[kind]:
            asked[kind].discard(pair)
            delays[kind].append(delay_s)
        elif delay_s > 0 and {camera // CAMERAS_PER_HALL for camera in pair} <= halls:
            beside += 1
        else:
            false += 1
    watched_s = minutes * 60 - ChangeSpec().settle_s
    return {
        "seed": seed,
        "truly_lost": int(lost.sum()),
        "truly_new": int(new.sum()),
        "known": len(known),
        "lost": len(asked["lost"]) + len(delays["lost"]),
        "new": len(asked["new"]) + len(delays["new"]),
        "vanished_s": delays["lost"],
        "appeared_s": delays["new"],
        "false": false,
        "beside": beside,
        "camera_days": CAMERAS * watched_s / 86_400,
        "times_as_fast_as_live": minutes * 60 / seconds,
    }
