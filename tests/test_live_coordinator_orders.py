"""A live network in any order, with any losses: every due range is counted once. A world without I/O."""

from collections import deque

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sdist_ray.coordinator.events import (
    CameraRemoved,
    CamerasAdded,
    CamerasPaused,
    RangeApplied,
    RangesPadded,
    ShardLost,
    ShardRestored,
    SnapshotTaken,
    Stopping,
    TimePassed,
    WorkerAnswered,
    WorkerJoined,
    WorkerLeaving,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import (
    ApplyRange,
    AssignCamera,
    CloseRange,
    Collect,
    CreateTile,
    DismissWorker,
    DropCamera,
    Finish,
    FlushRanges,
    MoveCamera,
    ReleaseRange,
    RestoreShard,
    Seat,
    SkipRange,
    TakeSnapshot,
)
from sdist_ray.coordinator.live import MOST_BEHIND, LiveCoordinator, Timing
from sdist_ray.coordinator.shards import SNAPSHOTS_KEPT, ShardFound
from sdist_ray.coordinator.state import TakenOver
from tests.test_coordinator_orders import Shard

TIMING = Timing()
BEGIN_S = 1000.0


class World:
    """Workers that read, deliver, hang and die; shards that count; a clock that does as it likes."""

    def __init__(self, rng, shards, every):
        self.rng, self.every = rng, every
        self.now_s = BEGIN_S
        self.workers = {}  # number -> the cameras that it reads
        self.hung = set()
        self.questions = []  # workers that owe an answer
        self.next_worker = self.next_camera = 0
        self.shards = [Shard(deque(maxlen=SNAPSHOTS_KEPT)) for _ in range(shards)]
        self.queues = [deque() for _ in range(shards)]
        self.tiles, self.closed, self.skipped = [], [], []
        self.published, self.unpadded = set(), None
        self.network, self.paused = ["c0", "c1", "c2"], set()
        self.stopping, self.begun, self.ended = False, True, False
        self.coordinator = LiveCoordinator(self.network, TIMING, shards, snapshot_ranges=every)
        self.do(self.coordinator.start(self.now_s))
        self.join()

    def tell(self, event):
        instructions = self.coordinator.handle(event)
        if self.begun:
            self.coordinator.validate()
        self.do(instructions)

    def do(self, instructions):
        follows = []
        for instruction in instructions:
            match instruction:
                case AssignCamera(seat):
                    assert not self.coordinator.ending
                    assert not any(seat.camera in mine for mine in self.workers.values())
                    if seat.worker in self.workers:
                        self.workers[seat.worker].add(seat.camera)
                case MoveCamera(seat, source):
                    self.workers.get(source, set()).discard(seat.camera)
                    self.workers.get(seat.worker, set()).add(seat.camera)
                case DropCamera(worker, camera):
                    self.workers.get(worker, set()).discard(camera)
                case Collect(worker):
                    assert worker not in self.questions, "a worker is asked twice"
                    self.questions.append(worker)
                case DismissWorker(worker):
                    self.gone(worker)
                case CreateTile(shard, plan):
                    self.tiles.append(instruction)
                    self.shards[shard].tiles[plan.tile] = plan
                case CloseRange(index) | SkipRange(index):
                    assert not self.ended, "a range is closed after the last one"
                    self.check_next(index)
                    (self.closed if isinstance(instruction, CloseRange) else self.skipped).append(index)
                    if isinstance(instruction, CloseRange):
                        follows.append(RangesPadded(() if self.unpadded is None else (self.unpadded,)))
                        self.unpadded = index
                case FlushRanges():
                    follows.append(RangesPadded(() if self.unpadded is None else (self.unpadded,), last=True))
                    self.unpadded, self.ended = None, True
                case ApplyRange(shard, index, after):
                    assert index in self.published, "a range that was released is asked for"
                    self.queues[shard].append((index, after))
                case TakeSnapshot(shard):
                    self.queues[shard].append(("snapshot", None))
                case RestoreShard(shard, plans):
                    self.queues[shard].append(("restore", plans))
                case ReleaseRange(index):
                    self.published.remove(index)
                case Finish():
                    pass
                case _:
                    raise AssertionError(instruction)
        for event in follows:
            self.published |= set(event.ranges)
            self.tell(event)

    def check_next(self, index):
        done = max([*self.closed, *self.skipped], default=TIMING.range_at(BEGIN_S) - 1)
        due = TIMING.range_at(self.now_s) if self.stopping else TIMING.newest_due(self.now_s)
        assert done < index <= due
        assert index == done + 1 or index >= due - MOST_BEHIND - 2, "a range was left out"

    def gone(self, worker):
        self.workers.pop(worker, None)
        self.hung.discard(worker)
        self.questions = [asked for asked in self.questions if asked != worker]

    # What happens.

    def tick(self, seconds=None):
        self.now_s += self.rng.choice([0.1, 0.5, 2.0]) if seconds is None else seconds
        self.tell(TimePassed(self.now_s))

    def jump(self):
        self.tick(self.rng.choice([5.0, 70.0, 3600.0, -3.0, -3600.0]))

    def answer(self):
        ready = [worker for worker in self.questions if worker not in self.hung]
        if ready:
            worker = self.rng.choice(ready)
            self.questions.remove(worker)
            loads = {camera: self.rng.random() / 10 for camera in sorted(self.workers[worker])}
            self.tell(WorkerAnswered(worker, loads))

    def count(self):
        busy = [number for number, queue in enumerate(self.queues) if queue]
        if not busy:
            return
        number = self.rng.choice(busy)
        what, argument = self.queues[number].popleft()
        shard = self.shards[number]
        if what == "snapshot":
            if self.rng.random() < 0.8:
                shard.save()
                self.tell(SnapshotTaken(number, shard.last))
            else:
                self.tell(SnapshotTaken(number, None))
        elif what == "restore":
            shard.tiles = {plan.tile: plan for plan in argument}
            if shard.saved:
                shard.last, counted = shard.saved[-1]
                shard.counted = counted.copy()
            shard.levels = tuple(index for index, _ in shard.saved)
            self.tell(ShardRestored(number, shard.last, shard.levels))
        else:
            shard.apply(what, argument)
            self.tell(RangeApplied(number, what))

    def join(self):
        self.workers[self.next_worker] = set()
        self.next_worker += 1
        self.tell(WorkerJoined(self.next_worker - 1))

    def some_worker(self):
        return self.rng.choice(sorted(self.workers)) if self.workers else None

    def die(self):
        worker = self.some_worker()
        if worker is not None:
            self.gone(worker)
            self.tell(WorkerLost(worker))

    def hang(self):
        if self.workers:
            self.hung.add(self.some_worker())

    def leave(self):
        if self.workers:
            self.tell(WorkerLeaving(self.some_worker()))

    def add(self):
        if not self.coordinator.ending:
            self.next_camera += 1
            self.network.append(f"n{self.next_camera}")
            self.tell(CamerasAdded((self.network[-1],)))

    def remove(self):
        if self.network and not self.coordinator.ending:
            camera = self.network.pop(self.rng.randrange(len(self.network)))
            self.paused.discard(camera)
            self.tell(CameraRemoved(camera))

    def pause(self):
        if self.network and not self.coordinator.ending:
            camera = self.rng.choice(self.network)
            self.paused ^= {camera}
            self.tell(CamerasPaused((camera,), camera in self.paused))

    def lose_shard(self):
        number = self.rng.randrange(len(self.shards))
        if self.every and not any(what == "restore" for what, _ in self.queues[number]):
            self.queues[number].clear()
            self.shards[number] = Shard(self.shards[number].saved)
            self.tell(ShardLost(number))

    def stop(self):
        self.stopping = True
        self.tell(Stopping())

    def take_over(self):
        """The coordinator dies; what it had asked and was not answered is lost with it."""
        self.questions.clear()
        for queue in self.queues:
            queue.clear()
        known = {}
        for worker, mine in sorted(self.workers.items()):
            known |= {
                camera: Seat(camera, worker) for camera in sorted(mine & set(self.network) - self.paused)
            }
        there = sorted(worker for worker in self.workers if worker not in self.hung)
        for worker in [worker for worker in self.workers if worker in self.hung]:
            self.gone(worker)
        seats = tuple(seat for seat in known.values() if seat.worker in there)
        found = []
        for number, shard in enumerate(self.shards):
            mine = {tile.plan.tile for tile in self.tiles if tile.shard == number}
            found.append(ShardFound(shard.last, shard.levels) if mine <= shard.tiles.keys() else None)
        horizon = max(self.closed, default=TIMING.range_at(BEGIN_S) - 1)
        self.skipped = [index for index in self.skipped if index <= horizon]
        taken = TakenOver(horizon, seats, tuple(self.tiles), tuple(found), ended=self.ended)
        self.coordinator = LiveCoordinator(
            self.network, TIMING, len(self.shards), snapshot_ranges=self.every, taken=taken
        )
        self.published, self.unpadded, self.begun = set(), None, False
        self.do(self.coordinator.adopt())
        while self.coordinator.restoring:
            self.count()
        floor = self.coordinator.begin_replay()
        for index in self.closed:
            if floor is None or index > floor:
                if self.unpadded is not None:
                    self.published.add(self.unpadded)
                    self.tell(RangesPadded((self.unpadded,)))
                self.unpadded = index
                while self.coordinator.crowded:
                    self.count()
        for worker in there:
            self.tell(WorkerJoined(worker))
        self.do(self.coordinator.start(self.now_s, sorted(self.paused)))
        self.begun = True
        self.coordinator.validate()
        if self.stopping:
            self.stop()


HAPPENS = ("jump", "join", "die", "hang", "leave", "add", "remove", "pause", "lose_shard", "take_over")


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(
    st.randoms(use_true_random=False), st.integers(1, 3), st.integers(0, 4),
    st.lists(st.tuples(st.integers(0, 25), st.sampled_from(HAPPENS)), max_size=14), st.booleans(),
    st.sets(st.integers(0, 40), max_size=3),
)  # fmt: skip
def test_whatever_happens_every_due_range_is_counted_once_and_it_ends(
    rng, shards, every, story, hurry, taken_over
):
    world = World(rng, shards, every)

    def goes_on(steps):
        for _ in range(steps):
            getattr(world, rng.choice(["tick", "answer", "answer", "count", "count", "count"]))()

    for steps, what in story:
        goes_on(steps)
        getattr(world, what)()
    if not hurry:
        # Time stands still nowhere: within a while everything due is closed, every camera is read.
        world.join()
        for _ in range(40):
            world.tick(0.5)
            for _ in range(4 + len(world.questions)):
                world.answer()
                world.count()
        assert not world.coordinator.waiting
        done = max([*world.closed, *world.skipped], default=0)
        assert done >= TIMING.newest_due(world.now_s) - 1
        seated = {seat.camera: seat.worker for seat in world.coordinator.seats()}
        assert seated.keys() == set(world.network) - world.paused
        reads = {camera: worker for worker, mine in world.workers.items() for camera in mine}
        assert reads == seated
        assert sum(map(len, world.workers.values())) == len(reads), "a camera is read twice"
    world.stop()
    for steps in range(400):
        if world.coordinator.finished and steps > max(taken_over, default=0):
            break
        if steps == 3:
            world.lose_shard()
        if steps == 5:
            world.die()
        if steps in taken_over:
            # As if who publishes found a shard dead once all was counted, or while it is.
            world.take_over()
        world.tick(0.1)
        world.answer()
        for _ in range(20):
            world.count()
    assert world.coordinator.finished, "it goes on for ever"
    for number, shard in enumerate(world.shards):
        sinces = [tile.plan.since for tile in world.tiles if tile.shard == number]
        if sinces:
            first = -1 if None in sinces else min(sinces)
            wanted = {index for index in world.closed if index > first}
            assert {index: shard.counted[index] for index in wanted} == dict.fromkeys(wanted, 1)
            assert max(shard.counted.values(), default=1) == 1
