"""What happens to a network: facts that the runtime reports to the coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sdist_ray.partition.partitioning import Partitioning


@dataclass(frozen=True)
class CameraOpened:
    """A worker reads the camera; its first frame is in ``first_range``."""

    worker: int
    camera: str
    first_range: int


@dataclass(frozen=True)
class CameraFailed:
    """A worker cannot read the camera at all, or not any more."""

    worker: int
    camera: str


@dataclass(frozen=True)
class WorkerAdvanced:
    """A worker delivered everything that its cameras have in ranges up to ``through``.

    ``next_range`` is the next range in which one of its cameras may have something, None when all of them
    have ended.
    """

    worker: int
    through: int
    next_range: int | None


@dataclass(frozen=True)
class WorkerLost:
    """A worker is gone, with its place in its inputs and whatever it was asked."""

    worker: int


@dataclass(frozen=True)
class RangesPadded:
    """Ranges, in ascending order, whose surroundings are known: they can be counted.

    ``last`` where nothing comes after them: the answer to FlushRanges.
    """

    ranges: tuple[int, ...]
    last: bool = False


@dataclass(frozen=True)
class RangeApplied:
    """A shard has counted a range."""

    shard: int
    index: int


@dataclass(frozen=True)
class SnapshotTaken:
    """A shard's tiles are written down as they were after range ``index``; None where that failed."""

    shard: int
    index: int | None


@dataclass(frozen=True)
class ShardLost:
    """A shard is gone, with its counts and whatever it was asked."""

    shard: int


@dataclass(frozen=True)
class ShardRestored:
    """A shard made anew has its tiles back.

    Attributes:
        shard: which.
        last: the newest range that all of its tiles hold; None where they are empty.
        snapshots: the ranges of its good snapshots, ascending.
    """

    shard: int
    last: int | None
    snapshots: tuple[int, ...] = ()


@dataclass(frozen=True)
class PlanDue:
    """Cameras are to be counted in these groups, as soon as that can be."""

    partitioning: Partitioning


@dataclass(frozen=True)
class PiecesHandedOut:
    """A shard has copied what another one needs of its tiles."""

    change: int
    shard: int
    target: int


@dataclass(frozen=True)
class TilesBuilt:
    """A shard has made its tiles of a new plan."""

    change: int
    shard: int


@dataclass(frozen=True)
class CamerasAdded:
    """Cameras that the network did not have are to join it."""

    cameras: tuple[str, ...]


@dataclass(frozen=True)
class CameraRemoved:
    """A camera leaves the network."""

    camera: str


@dataclass(frozen=True)
class CamerasPaused:
    """Cameras are not to be read for a while, or to be read again; they stay in the network."""

    cameras: tuple[str, ...]
    paused: bool


@dataclass(frozen=True)
class TimePassed:
    """What time it is: UTC epoch seconds."""

    now_s: float


@dataclass(frozen=True)
class WorkerJoined:
    """A worker is there and reads nothing yet."""

    worker: int


@dataclass(frozen=True)
class WorkerLeaving:
    """A worker is to go: its cameras are to be read elsewhere."""

    worker: int


@dataclass(frozen=True)
class WorkerAnswered:
    """A live worker delivered what it had.

    ``loads`` are CPU seconds a second that its cameras take, as measured, by id.
    """

    worker: int
    loads: Mapping[str, float]


@dataclass(frozen=True)
class Stopping:
    """The network is to end: what was seen is counted, and that is all."""


ShardEvent = RangeApplied | SnapshotTaken | ShardLost | ShardRestored | PlanDue | PiecesHandedOut | TilesBuilt
LiveEvent = (
    ShardEvent
    | TimePassed
    | WorkerJoined
    | WorkerLeaving
    | WorkerAnswered
    | WorkerLost
    | CamerasAdded
    | CameraRemoved
    | CamerasPaused
    | RangesPadded
    | Stopping
)
Event = (
    ShardEvent
    | CameraOpened
    | CameraFailed
    | WorkerAdvanced
    | WorkerLost
    | RangesPadded
    | CamerasAdded
    | CameraRemoved
)
