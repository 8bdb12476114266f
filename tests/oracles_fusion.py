"""The slow, obvious reference of fusion's kernels. Kernels equal these."""

from __future__ import annotations

import math

import numpy as np

from sdist_ray.distancing.fusion_kernels import FINE_M2, INSIDE_M, MOST_LOOKS


def links(starts, neighbours):
    return {
        (a, b) for a in range(len(starts) - 1) for b in neighbours[starts[a] : starts[a + 1]].tolist()
    }  # fmt: skip


def may_be_one(pairs, camera, track, recent_camera, recent_track, starts, neighbours, bonus):
    people, linked = len(recent_camera), links(starts, neighbours)
    keep, known = [], []
    for a, b in pairs.tolist():
        fits, worth = False, 0.0
        if b >= people:
            there = int(camera[b - people])
            if a >= people:
                fits = camera[a - people] != there and (int(camera[a - people]), there) in linked
            else:
                lately = [c for c in recent_camera[a].tolist() if c >= 0]
                fits = there in lately or any((c, there) in linked for c in lately)
                tracks = zip(recent_camera[a].tolist(), recent_track[a].tolist(), strict=True)
                own = int(track[b - people])
                worth = bonus if own >= 0 and (there, own) in set(tracks) else 0.0
        keep.append(fits)
        known.append(worth)
    return np.array(keep, bool), np.array(known, float)


def apart(one, other):
    """One and other: information vector and matrix entries, as join keeps them."""
    (ax, ay, axx, axy, ayy), (bx, by, bxx, bxy, byy) = one, other
    a, b = axx * ayy - axy * axy, bxx * byy - bxy * bxy
    sxx, sxy, syy = ayy / a + byy / b, -axy / a - bxy / b, axx / a + bxx / b
    dx = (ayy * ax - axy * ay) / a - (byy * bx - bxy * by) / b
    dy = (axx * ay - axy * ax) / a - (bxx * by - bxy * bx) / b
    determinant = sxx * syy - sxy * sxy
    return (dx * dx * syy - 2.0 * dx * dy * sxy + dy * dy * sxx) / determinant, math.log(determinant)


def join(points, covariance, camera, pairs, known, gate, threshold):
    """Clusters as lists of nodes; in every round, those that choose each other become one."""
    told = []
    for (x, y), ((xx, xy), (_, yy)) in zip(points.tolist(), covariance.tolist(), strict=True):
        determinant = xx * yy - xy * xy
        ixx, ixy, iyy = yy / determinant, -xy / determinant, xx / determinant
        told.append([ixx * x + ixy * y, ixy * x + iyy * y, ixx, ixy, iyy])
    clusters = {i: [i] for i in range(len(points))}
    while True:
        root = {member: name for name, members in clusters.items() for member in members}
        cost = {}
        for (i, j), worth in zip(pairs.tolist(), known.tolist(), strict=True):
            a, b = root[i], root[j]
            if a == b or {camera[m] for m in clusters[a]} & {camera[m] for m in clusters[b]}:
                continue
            # As the pair has it, since the two ways round may differ in the last digit.
            distance, spread = apart(told[a], told[b])
            value = distance + spread - worth
            if distance <= gate and value < threshold:
                for one, other in ((a, b), (b, a)):
                    cost.setdefault(one, []).append((value, other))
        best = {name: min(choices)[1] for name, choices in cost.items()}
        chosen = [(a, b) for a, b in sorted(best.items()) if a < b and best[b] == a]
        if not chosen:
            return np.array([root[i] for i in range(len(points))], dtype=np.int64)
        for a, b in chosen:
            clusters[a] += clusters.pop(b)
            told[a] = [x + y for x, y in zip(told[a], told[b], strict=True)]


def inside(point, polygon):
    """The even-odd rule."""
    x, y = point
    crossed = 0
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, 1, axis=0), strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            crossed += 1
    return crossed % 2 == 1


def well_inside(x, y, polygon, margin):
    around = [
        (x - margin, y - margin),
        (x + margin, y - margin),
        (x - margin, y + margin),
        (x + margin, y + margin),
    ]
    return bool(len(polygon)) and inside((x, y), polygon) and all(inside(p, polygon) for p in around)


def weigh(
    points, recent, since_s, seen_by, available, starts, neighbours, polygons, hit, missed, false_share
):
    """``recent``: of each person, camera to when; ``seen_by``: of each, the cameras."""
    linked = links(starts, neighbours)
    hit, missed = hit.copy(), missed.copy()
    found = hit / (hit + missed)
    evidence = []
    for point, lately, seen in zip(points, recent, seen_by, strict=True):
        total = 0.0
        for camera in seen:
            total += math.log(max(found[camera], 2 * false_share) / false_share)
            hit[camera] += len(seen) > 1
        near = set(lately) | set(seen)
        near |= {b for a, b in linked if a in near}
        for camera in sorted(near - set(seen)):
            if not available[camera]:
                continue
            within = well_inside(*point, polygons[camera], INSIDE_M)
            if within or lately.get(camera, -math.inf) >= since_s:
                total += math.log((1 - found[camera]) / (1 - false_share))
            missed[camera] += within and len(seen) > 0
        evidence.append(total)
    return np.array(evidence), hit, missed


def remember(person, camera, track, time_s, memory, places):
    """``memory``: of each person, a list of (camera, track, when), the last first."""
    for who, seen_by, as_track in zip(person.tolist(), camera.tolist(), track.tolist(), strict=True):
        rest = [entry for entry in memory[who] if entry[0] != seen_by]
        memory[who] = [(seen_by, as_track, time_s), *rest][:places]
    return memory


def register(person, camera, points, covariance, finest, moved):
    moved = moved.copy()
    for one in range(len(person)):
        for other in range(len(person)):
            own = camera[one]
            if person[one] != person[other] or one == other or camera[other] != finest[own]:
                continue
            spread = (
                covariance[one][0, 0]
                + covariance[one][1, 1]
                + covariance[other][0, 0]
                + covariance[other][1, 1]
            )
            weight = FINE_M2 / (FINE_M2 + spread)
            off = points[one] - points[other] + moved[own, :2] / moved[own, 2]
            moved[own] += [*(weight * off), weight]
            if moved[own, 2] > MOST_LOOKS:
                moved[own] *= MOST_LOOKS / (MOST_LOOKS + weight)
    return moved
