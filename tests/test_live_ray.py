"""Faults of a live network on Ray: other cameras' ticks and counts are those of an undisturbed run.

Its links are followed all the while, as one that publishes them does.
"""

import contextlib
import dataclasses
import itertools
import os
import signal
import subprocess
import time

import pytest

from sdist_ray.errors import InputError
from sdist_ray.occupancy.recording import open_recording
from sdist_ray.runtime.journal import Closed, JournalReader
from sdist_ray.runtime.ray.live_network import RayLiveNetwork, find_coordinator, networks
from sdist_ray.runtime.ray.session import ray_session
from tests import live_runs
from tests.live import until
from tests.processes import LIVE_COMMAND, alive, processes_of

pytestmark = pytest.mark.ray
CAMERAS, WORKERS, SHARDS = 8, 3, 2
BEHIND, BACK, BROKEN = "c06", "c07", live_runs.BROKEN
BACK_AT_S, BACK_FOR_S = 12.0, 5.0
STOPPED_S = 20.0
PUBLISH_S = 2.0
ASKED = ("raw", 0.2)
COUNTING = dataclasses.replace(live_runs.COUNTING, store="indexed")


@dataclasses.dataclass
class Run:
    """What happened, and what came of it; seconds are since the replays' start."""

    seen: live_runs.Seen
    feeds: live_runs.Feeds
    cameras: list = dataclasses.field(default_factory=list)
    afflicted: dict = dataclasses.field(default_factory=dict)
    happened_s: dict = dataclasses.field(default_factory=dict)
    last: int = 0
    names: list = dataclasses.field(default_factory=list)
    healths: list = dataclasses.field(default_factory=list)
    counts: dict = dataclasses.field(default_factory=dict)
    recount: dict = dataclasses.field(default_factory=dict)
    published: list = dataclasses.field(default_factory=list)
    followed: list = dataclasses.field(default_factory=list)
    searched: dict = dataclasses.field(default_factory=dict)
    left: list = dataclasses.field(default_factory=list)

    @property
    def start_s(self):
        return self.cameras[0].replay.start_s

    @property
    def rows(self):
        return self.seen.by_camera(self.names)

    @property
    def untouched(self):
        touched = {BEHIND, BACK, BROKEN}.union(*self.afflicted.values())
        return [camera.id for camera in self.cameras if camera.id not in touched]


def read_by(health, worker):
    return {camera for camera, reader in live_runs.readers(health).items() if reader == worker}


