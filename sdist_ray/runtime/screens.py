"""How links are asked for of shards that judge them first; see topology.screening."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.links import DirectedLinks
from sdist_ray.topology.screening import Screening


class Asked(NamedTuple):
    """What a network is asked for: directed links.

    Attributes:
        network: camera ids, in the order that numbers them.
        estimator, threshold, follow: see topology.links.directed_links.
        screening: how shards judge them first; None where all that may pass is wanted.
    """

    network: Sequence[str]
    estimator: str
    threshold: float
    follow: bool = False
    screening: Screening | None = None


class Screens(Protocol):
    """Shards that can be asked for links."""

    def directed_links(
        self,
        network: Sequence[str],
        estimator: str,
        threshold: float,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[list[DirectedLinks] | None]:
        """Every shard's directed links, tile by tile; None for a shard that is gone. Waits for them.

        Of some tiles only, where these are given; ``follow``, see topology.links.directed_links.
        """
        ...

    def screen(
        self,
        network: Sequence[str],
        screening: Screening,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[npt.NDArray[np.int64] | None]:
        """Have every shard judge its directed links, and keep them: their histograms, int64 (BINS,).

        None for a shard that is gone. Waits for them.
        """
        ...

    def screened(self, last: int) -> list[list[DirectedLinks] | None]:
        """What every shard has kept, up to a bin; None for one that is gone. Waits for them."""
        ...


def links_of_shards(
    shards: Screens, asked: Asked, tiles: Collection[int] | None
) -> list[list[DirectedLinks] | None]:
    """Every shard's directed links, of some tiles where these are given; None for a shard that is gone."""
    network, estimator, threshold, follow, screening = asked
    if screening is None:
        return shards.directed_links(network, estimator, threshold, tiles, follow)
    histograms = shards.screen(network, screening, tiles, follow)
    there = [histogram for histogram in histograms if histogram is not None]
    if len(there) < len(histograms):
        return [None if histogram is None else [] for histogram in histograms]
    return shards.screened(screening.last_bin(np.sum(there, axis=0)))
