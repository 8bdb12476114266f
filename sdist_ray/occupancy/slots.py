"""Slots of time: a bounded number of them for footage of any length, and at last those of every day."""

from __future__ import annotations

SLOTS = 12
DAY_S = 86_400.0
DOUBLINGS = 4
"""From slots of seven and a half minutes to those of two hours."""


class Slots:
    """Which slot a tick belongs to: SLOTS of them from the first on, twice as long whenever they are full."""

    def __init__(self, fps: float) -> None:
        self._day = DAY_S * fps
        self._doubled = 0
        self._first: int | None = None

    @property
    def daily(self) -> bool:
        """Whether slots are those of every day."""
        return self._doubled == DOUBLINGS

    def _number(self, tick: int) -> int:
        """Slots of the present length since the epoch."""
        return int(tick // self._length())

    def _length(self) -> float:
        return self._day / SLOTS / (1 << (DOUBLINGS - self._doubled))

    def until(self, tick: int) -> int:
        """The first tick after this one that is in another slot of the present length."""
        number = self._number(tick)
        first = max(tick + 1, int((number + 1) * self._length()))
        while self._number(first) == number:
            first += 1
        return first

    def of(self, tick: int) -> tuple[int, list[list[int]]]:
        """The slot of a tick, no earlier than those before; and where slots' counts move first, in turn."""
        moved: list[list[int]] = []
        if self._first is None:
            self._first = self._number(tick)
        while not self.daily and self._number(tick) - self._first >= SLOTS:
            first = self._first
            self._doubled += 1
            self._first = first // 2
            numbers = [(first + slot) // 2 for slot in range(SLOTS)]
            moved.append([n % SLOTS if self.daily else n - self._first for n in numbers])
        number = self._number(tick)
        return (number % SLOTS if self.daily else number - self._first), moved
