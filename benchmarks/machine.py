"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

MOST_STOLEN, MOST_TRIES = 0.05, 6
"""Share of the processors that others may take, and how often a run is made at most."""


class Stolen:
    """How much of the processors' time a virtual machine's host gives to others, from when this is made."""

    def __init__(self) -> None:
        self._began, self._before = time.monotonic(), _stolen_s()

    @property
    def share(self) -> float | None:
        """0 to 1, of all processors; None where the system does not say."""
        now = _stolen_s()
        if now is None or self._before is None:
            return None
        elapsed = max(time.monotonic() - self._began, 1e-9) * (os.cpu_count() or 1)
        return round(min(1.0, (now - self._before) / elapsed), 4)


def undisturbed(run: Callable[[], dict[str, Any]], pause_s: float = 10.0) -> dict[str, Any]:
    """Measure, and again while a virtual machine's host gives too much of it to others.

    Args:
        run: measures; its result has ``stolen_share``.
        pause_s: between two runs.

    Returns:
        the result of the run of which least was taken; ``tries``, how many runs there were.
    """
    results: list[dict[str, Any]] = []
    while len(results) < MOST_TRIES:
        if results:
            time.sleep(pause_s)
        results.append(run())
        if (results[-1]["stolen_share"] or 0.0) <= MOST_STOLEN:
            break
    best = min(results, key=lambda result: result["stolen_share"] or 0.0)
    return best | {"tries": len(results)}


def machine() -> dict[str, object]:
    """Processor, cores, memory, the versions that matter, and what others took of it since this began."""
    return {
        "processor": _line("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
        "stolen_share": _SINCE_BEGAN.share,
    }


def _stolen_s() -> float | None:
    """Of all processors, since the system began."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()
        return int(fields[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def _line(path: str, key: str) -> str:
    """The value of ``key : value``; empty where there is none."""
    try:
        for line in Path(path).read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    except OSError:
        pass
    return ""


_SINCE_BEGAN = Stolen()
