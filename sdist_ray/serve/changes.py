"""What has happened between two looks at a run: events for webhooks. Nothing here does I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sdist_ray.serve.distances import Distances
from sdist_ray.serve.topology import KINDS, Topology

MOST_LISTED = 500
"""Edges or cameras that one event names; their number is told whatever it is."""
Edge = tuple[str, str, str]


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        id: the same for the same thing, whoever finds it: who is told twice can tell.
        type: ``violation.found`` or ``topology.changed``.
        time_s: when it was found, UTC epoch seconds.
        data: as JSON values.
    """

    id: str
    type: str
    time_s: float
    data: Mapping[str, Any]

    def body(self) -> bytes:
        """What is sent."""
        when = datetime.fromtimestamp(self.time_s, UTC).isoformat(timespec="milliseconds")
        return json.dumps({"type": self.type, "timestamp": when, "id": self.id, "data": self.data}).encode()


@dataclass(frozen=True)
class Known:
    """What has been told of a run, or need not be.

    Attributes:
        edges, cameras: of the newest topology; None before there was one.
        violations: their ids; None before there were any.
    """

    edges: frozenset[Edge] | None = None
    cameras: frozenset[str] | None = None
    violations: frozenset[str] | None = None

    def content(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "edges": None if self.edges is None else sorted(map(list, self.edges)),
            "cameras": None if self.cameras is None else sorted(self.cameras),
            "violations": None if self.violations is None else sorted(self.violations),
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Known:
        """From what ``content`` gave.

        Raises:
            LookupError, TypeError, ValueError: it is something else.
        """
        edges, cameras, violations = content["edges"], content["cameras"], content["violations"]
        return cls(
            None if edges is None else frozenset((str(a), str(b), str(kind)) for a, b, kind in edges),
            None if cameras is None else frozenset(map(str, cameras)),
            None if violations is None else frozenset(map(str, violations)),
        )


def topology_changes(known: Known, topology: Topology, now_s: float) -> tuple[Known, list[Event]]:
    """What a topology changes in what is known, and that as events: none for the first one."""
    run = topology.run
    ids = [camera.id for camera in run.cameras]
    edges = frozenset(
        (ids[a], ids[b], KINDS[int(transit)])
        for a, b, transit in zip(run.edges.camera_a, run.edges.camera_b, run.edges.transit, strict=True)
    )
    cameras = frozenset(ids)
    now = Known(edges, cameras, known.violations)
    if known.edges is None or known.cameras is None:
        return now, []
    found: dict[str, list[Any]] = {
        "edges_gained": _edges(edges - known.edges),
        "edges_lost": _edges(known.edges - edges),
        "cameras_joined": sorted(cameras - known.cameras),
        "cameras_left": sorted(known.cameras - cameras),
    }
    if not any(found.values()):
        return now, []
    data: dict[str, Any] = {name: listed[:MOST_LISTED] for name, listed in found.items()}
    data["counts"] = {name: len(listed) for name, listed in found.items()}
    data |= {"edges": len(edges), "cameras": len(cameras), "published_s": run.summary.get("time_s")}
    return now, [Event(_id("topology", data), "topology.changed", now_s, data)]


def new_violations(known: Known, distances: Distances, now_s: float) -> tuple[Known, list[Event]]:
    """The violations that are not known yet, and those as events: none for the first look."""
    ids = {
        _id(
            "violation", [violation[key] for key in ("person_a", "person_b", "start_s", "cameras")]
        ): violation
        for violation in distances.violations
    }
    now = Known(known.edges, known.cameras, frozenset(ids))
    before = known.violations
    if before is None:
        return now, []
    events = [
        Event(name, "violation.found", now_s, violation)
        for name, violation in ids.items()
        if name not in before
    ]
    return now, events


def _edges(edges: Iterable[Edge]) -> list[dict[str, str]]:
    return [{"camera_a": a, "camera_b": b, "kind": kind} for a, b, kind in sorted(edges)]


def _id(kind: str, content: object) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{kind}-{digest[:24]}"
