"""How a live network is: every camera, every worker process, and the network as a whole.

Workers say what they know of their cameras, the coordinator adds what only it can know (what came late, how
long it took), and both parts are values that merge. Nothing here does I/O.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

STATES = (
    "starting",
    "connecting",
    "live",
    "waiting",
    "dark",
    "frozen",
    "covered",
    "paused",
    "ended",
)
"""Of a camera. "dark", "frozen" and "covered" are those of ``detection.sight``, the others a stream's, but
for "starting" (nobody has it yet, or its background is not learnt yet) and "paused" (left out on purpose)."""
BLIND = ("dark", "frozen", "covered")
"""Frames come, but nothing can be seen in them: the camera is unavailable."""
MAX_TEXT = 200


@dataclass(frozen=True)
class CameraHealth:
    """How one camera is, since the run began.

    Attributes:
        camera: its id.
        worker: who reads it; None where nobody does.
        state: one of STATES.
        problem: why it is not live, one line without credentials; None where nothing is wrong.
        frames_in: frames that came.
        processed: frames that were looked at.
        dropped: frames that came and were let go, because nobody took them in time.
        bad: frames that could not be decoded.
        late: rows of occupancy that came after their range was closed, and were let go.
        early: rows of occupancy that were of the future, by a clock that is wrong, and were let go.
        reconnects: times that it was lost and came back.
        last_frame_s: when its newest frame came, UTC epoch seconds; None before the first.
        available_ticks: ticks at which it was available.
        occupied_ticks: those of them at which it saw someone.
        busy_s: CPU seconds spent on it.
        delay_p50_s, delay_p99_s: seconds from capture to counted, recently; None where not known.
        skew_s: how much later its frames come than the network's do, by their capture times, seconds; None
            where not known.
    """

    camera: str
    worker: int | None = None
    state: str = "starting"
    problem: str | None = None
    frames_in: int = 0
    processed: int = 0
    dropped: int = 0
    bad: int = 0
    late: int = 0
    early: int = 0
    reconnects: int = 0
    last_frame_s: float | None = None
    available_ticks: int = 0
    occupied_ticks: int = 0
    busy_s: float = 0.0
    delay_p50_s: float | None = None
    delay_p99_s: float | None = None
    skew_s: float | None = None

    @property
    def occupancy_rate(self) -> float | None:
        """Share of its available ticks at which it saw someone, 0 to 1; None before the first."""
        return self.occupied_ticks / self.available_ticks if self.available_ticks else None

    @property
    def cost_s(self) -> float | None:
        """Mean CPU seconds per frame that was looked at; None before the first."""
        return self.busy_s / self.processed if self.processed else None

    @property
    def in_trouble(self) -> bool:
        """Whether it should give frames that something can be seen in, and does not."""
        return self.problem is not None or self.state in (*BLIND, "waiting")

    def age_s(self, now_s: float) -> float | None:
        """Seconds since its newest frame came, 0 or more; None before the first."""
        return None if self.last_frame_s is None else max(0.0, now_s - self.last_frame_s)

    def after(self, earlier: CameraHealth) -> CameraHealth:
        """This, of a worker that took the camera over, on top of what the workers before it had done."""
        times = [at for at in (self.last_frame_s, earlier.last_frame_s) if at is not None]
        sums = {name: getattr(self, name) + getattr(earlier, name) for name in _SUMS}
        return replace(self, last_frame_s=max(times, default=None), **sums)

    def content(self, now_s: float) -> dict[str, Any]:
        """As JSON values."""
        content = {"id" if name == "camera" else name: value for name, value in vars(self).items()}
        del content["available_ticks"], content["occupied_ticks"], content["busy_s"], content["last_frame_s"]
        content["problem"] = None if self.problem is None else self.problem[:MAX_TEXT]
        content |= {
            "last_frame_age_s": self.age_s(now_s),
            "occupancy_rate": self.occupancy_rate,
            "cost_s": self.cost_s,
        }
        return {name: _rounded(value) for name, value in content.items()}


_SUMS = (
    "frames_in",
    "processed",
    "dropped",
    "bad",
    "late",
    "early",
    "reconnects",
    "available_ticks",
    "occupied_ticks",
    "busy_s",
)


@dataclass(frozen=True)
class WorkerHealth:
    """How one worker is.

    Attributes:
        number: which.
        node: the machine's name.
        pid: its process; threads of one process have the same.
        cameras: how many it holds.
        busy: share of the last interval in which it used a CPU; above 1 where it has threads.
        rss_bytes: resident memory of its process.
        frames_per_s: frames that it looked at, over the last interval.
        alive: whether it answers.
    """

    number: int
    node: str = ""
    pid: int = 0
    cameras: int = 0
    busy: float = 0.0
    rss_bytes: int = 0
    frames_per_s: float = 0.0
    alive: bool = True

    def content(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: _rounded(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class ProcessHealth:
    """A process that is no worker: the coordinator's.

    Attributes:
        node, pid: where it is.
        busy: share of the last interval in which it used a CPU.
        rss_bytes: resident memory.
    """

    node: str = ""
    pid: int = 0
    busy: float = 0.0
    rss_bytes: int = 0


@dataclass(frozen=True)
class NetworkHealth:
    """How a live network is.

    Attributes:
        time_s: of this picture, UTC epoch seconds.
        cameras: all cameras.
        workers: all workers.
        workers_lost: workers that died or fell silent so far; their cameras went to others.
        coordinator: the process that closes and counts ranges.
        ranges_closed: ranges that were closed.
        ranges_counted: those of them that all shards have counted.
        ranges_skipped: ranges that came and were not counted: there was more than could be.
        rows: rows of occupancy that were counted.
        delay_p50_s, delay_p99_s: capture to counted, seconds, all cameras, recently; None where not known.
        run_p99_s: the same since the run began.
        late_minutes: rows that came late, by minute ("2026-02-03T04:05Z", of their arrival), then camera; the
            newest minutes only.
        memory_slopes: megabytes a minute by process; only those measured long enough.
        links, edges: of the newest topology; None before the first.
    """

    time_s: float = field(default_factory=time.time)
    cameras: tuple[CameraHealth, ...] = ()
    workers: tuple[WorkerHealth, ...] = ()
    workers_lost: int = 0
    coordinator: ProcessHealth = ProcessHealth()
    ranges_closed: int = 0
    ranges_counted: int = 0
    ranges_skipped: int = 0
    rows: int = 0
    delay_p50_s: float | None = None
    delay_p99_s: float | None = None
    run_p99_s: float | None = None
    late_minutes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    memory_slopes: Mapping[str, float] = field(default_factory=dict)
    links: int | None = None
    edges: int | None = None

    @property
    def ranges_behind(self) -> int:
        """Ranges that are closed and not counted yet."""
        return self.ranges_closed - self.ranges_counted

    @property
    def late(self) -> int:
        """Rows that came late, of all cameras."""
        return self.total("late")

    @property
    def late_fraction(self) -> float:
        """Of all rows that came, those that were late; 0 to 1."""
        return self.late / max(1, self.late + self.rows)

    @property
    def frames_per_s(self) -> float:
        """Frames that all workers together looked at, over the last interval."""
        return sum(worker.frames_per_s for worker in self.workers if worker.alive)

    @property
    def rss_bytes(self) -> int:
        """Resident memory of all processes, each once."""
        processes = {(worker.node, worker.pid): worker.rss_bytes for worker in self.workers if worker.alive}
        processes[self.coordinator.node, self.coordinator.pid] = self.coordinator.rss_bytes
        return sum(processes.values())

    @property
    def memory_slope_mb_per_min(self) -> float | None:
        """How fast all processes together grow, megabytes a minute; None before it can be said."""
        return math.fsum(self.memory_slopes.values()) if self.memory_slopes else None

    @property
    def states(self) -> dict[str, int]:
        """How many cameras are in each state, those that some are in."""
        return dict(Counter(camera.state for camera in self.cameras))

    @property
    def live(self) -> int:
        """How many cameras are live."""
        return self.states.get("live", 0)

    def total(self, name: str) -> int:
        """One of a camera's counts, over all cameras."""
        return sum(int(getattr(camera, name)) for camera in self.cameras)

    def content(self) -> dict[str, Any]:
        """As JSON values: the part of summary.json."""
        content = {
            "cameras_total": len(self.cameras),
            "cameras_by_state": self.states,
            **{name: self.total(name) for name in ("frames_in", "processed", "dropped", "bad", "reconnects")},
            "frames_per_s": self.frames_per_s,
            "rows": self.rows,
            "rows_late": self.late,
            "rows_early": self.total("early"),
            "late_fraction": self.late_fraction,
            "late_minutes": {minute: dict(counts) for minute, counts in self.late_minutes.items()},
            "ranges_closed": self.ranges_closed,
            "ranges_counted": self.ranges_counted,
            "ranges_skipped": self.ranges_skipped,
            "delay_p50_s": self.delay_p50_s,
            "delay_p99_s": self.delay_p99_s,
            "run_delay_p99_s": self.run_p99_s,
            "rss_bytes": self.rss_bytes,
            "memory_slope_mb_per_min": self.memory_slope_mb_per_min,
            "memory_slopes_mb_per_min": {name: _rounded(slope) for name, slope in self.memory_slopes.items()},
            "workers_lost": self.workers_lost,
            "coordinator": {name: _rounded(value) for name, value in vars(self.coordinator).items()},
        }
        return {
            **{name: _rounded(value) for name, value in content.items()},
            "workers": [worker.content() for worker in self.workers],
            "cameras": [camera.content(self.time_s) for camera in self.cameras],
        }


def merged(parts: Iterable[CameraHealth], earlier: Mapping[str, CameraHealth]) -> list[CameraHealth]:
    """What workers say of their cameras, each on top of what others did with it before; by id.

    Args:
        parts: of the workers that hold the cameras.
        earlier: what was done by workers that do not hold them any more, by camera; those that nobody holds
            now are among the answers as they are here.
    """
    found = {
        part.camera: part.after(earlier[part.camera]) if part.camera in earlier else part for part in parts
    }
    both = {**earlier, **found}
    return [both[camera] for camera in sorted(both)]


def _rounded(value: Any) -> Any:
    """Floats to six significant digits, and none that JSON does not know."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None
