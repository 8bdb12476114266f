"""The loops of fusion: which sightings may be one person, which are, and who should have been seen."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

INSIDE_M = 0.4
"""Who is nearer than this to the border of a view may well be cut, and missed."""
FINE_M2 = 0.1
"""Two places whose variances sum up to this tell half of what exact ones would."""
MOST_LOOKS = 1000.0
"""What is older than so many looks is forgotten."""


@numba.njit(nogil=True, cache=True)
def _linked(starts, neighbours, a, b):  # type: ignore[no-untyped-def]
    """Whether b is among a's neighbours, which ascend."""
    low, high = starts[a], starts[a + 1]
    while low < high:
        middle = (low + high) // 2
        if neighbours[middle] < b:
            low = middle + 1
        else:
            high = middle
    return low < starts[a + 1] and neighbours[low] == b


@numba.njit(nogil=True, cache=True)
def may_be_one(pairs, camera, track, recent_camera, recent_track, starts, neighbours, bonus):  # type: ignore[no-untyped-def]
    """Which pairs of nodes may be one person, and what speaks for it beforehand.

    Nodes are known people, then sightings. Two people are not one, nor are two sightings of one camera.
    Sightings of two cameras may be one where these are linked; a person and a sighting where its camera, or
    one linked to it, has seen that person lately.

    Args:
        pairs: int64 (m, 2), nodes, first < second.
        camera, track: int64 (sightings,), camera and the number of its own track, -1 for none.
        recent_camera, recent_track: int64 (people, k), who has seen them lately, and as which track; -1 for
            an empty place.
        starts, neighbours: int64 (cameras + 1,) and (links,), linked cameras, ascending for each.
        bonus: what a track goes for that was this person before, nats.

    Returns:
        bool (m,) and float64 (m,).
    """
    people = recent_camera.shape[0]
    keep = np.zeros(pairs.shape[0], dtype=np.bool_)
    known = np.zeros(pairs.shape[0], dtype=np.float64)
    for number in range(pairs.shape[0]):
        a, b = pairs[number, 0], pairs[number, 1]
        if b < people:
            continue
        there = camera[b - people]
        if a >= people:
            here = camera[a - people]
            keep[number] = here != there and _linked(starts, neighbours, here, there)
            continue
        for place in range(recent_camera.shape[1]):
            here = recent_camera[a, place]
            if here < 0:
                continue
            if here == there:
                keep[number] = True
                if recent_track[a, place] >= 0 and recent_track[a, place] == track[b - people]:
                    known[number] = bonus
            elif _linked(starts, neighbours, here, there):
                keep[number] = True
    return keep, known


@numba.njit(nogil=True, cache=True)
def _apart(ax, ay, axx, axy, ayy, bx, by, bxx, bxy, byy):  # type: ignore[no-untyped-def]
    """Squared Mahalanobis distance of two places, and the logarithm of their joint covariance's determinant.

    Places are given as information: the inverse covariance, and its product with the place.
    """
    a, b = axx * ayy - axy * axy, bxx * byy - bxy * bxy
    sxx, sxy, syy = ayy / a + byy / b, -axy / a - bxy / b, axx / a + bxx / b
    dx = (ayy * ax - axy * ay) / a - (byy * bx - bxy * by) / b
    dy = (axx * ay - axy * ax) / a - (bxx * by - bxy * bx) / b
    determinant = sxx * syy - sxy * sxy
    distance = (dx * dx * syy - 2.0 * dx * dy * sxy + dy * dy * sxx) / determinant
    return distance, math.log(determinant)


