"""When ranges of a live network close, and how long anyone is waited for."""

from __future__ import annotations

from dataclasses import dataclass

JOINING_S = 1.0
"""Cameras that wait go to workers once none has joined for so long: the first is not given all of them."""


@dataclass(frozen=True)
class Timing:
    """Of a live network, seconds.

    Attributes:
        range_s: T_r, how long a range lasts.
        lateness_s: T_d, how long after its end a range stays open.
        collect_s: between two askings of a worker.
        silent_s: a worker that owes an answer for so long is given up.
        balance_s: between two looks at the workers' loads.
        move_s: a camera that moves begins anew if its worker has not let go of it, or what that knew of it is
            not where it moves to, after so long.
        stop_s: how long workers have to deliver at the end, and after a pause of the coordinator's own.
    """

    range_s: float = 2.0
    lateness_s: float = 5.0
    collect_s: float = 0.5
    silent_s: float = 8.0
    balance_s: float = 2.0
    move_s: float = 3.0
    stop_s: float = 3.0

    def range_at(self, time_s: float) -> int:
        """The range that a time lies in."""
        return int(time_s // self.range_s)

    def newest_due(self, now_s: float) -> int:
        """The last range that is to be closed by now."""
        return self.range_at(now_s - self.lateness_s) - 1


def within(since_s: float | None, now_s: float, seconds: float) -> bool:
    """Whether something was less than so many seconds ago; never where the clock was set back since."""
    return since_s is not None and 0 <= now_s - since_s < seconds
