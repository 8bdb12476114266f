"""What a loss costs: kill -9 at random moments of a run on Ray, and the same run left alone.

    python -m benchmarks.faults [--ranges 200] [--kills 20] [--cameras 40] [--seed 1]

Two nodes on one machine. Shards, workers and the coordinator are killed in turn at random moments, and once a
whole node. The source is a recording that is let out at a steady pace, as from live cameras; counts must be
those of the run that was left alone, and no range may be lost. A recovery is the time from the kill until all
that was done before is done again. What snapshots cost is measured without kills and without a pace.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from matplotlib.figure import Figure
from ray.cluster_utils import Cluster

from sdist_ray.exclusion.tile import Counting
from sdist_ray.jobs.network import RecordingFeeds
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import Delivery, NetworkSpec, RecordingFeed
from sdist_ray.runtime.local import LocalNetwork
from sdist_ray.runtime.network import Network, Progress, Tally
from sdist_ray.runtime.ray.network import RayNetwork
from sdist_ray.runtime.ray.session import ray_session

RESULTS = Path(__file__).parent / "results"
KINDS = ("shard", "worker", "coordinator", "node")
COLOURS = {"shard": "#2a6f97", "worker": "#e07a2f", "coordinator": "#5a8f3c", "node": "#9b3d5a"}
WORKERS, SHARDS = 2, 2
SNAPSHOT_RANGES = 20
# A node is taken for dead after three missed beats of 300 ms; Ray's own setting is five of 3 s.
NODE_CHECKS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 3,
}


@dataclasses.dataclass(frozen=True)
class PacedFeeds:
    """Makes feeds that let a range out every ``pace_s`` seconds, what they read again at once."""

    network: NetworkSpec
    path: Path
    pace_s: float
    start_s: float

    def __call__(self) -> PacedFeed:
        """See FeedFactory."""
        return PacedFeed(self)


class PacedFeed(RecordingFeed):
    """See PacedFeeds."""

    def __init__(self, feeds: PacedFeeds) -> None:
        super().__init__(feeds.network, feeds.path)
        self._feeds = feeds

    def advance(self, through: int) -> Delivery:
        """See Feed."""
        time.sleep(max(0.0, self._feeds.start_s + through * self._feeds.pace_s - time.time()))
        return super().advance(through)


def some_rows(cameras: int, ticks: int, grid: Grid) -> Rows:
    """Half a person per camera and tick, who is also seen by the next camera."""
    rng = np.random.default_rng(0)
    people = rng.random((ticks, cameras)) < 0.5
    place = np.repeat(rng.integers(0, grid.windows, (ticks // 8 + 1, cameras // 2 + 1)), 8, axis=0)
    windows = place[:ticks, np.arange(cameras) // 2][people].astype(np.uint16)
    return Rows(
        np.tile(np.arange(cameras, dtype=np.int32), ticks),
        np.repeat(np.arange(ticks, dtype=np.int64), cameras),
        windows,
        np.cumsum(people.ravel()),
        np.zeros(0, np.float32),
        np.zeros(0, np.float32),
        np.zeros(cameras * ticks, np.int64),
    )


def counts(network: Network) -> list[bytes]:
    """Every pair that ever agreed and its counts, in one order."""
    parts = network.directed_links(sorted(network.tally.cameras), "raw", 0.0)
    table = np.stack(
        [
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("row", "column", "agreements", "opportunities")
        ]
    )
    visits = network.tally.visits
    return [
        table[:, np.lexsort(table[:2])].tobytes(),
        visits.visits.tobytes(),
        visits.occupied_ticks.tobytes(),
        visits.available_ticks.tobytes(),
    ]


class Killer:
    """Kills something whenever the run has come to one of some ranges."""

    def __init__(self, plan: list[tuple[int, str]], rng: random.Random) -> None:
        self.plan = plan
        self.rng = rng
        self.network: RayNetwork | None = None
        self.node: Any = None
        self.kills: list[tuple[str, int, float]] = []
        self.ranges: list[float] = []

    def __call__(self, step: Progress) -> None:
        """A range was closed."""
        self.ranges.append(time.time())
        if not self.plan or step.ranges < self.plan[0][0] or self.network is None:
            return
        _, kind = self.plan.pop(0)
        if kind == "node":
            pid = self.node.all_processes["raylet"][0].process.pid
            number = 0
        else:
            chosen = self.rng.choice([w for w in self.network.processes() if w.startswith(kind)])
            number = int(chosen.removeprefix(kind) or 0)
            pid = self.network.processes()[chosen]
        # Somewhere within a range, not always at the moment in which one was closed.
        time.sleep(self.rng.random() * 0.05)
        self.kills.append((kind, number, time.time()))
        os.kill(pid, signal.SIGKILL)


def recoveries(killer: Killer, tally: Tally) -> dict[str, list[float]]:
    """Seconds from each kill until what it took was back."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for at, (kind, number, killed) in enumerate(killer.kills):
        following = killer.kills[at + 1][2] if at + 1 < len(killer.kills) else float("inf")
        after = [recovery for recovery in tally.recoveries if recovery.lost_s > killed]
        again = [moment for *who, moment in killer.kills[at + 1 :] if who == [kind, number]]
        own = [
            recovery
            for recovery in after
            if (recovery.kind, recovery.number) == (kind, number)
            and recovery.lost_s < min(again, default=float("inf"))
        ]
        if kind == "node":
            # It takes several with it: it is back when the last of them is.
            own = [recovery for recovery in after if recovery.lost_s < following][-1:]
        # Where the coordinator died before it had noticed, the take-over brought it back.
        back = min((recovery.back_s for recovery in own or after), default=None)
        if back is not None:
            found[kind].append(back - killed)
    return found


