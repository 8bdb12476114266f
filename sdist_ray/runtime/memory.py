"""How much memory this machine, or the container that this process is in, has left; and giving it back."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

GIVE_BACK_S = 10.0
UNLIMITED = 1 << 60
"""Version 1 of control groups says no limit as a number just below 2^63."""


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that can be had without swapping: the least of the machine's and its control groups'.

    Args:
        root: of /proc and /sys.
    """
    return min([_machine(root), *_groups(root)])


def _machine(root: Path) -> int:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    # Not Linux: all there is, which is the best that the standard library knows.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _groups(root: Path) -> Iterator[int]:
    """What each group that this process is in has left; every one limits all below it."""
    mount = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folder, names = mount, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            folder = mount / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # In a container the path is often that outside it, of which only the end, or nothing, is there.
        inside = folder / path.lstrip("/")
        yield from (
            left
            for group in dict.fromkeys((inside, *inside.parents, folder))
            if group.is_relative_to(folder) and (left := _left(group, *names)) is not None
        )


def _left(group: Path, limit_name: str, usage_name: str, cache_name: str) -> int | None:
    limit, usage = _number(group / limit_name), _number(group / usage_name)
    if limit is None or usage is None or limit >= UNLIMITED:
        return None
    # Pages of files that nobody reads any more are given up before anything fails.
    cache = [line.split()[1] for line in _lines(group / "memory.stat") if line.split()[0] == cache_name]
    return max(0, limit - usage + sum(map(int, cache)))


def _number(path: Path) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def give_back_memory() -> None:
    """Let the system have what was in use for a moment: an endless run allocates again and again, always
    something of another size, and what allocators keep for later grows.
    """
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):
        # Only glibc has it.
        ctypes.CDLL(None).malloc_trim(0)


class GivingBack:
    """Gives memory back whenever it is called and ``every_s`` seconds have gone by since the last time."""

    def __init__(self, every_s: float = GIVE_BACK_S) -> None:
        self._every_s = every_s
        self._next_s = time.monotonic() + every_s

    def __call__(self) -> None:
        """Give it back, if it is time to."""
        if time.monotonic() >= self._next_s:
            give_back_memory()
            self._next_s = time.monotonic() + self._every_s
