"""Links of a network that has counted, or still does, judged by all that is known of its windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sdist_ray.runtime.network import Tally
from sdist_ray.settings import TopologySettings
from sdist_ray.topology.evidence import NetworkEvidence, judged_links
from sdist_ray.topology.links import DirectedLinks, Links, join_directed


def links_of(
    settings: TopologySettings,
    tally: Tally,
    parts: Sequence[DirectedLinks],
    cameras: Sequence[str],
    windows: int,
) -> Links:
    """The links of all tiles.

    Args:
        settings: by what they are judged.
        tally: of the network, which was counted with the tiles' padding.
        parts: of all tiles, asked with the same settings.
        cameras: sorted ids, all of them in the tally.
        windows: windows per camera.
    """
    assert tally.rates is not None
    rates = tally.rates.rates()
    place = {camera: number for number, camera in enumerate(tally.cameras)}
    chosen = np.array([place[camera] for camera in cameras], dtype=np.int64)
    return judged_links(
        join_directed(parts), cameras, NetworkEvidence(rates.select(chosen)), windows,
        settings.estimator, settings.threshold, settings.fdr,
    )  # fmt: skip