def local(path: Path, network: NetworkSpec, counting: Counting, keeping: Keeping) -> tuple[Network, float]:
    tally = Tally(network)
    feeds = RecordingFeeds(network, path, feet=False)
    running = LocalNetwork(feeds, network, counting, 1, SHARDS, keeping, tally)
    start = time.perf_counter()
    running.run()
    return running, time.perf_counter() - start


def snapshot_cost(path: Path, network: NetworkSpec, counting: Counting, folder: Path) -> dict[str, float]:
    """The time of a run with nothing written down, with a journal, and with snapshots too; and bytes."""
    journal, snapshots = folder / "cost.arrow", folder / "cost"
    ways = {
        "nothing": Keeping(),
        "journal": Keeping(journal),
        "snapshots": Keeping(journal, str(snapshots), SNAPSHOT_RANGES),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(4):
        for name, keeping in ways.items():
            journal.unlink(missing_ok=True)
            taken = local(path, network, counting, keeping)[1]
            if number:
                seconds[name].append(taken)
    result = {f"seconds_with_{name}": statistics.median(values) for name, values in seconds.items()}
    result["journal_bytes"] = journal.stat().st_size
    result["snapshot_bytes"] = sum(file.stat().st_size for file in snapshots.iterdir()) / 2
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranges", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cameras", type=int, default=40)
    parser.add_argument("--pace", type=float, default=0.3, help="seconds a range")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    grid, clock = Grid(), Clock()
    ids = tuple(f"c{number:03}" for number in range(arguments.cameras))
    network = NetworkSpec(ids, grid, clock)
    counting = Counting(Padding(grid, clock, 3))
    rng = random.Random(arguments.seed)
    kinds = ["node", *(KINDS[k % 3] for k in range(arguments.kills - 1))]
    rng.shuffle(kinds)
    edges = np.linspace(5, arguments.ranges - 10, arguments.kills + 1).astype(int)
    plan = [(rng.randrange(a, b), kind) for a, b, kind in zip(edges, edges[1:], kinds, strict=False)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "r.arrow"
        with RecordingWriter(path, ids, grid, clock.fps) as writer:
            writer.write(some_rows(arguments.cameras, arguments.ranges * clock.range_ticks, grid))
        cost = snapshot_cost(path, network, counting, folder)
        undisturbed, _ = local(path, network, counting, Keeping())
        expected = counts(undisturbed)
        head = {"num_cpus": 2, "object_store_memory": 200 << 20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head | {"_system_config": NODE_CHECKS})
        os.environ["RAY_ADDRESS"] = cluster.address
        killer = Killer(list(plan), rng)
        killer.node = cluster.add_node(num_cpus=2, object_store_memory=200 << 20)
        with ray_session():
            cluster.wait_for_nodes()
            tally = Tally(network, on_progress=killer)
            feeds = PacedFeeds(network, path, arguments.pace, time.time() + 8)
            keeping = Keeping(folder / "journal.arrow", str(folder / "snapshots"), SNAPSHOT_RANGES)
            start = time.time()
            running = RayNetwork(feeds, network, counting, WORKERS, SHARDS, keeping, tally)
            killer.network = running
            running.run()
            identical = counts(running) == expected
            seconds = time.time() - start
            running.close()
        ray.shutdown()
        cluster.shutdown()
    times = recoveries(killer, tally)
    result: dict[str, Any] = {
        "cameras": arguments.cameras,
        "ranges": arguments.ranges,
        "kills": len(killer.kills),
        "kills_of": {kind: sum(k == kind for k, _, _ in killer.kills) for kind in KINDS},
        "identical": identical,
        "ranges_lost": undisturbed.tally.ranges - tally.ranges,
        "rows_lost": undisturbed.tally.rows - tally.rows,
        "seconds": seconds,
        "pace_s": arguments.pace,
    }
    for kind, values in times.items():
        result[f"{kind}_recovery_median_s"] = statistics.median(values) if values else None
        result[f"{kind}_recovery_worst_s"] = max(values, default=None)
    result |= cost
    result["recoveries_s"] = times
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "faults.json").write_text(json.dumps(result, indent=2) + "\n")
    draw(killer, times, result)
    print(json.dumps(result))