def carry_out(run, network, film):
    """All faults, one after the other."""

    def now_s():
        return time.time() - run.start_s

    def publish(health):
        run.healths.append(health)
        if run.cameras and now_s() > len(run.published) * PUBLISH_S:
            parts = network.directed_links(list(network.tally.cameras), *ASKED, follow=True)
            # A shard that is not there for the moment has none.
            run.published.append((now_s(), live_runs.agreements_of(parts or [])))

    def look(until, **how):
        return live_runs.watch(network, until, each=publish, **how)

    def all_live(health):
        """every camera is read and seen"""
        odd = {BROKEN, BEHIND, BACK}
        # Whoever is opened earlier than a range may be late misses nothing.
        return now_s() > live_runs.TIMING.lateness_s + 2 and all(
            c.state == "live" for c in health.cameras if c.camera not in odd
        )

    def hit(what, number):
        """Send a signal to a worker; the cameras it had are afflicted."""
        pids = network.processes()
        run.afflicted[what, number] = read_by(network.look(), number)
        run.happened_s[what] = now_s()
        os.kill(pids[f"worker {number}"], what)
        run.afflicted[what, number] |= read_by(network.look(), number)
        return pids[f"worker {number}"]

    readers, since_s = {}, 0.0

    def settled(health):
        """no camera has been moved for a while"""
        nonlocal readers, since_s
        if live_runs.readers(health) != readers:
            readers, since_s = live_runs.readers(health), now_s()
        return now_s() > since_s + 2 * live_runs.TIMING.balance_s and all_live(health)

    look(lambda health: len(health.workers) == WORKERS)
    run.cameras = live_runs.copies(film, CAMERAS)
    network.add_cameras(run.cameras)
    look(settled)
    pids = network.processes()
    hit(signal.SIGKILL, 0)

    def replaced(health):
        """another worker is there instead of the one that died"""
        return 0 not in {w.number for w in health.workers} and len(health.workers) == WORKERS

    look(replaced)
    run.happened_s["shard"] = now_s()
    os.kill(pids["shard 0"], signal.SIGKILL)
    look(settled)
    stopped = hit(signal.SIGSTOP, 1)

    def given_up(health):
        """nobody waits for the worker that was stopped"""
        return not read_by(health, 1) and 1 not in {w.number for w in health.workers}

    look(given_up)
    closed = network.tally.ranges
    run.happened_s["coordinator"] = now_s()
    os.kill(pids["coordinator"], signal.SIGKILL)
    look(lambda _: network.tally.ranges > closed)
    run.happened_s["taken over"] = now_s()
    look(lambda _: now_s() > run.happened_s[signal.SIGSTOP] + STOPPED_S)
    if alive(stopped):
        os.kill(stopped, signal.SIGCONT)
    look(all_live)
    look(lambda _: not alive(stopped))
    look(lambda _: now_s() > run.happened_s["coordinator"] + 8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    film = live_runs.film(folder / "film")
    odd = {
        BEHIND: {"behind_s": live_runs.TIMING.lateness_s + 3},
        BACK: {"back_at_s": BACK_AT_S, "back_for_s": BACK_FOR_S, "back_s": 30.0},
    }
    with ray_session():
        network, seen, feeds = live_runs.begin(
            RayLiveNetwork, folder, WORKERS, SHARDS, "tests", odd=odd, counting=COUNTING
        )
        run = Run(seen, feeds)
        try:
            carry_out(run, network, film)
            assert networks() == ["tests"]
            with pytest.raises(InputError, match="there are: tests"):
                find_coordinator("others")
            run.healths.append(network.stop())
            run.names = list(network.tally.cameras)
            run.last = (network.tally.newest + 1) * live_runs.CLOCK.range_ticks - 1

            def links(estimator, threshold, follow=False):
                parts = network.directed_links(run.names, estimator, threshold, follow)
                return live_runs.agreements_of(parts)

            run.followed.append(links(*ASKED, follow=True))
            run.searched = links(*ASKED)
            run.counts = links("raw", 0.0)
            os.kill(network.processes()["shard 1"], signal.SIGKILL)
            assert links("raw", 0.0) == run.counts, "a shard that died after the end has other counts"
            os.kill(network.processes()["shard 0"], signal.SIGKILL)
            run.followed.append(links(*ASKED, follow=True))
            run.recount = live_runs.recount(folder / "journal.arrow", run.names, COUNTING)
        finally:
            pids = network.processes()
            network.close()
            with contextlib.suppress(AssertionError):
                until(lambda: not any(map(alive, pids.values())), 30)
            run.left = [name for name, pid in pids.items() if alive(pid)]
    return run


@pytest.fixture(scope="module")
def expected(run):
    return live_runs.undisturbed(run.feeds, run.cameras, run.last / live_runs.CLOCK.fps + 1)


def test_the_other_cameras_ticks_are_those_of_an_undisturbed_run(run, expected):
    assert run.untouched, "every camera was afflicted"
    print({str(what): round(second, 1) for what, second in run.happened_s.items()}, run.afflicted)
    # The end is where the run was stopped, a range earlier or later.
    last = run.last - 2 * live_runs.CLOCK.range_ticks
    for camera in run.untouched:
        whole = {tick: windows for tick, windows in expected[camera].items() if tick <= last}
        assert len(whole) > 200
        assert {tick: windows for tick, windows in run.rows[camera].items() if tick <= last} == whole


def test_nothing_is_counted_twice_and_nothing_is_left_out(run):
    assert run.counts
    assert run.counts == run.recount


def test_links_that_were_followed_while_shards_died_are_those_of_a_search(run):
    def passes(pair):
        agreements, opportunities = run.recount[pair]
        return agreements / opportunities > ASKED[1]

    undisturbed = {pair: n for pair, n in run.recount.items() if passes(pair) and passes(pair[::-1])}
    assert run.searched == undisturbed
    followed, restored = run.followed
    # Followed from the last search on, it may lack what is new; what it has is exact.
    assert followed.items() <= undisturbed.items()
    assert len(followed) > 0.8 * len(undisturbed)
    # Both shards were made anew, and search.
    assert restored == undisturbed
    # It was asked before the shard died, between that and the coordinator's death, and after.
    died = [-1.0, run.happened_s["shard"], run.happened_s["coordinator"], float("inf")]
    for begin, end in itertools.pairwise(died):
        found = [links for second, links in run.published if begin < second <= end]
        assert any(found), "no links were followed"


@pytest.mark.parametrize("what", [signal.SIGKILL, signal.SIGSTOP])
def test_ticks_of_a_worker_that_is_gone_are_unavailable_until_others_have_its_cameras(run, what):
    ((_, afflicted),) = [item for item in run.afflicted.items() if item[0][0] is what]
    assert afflicted - {BEHIND, BACK, BROKEN}, "it had no camera"
    tick = round((run.start_s + run.happened_s[what]) * live_runs.CLOCK.fps)
    gaps = []
    for camera in afflicted - {BEHIND, BACK, BROKEN}:
        after = sorted(t for t in run.rows[camera] if t > tick)
        gaps.append(live_runs.longest_gap(after, tick, after[-1]))
    # Backgrounds are learnt anew: so many ticks at least are missing, and then cameras are back.
    assert max(gaps) >= live_runs.WARMUP
    assert max(gaps) <= 900


def test_rows_of_a_camera_that_is_behind_are_late_and_dropped(run):
    # While the coordinator was away nothing was closed; what came then was in time.
    first = run.happened_s["coordinator"] - live_runs.TIMING.lateness_s - 5
    open_s = [tick / live_runs.CLOCK.fps - run.start_s for tick in run.rows[BEHIND]]
    assert not [second for second in open_s if not first <= second <= run.happened_s["taken over"]]
    (health,) = [c for c in run.healths[-1].cameras if c.camera == BEHIND]
    assert health.late > 0
    assert any(BEHIND in cameras for cameras in run.healths[-1].late_minutes.values())


def test_what_a_clock_that_was_set_back_says_twice_is_told_once(run, expected):
    ticks = live_runs.CLOCK.fps
    back, good = (round((run.start_s + s) * ticks) for s in (BACK_AT_S, BACK_AT_S + BACK_FOR_S))
    rows = run.rows[BACK]
    assert not [tick for tick in rows if back < tick < good]
    assert any(tick > good for tick in rows)
    if not any(BACK in cameras for cameras in run.afflicted.values()):
        before = {tick: windows for tick, windows in expected[BACK].items() if tick < back}
        assert {tick: windows for tick, windows in rows.items() if tick < back} == before


def test_a_camera_that_cannot_be_opened_is_reported_and_ends_nothing(run):
    (health,) = [c for c in run.healths[-1].cameras if c.camera == BROKEN]
    assert "cannot be opened" in health.problem


def test_no_process_is_left_behind(run):
    assert run.left == []


@pytest.fixture
def command(tmp_path):
    """Starts the command, in a process group of its own as a shell has it; the process, and its folder."""
    started = []

    def start(kind):
        out = tmp_path / "out"
        film = live_runs.film(tmp_path / "film")
        arguments = [f"source.paths=[{film}]", "source=live", f"runtime={kind}", "runtime.workers=1"]
        arguments += [
            "live.start_in_s=0",
            "live.lateness_s=1",
            "live.recording=r.parquet",
            f"output={out}",
            "live.publish_s=1",
        ]
        with open(tmp_path / "log", "wb") as log:
            process = subprocess.Popen(
                [*LIVE_COMMAND, "topology", *arguments],
                start_new_session=True, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        started.append(process)
        return process, out

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_ctrl_c_ends_a_network_on_ray_and_its_results_are_written(command):
    process, out = command("ray")

    def counting():
        assert process.poll() is None
        journals = list(out.glob(".state-*/journal.arrow"))
        return journals and any(
            isinstance(entry, Closed) and len(entry.rows.tick)
            for entry in JournalReader(journals[0]).entries()
        )

    until(counting)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(300) == 0
    assert (out / "summary.json").exists()
    assert (out / "links.parquet").exists()
    assert open_recording(out / "r.parquet").cameras == ("film",)
    assert not list(out.glob(".state-*"))
    until(lambda: not processes_of(process.pid))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_gracefully_and_a_second_at_once(command, number):
    process, out = command("local")
    until(lambda: (out / "latest").exists())
    os.kill(process.pid, number)
    if number == signal.SIGINT:
        # Two of a kind that come at once are one.
        until(lambda: "ending: " in (out.parent / "log").read_text())
        os.kill(process.pid, number)
        # Whatever it was about: counting, or writing results down already.
        assert process.wait(120) != 0
    else:
        assert process.wait(300) == 0
        assert (out / "summary.json").exists()