@numba.njit(nogil=True, cache=True)
def join(points, covariance, camera, pairs, known, gate, threshold):  # type: ignore[no-untyped-def]
    """Put together the nodes that are one person: agglomeration, never two of one camera.

    In every round each cluster looks for the neighbour that is most likely the same; two that choose each
    other become one, with the place that both together tell. Two are more likely one person than two where
    the squared Mahalanobis distance plus the logarithm of the determinant is below ``threshold``.

    Args:
        points: float64 (n, 2), metres.
        covariance: float64 (n, 2, 2).
        camera: int64 (n,), nodes of the same are never one.
        pairs: int64 (m, 2), that may be one.
        known: float64 (m,), what speaks for a pair beforehand, nats.
        gate: greatest squared Mahalanobis distance.
        threshold: see above.

    Returns:
        int64 (n,): the least node of each node's cluster.
    """
    count = points.shape[0]
    root = np.arange(count)
    following = np.full(count, -1)
    last = np.arange(count)
    told = np.empty((count, 5), dtype=np.float64)
    for i in range(count):
        xx, xy, yy = covariance[i, 0, 0], covariance[i, 0, 1], covariance[i, 1, 1]
        determinant = xx * yy - xy * xy
        ixx, ixy, iyy = yy / determinant, -xy / determinant, xx / determinant
        told[i, 0] = ixx * points[i, 0] + ixy * points[i, 1]
        told[i, 1] = ixy * points[i, 0] + iyy * points[i, 1]
        told[i, 2], told[i, 3], told[i, 4] = ixx, ixy, iyy
    live = np.empty((pairs.shape[0], 2), dtype=np.int64)
    bonus = known.copy()
    live[:] = pairs
    size = pairs.shape[0]
    best = np.full(count, -1)
    cost = np.zeros(count, dtype=np.float64)
    while size:
        best[:] = -1
        kept = 0
        for number in range(size):
            a, b = root[live[number, 0]], root[live[number, 1]]
            if a == b:
                continue
            if _share_a_camera(a, b, following, camera):
                continue
            live[kept, 0], live[kept, 1], bonus[kept] = a, b, bonus[number]
            distance, spread = _apart(
                told[a, 0], told[a, 1], told[a, 2], told[a, 3], told[a, 4],
                told[b, 0], told[b, 1], told[b, 2], told[b, 3], told[b, 4],
            )  # fmt: skip
            value = distance + spread - bonus[kept]
            kept += 1
            if distance > gate or value >= threshold:
                continue
            if best[a] < 0 or value < cost[a] or (value == cost[a] and b < best[a]):
                best[a], cost[a] = b, value
            if best[b] < 0 or value < cost[b] or (value == cost[b] and a < best[b]):
                best[b], cost[b] = a, value
        size = kept
        merged = False
        for a in range(count):
            b = best[a]
            if b > a and best[b] == a:
                merged = True
                member = b
                while member >= 0:
                    root[member] = a
                    member = following[member]
                following[last[a]] = b
                last[a] = last[b]
                for k in range(5):
                    told[a, k] += told[b, k]
        if not merged:
            break
    return root


@numba.njit(nogil=True, cache=True)
def _share_a_camera(a, b, following, camera):  # type: ignore[no-untyped-def]
    one = a
    while one >= 0:
        other = b
        while other >= 0:
            if camera[one] == camera[other]:
                return True
            other = following[other]
        one = following[one]
    return False


@numba.njit(nogil=True, cache=True)
def _inside(x, y, first, last, corners):  # type: ignore[no-untyped-def]
    """Whether a point is in a polygon: how often a ray to the right crosses it."""
    within = False
    before = last - 1
    for here in range(first, last):
        ax, ay, bx, by = corners[here, 0], corners[here, 1], corners[before, 0], corners[before, 1]
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            within = not within
        before = here
    return within


@numba.njit(nogil=True, cache=True)
def well_inside(x, y, camera, margin, view_starts, corners, boxes):  # type: ignore[no-untyped-def]
    """Whether a camera's view holds a point and what is ``margin`` metres around it."""
    if x < boxes[camera, 0] or y < boxes[camera, 1] or x > boxes[camera, 2] or y > boxes[camera, 3]:
        return False
    first, last = view_starts[camera], view_starts[camera + 1]
    if not _inside(x, y, first, last, corners):
        return False
    return margin <= 0.0 or (
        _inside(x - margin, y - margin, first, last, corners)
        and _inside(x + margin, y - margin, first, last, corners)
        and _inside(x - margin, y + margin, first, last, corners)
        and _inside(x + margin, y + margin, first, last, corners)
    )


