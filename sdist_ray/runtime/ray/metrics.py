"""A live network's health as Prometheus metrics, through Ray's own.

Every node of a Ray cluster that was installed as ``ray[default]`` serves them at its metrics export port,
beside Ray's. Labels are bounded, and never an address: camera (its id, for the first MOST_CAMERAS of a
network, OTHERS for the rest), worker (its number), state, reason, process and quantile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from ray.util.metrics import Counter, Gauge

from sdist_ray.runtime.health import STATES, CameraHealth, NetworkHealth

MOST_CAMERAS = 2000
OTHERS = "(others)"
MOST_LABEL = 80
PREFIX = "sdist_ray_"
REASONS = ("dropped", "bad", "late")
"""Why frames, or the rows of frames, were let go."""

_COUNTERS = {
    "frames_in": ("Frames that came", ("camera",)),
    "frames_processed": ("Frames that were looked at", ("camera",)),
    "frames_lost": ("Frames, or rows of frames, that were let go", ("camera", "reason")),
    "reconnects": ("Times that a camera was lost and came back", ("camera",)),
    "ranges_closed": ("Time ranges that were closed", ()),
    "ranges_counted": ("Time ranges that all shards have counted", ()),
    "rows_counted": ("Rows of occupancy that were counted", ()),
}
_GAUGES = {
    "camera_live": ("1 where a camera is live, 0 where it is not", ("camera",)),
    "camera_last_frame_age_seconds": ("Seconds since a camera's newest frame", ("camera",)),
    "camera_delay_seconds": ("Recent seconds from capture to counted", ("camera", "quantile")),
    "camera_skew_seconds": ("How much later a camera's frames come than the others'", ("camera",)),
    "camera_occupancy_ratio": ("Share of a camera's ticks at which it saw someone", ("camera",)),
    "camera_cost_seconds": ("Mean CPU seconds per frame", ("camera",)),
    "cameras": ("Cameras by state", ("state",)),
    "delay_seconds": ("Recent seconds from capture to counted, all cameras", ("quantile",)),
    "late_ratio": ("Share of all rows that came late", ()),
    "ranges_behind": ("Time ranges that are closed and not counted yet", ()),
    "links": ("Links of the newest topology", ()),
    "edges": ("Edges of the newest topology", ()),
    "worker_up": ("1 where a worker answers, 0 where it does not", ("worker",)),
    "worker_cameras": ("Cameras that a worker holds", ("worker",)),
    "worker_frames_per_second": ("Frames that a worker looks at", ("worker",)),
    "worker_busy_ratio": ("CPUs that a worker uses", ("worker",)),
    "worker_memory_bytes": ("Resident memory of a worker's process", ("worker",)),
    "coordinator_busy_ratio": ("CPUs that the coordinator uses", ()),
    "coordinator_memory_bytes": ("Resident memory of the coordinator's process", ()),
    "memory_slope_megabytes_per_minute": ("How fast a process's memory grows", ("process",)),
}
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Publishes a network's health, one picture after the other. Needs Ray to be connected.

    Counts go on from what was published before; where they fall (a camera was forgotten by a worker that was
    made anew), they go on from there. Telling Ray takes about 0.1 ms a camera, and Ray passes it on every ten
    seconds, so pictures that come sooner after one another are passed over.

    Args:
        every_s: seconds between pictures that are published, 0 or more.
    """

    def __init__(self, every_s: float = 5.0) -> None:
        self._every_s = every_s
        self._at_s: float | None = None
        self._counters = {
            name: Counter(PREFIX + name, said, tag_keys=keys) for name, (said, keys) in _COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(PREFIX + name, said, tag_keys=keys) for name, (said, keys) in _GAUGES.items()
        }
        self._published: dict[tuple[str, Labels], float] = {}
        self._named: dict[str, str] = {}
        self._taken = {OTHERS}

    def publish(self, health: NetworkHealth) -> None:
        """Make this what Prometheus finds from its next scrape on, unless the last was just published."""
        if self._at_s is not None and 0 <= health.time_s - self._at_s < self._every_s:
            return
        self._at_s = health.time_s
        counts: dict[tuple[str, Labels], float] = defaultdict(float)
        for camera in health.cameras:
            self._camera(camera, health, counts)
        counts["ranges_closed", ()] = health.ranges_closed
        counts["ranges_counted", ()] = health.ranges_counted
        counts["rows_counted", ()] = health.rows
        for (name, labels), count in counts.items():
            more = count - self._published.get((name, labels), 0.0)
            if more > 0:
                self._counters[name].inc(more, dict(labels))
            self._published[name, labels] = count
        self._network(health)
        self._processes(health)

    def _camera(
        self, camera: CameraHealth, health: NetworkHealth, counts: dict[tuple[str, Labels], float]
    ) -> None:
        name = self._name(camera.camera)
        label = (("camera", name),)
        counts["frames_in", label] += camera.frames_in
        counts["frames_processed", label] += camera.processed
        counts["reconnects", label] += camera.reconnects
        for reason in REASONS:
            counts["frames_lost", (*label, ("reason", reason))] += getattr(camera, reason)
        if name == OTHERS:
            return
        tags = dict(label)
        self._set("camera_live", float(camera.state == "live"), tags)
        self._set("camera_last_frame_age_seconds", camera.age_s(health.time_s), tags)
        self._set("camera_delay_seconds", camera.delay_p50_s, {**tags, "quantile": "0.5"})
        self._set("camera_delay_seconds", camera.delay_p99_s, {**tags, "quantile": "0.99"})
        self._set("camera_skew_seconds", camera.skew_s, tags)
        self._set("camera_occupancy_ratio", camera.occupancy_rate, tags)
        self._set("camera_cost_seconds", camera.cost_s, tags)

    def _network(self, health: NetworkHealth) -> None:
        states = health.states
        for state in STATES:
            self._set("cameras", float(states.get(state, 0)), {"state": state})
        self._set("delay_seconds", health.delay_p50_s, {"quantile": "0.5"})
        self._set("delay_seconds", health.delay_p99_s, {"quantile": "0.99"})
        self._set("late_ratio", health.late_fraction)
        self._set("ranges_behind", float(health.ranges_behind))
        self._set("links", health.links)
        self._set("edges", health.edges)

    def _processes(self, health: NetworkHealth) -> None:
        for worker in health.workers:
            tags = {"worker": str(worker.number)}
            self._set("worker_up", float(worker.alive), tags)
            self._set("worker_cameras", worker.cameras, tags)
            self._set("worker_frames_per_second", worker.frames_per_s, tags)
            self._set("worker_busy_ratio", worker.busy, tags)
            self._set("worker_memory_bytes", worker.rss_bytes, tags)
        self._set("coordinator_busy_ratio", health.coordinator.busy)
        self._set("coordinator_memory_bytes", health.coordinator.rss_bytes)
        for process, slope in health.memory_slopes.items():
            self._set("memory_slope_megabytes_per_minute", slope, {"process": label_of(process)})

    def _set(self, name: str, value: float | None, tags: Mapping[str, str] | None = None) -> None:
        if value is not None:
            self._gauges[name].set(float(value), dict(tags or {}))

    def _name(self, camera: str) -> str:
        """The camera's label: it keeps the one that it got first, and no two have the same."""
        if camera not in self._named:
            if len(self._named) >= MOST_CAMERAS:
                return OTHERS
            name = label_of(camera)
            number = 2
            while name in self._taken:
                name = f"{label_of(camera)[: MOST_LABEL - 6]} {number}"
                number += 1
            self._named[camera] = name
            self._taken.add(name)
        return self._named[camera]


def label_of(text: str) -> str:
    """A label's value: printable ASCII, all that Ray takes; no address; at most MOST_LABEL characters.

    Other letters become escapes such as \\u6444, control characters question marks.
    """
    if "://" in text:
        return "(address)"
    cut = "".join(letter if letter.isprintable() else "?" for letter in text[: MOST_LABEL + 1])
    shown = cut.encode("ascii", "backslashreplace").decode()
    return shown if len(shown) <= MOST_LABEL else f"{shown[: MOST_LABEL - 3]}..."
