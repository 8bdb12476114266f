"""What is learnt of a live network beside its links: transits, changes, one ground plane."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sdist_ray.jobs.changes import ChangeWatch, change_spec, with_transits
from sdist_ray.jobs.ground_plane_live import watch_ground_plane
from sdist_ray.jobs.host import Host
from sdist_ray.jobs.transits import FoundTransits, TransitWatch, wanted, warm_up
from sdist_ray.occupancy.block import OccupancyRange, Rows
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.network import Tally
from sdist_ray.settings import TopologyJob
from sdist_ray.topology.change import Change
from sdist_ray.topology.graph import Edges, camera_edges
from sdist_ray.topology.ground_plane.placed import Placed
from sdist_ray.topology.links import Links


@dataclass(frozen=True)
class LiveTopology:
    """What is known of a network at one moment; None is what is not looked for, or not known yet."""

    links: Links
    edges: Edges
    placed: Placed | None
    transits: FoundTransits | None
    changes: list[Change] | None


class Watches:
    """Whoever learns from what a live network sees; a context manager. See Watcher.

    Args:
        settings: of the command.
        network: cameras, grid, clock.
        where: it runs.
        folder: the run's.
    """

    def __init__(self, settings: TopologyJob, network: NetworkSpec, where: Host, folder: Path) -> None:
        topology = settings.topology
        self._least_links = topology.least_links
        self._transits = self._changes = None
        change = change_spec(settings)
        if wanted(topology.transit, len(network.cameras)):
            self._transits = TransitWatch(topology.transit, network, change)
            if where.kind == "local":
                warm_up(topology.transit, network)
        if change is not None:
            self._changes = ChangeWatch(change, network)
        self._ground = watch_ground_plane(topology.ground_plane, network, where, folder)

    def __enter__(self) -> Watches:
        """It is told of what is seen from now on."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of whoever learns."""
        if self._ground is not None:
            self._ground.close()

    def on_range(self, entry: OccupancyRange) -> None:
        """See Watcher."""
        if self._transits is not None:
            self._transits.add(entry)
        if self._changes is not None:
            self._changes.add(entry)

    def on_rows(self, rows: Rows, cameras: tuple[str, ...]) -> None:
        """See Watcher."""
        if self._ground is not None:
            self._ground.add(rows, cameras)

    def topology(self, links: Links, tally: Tally, last: bool = False) -> LiveTopology:
        """What is known now.

        Args:
            links: by the counts.
            tally: of the network.
            last: all has been told, and what is being learnt is waited for.
        """
        placed = None
        if self._ground is not None:
            placed = self._ground.finish() if last else self._ground.placed
        if placed is None:
            edges = camera_edges(links, self._least_links)
        else:
            links, edges = placed.agreeing(links), placed.edges(links.cameras)
        transits = None if self._transits is None else self._transits.learn(links, edges, tally, last)
        changes = None if self._changes is None else self._changes.changes()
        return LiveTopology(links, edges, placed, transits, with_transits(changes, transits))
