"""Any order of answers, any losses: every shard counts every range once. A small world without I/O."""

from collections import Counter, deque

from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.coordinator.events import (
    CameraOpened,
    CameraRemoved,
    CamerasAdded,
    RangeApplied,
    RangesPadded,
    ShardLost,
    ShardRestored,
    SnapshotTaken,
    WorkerAdvanced,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import (
    Advance,
    ApplyRange,
    AssignCamera,
    CloseRange,
    CreateTile,
    DropCamera,
    Finish,
    FlushRanges,
    ReleaseRange,
    RestartWorker,
    RestoreShard,
    Rewind,
    TakeSnapshot,
)
from sdist_ray.coordinator.shards import SNAPSHOTS_KEPT, ShardFound
from sdist_ray.coordinator.state import Coordinator, TakenOver


class Shard:
    """Counts ranges: ``counted`` holds how often each was."""

    def __init__(self, saved):
        self.counted = Counter()
        self.last = None
        self.saved = saved  # outlives the shard
        self.levels = ()
        self.tiles = {}

    def apply(self, index, after):
        assert self.last == after, "a range is counted on top of another than was meant"
        self.counted[index] += 1
        self.last = index

    def save(self):
        self.saved.append((self.last, self.counted.copy()))
        self.levels = tuple(index for index, _ in self.saved)


class World:
    """Workers, shards and a padder that lags one range behind; what was closed outlives everyone."""

    def __init__(self, rng, cameras, ends, shards, every):
        self.rng = rng
        self.ends = ends
        self.every = every
        self.shards = [Shard(deque(maxlen=SNAPSHOTS_KEPT)) for _ in range(shards)]
        self.queues = {}
        self.closed = []
        self.tiles = []
        self.seats = ()
        self.cameras = cameras
        self.coordinator = Coordinator(cameras, len(ends), shards, snapshot_ranges=every)
        self.published = set()
        self.unpadded = None
        self.do(self.coordinator.start())

    def ask(self, who, *answer):
        self.queues.setdefault(who, deque()).append(answer)

    def handle(self, event):
        instructions = self.coordinator.handle(event)
        if any(isinstance(instruction, Rewind) for instruction in instructions):
            self.take_over()
            return
        self.coordinator.validate()
        self.do(instructions)

    def do(self, instructions):
        self.tiles += [i for i in instructions if isinstance(i, CreateTile)]
        if not self.coordinator.opening:
            self.seats = tuple(self.coordinator.seats())
        for instruction in instructions:
            match instruction:
                case AssignCamera(seat):
                    self.ask(("worker", seat.worker), CameraOpened(seat.worker, seat.camera, 0))
                case RestartWorker(worker, seats, _):
                    for seat in seats:
                        self.ask(("worker", worker), CameraOpened(worker, seat.camera, 0))
                case Advance(worker, through):
                    reads = any(seat.worker == worker for seat in self.coordinator.seats())
                    upcoming = through + 1 if reads and through < self.ends[worker] else None
                    self.ask(("worker", worker), WorkerAdvanced(worker, through, upcoming))
                case CreateTile(shard, plan):
                    self.shards[shard].tiles[plan.tile] = plan
                case CloseRange(index):
                    assert not self.closed or index > self.closed[-1]
                    self.closed.append(index)
                    self.pad(index)
                case FlushRanges():
                    rest = () if self.unpadded is None else (self.unpadded,)
                    self.publish(rest, last=True)
                    self.unpadded = None
                case ApplyRange(shard, index, after):
                    assert index in self.published, "a range that was released is asked for"
                    self.ask(("shard", shard), self.shards[shard].apply, index, after)
                case TakeSnapshot(shard):
                    self.ask(("shard", shard), "snapshot")
                case RestoreShard(shard, plans):
                    self.ask(("shard", shard), "restore", plans)
                case ReleaseRange(index):
                    self.published.remove(index)
                case DropCamera() | Finish():
                    pass
                case _:
                    raise AssertionError(instruction)

    def pad(self, index):
        if self.unpadded is not None:
            self.publish((self.unpadded,))
        self.unpadded = index

    def publish(self, ranges, last=False):
        self.published |= set(ranges)
        self.ask(("padder", 0), RangesPadded(ranges, last))

    def step(self):
        """One that was asked something answers: those of one actor in their order, of several in any."""
        busy = sorted(who for who, queue in self.queues.items() if queue)
        # Padding happens where the coordinator is, before it hears of anything else.
        who = ("padder", 0) if self.queues.get(("padder", 0)) else self.rng.choice(busy)
        what, *arguments = self.queues[who].popleft()
        kind, number = who
        if kind != "shard":
            self.handle(what)
        elif what == "snapshot":
            shard = self.shards[number]
            if self.rng.random() < 0.2:
                self.handle(SnapshotTaken(number, None))
            else:
                shard.save()
                self.handle(SnapshotTaken(number, shard.last))
        elif what == "restore":
            self.handle(self.restore(number, *arguments))
        else:
            what(*arguments)
            self.handle(RangeApplied(number, arguments[0]))

    def restore(self, number, plans):
        shard = self.shards[number] = Shard(self.shards[number].saved)
        shard.tiles = {plan.tile: plan for plan in plans}
        if shard.saved and self.rng.random() < 0.3:
            shard.saved.pop()  # damaged
        if shard.saved:
            shard.last, counted = shard.saved[-1]
            shard.counted = counted.copy()
        shard.levels = tuple(index for index, _ in shard.saved)
        return ShardRestored(number, shard.last, shard.levels)

    def lose_shard(self):
        number = self.rng.randrange(len(self.shards))
        self.queues.pop(("shard", number), None)
        self.shards[number] = Shard(self.shards[number].saved)
        self.handle(ShardLost(number))

    def lose_worker(self):
        number = self.rng.randrange(len(self.ends))
        self.queues.pop(("worker", number), None)
        self.handle(WorkerLost(number))

    def take_over(self):
        self.queues.clear()
        if not self.seats:
            # It was lost before any camera had answered: nothing was written down.
            self.__init__(self.rng, self.cameras, self.ends, len(self.shards), self.every)
            return
        found = []
        for number, shard in enumerate(self.shards):
            mine = {tile.plan.tile for tile in self.tiles if tile.shard == number}
            whole = mine <= shard.tiles.keys()
            found.append(ShardFound(shard.last, shard.levels) if whole else None)
        horizon = self.closed[-1] if self.closed else None
        taken = TakenOver(horizon, self.seats, tuple(self.tiles), tuple(found))
        names = [seat.camera for seat in self.seats]
        coordinator = self.coordinator = Coordinator(
            names, len(self.ends), len(self.shards), snapshot_ranges=self.every, taken=taken
        )
        self.published, self.unpadded = set(), None
        self.do(coordinator.adopt())
        while coordinator.restoring:
            self.step()
        floor = coordinator.begin_replay()
        for index in list(self.closed):
            if floor is None or index > floor:
                self.pad(index)
                while self.coordinator is coordinator and (
                    coordinator.crowded or self.queues.get(("padder", 0))
                ):
                    self.step()
                if self.coordinator is not coordinator:
                    return  # a shard needed more than that: another has taken over meanwhile
        self.do(coordinator.start())

    def add_camera(self):
        if not (self.coordinator.opening or self.coordinator.ending):
            self.handle(CamerasAdded((f"new{len(self.tiles)}",)))

    def remove_camera(self):
        if len(self.seats) > 1 and not self.coordinator.opening:
            self.handle(CameraRemoved(self.rng.choice(self.seats).camera))


FAULTS = ("lose_shard", "lose_worker", "take_over", "add_camera", "remove_camera")


@settings(max_examples=150, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.integers(1, 5),
    st.lists(st.integers(0, 30), min_size=1, max_size=3),
    st.integers(1, 3),
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(FAULTS)), max_size=8),
)
def test_every_shard_counts_every_range_once(rng, cameras, ends, shards, every, faults):
    world = World(rng, [f"c{k}" for k in range(cameras)], ends, shards, every)
    faults = sorted(faults, reverse=True)
    steps = 0
    while not world.coordinator.finished or faults:
        if faults and (faults[-1][0] <= steps or world.coordinator.finished):
            getattr(world, faults.pop()[1])()
        else:
            world.step()
        steps += 1
        assert steps < 20_000, "it goes on for ever"
    assert world.closed == sorted(set(world.closed))
    assert set(range(min(ends) + 1)) <= set(world.closed)
    begun = [tile.shard for tile in world.tiles if tile.plan.since is None]
    assert sorted(set(begun)) == list(range(min(shards, cameras)))
    for number, shard in enumerate(world.shards):
        sinces = [tile.plan.since for tile in world.tiles if tile.shard == number]
        if not sinces:
            continue
        first = -1 if None in sinces else min(sinces)
        wanted = {index for index in world.closed if index > first}
        assert {index: shard.counted[index] for index in wanted} == dict.fromkeys(wanted, 1)
        assert max(shard.counted.values(), default=1) == 1


def test_a_world_without_faults_releases_every_range():
    import random

    world = World(random.Random(1), ["a", "b"], [20, 10], 2, 0)
    while not world.coordinator.finished:
        world.step()
    assert not world.published
    assert world.closed == list(range(len(world.closed)))
