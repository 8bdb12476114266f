"""The slow, obvious reference of the ground plane's kernels. Kernels equal these, bit for bit."""

from __future__ import annotations

import math

import numpy as np

from sdist_ray.topology.ground_plane.view import BASE_RADIUS, FINENESS, RADII


def link(tick, x, y, fps):
    """The tracklet of every foot point: nearest expected place first, each tracklet and point once a tick."""
    longest = max(round(0.6 * fps), 3)
    track = [-1] * len(tick)
    open_tracks = []
    for now in sorted(set(tick.tolist())):
        points = [i for i in range(len(tick)) if tick[i] == now]
        open_tracks = [t for t in open_tracks if now - t["last"] <= longest]
        while True:
            options = []
            for order, t in enumerate(open_tracks):
                if t["last"] == now:
                    continue
                dt = (now - t["last"]) / fps
                gate = 0.2 + dt * (1.2 if t["length"] >= 3 else 2.5)
                at = t["x"] + t["vx"] * dt, t["y"] + t["vy"] * dt
                for i in points:
                    off = x[i] - at[0], y[i] - at[1]
                    distance = off[0] * off[0] + off[1] * off[1]
                    if track[i] < 0 and distance < gate * gate:
                        options.append((distance, order, i))
            if not options:
                break
            _, order, i = min(options)
            t = open_tracks[order]
            dt = (now - t["last"]) / fps
            share = dt / (dt + 0.4)
            t["vx"] += share * ((x[i] - t["x"]) / dt - t["vx"])
            t["vy"] += share * ((y[i] - t["y"]) / dt - t["vy"])
            t.update(x=x[i], y=y[i], last=now, length=t["length"] + 1)
            track[i] = t["number"]
        for i in points:
            if track[i] < 0:
                track[i] = max(track, default=-1) + 1
                open_tracks.append(
                    {"number": track[i], "length": 1, "last": now, "x": x[i], "y": y[i], "vx": 0.0, "vy": 0.0}
                )
    return np.array(track, np.int64), max(track, default=-1) + 1


