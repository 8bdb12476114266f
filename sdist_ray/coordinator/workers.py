"""Which worker reads which camera, and how far each has come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from sdist_ray.coordinator.instructions import (
    Advance,
    AssignCamera,
    DropCamera,
    GiveUp,
    Instruction,
    RestartWorker,
    Seat,
)
from sdist_ray.coordinator.shards import MAX_LOSSES

MAX_IN_FLIGHT = 3
"""Ranges that one worker may have unanswered."""


@dataclass
class _Worker:
    """What is known of a worker.

    Attributes:
        seats: its cameras that have not answered, or that it reads, by id.
        asked: ranges it was told to advance through and has not answered, ascending.
        done: the last range it has answered for.
        next_range: the next range in which it may have something; None before it opened a camera and
            after all of its cameras ended.
        losses: times it was lost since it last answered.
    """

    seats: dict[str, Seat] = field(default_factory=dict)
    asked: deque[int] = field(default_factory=deque)
    done: int | None = None
    next_range: int | None = None
    losses: int = 0

    def has_passed(self, index: int) -> bool:
        if self.asked:
            return self.asked[0] > index
        return self.next_range is None or (self.done is not None and self.done >= index)


class WorkerPool:
    """The workers of a network.

    Args:
        workers: how many there are.
        done: the last range that was closed before this coordinator took over.
    """

    def __init__(self, workers: int, done: int | None = None) -> None:
        self._workers = [_Worker(done=done) for _ in range(workers)]

    def assign(self, camera: str, since: int | None = None) -> AssignCamera:
        """Give a camera to the worker that has fewest."""
        number = min(range(len(self._workers)), key=lambda number: len(self._workers[number].seats))
        return self.seat(Seat(camera, number, since))

    def seat(self, seat: Seat) -> AssignCamera:
        """Give a camera to the worker that its seat says."""
        self._workers[seat.worker].seats[seat.camera] = seat
        return AssignCamera(seat)

    def opened(self, number: int, first_range: int) -> None:
        """A camera of the worker has something from ``first_range`` on."""
        worker = self._workers[number]
        known = worker.next_range
        worker.next_range = first_range if known is None else min(known, first_range)

    def leave(self, camera: str) -> int | None:
        """Forget a camera; the worker that had it."""
        for number, worker in enumerate(self._workers):
            if worker.seats.pop(camera, None) is not None:
                return number
        return None

    def remove(self, camera: str) -> list[Instruction]:
        """A camera is read no longer."""
        number = self.leave(camera)
        return [] if number is None else [DropCamera(number, camera)]

    def advanced(self, number: int, through: int, next_range: int | None) -> None:
        """A worker has delivered."""
        worker = self._workers[number]
        worker.asked.remove(through)
        worker.done = through
        worker.next_range = next_range
        worker.losses = 0

    def lost(self, number: int) -> list[Instruction]:
        """A worker is gone: made anew, it reads to where it was, and is asked again what it was asked.

        Where it was asked nothing, it is all the same sent to where it was, so that its reports are whole.
        """
        worker = self._workers[number]
        worker.losses += 1
        if worker.losses > MAX_LOSSES:
            names = ", ".join(list(worker.seats)[:5])
            return [
                GiveUp(
                    f"worker {number} was lost {worker.losses} times at one place in its cameras ({names})"
                )
            ]
        if not worker.asked and worker.done is not None:
            worker.asked.append(worker.done)
        seats = tuple(worker.seats.values())
        return [
            RestartWorker(number, seats, worker.done),
            *[Advance(number, through) for through in worker.asked],
        ]

    def upcoming(self) -> int | None:
        """The next range in which anyone has something; None where nobody has or one is asked enough."""
        live = [worker for worker in self._workers if worker.next_range is not None]
        if any(len(worker.asked) >= MAX_IN_FLIGHT for worker in live):
            return None
        return min((w.next_range for w in live if w.next_range is not None), default=None)

    def ask(self, index: int) -> Iterator[Instruction]:
        """Everyone that has not ended delivers through ``index``."""
        for number, worker in enumerate(self._workers):
            if worker.next_range is not None:
                worker.asked.append(index)
                yield Advance(number, index)

    def have_passed(self, index: int) -> bool:
        """Whether nothing more comes for range ``index``."""
        return all(worker.has_passed(index) for worker in self._workers)

    @property
    def ended(self) -> bool:
        """Whether nothing more comes at all."""
        return all(worker.next_range is None and not worker.asked for worker in self._workers)

    def seats(self) -> list[Seat]:
        """Who reads what."""
        return [seat for worker in self._workers for seat in worker.seats.values()]

    def validate(self) -> None:
        """Raise AssertionError when the pool contradicts itself."""
        cameras = [seat.camera for seat in self.seats()]
        assert len(cameras) == len(set(cameras)), "a camera has two workers"
        for number, worker in enumerate(self._workers):
            assert len(worker.asked) <= MAX_IN_FLIGHT, "a worker has too many calls in flight"
            assert list(worker.asked) == sorted(worker.asked), "a worker was asked out of order"
            assert all(seat.worker == number for seat in worker.seats.values()), "a seat elsewhere"
