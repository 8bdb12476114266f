"""What is to be done: the coordinator's decisions, carried out by the runtime."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TilePlan:
    """A tile to be counted.

    Attributes:
        tile: its id, never used again.
        rows, columns: camera ids.
        since: the last range before it: it counts those after; None where it counts from the first.
    """

    tile: int
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    since: int | None = None

    @property
    def work(self) -> int:
        """Camera pairs, what counting it costs."""
        return len(self.rows) * len(self.columns)


@dataclass(frozen=True)
class Seat:
    """A camera and the worker that reads it.

    Attributes:
        camera: its id.
        worker: which.
        since: the last range before it joined: what it has up to there is not wanted; None where it was
            there from the first.
    """

    camera: str
    worker: int
    since: int | None = None


@dataclass(frozen=True)
class AssignCamera:
    """The worker opens the camera and answers CameraOpened or CameraFailed."""

    seat: Seat


@dataclass(frozen=True)
class DropCamera:
    """The worker reads the camera no longer."""

    worker: int
    camera: str


@dataclass(frozen=True)
class RestartWorker:
    """The worker is made anew and opens its cameras again, from their beginning.

    It reads up to ``after`` (None: from the first) without delivering.
    """

    worker: int
    seats: tuple[Seat, ...]
    after: int | None


@dataclass(frozen=True)
class CreateTile:
    """The shard makes a tile of these cameras' counts."""

    shard: int
    plan: TilePlan


@dataclass(frozen=True)
class Advance:
    """The worker delivers all ranges up to ``through`` and answers WorkerAdvanced."""

    worker: int
    through: int


@dataclass(frozen=True)
class CloseRange:
    """Nothing more comes for this range: collate and pad; answer RangesPadded."""

    index: int


@dataclass(frozen=True)
class FlushRanges:
    """No range comes any more: pad those that wait for one; answer RangesPadded."""


@dataclass(frozen=True)
class ApplyRange:
    """The shard counts the range, on top of range ``after``, and answers RangeApplied."""

    shard: int
    index: int
    after: int | None


@dataclass(frozen=True)
class TakeSnapshot:
    """The shard writes its tiles down and answers SnapshotTaken."""

    shard: int


@dataclass(frozen=True)
class RestoreShard:
    """The shard is made anew, takes its tiles from their snapshots and answers ShardRestored."""

    shard: int
    plans: tuple[TilePlan, ...]


@dataclass(frozen=True)
class ReleaseRange:
    """No shard will need the range: it need not be kept."""

    index: int


@dataclass(frozen=True)
class Rewind:
    """A shard needs ranges that were released: take over anew, from the journal's first range."""

    shard: int


@dataclass(frozen=True)
class GiveUp:
    """The run cannot go on."""

    reason: str


@dataclass(frozen=True)
class Finish:
    """Everything that there was is counted."""


Instruction = (
    AssignCamera
    | DropCamera
    | RestartWorker
    | CreateTile
    | Advance
    | CloseRange
    | FlushRanges
    | ApplyRange
    | TakeSnapshot
    | RestoreShard
    | ReleaseRange
    | Rewind
    | GiveUp
    | Finish
)
