"""What is to be done: the coordinator's decisions, carried out by the runtime."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Past:
    """How a tile's cameras were counted before there was the tile.

    Attributes:
        through: the last range in which they were.
        groups: those that were counted together.
    """

    through: int
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class TilePlan:
    """A tile to be counted.

    Attributes:
        tile: its id, never used again.
        rows, columns: camera ids.
        since: the last range before it: it counts those after; None where it counts from the first.
        until: the last range that it counts, where another plan holds from then on.
        made: whether it is still to be made of parts of others, or has been and may have to be again.
        past: what it has of the ranges up to ``since``, where those have to be counted anew.
    """

    tile: int
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    since: int | None = None
    until: int | None = None
    made: bool = False
    past: tuple[Past, ...] = ()

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
    """The worker reads the camera no longer; where ``keep``, it keeps what is known of it, for later."""

    worker: int
    camera: str
    keep: bool = False


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
class Piece:
    """What one tile has for another one: the counts of some rows against some columns.

    Attributes:
        source, target: ids of the tiles.
        rows, columns: camera ids.
    """

    source: int
    target: int
    rows: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class HandOut:
    """The shard copies pieces of its tiles for another shard, and answers PiecesHandedOut.

    It has counted all that those tiles count: they end with range ``until``.
    """

    change: int
    shard: int
    target: int
    pieces: tuple[Piece, ...]
    until: int


@dataclass(frozen=True)
class BuildTiles:
    """The shard makes tiles of pieces of its own and of what others have handed out; answers TilesBuilt.

    Its own that they are made of end with range ``until``, and stay as they are.
    """

    change: int
    shard: int
    plans: tuple[TilePlan, ...]
    pieces: tuple[Piece, ...]
    sources: tuple[int, ...]
    until: int


@dataclass(frozen=True)
class DropTiles:
    """The shard lets go of tiles: the plan that they were of holds no longer, and will not again."""

    shard: int
    tiles: tuple[int, ...]


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


@dataclass(frozen=True)
class Collect:
    """The live worker delivers what it has and answers WorkerAnswered."""

    worker: int


@dataclass(frozen=True)
class MoveCamera:
    """The camera goes from a live worker to the one that its seat says, with all that is known of it."""

    seat: Seat
    source: int


@dataclass(frozen=True)
class DismissWorker:
    """Nothing more is asked of the live worker, and nothing that it says is believed."""

    worker: int


@dataclass(frozen=True)
class SkipRange:
    """The range is not counted: there is more to count than can be. What came for it is let go."""

    index: int


LiveInstruction = Collect | MoveCamera | DismissWorker | SkipRange
Instruction = (
    LiveInstruction
    | AssignCamera
    | DropCamera
    | RestartWorker
    | CreateTile
    | HandOut
    | BuildTiles
    | DropTiles
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
