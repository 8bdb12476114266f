"""What happens to a network: facts that the runtime reports to the coordinator."""

from __future__ import annotations

from dataclasses import dataclass


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
class CamerasAdded:
    """Cameras that the network did not have are to join it."""

    cameras: tuple[str, ...]


@dataclass(frozen=True)
class CameraRemoved:
    """A camera leaves the network."""

    camera: str


Event = (
    CameraOpened
    | CameraFailed
    | WorkerAdvanced
    | WorkerLost
    | RangesPadded
    | RangeApplied
    | SnapshotTaken
    | ShardLost
    | ShardRestored
    | CamerasAdded
    | CameraRemoved
)