def draw(killer: Killer, times: dict[str, list[float]], result: dict[str, Any]) -> None:
    """The run's progress with its kills, and how long each kind took to be back."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    progress, recovery = figure.subplots(1, 2, width_ratios=(3, 2))
    start = killer.ranges[0]
    seconds = np.array(killer.ranges) - start
    progress.plot(seconds, np.arange(1, len(seconds) + 1), color="#444444", linewidth=1.5)
    for kind in KINDS:
        moments = np.array([moment for k, _, moment in killer.kills if k == kind]) - start
        at = np.searchsorted(seconds, moments)
        label = f"{kind} killed ({len(moments)})"
        progress.plot(moments, at, "o", color=COLOURS[kind], label=label, markersize=6, alpha=0.9)
    progress.set_xlabel("seconds")
    progress.set_ylabel("ranges closed")
    counted = "identical" if result["identical"] else "DIFFERENT"
    progress.set_title(
        f"{result['kills']} kills in {result['ranges']} ranges: counts {counted}, "
        f"{result['ranges_lost']} ranges lost",
        fontsize=10,
    )
    progress.legend(frameon=False, fontsize=9)
    for number, kind in enumerate(KINDS):
        values = times[kind]
        spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(len(values))
        recovery.plot(number + spread, values, "o", color=COLOURS[kind], alpha=0.8, markersize=6)
        if values:
            median = statistics.median(values)
            recovery.hlines(median, number - 0.3, number + 0.3, color=COLOURS[kind], linewidth=2)
            recovery.annotate(f"{median:.1f} s", (number + 0.33, median), va="center", fontsize=9)
    recovery.set_xticks(range(len(KINDS)), KINDS)
    recovery.set_xlim(-0.5, len(KINDS) - 0.1)
    recovery.set_ylim(0)
    recovery.set_ylabel("seconds from kill to back")
    recovery.set_title("recovery, and its median", fontsize=10)
    for axes in (progress, recovery):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "faults.png", dpi=130)


if __name__ == "__main__":
    main()
