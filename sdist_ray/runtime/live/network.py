"""A live network: what commands hold, whatever carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sdist_ray.cameras.camera import Camera
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.runtime.network import Tally
from sdist_ray.topology.links import DirectedLinks
from sdist_ray.topology.screening import Screening
from sdist_ray.video.source import Image


class LiveNetwork(Protocol):
    """A network without an end, until it is told to stop. Its cameras may come and go from any thread.

    Attributes:
        name: of the runtime.
        shards: how many there are.
        tally: what is known of its closed ranges, as of the last ``look``.
    """

    name: str
    shards: int
    tally: Tally

    def start(self) -> None:
        """Begin to read cameras; returns at once."""
        ...

    def look(self) -> NetworkHealth:
        """How it is.

        Raises:
            InputError: it cannot go on.
        """
        ...

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """Have cameras join; nobody else's counts are touched.

        Raises:
            InputError: the network has one of them already.
        """
        ...

    def remove_cameras(self, cameras: Sequence[str]) -> None:
        """Have cameras leave; what was counted of them until then is kept.

        Raises:
            InputError: the network does not have one of them; then none leaves.
        """
        ...

    def pause_cameras(self, cameras: Sequence[str], paused: bool) -> None:
        """Have cameras not be read for a while, or be read again.

        Raises:
            InputError: the network does not have one of them.
        """
        ...

    def directed_links(
        self,
        network: Sequence[str],
        estimator: str,
        threshold: float,
        follow: bool = False,
        screening: Screening | None = None,
    ) -> list[DirectedLinks] | None:
        """Every tile's directed links as they are now; None where a shard is not there for the moment.

        Windows are numbered as in ``network``.

        Args:
            network: camera ids.
            estimator, threshold: see topology.links.directed_links.
            follow: whether this is asked again and again while it runs; then links that are new may be
                lacking, where that saves work.
            screening: where it is given, only those that may be links by that; see topology.screening.
        """
        ...

    def pictures(self, most: int) -> dict[str, Image]:
        """Of some cameras, ``most`` of each worker, the frame with the most people in it, by id."""
        ...

    def stop(self) -> NetworkHealth:
        """Read no more, count what was seen, and end: how it was at the end.

        Raises:
            InputError: it does not end.
        """
        ...

    def close(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...
