"""What a topology says of where cameras hang: where one is missing, and which are of little use.

Five kinds of advice, each with the numbers that it rests on:

- *between*: many people walk between two cameras that share no ground, unseen for a while: one more camera
  on their way would keep them in view. Its worth is how many seconds people are unseen there in an hour.
- *idle*: hardly anybody is ever in view.
- *alone*: people are in view, but the camera has no edge: no ground is shared, and nobody walks to others.
- *redundant*: other cameras that are kept see nearly all that happens in its view.
- *blind*: ground that people walk on and nobody sees; known only where the truth is (simulation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sdist_ray.topology.handover.parts import Floats, Ints, Rows

KINDS = ("between", "blind", "alone", "idle", "redundant")


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Attributes:
        kind: of KINDS.
        camera: number of the camera that it is about; -1 for none.
        others: numbers of further cameras.
        worth: the more the better the advice, among those of its kind.
        numbers: what it rests on, by name, units in the names.
    """

    kind: str
    camera: int
    others: tuple[int, ...]
    worth: float
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """From when on something is worth a word.

    Attributes:
        per_hour: people (parties) an hour that walk between two cameras.
        mean_people: people in view on average, below which a camera is idle.
        covered: share of what happens in a view that others see.
        blind_person_s_per_hour: seconds that people spend in an hour on a square of ground that nobody sees.
    """

    per_hour: float = 10.0
    mean_people: float = 0.01
    covered: float = 0.95
    blind_person_s_per_hour: float = 60.0


def between(camera_a: Ints, camera_b: Ints, per_hour: Floats, mean_s: Floats, limits: Limits) -> list[Advice]:
    """Pairs with much movement and no overlap, most unseen time first.

    Args:
        camera_a, camera_b: int64 (edges,), of transits.
        per_hour: float64 (edges,), both ways.
        mean_s: float64 (edges,), how long people are unseen.
        limits: see there.
    """
    found = [
        Advice(
            "between", a, (b,), many * long_s,
            {"per_hour": many, "transit_mean_s": long_s, "unseen_s_per_hour": many * long_s},
        )
        for a, b, many, long_s in zip(
            camera_a.tolist(), camera_b.tolist(), per_hour.tolist(), mean_s.tolist(), strict=True
        )
        if many >= limits.per_hour
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one.worth)


def idle_and_alone(
    occupied: Ints, visits: Ints, available: Ints, degree: Ints, fps: float, limits: Limits
) -> list[Advice]:
    """Cameras with little movement, and those with movement and without an edge.

    Args:
        occupied, visits: int64 (cameras,), occupied ticks and visits of all windows together.
        available: int64 (cameras,), ticks; cameras of 0 have delivered nothing, and are no matter of place.
        degree: int64 (cameras,), edges of each.
        fps: ticks a second.
        limits: see there.
    """
    found = []
    for camera in np.flatnonzero(available > 0).tolist():
        mean = float(occupied[camera] / available[camera])
        per_hour = float(visits[camera] / (available[camera] / fps / 3600))
        rests_on = {"mean_people": mean, "visits_per_hour": per_hour, "edges": float(degree[camera])}
        if mean < limits.mean_people:
            found.append(Advice("idle", camera, (), limits.mean_people - mean, rests_on))
        elif degree[camera] == 0:
            found.append(Advice("alone", camera, (), mean, rests_on))
    return sorted(found, key=lambda one: (one.kind, -one.worth))


