"""What the journal says about a network: all that a coordinator must know to go on where another was lost."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sdist_ray.coordinator.changes import Era, Plans
from sdist_ray.coordinator.instructions import CreateTile, Seat, TilePlan
from sdist_ray.partition.partitioning import Group, Partitioning
from sdist_ray.runtime.journal import Closed, JournalReader


@dataclass(frozen=True)
class NetworkNote:
    """What the journal says about a network; the newest note holds.

    Attributes:
        cameras: ids by place; those that failed or left keep theirs.
        failed: why cameras could not be read, by id, without credentials.
        first, last: the ranges that it runs from and to, as far as headers tell.
        seats: who reads what.
        tiles: all tiles, and who counts them.
        requests: how many requests were carried out.
        paused: cameras of a live network that are not read for now.
        eras, due: plans that held, and groups of one that waits for its turn; see Plans.
        ended: whether a live network has all of its ranges: none was closed after this note.
    """

    cameras: tuple[str, ...]
    failed: dict[str, str] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None
    seats: tuple[Seat, ...] = ()
    tiles: tuple[CreateTile, ...] = ()
    requests: int = 0
    paused: tuple[str, ...] = ()
    eras: tuple[Era, ...] = ()
    due: tuple[Group, ...] | None = None
    ended: bool = False

    @property
    def partitioning(self) -> Partitioning | None:
        """That is due."""
        return None if self.due is None else Partitioning(self.due)

    @property
    def held(self) -> Partitioning | None:
        """The newest that was begun with; None where all cameras are together."""
        return Partitioning(self.eras[-1].groups) if self.eras else None

    def with_plans(self, plans: Plans) -> NetworkNote:
        """The same with who counts what."""
        due = None if plans.due is None else plans.due.groups
        return replace(self, tiles=plans.tiles, eras=plans.eras, due=due)

    def plans(self, shards: int) -> list[list[TilePlan]]:
        """Every shard's tiles."""
        return [[tile.plan for tile in self.tiles if tile.shard == number] for number in range(shards)]

    def content(self) -> dict[str, Any]:
        """As JSON values."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {"network": content}

    @classmethod
    def of(cls, content: dict[str, Any]) -> NetworkNote:
        """From JSON values."""
        values = dict(content["network"])
        values["cameras"] = tuple(values["cameras"])
        values["paused"] = tuple(values["paused"])
        values["seats"] = tuple(Seat(**seat) for seat in values["seats"])
        values["tiles"] = tuple(_tile(entry["shard"], entry["plan"]) for entry in values["tiles"])
        values["eras"] = tuple(
            Era(era["number"], era["after"], _groups(era["groups"])) for era in values["eras"]
        )
        values["due"] = None if values["due"] is None else _groups(values["due"])
        return cls(**values)


def _tile(shard: int, plan: dict[str, Any]) -> CreateTile:
    rows, columns = tuple(plan["rows"]), tuple(plan["columns"])
    return CreateTile(
        shard, TilePlan(plan["tile"], rows, columns, plan["since"], plan["until"], plan["made"])
    )


def _groups(groups: list[list[str]]) -> tuple[Group, ...]:
    return tuple(map(tuple, groups))


def newest_note(journal: Path | None) -> tuple[NetworkNote | None, int | None]:
    """The newest note of a journal and the last range that it has; None where it has none."""
    note, horizon = None, None
    if journal is not None:
        for entry in JournalReader(journal).entries():
            if isinstance(entry, Closed):
                horizon = entry.index
            elif "network" in entry:
                note = NetworkNote.of(entry)
    return note, horizon
