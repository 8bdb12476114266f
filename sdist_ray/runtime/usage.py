"""What a process takes: CPU time and memory, and whether its memory grows."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

MB = 1e6


def rss_bytes(root: Path = Path("/")) -> int:
    """Resident memory of this process, bytes; the most that it ever was where there is no /proc.

    Args:
        root: of /proc.
    """
    try:
        pages = int((root / "proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


class BusyMeter:
    """The share of a CPU that was used since it was asked last.

    Args:
        used_s: CPU seconds so far: ``time.process_time`` of this process, ``time.thread_time`` of the thread
            that calls it.
        clock_s: seconds that pass.
    """

    def __init__(
        self,
        used_s: Callable[[], float] = time.process_time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._used_s = used_s
        self._clock_s = clock_s
        self._last = used_s(), clock_s()

    def read(self) -> float:
        """The share since it was read last, 0 or more; above 1 where several threads were busy."""
        used, now = self._used_s(), self._clock_s()
        before, then = self._last
        self._last = used, now
        return max(0.0, used - before) / max(1e-9, now - then)


class MemorySlopes:
    """How fast each process's memory grows: a line of least squares through samples, after a warm-up.

    A process that was made anew has a name of its own, such as its number with its process id: what it
    allocates as it starts is no growth.

    Args:
        warmup_s: seconds of a process that are left out: it loads its code and fills its buffers.
        every_s: seconds between samples that are kept.
        samples: how many are kept of a process; the oldest are let go.
        processes: how many are kept; the one that was heard of the longest ago is let go.
    """

    LEAST_SAMPLES = 6

    def __init__(
        self, warmup_s: float = 60.0, every_s: float = 5.0, samples: int = 720, processes: int = 256
    ) -> None:
        self._warmup_s = warmup_s
        self._every_s = every_s
        self._samples = samples
        self._most = processes
        self._kept: dict[str, tuple[float, deque[tuple[float, float]]]] = {}

    def add(self, process: str, rss: int, now_s: float) -> None:
        """A process has ``rss`` bytes of resident memory at ``now_s``, any clock's seconds."""
        begun, kept = self._kept.pop(process, (now_s, deque(maxlen=self._samples)))
        self._kept[process] = begun, kept
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        if now_s - begun >= self._warmup_s and (not kept or now_s - kept[-1][0] >= self._every_s):
            kept.append((now_s, float(rss)))

    def forget(self, process: str) -> None:
        """A process is gone."""
        self._kept.pop(process, None)

    def by_process(self) -> dict[str, float]:
        """Megabytes (10^6 bytes) a minute of each process that has been measured long enough."""
        slopes = {}
        for process, (_, kept) in self._kept.items():
            if len(kept) >= self.LEAST_SAMPLES:
                time_s, rss = np.array(kept).T
                time_s -= time_s.mean()
                slope = float(time_s @ (rss - rss.mean()) / (time_s @ time_s))
                slopes[process] = slope * 60 / MB
        return dict(sorted(slopes.items()))
