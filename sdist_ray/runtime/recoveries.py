"""How long what was lost took to be back."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from sdist_ray.coordinator.events import (
    Event,
    RangeApplied,
    ShardLost,
    ShardRestored,
    WorkerAdvanced,
    WorkerLost,
)


@dataclass(frozen=True)
class Recovery:
    """Something that was lost and is back.

    Attributes:
        kind: "worker", "shard", "coordinator", or "rewind" where all was counted anew from the journal.
        number: which worker or shard; 0 for the others.
        lost_s: when it was noticed, epoch seconds.
        back_s: when all that it had done before was done again, epoch seconds.
    """

    kind: str
    number: int
    lost_s: float
    back_s: float

    def content(self) -> dict[str, Any]:
        """As JSON values."""
        return {"recovery": asdict(self)}

    @classmethod
    def of(cls, content: dict[str, Any]) -> Recovery:
        """From JSON values."""
        return cls(**content["recovery"])


class Watch:
    """Sees events go by and tells when something is back."""

    def __init__(self) -> None:
        self._lost: dict[tuple[str, int], tuple[float, int | None]] = {}
        self._done: dict[tuple[str, int], int] = {}

    def begun_anew(self, kind: str, horizon: int | None) -> None:
        """The run goes on after range ``horizon``."""
        self._lost[kind, 0] = (time.time(), horizon)

    def saw(self, event: Event) -> list[Recovery]:
        """What is back with this event."""
        match event:
            case ShardLost(number):
                self._gone("shard", number)
            case WorkerLost(number):
                self._gone("worker", number)
            case RangeApplied(number, index):
                return self._did("shard", number, index)
            case ShardRestored(number, last) if last is not None:
                return self._did("shard", number, last)
            case WorkerAdvanced(number, through):
                return self._did("worker", number, through)
        return []

    def closed(self, index: int) -> list[Recovery]:
        """What is back now that range ``index`` is closed."""
        return [*self._did("coordinator", 0, index), *self._did("rewind", 0, index)]

    def _gone(self, kind: str, number: int) -> None:
        # Lost once more before it was back: it is gone since the first time.
        self._lost.setdefault((kind, number), (time.time(), self._done.get((kind, number))))

    def _did(self, kind: str, number: int, index: int) -> list[Recovery]:
        self._done[kind, number] = index
        lost = self._lost.get((kind, number))
        if lost is None or (lost[1] is not None and index < lost[1]):
            return []
        del self._lost[kind, number]
        return [Recovery(kind, number, lost[0], time.time())]
