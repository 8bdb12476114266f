"""How a live network begins: anew, or after the last range of a coordinator that is gone."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sdist_ray.coordinator.events import RangesPadded
from sdist_ray.coordinator.instructions import Seat
from sdist_ray.coordinator.state import TakenOver
from sdist_ray.exclusion.tile import NEVER, Counting
from sdist_ray.occupancy.padding import Padding
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.journal import ranges_again
from sdist_ray.runtime.keeper import RangeKeeper
from sdist_ray.runtime.live.base import LiveRuntime
from sdist_ray.runtime.network import AddCameras, RemoveCamera, Request
from sdist_ray.runtime.notes import NetworkNote, newest_note


@dataclass(frozen=True)
class Beginning:
    """What a live network begins with.

    Attributes:
        note: the network's places, tiles and so on.
        cameras: those that are to be read, or are paused.
        workers: those that are there already, with the cameras that they read.
        taken: where it goes on; None where it begins anew.
    """

    note: NetworkNote
    cameras: list[str]
    workers: Mapping[int, Sequence[str]]
    taken: TakenOver | None

    @property
    def strays(self) -> list[tuple[int, str]]:
        """Workers and cameras that they are not to read: removed, or on their way to another worker."""
        kept = {(seat.worker, seat.camera) for seat in self.taken.seats} if self.taken else set()
        reads = [(worker, camera) for worker, cameras in self.workers.items() for camera in cameras]
        return [found for found in reads if found not in kept]

    @property
    def horizon(self) -> int | None:
        """The last range that was closed before; None where none was."""
        return self.taken.horizon if self.taken else None


def look_around(
    network: NetworkSpec,
    runtime: LiveRuntime,
    counting: Counting | None,
    journal: Path | None,
    requests: Sequence[Request],
    described: Container[str],
) -> Beginning:
    """Attach shards and workers, and see what the journal knows.

    Args:
        network: as it was meant to begin.
        runtime: has the workers and shards.
        counting: how it is counted; None where it is not.
        journal: of a coordinator before this one; None where there is none.
        requests: all that are known.
        described: cameras of which it is known what they are.
    """
    found, newest = newest_note(journal)
    note = found or NetworkNote(network.cameras)
    # Requests that were carried out and are not known any more cannot be told from those that follow.
    note = replace(note, requests=min(note.requests, len(requests)))
    cameras = _present(note, requests, described)
    shards = tuple(runtime.attach(note.plans(runtime.shards)))
    workers = runtime.attach_workers()
    if found is None:
        return Beginning(note, cameras, workers, None)
    if newest is None and note.first is not None:
        newest = note.first - 1
    wanted = set(cameras) - set(note.paused)
    seats = {
        camera: Seat(camera, worker)
        for worker, reads in workers.items()
        for camera in reads
        if camera in wanted
    }
    mine = shards if counting else ()
    taken = TakenOver(
        newest, tuple(seats.values()), note.tiles, mine, note.eras, note.partitioning, note.ended
    )
    return Beginning(note, cameras, workers, taken)


def _present(note: NetworkNote, requests: Sequence[Request], described: Container[str]) -> list[str]:
    """Cameras that are in the network: they did not leave, and it is known what they are."""
    left: dict[str, bool] = {}
    for request in requests[: note.requests]:
        if isinstance(request, AddCameras):
            left |= {camera.id: False for camera in request.cameras}
        elif isinstance(request, RemoveCamera):
            left[request.camera] = True
    return [camera for camera in note.cameras if camera in described and not left.get(camera, False)]


def replay(
    journal: Path,
    floor: int | None,
    cameras: tuple[str, ...],
    keeper: RangeKeeper,
    padding: Padding,
    publish: Callable[[RangesPadded], None],
) -> None:
    """Publish once more what some shard may not have, with what is around it.

    Args:
        journal: has the ranges.
        floor: the range after which they are needed; None: all of them are.
        cameras: by place.
        keeper: pads and publishes.
        padding: as it pads.
        publish: is told of what was published, range by range.
    """
    first = NEVER if floor is None else floor + 1
    for occupancy in ranges_again(journal, first - padding.reach, len(cameras), padding):
        publish(keeper.push(occupancy, cameras, first))
