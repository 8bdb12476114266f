"""What the processes of a command take, by /proc: memory and CPU time of it and of all that it started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A process now.

    Attributes:
        pid: its number.
        name: what it is: its actor's class, or its program.
        rss_bytes: resident memory of its own, files among it.
        shared_bytes: resident memory that it shares: of Ray's object store, what it has looked at.
        cpu_s: CPU seconds since it began.
    """

    pid: int
    name: str
    rss_bytes: int
    shared_bytes: int
    cpu_s: float


def family(root: int) -> list[Process]:
    """A process and all of its descendants."""
    children: dict[int, list[int]] = {}
    stats: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name, in parentheses, may hold anything.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(entry.name)] = fields
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        left += children.get(pid, [])
        if pid in stats:
            fields = stats[pid]
            cpu_s = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
            shared = _shared_bytes(pid)
            found.append(Process(pid, _name(pid, root), int(fields[21]) * PAGE_BYTES - shared, shared, cpu_s))
    return found


def _shared_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssShmem:"))


def _name(pid: int, root: int) -> str:
    if pid == root:
        return "driver"
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return "gone"
    first = line.split("\0")[0].strip()
    if first.startswith("ray::"):
        return first.removeprefix("ray::").partition(".")[0]
    words = [Path(word).name for word in line.split("\0") if word]
    for word in words:
        if word.endswith(".py"):
            return word
    return words[0] if words else "?"
