"""Processes that a test started, told from everybody else's on the machine."""

import os
import sys
from pathlib import Path

HOLD_S = 5.0
"""A file's frame waits for so long to be taken: the machine has other things to do at times."""
START = f"""
import contextlib
from sdist_ray.__main__ import start
from sdist_ray.jobs import live
from sdist_ray.video import replay

replay.HOLD_S = {HOLD_S}
# Whoever stands back behind all other work on the machine may never end.
live.standing_back = contextlib.nullcontext
start()
"""
LIVE_COMMAND = (sys.executable, "-c", START)
"""sdist-ray, for a network in real time."""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes_of(session):
    """Those of a session that are alive: what each was called with, by its id."""
    found = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if os.getsid(pid) == session and alive(pid):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found