def sampled(tick, x, y, track, tracks, step, half):
    """Per tracklet that has a sample: its first sample, and its places at every one, gaps filled."""
    result = []
    for number in range(tracks):
        own = [i for i in range(len(tick)) if track[i] == number]
        places = {}
        for i, following in zip(own, [*own[1:], None], strict=True):
            places[tick[i]] = (x[i], y[i])
            if following is not None:
                gap = tick[following] - tick[i]
                for k in range(1, gap):
                    share = k / gap
                    places[tick[i] + k] = (
                        (1.0 - share) * x[i] + share * x[following],
                        (1.0 - share) * y[i] + share * y[following],
                    )
        first, last = tick[own[0]], tick[own[-1]]
        means = []
        for t in range(first, last + 1):
            if t % step == 0:
                reach = min(half, t - first, last - t)
                near = [places[k] for k in range(t - reach, t + reach + 1)]
                total = [0.0, 0.0]
                for px, py in near:
                    total = [total[0] + px, total[1] + py]
                means.append((total[0] / len(near), total[1] / len(near)))
        if means:
            result.append((-(-first // step), means))
    return result


def cut_legs(offset, place):
    """The number of every place's leg, all places held against the line."""
    legs, number = [], -1
    for k in range(len(offset) - 1):
        way = place[offset[k] : offset[k + 1]].tolist()
        number, start = number + 1, 0
        for at in range(len(way)):
            ends = np.array(way[start]), np.array(way[at])
            along = ends[1] - ends[0]
            for between in range(start + 1, at):
                off = np.array(way[between]) - ends[0]
                share = min(max(off @ along / (along @ along), 0), 1) if along.any() else 0
                if np.linalg.norm(off - share * along) > 0.4:
                    number, start = number + 1, at
                    break
            legs.append(number)
    return legs


def people_at(view, sample):
    """Places of everybody in a view at a sample, by tracklet."""
    found = []
    for k in range(len(view.first)):
        at = sample - view.first[k]
        if 0 <= at < view.offset[k + 1] - view.offset[k]:
            found.append(tuple(view.place[view.offset[k] + at].tolist()))
    return found


def count_seen(view):
    """In how many samples somebody was within BASE_RADIUS of each cell's centre."""
    seen = np.zeros((9 * FINENESS, 12 * FINENESS))
    for s in range(view.samples):
        for row in range(seen.shape[0]):
            for column in range(seen.shape[1]):
                centre = (column + 0.5) / FINENESS, (row + 0.5) / FINENESS
                offs = [(centre[0] - px, centre[1] - py) for px, py in people_at(view, s)]
                seen[row, column] += any(dx * dx + dy * dy < BASE_RADIUS * BASE_RADIUS for dx, dy in offs)
    return seen


def carry(h, x, y):
    """Where a point comes to lie, and w."""
    w = h[2, 0] * x + h[2, 1] * y + h[2, 2]
    return (h[0, 0] * x + h[0, 1] * y + h[0, 2]) / w, (h[1, 0] * x + h[1, 1] * y + h[1, 2]) / w, w


def covariance(h, u, v, w):
    """I + J Jᵀ: xx, xy, yy."""
    j = [
        [(h[0, 0] - u * h[2, 0]) / w, (h[0, 1] - u * h[2, 1]) / w],
        [(h[1, 0] - v * h[2, 0]) / w, (h[1, 1] - v * h[2, 1]) / w],
    ]
    xx = 1.0 + j[0][0] * j[0][0] + j[0][1] * j[0][1]
    xy = j[0][0] * j[1][0] + j[0][1] * j[1][1]
    return xx, xy, 1.0 + j[1][0] * j[1][0] + j[1][1] * j[1][1]


def score_one_way(h, a, b, hit, miss, radius, every, stride):
    """Score, visits judged, visits met, samples with a hit."""
    score, judged, met, all_hits = 0.0, 0.0, 0.0, 0.0
    legs = [
        (k, [at for at in range(a.offset[k], a.offset[k + 1]) if a.leg[at] == leg])
        for k in range(0, len(a.first), stride)
        for leg in sorted(set(a.leg[a.offset[k] : a.offset[k + 1]].tolist()))
    ]
    for k, leg in legs:
        total, count, hits = 0.0, 0, 0
        for at in leg:
            s = a.first[k] + at - a.offset[k]
            if s % every:
                continue
            u, v, w = carry(h, *a.place[at])
            if not (w > 0 and 0.3 <= u <= 11.7 and 0.3 <= v <= 8.7) or not b.available[s]:
                continue
            xx, xy, yy = covariance(h, u, v, w)
            det = xx * yy - xy * xy
            level = next(
                (n for n, r in enumerate(RADII.tolist()) if r * r >= radius * radius * math.sqrt(det)), None
            )
            if level is None:
                continue
            near = False
            for px, py in people_at(b, s):
                dx, dy = px - u, py - v
                near |= yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy < radius * radius * det
            count, hits = count + 1, hits + near
            total += (hit if near else miss)[level, int(v * FINENESS), int(u * FINENESS)]
        if count:
            score += total * min(1.0, 4.0 / count)
            judged, met, all_hits = judged + 1, met + (2 * hits > count), all_hits + hits
    return np.array([score, judged, met, all_hits])


def agreement(a, b):
    """Share of samples with somebody in a unit of a with somebody in or beside a unit of b."""
    agreements, opportunities = np.zeros((108, 108)), np.zeros(108)
    for s in range(a.samples):
        if not b.available[s]:
            continue
        here = {(int(py), int(px)) for px, py in people_at(a, s)}
        there = {(int(py), int(px)) for px, py in people_at(b, s)}
        for row, column in here:
            opportunities[row * 12 + column] += 1
            for j in range(108):
                if any(abs(j // 12 - r) <= 1 and abs(j % 12 - c) <= 1 for r, c in there):
                    agreements[row * 12 + column, j] += 1
    return agreements / (opportunities[:, None] + 2.0)


def together(times_a, times_b, samples):
    """The sum of the three greatest G of two cameras, whose blocks are sets of samples."""
    found = []
    for one in times_a:
        for other in times_b:
            n = len(one & other)
            if one and other and n > len(one) * len(other) / samples:
                apart = math.log(n) + math.log(samples)
                apart -= math.log(len(one)) + math.log(len(other))
                found.append(2.0 * (n * apart - n + len(one) * len(other) / samples))
    best = [*sorted(found, reverse=True)[:3], 0.0, 0.0, 0.0]
    return best[0] + best[1] + best[2]


def count_shared(h, columns, rows, across):
    """Points of every window of a in each window of b."""
    counts = np.zeros((columns * rows, columns * rows), np.int64)
    for y in range(rows * across):
        for x in range(columns * across):
            u, v, w = carry(h, (x + 0.5) / across * 12.0 / columns, (y + 0.5) / across * 9.0 / rows)
            if w > 0 and 0 <= u < 12 and 0 <= v < 9:
                there = int(v * rows / 9.0) * columns + int(u * columns / 12.0)
                counts[y // across * columns + x // across, there] += 1
    return counts