@numba.njit(nogil=True, cache=True)
def weigh(  # type: ignore[no-untyped-def]
    points, recent_camera, recent_s, since_s, seen_starts, seen_camera, available, starts,
    neighbours, view_starts, corners, boxes, hit, missed, false_share,
):  # fmt: skip
    """What an instant says for people being there: cameras that see them, and those that should and do not.

    Args:
        points: float64 (people, 2), where they are, metres.
        recent_camera: int64 (people, k), who has seen them lately, -1 for an empty place.
        recent_s: float64 (people, k), when. Who saw them since ``since_s`` should see them still, wherever
            they are expected: who has left a view is no longer seen there, either.
        since_s: see above.
        seen_starts, seen_camera: int64 (people + 1,) and (sightings,), who sees them now.
        available: bool (cameras,), who delivered this instant.
        starts, neighbours: linked cameras, see may_be_one.
        view_starts, corners, boxes: int64 (cameras + 1,), float64 (corners, 2) and (cameras, 4): what each
            camera sees of the ground, a polygon each, and its extent.
        hit, missed: float64 (cameras,), how often each saw, and missed, somebody whom another saw; are
            counted on.
        false_share: how likely a camera reports somebody where nobody is.

    Returns:
        float64 (people,): the logarithm of how many times likelier the instant is if they are there.
    """
    cameras = available.shape[0]
    evidence = np.zeros(points.shape[0], dtype=np.float64)
    asked = np.full(cameras, -1)
    found = np.empty(cameras, dtype=np.float64)
    for camera in range(cameras):
        found[camera] = hit[camera] / (hit[camera] + missed[camera])
    for person in range(points.shape[0]):
        first, last = seen_starts[person], seen_starts[person + 1]
        for k in range(first, last):
            camera = seen_camera[k]
            asked[camera] = person
            evidence[person] += math.log(max(found[camera], 2.0 * false_share) / false_share)
            if last - first > 1:
                hit[camera] += 1.0
        for place in range(-(last - first), recent_camera.shape[1]):
            here = recent_camera[person, place] if place >= 0 else seen_camera[first - place - 1]
            if here < 0:
                continue
            for k in range(starts[here] - 1, starts[here + 1]):
                camera = here if k < starts[here] else neighbours[k]
                if asked[camera] == person or not available[camera]:
                    continue
                asked[camera] = person
                within = well_inside(
                    points[person, 0], points[person, 1], camera, INSIDE_M, view_starts, corners, boxes
                )
                if within or _lately(recent_camera[person], recent_s[person], camera, since_s):
                    evidence[person] += math.log((1.0 - found[camera]) / (1.0 - false_share))
                if within and last > first:
                    missed[camera] += 1.0
    return evidence


@numba.njit(nogil=True, cache=True)
def _lately(recent_camera, recent_s, camera, since_s):  # type: ignore[no-untyped-def]
    for place in range(recent_camera.shape[0]):
        if recent_camera[place] == camera:
            return recent_s[place] >= since_s
    return False


@numba.njit(nogil=True, cache=True)
def remember(person, camera, track, time_s, recent_camera, recent_track, recent_s):  # type: ignore[no-untyped-def]
    """Note who saw whom, the last first; the camera that has not seen a person for longest makes room.

    Args:
        person, camera, track: int64 (sightings,).
        time_s: now.
        recent_camera, recent_track, recent_s: (people, k), see may_be_one and weigh; are changed.
    """
    places = recent_camera.shape[1]
    for number in range(person.shape[0]):
        row, at = person[number], places - 1
        for place in range(places):
            if recent_camera[row, place] == camera[number] or recent_camera[row, place] < 0:
                at = place
                break
        for place in range(at, 0, -1):
            recent_camera[row, place] = recent_camera[row, place - 1]
            recent_track[row, place] = recent_track[row, place - 1]
            recent_s[row, place] = recent_s[row, place - 1]
        recent_camera[row, 0], recent_track[row, 0], recent_s[row, 0] = camera[number], track[number], time_s


@numba.njit(nogil=True, cache=True)
def register(person, camera, points, covariance, finest, moved):  # type: ignore[no-untyped-def]
    """Note how far each camera's places are from those of the finest camera that it shares ground with.

    Args:
        person: int64 (sightings,), ascending: whose they are.
        camera, points, covariance: see join; places less the offset that is known already.
        finest: int64 (cameras,), whom each is held against; itself for those that nobody corrects.
        moved: float64 (cameras, 3): sum of offsets, x and y, and of their weights; is changed.
    """
    first = 0
    while first < person.shape[0]:
        last = first
        while last < person.shape[0] and person[last] == person[first]:
            last += 1
        for one in range(first, last):
            own = camera[one]
            for other in range(first, last):
                if other == one or camera[other] != finest[own]:
                    continue
                spread = (
                    covariance[one, 0, 0]
                    + covariance[one, 1, 1]
                    + covariance[other, 0, 0]
                    + covariance[other, 1, 1]
                )
                weight = FINE_M2 / (FINE_M2 + spread)
                total = moved[own, 2]
                for axis in range(2):
                    off = points[one, axis] - points[other, axis] + moved[own, axis] / total
                    moved[own, axis] += weight * off
                moved[own, 2] += weight
                if moved[own, 2] > MOST_LOOKS:
                    for axis in range(3):
                        moved[own, axis] *= MOST_LOOKS / (MOST_LOOKS + weight)
        first = last
