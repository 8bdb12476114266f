"""Links of a network that has counted, or still does, judged by all that is known of its windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sdist_ray.occupancy.rates import Rates
from sdist_ray.runtime.network import Tally
from sdist_ray.settings import TopologySettings
from sdist_ray.topology.estimators import ESTIMATORS
from sdist_ray.topology.evidence import NetworkEvidence, judged_links
from sdist_ray.topology.links import DirectedLinks, Links, join_directed
from sdist_ray.topology.screening import Screening

Ask = Callable[[str, float, Screening | None], Sequence[DirectedLinks] | None]
"""Asks a network for directed links by estimator, threshold and screening; None where they cannot be had."""


def links_of(
    settings: TopologySettings, tally: Tally, ask: Ask, cameras: Sequence[str], windows: int
) -> Links | None:
    """The links of a network; None where it cannot tell for the moment.

    Where counts alone do not decide, shards judge their pairs first: only what may be a link comes here.

    Args:
        settings: by what they are judged.
        tally: of the network, which was counted with the tiles' padding.
        ask: the network.
        cameras: sorted ids, all of them in the tally.
        windows: windows per camera.
    """
    estimator, threshold, fdr = settings.estimator, settings.threshold, settings.fdr
    rates = screening = None
    if fdr is not None or not ESTIMATORS[estimator].exact:
        # The same for all who judge, however long that takes.
        rates = _rates(tally, cameras)
        screening = Screening(estimator, threshold, fdr, rates)
    parts = ask(estimator, threshold, screening)
    if parts is None:
        return None
    evidence = NetworkEvidence(_rates(tally, cameras) if rates is None else rates)
    return judged_links(join_directed(parts), cameras, evidence, windows, estimator, threshold, fdr)


def _rates(tally: Tally, cameras: Sequence[str]) -> Rates:
    assert tally.rates is not None
    place = {camera: number for number, camera in enumerate(tally.cameras)}
    return tally.rates.rates().select(np.array([place[camera] for camera in cameras], dtype=np.int64))
