"""Plans: which tiles a network's counts are cut into, and which shard has which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

QUIET = 0.05
"""A camera counts as at least this much of the mean activity: its rows are looked at all the same."""
Weights = npt.NDArray[np.float64]


class PlannedTile(NamedTuple):
    """One tile: the counts of ``rows`` against ``columns``, on a shard.

    The rows are among the columns.
    """

    shard: int
    rows: tuple[str, ...]
    columns: tuple[str, ...]


def plan_tiles(
    cameras: Sequence[str],
    shards: int,
    store: str = "dense",
    activity: Sequence[float] | None = None,
    most_rows: int | None = None,
) -> list[PlannedTile]:
    """Cut a network into tiles of nearly equal work, one for each shard that gets any.

    A tile has some rows of the network, which are neighbours, against

    - all columns, in a store that counts every ordered pair (dense, rle). Its work is that of its rows, each
      as much as its camera is active. Rows that are whole are halved in byte policy just as one tile would.
    - the columns from its own rows on, in the indexed store, which finds a pair of cameras in both
      directions at once: every pair is searched by one shard only. A pair's work is the activity of both.

    Args:
        cameras: ids, in the network's order.
        shards: how many there are; more than cameras are not all used.
        store: "dense", "rle" or "indexed".
        activity: of every camera, at least 0, in any unit (people in view, occupied ticks); None where
            nothing is known, and then pairs of cameras are all taken for equal work.
        most_rows: of one tile, where memory allows no more; None for any number.

    Raises:
        ValueError: not one activity per camera, or more rows than ``shards`` tiles of ``most_rows`` hold.
    """
    weights = _row_work(len(cameras), store, activity)
    names = tuple(cameras)
    return [
        PlannedTile(shard, names[first:last], names[first:] if store == "indexed" else names)
        for shard, (first, last) in enumerate(cut_evenly(weights, shards, most_rows))
    ]


def tile_sizes(cameras: int, shards: int, store: str = "dense") -> list[tuple[int, int]]:
    """Rows and columns of the tiles that plan_tiles makes where no activity is known."""
    return [
        (last - first, cameras - first if store == "indexed" else cameras)
        for first, last in cut_evenly(_row_work(cameras, store, None), shards)
    ]


def row_stripes(cameras: Sequence[str], parts: int) -> list[tuple[str, ...]]:
    """The cameras cut into at most ``parts`` runs of nearly equal length, none empty."""
    return [tile.rows for tile in plan_tiles(cameras, parts)]


def _row_work(cameras: int, store: str, activity: Sequence[float] | None) -> Weights:
    """The work of each camera's rows, in any unit, above 0."""
    busy = np.ones(cameras)
    if activity is not None:
        busy = np.asarray(activity, dtype=np.float64)
        if busy.shape != (cameras,) or not (np.isfinite(busy).all() and (busy >= 0).all()):
            raise ValueError(f"{busy.size} activities of {cameras} cameras, or one that is below 0")
        mean = busy.mean() if cameras else 0.0
        busy = np.maximum(busy, QUIET * mean) if mean else np.ones(cameras)
    if store != "indexed":
        return busy
    later = np.arange(cameras, 0, -1)
    return busy * later + np.cumsum(busy[::-1])[::-1]


def cut_evenly(weights: Weights, parts: int, longest: int | None = None) -> list[tuple[int, int]]:
    """Cut a list into runs so that the heaviest is as light as can be.

    Args:
        weights: float64 (n,), above 0.
        parts: the most runs there may be; as many are made, if there are weights for them.
        longest: the most weights a run may have.

    Returns:
        Where each run begins and ends.

    Raises:
        ValueError: ``parts`` runs of ``longest`` do not hold them all.
    """
    n = len(weights)
    longest = n if longest is None else longest
    if parts < 1 or parts * longest < n:
        raise ValueError(f"{parts} runs of at most {longest} do not hold {n}")
    ends = np.concatenate([[0.0], np.cumsum(weights)])

    def reach(first: int, limit: float) -> int:
        """Where a run that is as long as may be ends."""
        last = int(np.searchsorted(ends, ends[first] + limit, side="right")) - 1
        return min(last, first + longest)

    def runs(first: int, limit: float) -> int:
        """How many runs the rest takes."""
        count = 0
        while first < n and count <= parts:
            first, count = reach(first, limit), count + 1
        return count

    # Rounding must not keep a run of the heaviest weight alone, or of all, from its limit.
    low, high = float(weights.max(initial=0.0)), float(ends[-1]) * (1 + 1e-9)
    limit = low * (1 + 1e-9)
    for _ in range(60 if runs(0, limit) > parts else 0):
        limit = (low + high) / 2
        low, high = (low, limit) if runs(0, limit) <= parts else (limit, high)
        limit = high
    cuts, first = [], 0
    for left in range(min(parts, n), 0, -1):
        # About an equal share of the rest, but never so little that the others would have too much.
        share = ends[first] + (ends[-1] - ends[first]) / left
        last = int(np.searchsorted((ends[first:-1] + ends[first + 1 :]) / 2, share)) + first
        last = min(max(last, first + 1), reach(first, limit), n - left + 1)
        while runs(last, limit) > left - 1:
            last += 1
        cuts.append((first, last))
        first = last
    return cuts
