"""The slow, obvious reference of every kernel. Kernels equal these, bit for bit."""

from __future__ import annotations

import math

import numpy as np

from sdist_ray.distancing.companions import GroupSettings


def pad_in_space(occupied: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """s: bool (ticks, cameras, windows), OR over each window and its 8 neighbours."""
    ticks, cameras, windows = occupied.shape
    padded = np.zeros_like(occupied)
    for t in range(ticks):
        for camera in range(cameras):
            for j in range(windows):
                for i in range(windows):
                    near_row = abs(i // columns - j // columns) <= 1
                    near_column = abs(i % columns - j % columns) <= 1
                    if near_row and near_column and occupied[t, camera, i]:
                        padded[t, camera, j] = True
    return padded


def pad_in_time(spaced: np.ndarray, tolerance: int) -> np.ndarray:
    """y: OR of s over |d| <= p; nothing is occupied before the first tick and after the last."""
    ticks = len(spaced)
    padded = np.zeros_like(spaced)
    for t in range(ticks):
        for d in range(-tolerance, tolerance + 1):
            if 0 <= t + d < ticks:
                padded[t] |= spaced[t + d]
    return padded


def countable(available: np.ndarray, tolerance: int) -> np.ndarray:
    """r: AND of available over |d| <= p; nothing is available before the first tick and after the last."""
    ticks = len(available)
    result = np.zeros_like(available)
    for t in range(ticks):
        for camera in range(available.shape[1]):
            result[t, camera] = all(
                0 <= t + d < ticks and available[t + d, camera] for d in range(-tolerance, tolerance + 1)
            )
    return result


def count(
    occupied: np.ndarray,
    available: np.ndarray,
    columns: int,
    rows: int,
    tolerance: int,
    range_ticks: int,
    policy: str,
    first_tick: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """O and E of all pairs of windows, int64 (windows of all cameras, windows of all cameras).

    ``occupied`` is bool (ticks, cameras, windows), ``available`` bool (ticks, cameras). In ``byte`` policy,
    when adding a range would take a row's O over 255, every O above 127 in that row is halved, and its E.
    """
    ticks, cameras, windows = occupied.shape
    x = occupied & available[:, :, None]
    y = pad_in_time(pad_in_space(x, columns, rows), tolerance)
    r = countable(available, tolerance)
    n = cameras * windows
    opportunities = np.zeros((n, n), dtype=np.int64)
    exclusions = np.zeros((n, n), dtype=np.int64)
    t = 0
    while t < ticks:
        end = min(ticks, ((first_tick + t) // range_ticks + 1) * range_ticks - first_tick)
        for i in range(n):
            more_o = np.zeros(n, dtype=np.int64)
            more_e = np.zeros(n, dtype=np.int64)
            for tick in range(t, end):
                if not x[tick, i // windows, i % windows]:
                    continue
                for j in range(n):
                    if r[tick, j // windows]:
                        more_o[j] += 1
                        more_e[j] += not y[tick, j // windows, j % windows]
            if policy == "byte" and (opportunities[i] + more_o > 255).any():
                for j in range(n):
                    if opportunities[i, j] > 127:
                        opportunities[i, j] //= 2
                        exclusions[i, j] //= 2
            opportunities[i] += more_o
            exclusions[i] += more_e
        t = end
    return opportunities, exclusions


def nonexclusion(o: int, e: int) -> float:
    """C' of the paper, equation 2, with O_ref = 20."""
    if o <= 1:
        return 0.0
    return (o - e) / o * min(1.0, math.log(o) / math.log(20))


def update_pixel(
    x: int,
    modes: list[list[np.float32]],
    alpha: np.float32,
    threshold: np.float32,
    share: np.float32,
    floor: np.float32,
    initial: np.float32,
) -> bool:
    """One pixel of the Stauffer-Grimson mixture; ``modes`` is a list of [weight, mean, variance], updated.

    Returns whether the value is foreground.
    """
    value = np.float32(x)
    # Fittest first: weight / sigma; of equals the earlier mode is the fitter.
    order: list[int] = []
    for k in range(len(modes)):
        place = 0
        for place in range(len(order) + 1):
            if place == len(order):
                break
            other = modes[order[place]]
            mine = modes[k]
            if not other[0] * other[0] * mine[2] >= mine[0] * mine[0] * other[2]:
                break
        order.insert(place, k)
    matched = None
    before = np.float32(0)
    for k in order:
        weight, mean, variance = modes[k]
        if weight > 0 and (value - mean) * (value - mean) < threshold * variance:
            matched = k
            break
        before = before + weight
    foreground = matched is None or bool(before >= share)
    keep = np.float32(1) - alpha
    weakest = order[-1]
    updated = []
    for k, (weight, mean, variance) in enumerate(modes):
        if matched is None and k == weakest:
            updated.append([alpha, value, initial])
        elif k == matched:
            new_weight = keep * weight + alpha
            rate = alpha / max(new_weight, alpha)
            difference = value - mean
            new_variance = max(floor, variance + rate * (difference * difference - variance))
            updated.append([new_weight, mean + rate * difference, new_variance])
        else:
            updated.append([keep * weight, mean, max(floor, variance)])
    total = updated[0][0] + updated[1][0] + updated[2][0]
    scale = np.float32(1) / total
    for mode, (weight, mean, variance) in zip(modes, updated, strict=True):
        mode[:] = [weight * scale, mean, variance]
    return foreground


def fading_line(times: list[float], places: np.ndarray, smoothing_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Position and velocity at the last of ``times``: a line through all places, older ones weighing less."""
    past = np.array(times) - times[-1]
    root = np.exp(past / smoothing_s) ** 0.5
    design = np.stack([np.ones_like(past), past], axis=1)
    line = np.linalg.lstsq(design * root[:, None], places * root[:, None], rcond=None)[0]
    return line[0], line[1]


def companionship(times: list[float], one: np.ndarray, other: np.ndarray, s: GroupSettings) -> list[float]:
    """Evidence, in nats, that two people who are seen at the same times are together, after each time.

    They never are further apart than they may be, and no gap between two times is long.
    """
    total, history, last_s = 0.0, [], None
    for seen in range(1, len(times) + 1):
        now = times[seen - 1]
        if now - times[0] >= s.settle_s:
            place_a, velocity_a = fading_line(times[:seen], one[:seen], s.smoothing_s)
            place_b, velocity_b = fading_line(times[:seen], other[:seen], s.smoothing_s)
            distance = max(math.dist(place_a, place_b), s.distance_m)
            difference = math.dist(velocity_a, velocity_b)
            log_normal = math.exp(-0.5 * (math.log(distance / s.distance_m) / s.distance_spread) ** 2) / (
                distance * s.distance_spread * math.sqrt(2 * math.pi)
            )
            gain = math.log(log_normal / (2 * math.pi * distance) / s.strangers_per_m2)
            standing = max(math.hypot(*velocity_a), math.hypot(*velocity_b)) < s.standing_mps
            if not standing:
                for sigma, sign in ((s.companion_mps, 1), (s.stranger_mps, -1)):
                    density = math.exp(-0.5 * (difference / sigma) ** 2) / (2 * math.pi * sigma**2)
                    gain += sign * math.log(density)
            gain = min(max(gain, -s.strongest), s.strongest)
            if last_s is None:
                last_s = max(times[0], now - s.longest_step_s)
            memory = s.standing_memory_s if standing else s.walking_memory_s
            total = min(max(total + gain * (now - last_s) / memory, s.lowest), s.highest)
            last_s = now
        history.append(total)
    return history


def intersection_over_union(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Of two boxes: left, top, right, bottom."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * tall / (sum(areas) - wide * tall)


def suppress(
    corners: list[tuple[float, ...]], scores: list[float], classes: list[int], overlap: float
) -> list[int]:
    """Greedy non-maximum suppression: which boxes stay, the best first; of equals the first is the better."""
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if all(
            classes[i] != classes[j] or intersection_over_union(corners[i], corners[j]) <= overlap
            for j in kept
        ):
            kept.append(i)
    return kept


def decode_yolox(
    rows: np.ndarray,
    width: int,
    height: int,
    strides: tuple[int, ...],
    least: float,
    classes: tuple[int, ...],
) -> list[tuple[float, ...]]:
    """(left, top, right, bottom, score, class) of each row (5+C) that scores enough, cell after cell."""
    found = []
    place = 0
    for stride in strides:
        for y in range(height // stride):
            for x in range(width // stride):
                row = [float(value) for value in rows[place]]
                place += 1
                best = max(classes, key=lambda name: row[5 + name])
                score = row[4] * row[5 + best]
                if score >= least:
                    left, right = ((row[0] + x + side * math.exp(row[2]) / 2) * stride for side in (-1, 1))
                    top, bottom = ((row[1] + y + side * math.exp(row[3]) / 2) * stride for side in (-1, 1))
                    found.append((left, top, right, bottom, score, best))
    return found
