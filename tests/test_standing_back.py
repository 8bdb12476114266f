"""Who publishes runs when nobody else wants to, and as before when that is over."""

import os
import sys
import threading

import pytest

from sdist_ray.jobs.live import NICEST, standing_back


def scheduled():
    return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)


def in_a_thread(function):
    """What a function returns in a thread of its own: only that stands back."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux schedules a thread as idle")
@pytest.mark.parametrize("sandbox", [False, True])
def test_a_thread_stands_back_even_where_it_may_not_choose(sandbox, monkeypatch):
    if sandbox:

        def refused(*_):
            raise PermissionError

        monkeypatch.setattr(os, "sched_setscheduler", refused)

    def look():
        with standing_back():
            return scheduled()

    before = scheduled()
    assert in_a_thread(look) == (before[0] if sandbox else os.SCHED_IDLE, NICEST)
    assert scheduled() == before
