"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path


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
