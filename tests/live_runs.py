"""Small live networks for tests: replayed images, what an undisturbed run sees of them, what a run saw."""

import dataclasses
import itertools
import time

import cv2
import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.live import Timing
from sdist_ray.detection.foreground import ForegroundSettings
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.jobs.live_feeds import LiveFeeds
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padder, Padding
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import Assignment, NetworkSpec
from sdist_ray.runtime.journal import Closed, JournalReader
from sdist_ray.runtime.live.camera import LiveCamera
from sdist_ray.runtime.network import Tally
from sdist_ray.topology.links import directed_links
from sdist_ray.video import replay
from sdist_ray.video.replicas import replicate
from sdist_ray.video.stream import Shot
from sdist_ray.video.streams import Timeouts

GRID = Grid(4, 3)
CLOCK = Clock(10, 10)
WARMUP = 10
BROKEN = "broken"
# A machine that has other things to do for a few seconds must not change what a run sees.
PATIENT_S = 60.0
TIMING = Timing(range_s=1.0, lateness_s=6.0, collect_s=0.3, silent_s=4.0, balance_s=1.0)


def film(folder, images=100):
    """A folder of JPEG images: three people who walk about."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    ground = rng.integers(60, 120, (90, 120)).astype(np.uint8)
    speed = rng.uniform(1.0, 3.0, (3, 2))
    at = rng.uniform(0, 90, (3, 2))
    for number in range(images):
        image = ground.copy()
        for person in range(3):
            x, y = at[person] + number * speed[person]
            x, y = int(abs(x % 200 - 100)), int(abs(y % 120 - 60))
            image[y : y + 24, x : x + 10] = 230
        cv2.imwrite(str(folder / f"{number:03}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return folder


class Odd:
    """A stream of which something is wrong: it is ``behind_s`` behind, or its clock was set back.

    From ``back_at_s`` after the replay's start, for ``back_for_s``, its stamps are ``back_s`` too early. What
    was before ``since_s`` is lost.
    """

    def __init__(
        self, stream, start_s, since_s=0.0, behind_s=0.0, back_at_s=np.inf, back_for_s=0.0, back_s=0.0
    ):
        self.since_s = since_s
        self.stream, self.behind_s = stream, behind_s
        self.back_at_s, self.back_for_s, self.back_s = start_s + back_at_s, back_for_s, back_s

    def poll(self, now_s):
        shot = self.stream.poll(now_s - self.behind_s)
        while shot is not None and shot.time_s < self.since_s:
            shot = self.stream.poll(now_s - self.behind_s)
        if shot is not None and 0 <= shot.time_s - self.back_at_s < self.back_for_s:
            shot = Shot(shot.time_s - self.back_s, shot.content)
        return shot

    def next_s(self, now_s):
        return self.stream.next_s(now_s - self.behind_s) + self.behind_s

    def status(self):
        return self.stream.status()

    def close(self):
        self.stream.close()


@dataclasses.dataclass(frozen=True)
class Feeds(LiveFeeds):
    """Cameras that wait for whoever is late, some of them odd: {id: arguments of Odd}."""

    odd: dict = dataclasses.field(default_factory=dict)

    def __call__(self):
        replay.HOLD_S = PATIENT_S
        return super().__call__()

    def open_camera(self, entry, state):
        if entry.camera == BROKEN:
            raise ValueError("cannot be opened")
        camera = super().open_camera(entry, state)
        start_s, now_s = entry.described.replay.start_s, time.time()
        # As with a camera, what happened before anyone looked is lost, but at the beginning.
        since_s = now_s if state is None and now_s > start_s + TIMING.lateness_s else 0.0
        camera._stream = Odd(camera._stream, start_s, since_s, **self.odd.get(entry.camera, {}))
        return camera


COUNTING = Counting(Padding(GRID, CLOCK, 3), "wide", "dense")


def begin(
    make, folder, workers, shards, *more,
    odd=None, every=5, strategy=None, counting=COUNTING, timing=TIMING,
):  # fmt: skip
    """A network that has no camera yet but one that is broken, with all of its workers; and its rows."""
    cameras = [Camera(BROKEN, "broken")]
    spec = NetworkSpec((BROKEN,), GRID, CLOCK, strategy=strategy)
    settings = ForegroundSettings(warmup_frames=WARMUP)
    feeds = Feeds(spec, settings, Timeouts(), PATIENT_S, odd=odd or {})
    seen = Seen()
    keeping = Keeping(folder / "journal.arrow", str(folder / "snapshots"), every)
    tally = Tally(spec, seen)
    network = make(feeds, spec, cameras, counting, timing, workers, shards, keeping, tally, *more)
    network.start()
    return network, seen, feeds


def copies(film, count, start_in_s=4.0):
    """Cameras that replay a film, evenly spread over it, from where a range begins on."""
    start_s = float(int(time.time() + start_in_s) + 1)
    found = replicate([Camera("c", str(film), fps=10.0)], count, None, start_s)
    return [dataclasses.replace(camera, id=f"c{k:02}") for k, camera in enumerate(found)]


def undisturbed(feeds, cameras, through_s):
    """What a run sees that nothing happens to: {camera: {tick: windows}}."""
    feeds = LiveFeeds(feeds.network, feeds.settings, feeds.timeouts, feeds.patience_s)
    return {camera.id: _undisturbed(feeds, camera, through_s) for camera in cameras}


def _undisturbed(feeds, camera, through_s):
    watched: LiveCamera = feeds.open_camera(Assignment(camera.id, 0, None, camera), None)
    now_s = camera.replay.start_s
    while watched._stream._timeline is None:
        assert watched._stream.poll(now_s - 1) is None
        time.sleep(0.01)
    while now_s < through_s:
        if not step_whole(watched, now_s):
            now_s += 0.05
    seen = Seen()
    seen(watched.take())
    watched.close()
    return seen.rows.get(0, {})


def step_whole(watched, now_s):
    """Take what waits longest and do all of its steps; whether anything did."""
    steps = watched.step(now_s)
    for _ in steps or ():
        pass
    return steps is not None


class Seen:
    """Collects rows: {place: {tick: windows}}. None may come twice."""

    def __init__(self):
        self.rows = {}

    def __call__(self, rows):
        start = 0
        for camera, tick, end in zip(rows.camera, rows.tick, rows.window_ends, strict=True):
            mine = self.rows.setdefault(int(camera), {})
            assert int(tick) not in mine, "a tick was told twice"
            mine[int(tick)] = tuple(rows.windows[start:end].tolist())
            start = end

    def by_camera(self, cameras):
        return {camera: self.rows.get(place, {}) for place, camera in enumerate(cameras)}


def recount(journal, cameras, counting):
    """What counting a journal's ranges in this process comes to; see ``agreements_of``."""
    tile = Tile(tuple(cameras), tuple(cameras), counting)
    padder = Padder(counting.padding)
    padder.grow(len(cameras))
    for entry in JournalReader(journal).entries():
        if isinstance(entry, Closed):
            for padded in padder.push(range_of_rows(entry.rows, entry.index, len(cameras), GRID, CLOCK)):
                tile.apply(padded, cameras)
    for padded in padder.flush():
        tile.apply(padded, cameras)
    return agreements_of([directed_links(tile, cameras, "raw", 0.0)])


def agreements_of(parts):
    """N and O of windows that agreed, in both directions: {(row, column): (N, O)}.

    A tile of the same rows and columns may leave out pairs that agreed in one direction only.
    """
    found = {
        (int(row), int(column)): (int(n), int(o))
        for part in parts
        for row, column, n, o in zip(part.row, part.column, part.agreements, part.opportunities, strict=True)
    }
    return {pair: counts for pair, counts in found.items() if pair[::-1] in found}


def longest_gap(ticks, first, last):
    """Most ticks in a row without a row, from ``first`` to ``last``."""
    there = [first - 1, *sorted(tick for tick in ticks if first <= tick <= last), last + 1]
    return max(b - a - 1 for a, b in itertools.pairwise(there))


def watch(network, until, timeout_s=300.0, each=None):
    """Look at a network until something is so; what ``until`` answered."""
    end_s = time.monotonic() + timeout_s
    while True:
        health = network.look()
        if each is not None:
            each(health)
        if found := until(health):
            return found
        assert time.monotonic() < end_s, f"it did not happen: {until.__doc__ or until}"
        time.sleep(0.25)


def readers(health):
    """Who reads which camera: {camera: worker}."""
    return {camera.camera: camera.worker for camera in health.cameras}
