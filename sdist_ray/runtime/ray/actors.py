"""Thin actors: each holds an object of the core and forwards to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayTaskError

from sdist_ray.coordinator.instructions import Piece, TilePlan
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.block import Clock
from sdist_ray.runtime.feeds import Assignment, CameraReport, Feed, Opening
from sdist_ray.runtime.hosts import Parcel, ShardHost, Stale, WorkerHost, use_one_thread
from sdist_ray.runtime.memory import GivingBack
from sdist_ray.runtime.network import Request
from sdist_ray.runtime.pipeline import Pipeline
from sdist_ray.runtime.ray.runtime import RayRuntime, Setup
from sdist_ray.runtime.screens import Asked
from sdist_ray.runtime.snapshots import SnapshotFolder
from sdist_ray.runtime.warm import warm_up_tiles
from sdist_ray.topology.links import DirectedLinks


class DetectionWorker(WorkerHost):
    """Hosts many cameras: a feed."""

    def __init__(self, clock: Clock) -> None:
        use_one_thread()
        super().__init__(self._no_feed, clock)

    @staticmethod
    def _no_feed() -> Feed:
        raise Stale

    def begin(
        self, setup: Sequence[Any], session: str, cameras: Sequence[Assignment], after: int | None
    ) -> list[Opening]:
        """See ``restart``; what makes its feed comes with the setup, a reference in a list."""
        self._make_feed = ray.get(setup[0]).make_feed
        return self.restart(session, cameras, after)

    def pid(self) -> int:
        """This process."""
        return os.getpid()


class ExclusionShard(ShardHost):
    """Hosts tiles. Counters live on this process's heap."""

    def __init__(self, counting: Counting | None, place: str | None) -> None:
        use_one_thread()
        self._place = SnapshotFolder(place) if place else None
        super().__init__(counting, self._place)
        self._giving_back = GivingBack()
        if counting is not None:
            warm_up_tiles(counting, read_only=True)

    def apply_all(
        self, session: str, handles: Sequence[Any], places: Sequence[tuple[int, int]], after: int | None
    ) -> None:
        """Count ranges one on top of the other; the first on top of ``after``.

        Args:
            session: see ShardHost.
            handles: references in a list: of the ids of the network's cameras, and then of lists of ranges.
            places: where the ranges are: which list, and where in it.
            after: see ShardHost.
        """
        network, *stored = ray.get(list(handles))
        for which, place in places:
            padded, stored[which][place] = stored[which][place], None
            self.apply(session, padded, network, after)
            after = padded.index
        self._giving_back()

    def hand_out_apart(self, session: str, pieces: Sequence[Piece], until: int) -> tuple[None, list[Parcel]]:
        """See ``hand_out``; what is handed out comes by itself, for those who need it."""
        return None, self.hand_out(session, pieces, until)

    def build_of(
        self,
        session: str,
        plans: Sequence[TilePlan],
        pieces: Sequence[Piece],
        handed: Sequence[Any],
        until: int,
    ) -> None:
        """See ``build``; what others have handed out are references in a list."""
        self.build(session, plans, pieces, ray.get(list(handed)), until)

    def pid(self) -> int:
        """This process."""
        return os.getpid()

    def clear(self) -> None:
        """Remove the run's snapshots from this node, or from the place that all nodes share."""
        if self._place is not None:
            self._place.clear()


class CoordinatorActor:
    """Runs a network. Made anew, it takes over from what the journal and the shards know."""

    def __init__(self) -> None:
        use_one_thread()
        self._pipeline: Pipeline | None = None

    def begin(self, setup: Sequence[Any], requests: Sequence[Request]) -> None:
        """Be ready to run, and hear of all requests so far; ``setup`` boxes a reference to a Setup."""
        if self._pipeline is None:
            found: Setup = ray.get(setup[0])
            runtime = RayRuntime(found.actors, setup)
            self._pipeline = Pipeline(found.network, runtime, found.counting, found.keeping)
        self._pipeline.request(requests)

    def _begun(self) -> Pipeline:
        if self._pipeline is None:
            raise Stale
        return self._pipeline

    def run(self) -> tuple[str | None, int | None]:
        """See Pipeline. Answers why it cannot go on, where it cannot, and the last range that was closed."""
        pipeline = self._begun()
        try:
            pipeline.run()
        except InputError as error:
            # What comes from a worker is wrapped with where it was raised, which helps no user.
            cause = error.cause if isinstance(error, RayTaskError) else error
            return str(cause), pipeline.newest
        return None, pipeline.newest

    def directed_links(self, asked: Asked) -> list[DirectedLinks]:
        """See Pipeline."""
        return self._begun().directed_links(asked)

    def reports(self) -> list[CameraReport]:
        """See Pipeline."""
        return self._begun().reports()

    def pid(self) -> int:
        """This process."""
        return os.getpid()
