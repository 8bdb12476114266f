"""Whether a camera's picture can be trusted: not dark, not frozen, not covered.

Every frame is compared with the one before at one pixel of each block; a few times a second each block's
brightness is taken. The differences between neighbours, by cell of a coarse grid, are the picture's detail:
what is in front of a lens has hardly any, whatever its brightness, and sensor noise is averaged out of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.detection.detail import (
    CELL_COLUMNS,
    CELL_ROWS,
    changed,
    checksum,
    learn_mean,
    learn_slowly,
    lost_share,
    measure_blocks,
    measure_detail,
)
from sdist_ray.errors import InputError

BLOCK_ROWS, BLOCK_COLUMNS = 30, 40
"""At most so many blocks; smaller pictures have fewer."""
LEAST_GAIN = 0.4
"""Of the light: that less of it takes detail away is believed down to here."""
LEARNING_PER_S = 0.002
"""By how much what is usual moves towards what is seen, in a second."""
FIRST_LOOKS = 5
"""Before them nothing is usual yet."""
BACK = 0.85
"""Of the dark or covered share: a blind camera is trusted again below that."""
MOST_LOST_TO_LEARN = 0.5
"""Of the detail: a picture that lost more is not what is usual."""
REPEATS = 5
"""Frames: two equal ones with a long gap between them are no frozen camera."""
PATIENCE = 3.0
"""A camera that stood still and went on by itself may do so for this many times as long."""
Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SightSettings:
    """When a picture is no longer trusted.

    Attributes:
        frozen_s: seconds of the same frame again and again, 1 to 3600.
        dark_s: seconds of a picture that is nearly black, 0 to 3600.
        dark_level: grey level up to which a block is black, 0 to 128.
        dark_share: of the picture must be that black, above 0.5, at most 1.
        covered_s: seconds of a picture that lost its detail, 0 to 3600.
        covered_share: of the picture must have lost it, above 0.5, at most 1.
        lost: a part has lost its detail when it has less than this share of what it usually has, 0.05 to 0.8.
        back_s: seconds of a good picture before a dark or covered camera is trusted again, 0 to 600.
        every_s: seconds between looks at detail, 0.01 to 5; a quarter of that once something seems wrong.

    Raises:
        InputError: a setting is out of its range.
    """

    frozen_s: float = 10.0
    dark_s: float = 1.5
    dark_level: float = 22.0
    dark_share: float = 0.99
    covered_s: float = 2.5
    covered_share: float = 0.75
    lost: float = 0.3
    back_s: float = 1.0
    every_s: float = 1.0

    def __post_init__(self) -> None:
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if not least <= value <= most:
                raise InputError(f"sight.{name} must be {least:g} to {most:g}, not {value}")


_RANGES = (
    ("frozen_s", 1.0, 3600.0),
    ("dark_s", 0.0, 3600.0),
    ("dark_level", 0.0, 128.0),
    ("dark_share", 0.5, 1.0),
    ("covered_s", 0.0, 3600.0),
    ("covered_share", 0.5, 1.0),
    ("lost", 0.05, 0.8),
    ("back_s", 0.0, 600.0),
    ("every_s", 0.01, 5.0),
)


@dataclass(frozen=True)
class SightState:
    """What a camera's Sight has learnt, to go on with in another process.

    Attributes:
        shape: (height, width) of the pictures; (0, 0) before the first.
        looks: looks at detail that it has learnt from.
        light: usual mean grey level.
        detail: usual detail of each cell, grey levels, row by row.
        still: since when it stands still (seconds), for how many frames, and their checksum.
        longest_s: the longest that it stood still and went on by itself.
        verdict: what it said last.
    """

    shape: tuple[int, int]
    looks: int
    light: float
    detail: tuple[float, ...]
    still: tuple[float, int, int]
    longest_s: float
    verdict: str | None


class _Held:
    """Since when something holds."""

    def __init__(self) -> None:
        self.since_s: float | None = None

    def for_s(self, holds: bool, time_s: float) -> float:
        """Seconds for which it has held without a break; -1 where it does not."""
        if not holds:
            self.since_s = None
            return -1.0
        if self.since_s is None or time_s < self.since_s:
            self.since_s = time_s
        return time_s - self.since_s


class Sight:
    """One camera's picture, looked at frame by frame.

    Args:
        settings: when it is no longer trusted.
        state: of the same camera's Sight elsewhere; what it has learnt of pictures of another size is
            learnt anew.
    """

    def __init__(self, settings: SightSettings | None = None, state: SightState | None = None) -> None:
        self._settings = settings or SightSettings()
        self._state = state
        self._shape: tuple[int, ...] = (0, 0)
        self._resumed = False
        # Of the last look at detail, and the next; no time lies between these.
        self._looked_s, self._next_s = math.inf, -math.inf
        self._verdict = None if state is None else state.verdict
        self._longest_s = 0.0 if state is None else state.longest_s

    def look(self, grey: Grey, time_s: float) -> str | None:
        """Whether the picture can be trusted: None where it can, or "dark", "frozen" or "covered".

        Args:
            grey: uint8 (height, width), the frame; all of a camera in the order of their capture.
            time_s: when it was captured, seconds.
        """
        if grey.shape != self._shape:
            self._start(grey.shape)
        grey = np.ascontiguousarray(grey)
        if changed(grey, 2 * self._high, 2 * self._wide, self._last) and not self._resumed:
            if self._repeats:
                self._goes_on(time_s)
            frozen = False
        else:
            frozen = self._stands_still(grey, time_s)
        self._resumed = False
        if not self._looked_s <= time_s < self._next_s:
            self._looked_s = time_s
            self._look_at_detail(grey.reshape(-1), time_s)
        self._verdict = self._blind or ("frozen" if frozen else None)
        return self._verdict

    def snapshot(self) -> SightState:
        """What it has learnt."""
        if self._shape == (0, 0):
            return self._state or SightState((0, 0), 0, 0.0, (), (0.0, 0, 0), 0.0, None)
        height, width = self._shape
        usual = tuple(self._usual.reshape(-1).tolist())
        still = (self._same_since_s, self._repeats, self._sum)
        return SightState(
            (height, width), self._looks, self._light, usual, still, self._longest_s, self._verdict
        )

    def _start(self, shape: tuple[int, ...]) -> None:
        """Pictures are of this size from now on."""
        rows, columns = min(BLOCK_ROWS, shape[0]), min(BLOCK_COLUMNS, shape[1])
        self._shape = shape
        self._high, self._wide = shape[0] // rows, shape[1] // columns
        self._last = np.zeros((max(1, rows // 2), max(1, columns // 2)), np.uint8)
        self._blocks = np.zeros((rows, columns), np.float32)
        self._detail = np.zeros((CELL_ROWS, CELL_COLUMNS), np.float32)
        self._same_since_s, self._repeats, self._sum, self._resumed = 0.0, 0, 0, False
        self._looked_s, self._next_s = math.inf, -math.inf
        self._dark, self._covered, self._good = _Held(), _Held(), _Held()
        self._looks, self._light = 0, 0.0
        self._usual = np.zeros((CELL_ROWS, CELL_COLUMNS), np.float32)
        known = self._state
        self._blind: str | None = None
        if known is not None and known.shape == shape:
            self._looks, self._light = known.looks, known.light
            self._usual = np.array(known.detail, np.float32).reshape(CELL_ROWS, CELL_COLUMNS)
            self._same_since_s, self._repeats, self._sum = known.still
            self._resumed = self._repeats > 0
            self._blind = known.verdict if known.verdict in ("dark", "covered") else None
        self._state = None

    def _stands_still(self, grey: Grey, time_s: float) -> bool:
        """Whether it has done so for too long; the few pixels compared are those of the frame before."""
        total = int(checksum(grey.reshape(-1)))
        if not self._repeats or total != self._sum or time_s < self._same_since_s:
            # Something moves between the pixels that are compared.
            self._goes_on(time_s)
            self._sum, self._repeats, self._same_since_s = total, 1, time_s
            return False
        self._repeats += 1
        limit_s = max(self._settings.frozen_s, PATIENCE * self._longest_s)
        return self._repeats > REPEATS and time_s - self._same_since_s >= limit_s

    def _goes_on(self, time_s: float) -> None:
        """A still picture changed. A source without noise may stand still where nobody moves."""
        if self._repeats > REPEATS and self._verdict != "frozen":
            self._longest_s = max(self._longest_s, time_s - self._same_since_s)
        self._repeats = 0

    def _look_at_detail(self, pixels: Grey, time_s: float) -> None:
        settings = self._settings
        measure_blocks(pixels, self._shape[1], self._high, self._wide, self._blocks)
        light, black = measure_detail(self._blocks, settings.dark_level, self._detail)
        gain = min(1.0, light / self._light) if self._looks >= FIRST_LOOKS else 0.0
        factor = settings.lost * max(LEAST_GAIN, gain) if gain else 0.0
        lost = lost_share(self._detail, self._usual, factor, gain)
        # Who is blind needs a better picture to be trusted again than it took to be trusted till then.
        is_dark = black >= settings.dark_share * (BACK if self._blind else 1.0)
        is_covered = not is_dark and lost >= settings.covered_share * (BACK if self._blind else 1.0)
        if self._dark.for_s(is_dark, time_s) >= settings.dark_s:
            self._blind = "dark"
        if self._covered.for_s(is_covered, time_s) >= settings.covered_s:
            self._blind = "covered"
        if self._good.for_s(not is_dark and not is_covered, time_s) >= settings.back_s:
            self._blind = None
        suspicious = is_dark or is_covered or self._blind is not None
        self._next_s = time_s + (settings.every_s / 4 if suspicious else settings.every_s)
        if not suspicious and lost < MOST_LOST_TO_LEARN:
            self._learn(light)

    def _learn(self, light: float) -> None:
        """What is usual: a mean of the first looks, then something like a median, which moves slowly."""
        self._looks += 1
        if self._looks <= FIRST_LOOKS:
            learn_mean(self._detail, self._usual, self._looks)
            self._light += (max(light, 1.0) - self._light) / self._looks
            return
        step = LEARNING_PER_S * self._settings.every_s
        learn_slowly(self._detail, self._usual, step)
        self._light *= 1 + step if light > self._light else 1 - step
