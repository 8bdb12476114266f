"""Which camera to show of one person: the best view, held as long as no other is worth a cut.

Each instant, all cuts within the next seconds are weighed at once (receding horizon): what a plan shows of
the person, less what its cuts cost, is greatest; the plan's first step is taken. A cut that would be undone a
second later is not made, and neither is one before a picture has stood long enough to be understood, unless
it no longer shows the person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SEEN = 0.4
"""Of a view's worth, that somebody is seen in it at all; the rest is how well."""
SIZE, MIDDLE, CLEAR = 0.25, 0.15, 0.2
TALL = 0.4
"""Of the image's height: who is taller is not seen better."""
CARRIED = 0.3
"""What a place is worth where somebody is expected and not detected, over one where they are."""
EDGE = 0.02
"""Of the image's size: boxes that come nearer to its border are cut by it."""


@dataclass(frozen=True)
class CutSettings:
    """When to cut to another camera.

    Attributes:
        switch: what a cut costs: so many seconds of the best view there can be.
        shortest_s: no picture that shows the person is left before it has stood for so long.
        ahead_s: how far ahead is looked; a live picture would be so much late.
    """

    switch: float = 0.6
    shortest_s: float = 1.5
    ahead_s: float = 2.0


def view_worth(box: Floats, size: tuple[int, int], detected: bool, others: Floats) -> float:
    """How well a camera shows somebody, 0 to 1.

    Args:
        box: float64 (4,), left, top, width, height, pixels.
        size: (width, height) of the image.
        detected: False where they are only expected there.
        others: float64 (n, 4), everybody else's boxes; who stands lower in the image is nearer.
    """
    width, height = size
    left, top, wide, tall = (float(value) for value in box)
    middle = np.array([left + wide / 2, top + tall / 2]) / (width, height) - 0.5
    if (np.abs(middle) > 0.5).any():
        return 0.0
    large = min(1.0, tall / (TALL * height))
    off = float(np.abs(middle).max()) * 2
    central = 1 - max(0.0, off - 0.4) / 0.6
    shown_x = min(left + wide, width) - max(left, 0.0)
    shown_y = min(top + tall, height) - max(top, 0.0)
    clear = max(shown_x, 0.0) * max(shown_y, 0.0) / max(wide * tall, 1e-9)
    if left < EDGE * width or left + wide > (1 - EDGE) * width:
        central *= 0.5
    if len(others):
        nearer = others[others[:, 1] + others[:, 3] > top + tall]
        low = np.maximum(nearer[:, :2], (left, top))
        high = np.minimum(nearer[:, :2] + nearer[:, 2:], (left + wide, top + tall))
        covered = np.maximum(high - low, 0).prod(axis=1).max(initial=0.0) / max(wide * tall, 1e-9)
        clear *= 1 - float(covered)
    worth = SEEN + SIZE * large + MIDDLE * central + CLEAR * clear
    return worth if detected else CARRIED * worth


def choose_views(worth: Floats, fps: float, settings: CutSettings | None = None) -> Ints:
    """The camera to show at every instant, int64 (instants,).

    Args:
        worth: float64 (instants, cameras), of each view, 0 where the person is not in it.
        fps: instants a second.
        settings: see there.
    """
    settings = settings or CutSettings()
    instants, cameras = worth.shape
    chosen = np.zeros(instants, dtype=np.int64)
    if not instants or not cameras:
        return chosen
    ahead, shortest = max(1, round(settings.ahead_s * fps)), round(settings.shortest_s * fps)
    cost = settings.switch * fps
    seen = np.flatnonzero(worth.max(axis=1) > 0)
    current = int(worth[seen[0]].argmax()) if len(seen) else 0
    held = shortest
    for at in range(instants):
        window = worth[at : at + ahead]
        # What a plan that shows each camera from an instant on is worth, from the window's end backwards.
        value = np.zeros(cameras)
        for row in window[:0:-1]:
            value = np.maximum(value + row, (value + row).max() - cost)
        stay = value[current] + window[0, current]
        go = value + window[0]
        best = int(go.argmax())
        blind = window[0, current] <= 0
        # A picture that shows nobody may be left at once, for one that does.
        ready = held >= shortest or (blind and window[0, best] > 0)
        fits = window[0, best] > 0 and (go[best] - cost > stay or (blind and stay <= 0))
        if best != current and ready and fits:
            current, held = best, 0
        chosen[at] = current
        held += 1
    return chosen


@dataclass(frozen=True)
class Shot:
    """One picture between two cuts.

    Attributes:
        camera: its number.
        first, last: instants.
        why: "first", "lost" (the camera before no longer showed the person) or "better".
    """

    camera: int
    first: int
    last: int
    why: str


def shots_of(chosen: Ints, worth: Floats) -> list[Shot]:
    """The pictures that a choice makes, in order."""
    cuts = np.flatnonzero(np.diff(chosen)) + 1
    starts, ends = [0, *cuts.tolist()], [*cuts.tolist(), len(chosen)]
    shots = []
    for first, end in zip(starts, ends, strict=True):
        if first == end:
            continue
        before = int(chosen[first - 1]) if first else -1
        why = "first" if first == 0 else "better" if worth[first, before] > 0 else "lost"
        shots.append(Shot(int(chosen[first]), first, end - 1, why))
    return shots
