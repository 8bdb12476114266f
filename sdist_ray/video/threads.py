"""Daemon threads that are asked to end before the interpreter does."""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from collections.abc import Callable

GRACE_S = 2.0
_stops: dict[threading.Thread, Callable[[], None]] = {}


def start(run: Callable[[], None], name: str, stop: Callable[[], None]) -> None:
    """Run something in a daemon thread.

    A daemon thread that still runs when the interpreter ends is torn out of whatever it does, and one that is
    just in OpenCV takes the whole process down with it ("terminate called without an active exception"). So
    all are asked to end first, and waited for, 2 s at most: one that hangs in a read does no harm there.

    Args:
        run: what the thread does.
        name: what it is called.
        stop: makes ``run`` end soon; called from another thread, if the interpreter ends first.
    """

    def run_and_forget() -> None:
        try:
            run()
        finally:
            _stops.pop(thread, None)

    thread = threading.Thread(target=run_and_forget, name=name, daemon=True)
    _stops[thread] = stop
    thread.start()


@atexit.register
def end_all() -> bool:
    """Ask all threads to end, and wait a little for those that do; whether all did."""
    deadline_s = time.monotonic() + GRACE_S
    waiting = dict(_stops)
    for stop in waiting.values():
        with contextlib.suppress(Exception):
            stop()
    for thread in waiting:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    return not any(thread.is_alive() for thread in waiting)
