"""What is to be done: the coordinator's decisions, carried out by the runtime."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AssignCamera:
    """The worker opens the camera and answers CameraOpened or CameraFailed."""

    worker: int
    camera: str


@dataclass(frozen=True)
class CreateTile:
    """The shard makes a tile of these cameras' counts."""

    shard: int
    rows: tuple[str, ...]
    columns: tuple[str, ...]


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
    """The shard counts the range and answers RangeApplied."""

    shard: int
    index: int


@dataclass(frozen=True)
class ReleaseRange:
    """Every shard has counted the range: it need not be kept."""

    index: int


@dataclass(frozen=True)
class Finish:
    """Everything that there was is counted."""


Instruction = (
    AssignCamera | CreateTile | Advance | CloseRange | FlushRanges | ApplyRange | ReleaseRange | Finish
)
