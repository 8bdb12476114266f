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
    """A worker cannot read the camera at all."""

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


Event = CameraOpened | CameraFailed | WorkerAdvanced | RangesPadded | RangeApplied
