"""The slow, obvious reference of every kernel. Kernels equal these, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import simplejpeg

from sdist_ray.detection.mixture import INITIAL_VARIANCE, Step
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


def jpeg_luminance(data: bytes) -> np.ndarray:
    """What libjpeg-turbo's fast cosine transform makes of a JPEG file; ValueError where it is damaged."""
    return simplejpeg.decode_jpeg(data, "GRAY", fastdct=True)[..., 0]


def moved(value: int, target: int, rate: int, dither: int) -> int:
    """A whole number, moved by rate / 65536 of the way: the step is rounded down after adding the dither."""
    step = (abs(target - value) * rate + dither) // 65536
    return value + step if target > value else value - step


def update_pixel(
    x: int, modes: list[list[int]], step: Step | None, reach: int, share: float, floor: int
) -> bool:
    """One pixel of the Stauffer-Grimson mixture; ``modes`` is a list of [mean, limit, weight], updated.

    Means are in 1/256 of a level, limits (reach / 16 times the variance) in 1/16 of a level squared; the
    fittest mode is the first. Returns whether the value is foreground; without a step, nothing is updated.
    """
    value = 256 * x
    squares = [(value - mean) ** 2 // 65536 for mean, _, _ in modes]
    matched = [
        square <= limit // 16 and limit > 0 for square, (_, limit, _) in zip(squares, modes, strict=True)
    ]
    weights = [np.float32(weight) for _, _, weight in modes]
    taker = matched.index(True) if any(matched) else None
    foreground = taker is None
    if taker in (1, 2):
        fitter = weights[0] if taker == 1 else weights[0] + weights[1]
        foreground = bool(fitter >= np.float32(share) * (weights[0] + weights[1] + weights[2]))
    if step is None:
        return foreground
    if taker is None:
        taker = 2
        mode = [value, max(floor, round(INITIAL_VARIANCE * reach)), max(step.gain, 1)]
    else:
        mean, limit, weight = modes[taker]
        weight += step.gain
        if taker == 0:
            rate = step.rate + step.more_rate * (step.total - weight) // 65536
        else:
            rate = int(min(np.float32(step.gain) * np.float32(65536) / np.float32(weight), np.float32(65535)))
        half = reach // 2
        target = min(squares[taker], (65535 - half) // reach) * reach + half
        mode = [
            moved(mean, value, rate, step.dither),
            max(floor, moved(limit, target, rate, step.dither)),
            weight,
        ]
    modes[taker] = mode

    # A mode that takes a value moves up past those that are no fitter.
    def fitness(one: list[int], other: list[int]) -> np.float32:
        weight = np.float32(one[2])
        return weight * weight * np.float32(other[1])

    if taker == 2 and fitness(modes[2], modes[1]) >= fitness(modes[1], modes[2]):
        modes[1], modes[2] = modes[2], modes[1]
        taker = 1
    if taker == 1 and fitness(modes[1], modes[0]) >= fitness(modes[0], modes[1]):
        modes[0], modes[1] = modes[1], modes[0]
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


def morphed(image: np.ndarray, wide: int, tall: int, erode: bool) -> np.ndarray:
    """A bool image eroded or dilated by a rectangle; outside the image there is nothing to do it."""
    height, width = image.shape
    result = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            top, left = y - tall // 2, x - wide // 2
            part = image[max(0, top) : top + tall, max(0, left) : left + wide]
            result[y, x] = part.all() if erode else part.any()
    return result


def blobs(image: np.ndarray, opening: int, closing_width: int, closing_height: int) -> list[list[int]]:
    """Left, top, width, height and area of the 8-connected components of a bool image, opened and closed."""
    side, wide, tall = max(1, opening), max(1, closing_width), max(1, closing_height)
    image = morphed(morphed(image, side, side, True), side, side, False)
    image = morphed(morphed(image, wide, tall, False), wide, tall, True)
    left_over = {(int(y), int(x)) for y, x in np.argwhere(image)}
    found = []
    for first in sorted(left_over):
        if first not in left_over:
            continue
        left_over.remove(first)
        pixels, ahead = [], [first]
        while ahead:
            y, x = ahead.pop()
            pixels.append((y, x))
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if near in left_over:
                    left_over.remove(near)
                    ahead.append(near)
        ys, xs = [y for y, _ in pixels], [x for _, x in pixels]
        box = [min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1]
        found.append([*box, len(pixels)])
    return found


def scattered(value: int) -> int:
    """The finaliser of splitmix64."""
    mask = (1 << 64) - 1
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)


def is_missed(seed, walker, camera, tick, fps, skew_s, misses, spell_s) -> bool:
    """Whether a city's camera misses a walker at a tick: for whole spells, of a phase of their own."""
    golden, mask = 0x9E3779B97F4A7C15, (1 << 64) - 1
    key = scattered(scattered((seed + golden) & mask) ^ (walker << 32 | camera))
    phase = math.floor((key >> 11) * 2.0**-53 * spell_s * 1024) / 1024
    spell = math.floor((tick / fps - skew_s + phase) / spell_s) + 2
    while (spell * spell_s - phase + skew_s) * fps > tick:
        spell -= 1
    return (scattered((key + (spell + 1) * golden) & mask) >> 11) * 2.0**-53 < misses


def watch(visits, seen_by, camera_of, from_s, until_s, skew_s, misses, spell_s, seed, fps, ticks):
    """What a city's cameras report: a set of (camera, window, tick).

    ``visits`` are (start, end, walker, cell); ``seen_by[cell]`` lists (view, window); a camera's tick k shows
    the moment that is its skew before k / fps.
    """
    reported = set()
    for start, end, walker, cell in visits:
        for view, window in seen_by.get(cell, ()):
            camera = camera_of[view]
            skew = skew_s[camera]
            for tick in ticks:
                if (
                    not (max(start, from_s[view]) + skew) * fps
                    <= tick
                    < (min(end, until_s[view]) + skew) * fps
                ):
                    continue
                if not is_missed(seed, walker, camera, tick, fps, skew, misses, spell_s):
                    reported.add((camera, window, tick))
    return reported


def still_counts(whole, index, newest):
    """Whether a range of a thinned log counts."""
    chunk = max(1, min(64, whole // 8))
    step = max(chunk, whole // 8)
    now = newest // step * step
    last_of_chunk = (index // chunk + 1) * chunk
    every, age = 1, whole
    while now - last_of_chunk >= age:
        every, age = every * 2, age * 2
    return index // chunk % every == 0
