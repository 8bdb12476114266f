"""How long a stream waits before it tries again."""

from __future__ import annotations

import random


class Pauses:
    """Pauses that grow from one failure to the next, and differ from camera to camera.

    When a switch or a recorder comes back after an outage, its hundred cameras must not be asked for in one
    instant, nor a dead one a hundred times a minute.

    Args:
        first_s: the first pause; each further one is twice as long.
        most_s: the longest, before jitter.
        jitter: each pause is shortened or lengthened by up to this fraction.
        stable_s: a connection that gave frames for so long was good: the next pause is the first again.
        draw: numbers from 0 to 1; random unless given.
    """

    def __init__(
        self,
        first_s: float = 0.5,
        most_s: float = 30.0,
        jitter: float = 0.5,
        stable_s: float = 30.0,
        draw: random.Random | None = None,
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._jitter = jitter
        self._stable_s = stable_s
        self._draw = draw or random.Random()
        self._next_s = first_s

    def after(self, lived_s: float) -> float:
        """Seconds to wait after a connection that gave frames for ``lived_s`` seconds, 0 if it gave none."""
        if lived_s >= self._stable_s:
            self._next_s = self._first_s
        pause_s = self._next_s
        self._next_s = min(2 * self._next_s, self._most_s)
        return pause_s * (1 + self._jitter * (2 * self._draw.random() - 1))
