"""Which live worker reads which camera: by measured load, not by count."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sdist_ray.coordinator.instructions import AssignCamera, DropCamera, Instruction, MoveCamera, Seat

FIRST_GUESS = 0.005
"""CPU seconds a second of a camera as long as none was measured."""
LEARNING = 0.25
"""Weight of a camera's newest measurement against those before: one measurement is a few frames."""
TOLERATED = 0.15
"""Loads may differ by this share of their mean before a camera is moved."""
MOST_OF_GAP = 0.75
"""A camera that is moved takes at most this share of the difference: the difference is never turned round."""
MOST_MOVES = 24
"""Cameras that are moved at a time, or a quarter of them if that is more."""
SETTLE_S = 20.0
"""A camera that was moved stays at least so long: what it costs there is to be seen first."""


@dataclass
class _Worker:
    seats: dict[str, Seat] = field(default_factory=dict)
    leaving: bool = False
    parting: bool = False


class Placement:
    """Live workers come and go, numbers are never used again; cameras are where the load is least.

    A camera without any worker to read it waits for one.
    """

    def __init__(self) -> None:
        self._workers: dict[int, _Worker] = {}
        self._waiting: dict[str, None] = {}
        self._loads: dict[str, float] = {}
        self._usual: float | None = None
        self._moved_s: dict[str, float] = {}
        self._resting: dict[str, int] = {}

    @property
    def workers(self) -> list[int]:
        """Who is there."""
        return list(self._workers)

    @property
    def waiting(self) -> list[str]:
        """Cameras that nobody reads."""
        return list(self._waiting)

    def seats(self) -> list[Seat]:
        """Who reads what."""
        return [seat for worker in self._workers.values() for seat in worker.seats.values()]

    def reads(self, number: int) -> Collection[str]:
        """Cameras that a worker reads; none of one that is not there."""
        return self._workers[number].seats.keys() if number in self._workers else ()

    def adopt(self, seats: Iterable[Seat]) -> None:
        """Workers that are there already, with their cameras."""
        for seat in seats:
            self._workers.setdefault(seat.worker, _Worker()).seats[seat.camera] = seat
            self._waiting.pop(seat.camera, None)

    def join(self, number: int) -> None:
        """A worker is there: it gets cameras as those that wait are placed, or as loads are balanced."""
        self._workers.setdefault(number, _Worker())

    def leave(self, number: int, now_s: float) -> list[Instruction]:
        """A worker is to go: its cameras move to others, if there are any."""
        worker = self._workers.get(number)
        if worker is None:
            return []
        worker.leaving = True
        loads = self._by_worker()
        cameras = sorted(worker.seats, key=self._load, reverse=True) if loads else []
        return [self._move(camera, number, _least(loads), now_s, loads) for camera in cameras]

    def lost(self, number: int) -> list[Instruction]:
        """A worker is gone: others open its cameras anew."""
        worker = self._workers.pop(number, None)
        self._forget_resting(number)
        return [] if worker is None else self.place(worker.seats)

    def forget(self, number: int) -> None:
        """A worker is gone, and nobody is to open its cameras any more."""
        worker = self._workers.pop(number, None)
        self._forget_resting(number)
        self.wait(worker.seats if worker else ())

    def wait(self, cameras: Iterable[str]) -> None:
        """Cameras that nobody reads stay unread, until they are placed."""
        self._waiting |= dict.fromkeys(cameras)

    def place(self, cameras: Iterable[str]) -> list[Instruction]:
        """Cameras that nobody reads go where the load is least, the heaviest first."""
        loads = self._by_worker()
        instructions: list[Instruction] = []
        for camera in sorted(cameras, key=self._load, reverse=True):
            if not loads:
                self._waiting[camera] = None
                continue
            target = _least(loads)
            loads[target] += self._load(camera)
            seat = self._workers[target].seats[camera] = Seat(camera, target)
            instructions.append(AssignCamera(seat))
        return instructions

    def place_waiting(self) -> list[Instruction]:
        """Those that wait for a worker go to those that are there."""
        waiting, self._waiting = self._waiting, {}
        return self.place(waiting)

    def remove(self, camera: str) -> list[Instruction]:
        """A camera is read no longer."""
        resting = self._resting.pop(camera, None)
        number = self._unseat(camera) if resting is None else resting
        self._loads.pop(camera, None)
        return [] if number is None else [DropCamera(number, camera)]

    def rest(self, camera: str) -> list[Instruction]:
        """A camera is not read for a while; its worker keeps what is known of it."""
        number = self._unseat(camera)
        if number is None:
            self._loads.pop(camera, None)
            return []
        self._resting[camera] = number
        return [DropCamera(number, camera, keep=True)]

    def rests(self, number: int, camera: str) -> bool:
        """Whether a worker keeps what is known of a camera that is not read for a while."""
        return self._resting.get(camera) == number

    def resume(self, camera: str, now_s: float) -> list[Instruction]:
        """A camera that rested is read again, where it is known if that can be."""
        number = self._resting.pop(camera, None)
        if number is None:
            return self.place([camera])
        seat = self._workers[number].seats[camera] = Seat(camera, number)
        loads = self._by_worker()
        if self._workers[number].leaving and loads:
            return [self._move(camera, number, _least(loads), now_s, loads)]
        return [AssignCamera(seat)]

    def _unseat(self, camera: str) -> int | None:
        """Who read the camera until now; None where nobody did."""
        self._waiting.pop(camera, None)
        self._moved_s.pop(camera, None)
        for number, worker in self._workers.items():
            if worker.seats.pop(camera, None) is not None:
                return number
        return None

    def measured(self, number: int, loads: Mapping[str, float]) -> None:
        """What a worker's cameras take, CPU seconds a second; what is not its own is passed over."""
        for camera, load in loads.items():
            if load > 0 and camera in self.reads(number):
                before = self._loads.get(camera, load)
                self._loads[camera] = before + LEARNING * (load - before)
        self._usual = None

    def load(self, number: int) -> float:
        """What a worker's cameras take, CPU seconds a second."""
        return sum(map(self._load, self._workers[number].seats))

    def balance(self, now_s: float, slow: Collection[int] = ()) -> list[Instruction]:
        """Move cameras from who has most to do to who has least, as long as it makes a difference.

        Nothing is moved from or to those that are ``slow``: a camera would be read by nobody meanwhile.
        """
        loads = {number: load for number, load in self._by_worker().items() if number not in slow}
        mean = statistics.fmean(loads.values()) if loads else 0.0
        moves = max(MOST_MOVES, sum(len(worker.seats) for worker in self._workers.values()) // 4)
        instructions: list[Instruction] = []
        while len(loads) > 1 and len(instructions) < moves:
            most, least = max(loads, key=loads.__getitem__), _least(loads)
            gap = loads[most] - loads[least]
            if gap <= TOLERATED * mean:
                break
            camera = self._fitting(most, gap, now_s)
            if camera is None:
                # All that it has is too heavy, or came just now; others may have something for the idlest.
                del loads[most]
            else:
                instructions.append(self._move(camera, most, least, now_s, loads))
                loads[most] -= self._load(camera)
        # Who leaves and has something still had nowhere to send it to.
        for number, worker in self._workers.items():
            if worker.leaving and worker.seats and number not in slow:
                instructions += self.leave(number, now_s)
        return instructions

    def _fitting(self, number: int, gap: float, now_s: float) -> str | None:
        """Of a worker's cameras the one that comes nearest to halving the gap; None where none is fit."""
        fitting = [
            camera
            for camera in self._workers[number].seats
            if not 0 <= now_s - self._moved_s.get(camera, float("-inf")) < SETTLE_S
            and self._load(camera) <= MOST_OF_GAP * gap
        ]
        return min(fitting, key=lambda camera: abs(gap / 2 - self._load(camera)), default=None)

    def parted(self, number: int) -> bool:
        """A worker answered; whether it was to go, had nothing left when it was asked, and is forgotten."""
        worker = self._workers[number]
        if worker.leaving and not worker.seats:
            if worker.parting:
                self._forget_resting(number)
                del self._workers[number]
                return True
            # What it was asked may be older than the orders that left it with nothing.
            worker.parting = True
        return False

    def _forget_resting(self, number: int) -> None:
        for camera in [camera for camera, worker in self._resting.items() if worker == number]:
            del self._resting[camera]
            self._loads.pop(camera, None)

    def _move(
        self, camera: str, source: int, target: int, now_s: float, loads: dict[int, float]
    ) -> MoveCamera:
        del self._workers[source].seats[camera]
        seat = self._workers[target].seats[camera] = Seat(camera, target)
        self._moved_s[camera] = now_s
        loads[target] += self._load(camera)
        return MoveCamera(seat, source)

    def _load(self, camera: str) -> float:
        known = self._loads.get(camera)
        if known is not None:
            return known
        if self._usual is None:
            self._usual = statistics.median(self._loads.values()) if self._loads else FIRST_GUESS
        return self._usual

    def _by_worker(self) -> dict[int, float]:
        """The loads of those that may be given cameras."""
        return {number: self.load(number) for number, worker in self._workers.items() if not worker.leaving}

    def validate(self) -> None:
        """Raise AssertionError when the placement contradicts itself."""
        read = [seat.camera for seat in self.seats()]
        assert len(read) == len(set(read)), "a camera has two workers"
        assert not set(read) & set(self._waiting), "a camera that is read waits for a worker"
        known = {*read, *self._waiting, *self._resting}
        assert self._loads.keys() <= known, "the load of a camera is kept that is not there"
        assert self._moved_s.keys() <= known, "a camera that is not there was moved"
        for number, worker in self._workers.items():
            assert all(seat.worker == number for seat in worker.seats.values()), "a seat elsewhere"
        assert not self._resting.keys() & {*read, *self._waiting}, "a camera that rests is read"
        assert set(self._resting.values()) <= self._workers.keys(), "a camera rests with one that is gone"


def _least(loads: Mapping[int, float]) -> int:
    return min(loads, key=loads.__getitem__)
