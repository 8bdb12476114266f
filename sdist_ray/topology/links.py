"""Counts to links: pairs of windows judged adjacent, in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.tile import Tile
from sdist_ray.topology.estimators import Criterion


@dataclass(frozen=True)
class DirectedLinks:
    """Pairs (row window, column window) that may pass, in one direction only.

    All arrays have one length. ``row`` and ``column`` are windows of the network: camera * windows + window.
    ``score`` is the estimator's where that is a matter of counts alone, else what it is at most.
    """

    row: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    agreements: npt.NDArray[np.int64]
    opportunities: npt.NDArray[np.int64]

    def where(self, chosen: npt.NDArray[np.bool_] | slice) -> DirectedLinks:
        """Some of the pairs, in their order."""
        return DirectedLinks(*(column[chosen] for column in vars(self).values()))


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
        confidence: float64 (links,), see significance.confidence; NaN where it was not asked for.
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
    confidence: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.camera_a)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Links:
        """Some of the links, in their order."""
        columns: dict[str, Any] = {
            name: value[chosen] for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        return replace(self, **columns)


def directed_links(
    tile: Tile,
    network: Sequence[str] | Mapping[str, int],
    estimator: str,
    threshold: float,
    threads: int = 1,
    follow: bool = False,
) -> DirectedLinks:
    """The pairs of one tile that may have a score above the threshold; never within one camera.

    Where the tile has both directions of a pair, it may be left out if only one passes.

    Args:
        tile: the counts.
        network: camera ids, in the order that numbers them, or the number of each; pairs of others are left
            out.
        estimator: a key of ESTIMATORS.
        threshold: C*, at least 0.
        threads: that may look for them.
        follow: whether it is asked again and again, and may lack links that are new; see Tile.follow.
    """
    criterion = Criterion(estimator, threshold)
    windows = tile.windows
    place = network if isinstance(network, Mapping) else numbers_of(network)
    if follow:
        found = tile.follow(criterion, threads)
    else:
        found = tile.pairs(criterion.least(tile.store.most_opportunities()), threads, mutual=True)
    rows, columns = (_places(cameras, place, windows) for cameras in (tile.rows, tile.columns))
    row, column = rows[found.row], columns[found.column]
    named = (row >= 0) & (column >= 0)
    if not named.all():
        # Of cameras that joined while they were asked for.
        found, row, column = found.where(named), row[named], column[named]
    n, o = found.agreements, found.opportunities
    forth = DirectedLinks(row, column, criterion.bound(n, o), n, o)
    if found.agreements_back is None or found.opportunities_back is None:
        return forth
    n, o = found.agreements_back, found.opportunities_back
    return join_directed([forth, DirectedLinks(column, row, criterion.bound(n, o), n, o)])


def _places(cameras: Sequence[str], place: Mapping[str, int], windows: int) -> npt.NDArray[np.int64]:
    """Windows of the network, by windows of a tile's cameras; negative where the network has them not."""
    first = np.array([place.get(camera, -1) for camera in cameras], np.int64) * windows
    return (first[:, None] + np.arange(windows)).reshape(-1)


def numbers_of(network: Sequence[str]) -> dict[str, int]:
    """The number of every camera."""
    return {camera: number for number, camera in enumerate(network)}


def join_directed(parts: Sequence[DirectedLinks]) -> DirectedLinks:
    """The directed links of several tiles, together; those of one are not copied."""
    if len(parts) == 1:
        return parts[0]
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
        confidence=np.full(len(a), np.nan),
    )