def redundant(occupied: Ints, seen_by: Rows, limits: Limits) -> list[Advice]:
    """Cameras that could be taken down, all of them together, the most redundant first.

    Of two that see the same, one stays: a camera is taken only while those that were taken before are still
    covered by the ones that stay.

    Args:
        occupied: int64 (cameras, windows), ticks.
        seen_by: of every place (camera * windows + window), the cameras that see the same ground.
        limits: see there.
    """
    cameras, windows = occupied.shape
    kept = np.ones(cameras, dtype=np.bool_)
    worth = occupied.sum(axis=1).astype(np.float64)

    def covered(camera: int) -> float:
        total = 0.0
        for window in np.flatnonzero(occupied[camera]).tolist():
            if kept[seen_by.at(camera * windows + window)[0]].any():
                total += float(occupied[camera, window])
        return total / float(worth[camera])

    def helped(camera: int) -> set[int]:
        rows = slice(int(seen_by.start[camera * windows]), int(seen_by.start[(camera + 1) * windows]))
        return set(seen_by.column[rows].tolist())

    share = {camera: covered(camera) for camera in np.flatnonzero(worth > 0).tolist()}
    taken: list[int] = []
    # Of those that are covered alike, the one that shows least goes first.
    for camera in sorted(share, key=lambda one: (-round(share[one], 2), worth[one], one)):
        if covered(camera) < limits.covered:
            continue
        kept[camera] = False
        if any(covered(other) < limits.covered for other in taken if other in helped(camera)):
            kept[camera] = True
            continue
        taken.append(camera)
    found = []
    for camera in taken:
        by = np.zeros(cameras)
        for window in np.flatnonzero(occupied[camera]).tolist():
            by[seen_by.at(camera * windows + window)[0]] += float(occupied[camera, window])
        by[~kept] = 0
        others = [other for other in np.argsort(-by, kind="stable").tolist() if by[other] > 0][:5]
        numbers = {"covered": covered(camera), "covered_by_best": float(by.max(initial=0.0) / worth[camera])}
        found.append(Advice("redundant", camera, tuple(others), numbers["covered"], numbers))
    return sorted(found, key=lambda one: -one.worth)


def blind(
    x_m: Floats, y_m: Floats, person_s: Floats, hours: float, side_m: float, limits: Limits
) -> list[Advice]:
    """Squares of ground that people spend much time on and no camera sees, most time first.

    Args:
        x_m, y_m: float64 (cells,), middles of small cells.
        person_s: float64 (cells,), how long people were there, all together.
        hours: that were simulated.
        side_m: of the squares.
        limits: see there.
    """
    cell = np.floor(np.column_stack([x_m, y_m]).reshape(-1, 2) / side_m).astype(np.int64)
    squares, which = np.unique(cell, axis=0, return_inverse=True)
    total = np.bincount(which.reshape(-1), weights=person_s, minlength=len(squares)) / max(hours, 1e-9)
    everywhere = max(float(total.sum()), 1e-9)
    found = [
        Advice(
            "blind", -1, (), value,
            {"x_m": (x + 0.5) * side_m, "y_m": (y + 0.5) * side_m, "side_m": side_m,
             "unseen_s_per_hour": value, "share": value / everywhere},
        )
        for (x, y), value in zip(squares.tolist(), total.tolist(), strict=True)
        if value >= limits.blind_person_s_per_hour
    ]  # fmt: skip
    return sorted(found, key=lambda one: -one.worth)


def sentence(advice: Advice, names: Sequence[str]) -> str:
    """The advice in words."""
    numbers = advice.numbers
    if advice.kind == "between":
        return (
            f"put a camera between {names[advice.camera]} and {names[advice.others[0]]}: "
            f"{numbers['per_hour']:.0f} an hour walk there, unseen for {numbers['transit_mean_s']:.0f} s each"
        )
    if advice.kind == "blind":
        return (
            f"nobody sees the ground around ({numbers['x_m']:.0f}, {numbers['y_m']:.0f}) m: people spend "
            f"{numbers['unseen_s_per_hour']:.0f} s an hour there"
        )
    if advice.kind == "idle":
        return f"move {names[advice.camera]}: {numbers['mean_people']:.4f} people in view on average"
    if advice.kind == "alone":
        return (
            f"move {names[advice.camera]}, or check its clock: it is linked with no other, though "
            f"{numbers['mean_people']:.2f} people are in view on average"
        )
    by = ", ".join(names[other] for other in advice.others)
    see = "sees" if len(advice.others) == 1 else "see"
    return f"{names[advice.camera]} can go: {by} {see} {100 * numbers['covered']:.0f} % of what it shows"


def seen_by_links(
    camera_a: Ints, window_a: Ints, camera_b: Ints, window_b: Ints, cameras: int, windows: int
) -> Rows:
    """Of every place the cameras that are linked with it."""
    own = np.concatenate([camera_a * windows + window_a, camera_b * windows + window_b])
    other = np.concatenate([camera_b, camera_a])
    return Rows.of(own, other, np.ones(len(own)), cameras * windows)
