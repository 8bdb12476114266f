"""Counts to links: pairs of windows judged adjacent, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.tile import Tile
from sdist_ray.topology.estimators import ESTIMATORS, least_agreements


@dataclass(frozen=True)
class DirectedLinks:
    """Pairs (row window, column window) whose score passes, in one direction only.

    All arrays have one length. ``row`` and ``column`` are windows of the network: camera * windows + window.
    """

    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    agreements: npt.NDArray[np.int64]
    opportunities: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Links:
    """Links, one per unordered pair, sorted by camera_a, window_a, camera_b, window_b.

    Attributes:
        cameras: ids of the network's cameras, sorted; camera arrays are indices into it.
        windows: windows per camera.
        camera_a, window_a, camera_b, window_b: int64 (links,), camera_a < camera_b.
        score_ab, score_ba: float64 (links,), the estimator's, in both directions.
        opportunities_ab, opportunities_ba: O, int64 (links,).
        exclusions_ab, exclusions_ba: E, int64 (links,).
    """

    cameras: tuple[str, ...]
    windows: int
    camera_a: npt.NDArray[np.int64]
    window_a: npt.NDArray[np.int64]
    camera_b: npt.NDArray[np.int64]
    window_b: npt.NDArray[np.int64]
    score_ab: npt.NDArray[np.float64]
    score_ba: npt.NDArray[np.float64]
    opportunities_ab: npt.NDArray[np.int64]
    opportunities_ba: npt.NDArray[np.int64]
    exclusions_ab: npt.NDArray[np.int64]
    exclusions_ba: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.camera_a)


def directed_links(
    tile: Tile, network: Sequence[str], estimator: str, threshold: float, threads: int = 1
) -> DirectedLinks:
    """The pairs of one tile with a score above the threshold; never within one camera.

    Args:
        tile: the counts.
        network: all camera ids, in the order that numbers them.
        estimator: a key of ESTIMATORS.
        threshold: C*, at least 0.
        threads: that may look for them.
    """
    score_of = ESTIMATORS[estimator]
    windows = tile.windows
    place = {camera: number for number, camera in enumerate(network)}
    least = least_agreements(score_of, threshold, tile.store.most_opportunities())
    found = tile.pairs(least, threads)

    def in_network(cameras: Sequence[str], at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        places = np.array([place[camera] for camera in cameras], dtype=np.int64)
        return places[at // windows] * windows + at % windows

    row, column = in_network(tile.rows, found.row), in_network(tile.columns, found.column)
    n, o = found.agreements, found.opportunities
    forth = DirectedLinks(row, column, score_of(n, o), n, o)
    if found.agreements_back is None or found.opportunities_back is None:
        return forth
    n, o = found.agreements_back, found.opportunities_back
    return join_directed([forth, DirectedLinks(column, row, score_of(n, o), n, o)])


def join_directed(parts: Sequence[DirectedLinks]) -> DirectedLinks:
    """The directed links of several tiles, together."""
    return _directed([[p.row, p.column, p.score, p.agreements, p.opportunities] for p in parts])


def _directed(parts: Sequence[Sequence[npt.NDArray[np.generic]]]) -> DirectedLinks:
    kinds = (np.int64, np.int64, np.float64, np.int64, np.int64)
    columns = (
        np.concatenate([np.empty(0, kind), *(part[k] for part in parts)]) for k, kind in enumerate(kinds)
    )
    return DirectedLinks(*columns)


def mutual_links(directed: DirectedLinks, network: Sequence[str], windows: int) -> Links:
    """The pairs that pass in both directions. The order of ``directed`` does not matter.

    Args:
        directed: of all tiles, each ordered pair at most once.
        network: all camera ids, sorted.
        windows: windows per camera.
    """
    total = len(network) * windows
    forward = directed.row < directed.column
    key = np.where(
        forward,
        directed.row * total + directed.column,
        directed.column * total + directed.row,
    )
    ab, ba = np.flatnonzero(forward), np.flatnonzero(~forward)
    both, in_ab, in_ba = np.intersect1d(key[ab], key[ba], assume_unique=True, return_indices=True)
    ab, ba = ab[in_ab], ba[in_ba]
    a, b = both // total, both % total
    return Links(
        cameras=tuple(network),
        windows=windows,
        camera_a=a // windows,
        window_a=a % windows,
        camera_b=b // windows,
        window_b=b % windows,
        score_ab=directed.score[ab],
        score_ba=directed.score[ba],
        opportunities_ab=directed.opportunities[ab],
        opportunities_ba=directed.opportunities[ba],
        exclusions_ab=directed.opportunities[ab] - directed.agreements[ab],
        exclusions_ba=directed.opportunities[ba] - directed.agreements[ba],
    )
