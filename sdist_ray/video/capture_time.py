"""When a live frame was captured, from what its stream says and when it came."""

from __future__ import annotations

import math

JITTER_S = 0.01
OFF_S = 1.0
SOON_S = 2.0
WINDOW_S = 30.0
RESET_S = 10.0


class CaptureClock:
    """Turns a stream's own times into epoch seconds.

    Frames are captured evenly and come unevenly: the network, and a camera that sends in bursts, delay some.
    The frame that was delayed least says best how the stream's clock stands to ours, so:

    - the first frame was captured when it came;
    - no frame was captured after it came: one that would have been moves the anchor back;
    - every 30 s the anchor moves forth by the least delay seen in that time, so that a clock which runs
      slow does not fall behind; after 2 s already where that is more than 1 s;
    - a stream whose times jump back, or fall behind by 10 s, began anew: so does the anchor.

    The constant part of the delay (encoding, the least time on the network) cannot be seen from here.
    """

    def __init__(self) -> None:
        self._anchor_s: float | None = None
        self._last_own_s = -math.inf
        self._last_s = -math.inf
        self._slow = _Least(WINDOW_S)
        self._soon = _Least(SOON_S)

    def time_s(self, own_s: float | None, arrived_s: float) -> float:
        """A frame's capture time, UTC epoch seconds; never after its arrival, never before the last one's.

        Args:
            own_s: its time on the stream's clock, seconds from anywhere; None where it has none.
            arrived_s: when it came, UTC epoch seconds.
        """
        if own_s is not None:
            self.hears_of(own_s, arrived_s)
        return self.captured_s(own_s, arrived_s)

    def captured_s(self, own_s: float | None, arrived_s: float) -> float:
        """``time_s`` of a frame that was heard of already."""
        if arrived_s < self._last_s - OFF_S:
            # This machine's clock was set back.
            self._last_s = -math.inf
        captured_s = arrived_s if own_s is None else (self._anchor_s or 0.0) + own_s
        self._last_s = min(arrived_s, max(self._last_s, captured_s))
        return self._last_s

    def hears_of(self, own_s: float, arrived_s: float) -> bool:
        """Learn from a frame how the clocks stand; whether the anchor is new or moved, but for jitter."""
        delay_s = -math.inf if self._anchor_s is None else arrived_s - (self._anchor_s + own_s)
        began_anew = delay_s > RESET_S or own_s < self._last_own_s - OFF_S
        self._last_own_s = own_s
        if self._anchor_s is None or delay_s < 0 or began_anew:
            self._anchor_s = arrived_s - own_s
            self._slow.begin(arrived_s, 0.0)
            self._soon.begin(arrived_s, 0.0)
            return began_anew or delay_s < -JITTER_S
        soon_s, slow_s = self._soon.after(delay_s, arrived_s), self._slow.after(delay_s, arrived_s)
        move_s = soon_s if soon_s > OFF_S else slow_s
        if move_s > 0:
            self._anchor_s += move_s
            self._slow.begin(arrived_s, math.inf)
            self._soon.begin(arrived_s, math.inf)
        return False


class _Least:
    """The least delay in each stretch of time."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self.begin(-math.inf, math.inf)

    def begin(self, now_s: float, least_s: float) -> None:
        self._since_s, self._least_s = now_s, least_s

    def after(self, delay_s: float, now_s: float) -> float:
        """The least of a stretch that ends now; 0 where none does."""
        self._least_s = min(self._least_s, delay_s)
        if now_s - self._since_s < self._span_s:
            return 0.0
        least_s = self._least_s
        self.begin(now_s, math.inf)
        return least_s
