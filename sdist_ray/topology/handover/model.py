"""Where a target that leaves a window is seen next: cameras, windows, how likely, and when.

Three kinds of places, each with what is known of it:

- *overlap*: a camera whose windows are linked with the one that was left sees the target now;
- *transit*: the target is in nobody's view, and people who leave there walk to that camera;
- *return*: likewise, and they come back to the camera that they left;
- *guess*: neither is known; cameras near in the graph of cameras, and busy ones, are more likely than others.

Probabilities are of "this camera sees the target next". Cameras whose views overlap may do so at the same
time, so the overlaps' may sum to more than 1; all others sum to at most the share that no camera holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.transit.model import transit_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Kind = Literal["overlap", "transit", "return", "guess"]

QUANTILES = (0.05, 0.5, 0.95)
WINDOWS_SHARE = 0.95
"""Windows of a candidate are listed, likeliest first, until they hold this much."""
SEEN_AGAIN = 0.5
"""Of those for whom neither overlap nor transit is known, the share that is taken to be seen again."""


@dataclass(frozen=True)
class Candidate:
    """A camera that may see the target next.

    Attributes:
        camera: its id.
        kind: why it may, see above.
        probability: that it does, 0 to 1.
        from_s, median_s, until_s: seconds after the target was lost, between which it is seen there with a
            probability of 0.9: the 5th, 50th and 95th percentile. An overlap sees it at once: 0, 0, and how
            long after an exit it is looked for.
        windows: windows of that camera in which it appears, likeliest first; none where that is not known.
        shares: of each of these windows, 0 to 1.
    """

    camera: str
    kind: Kind
    probability: float
    from_s: float
    median_s: float
    until_s: float
    windows: tuple[int, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Rows:
    """Rows of numbers for each of many places, as sparse matrices have them.

    Attributes:
        start: int64 (places + 1,), where the rows of a place begin.
        column: int64 (rows,).
        value: float64 (rows,).
    """

    start: Ints
    column: Ints
    value: Floats

    @classmethod
    def of(cls, place: Ints, column: Ints, value: Floats, places: int) -> Rows:
        """From any order; values of the same place and column are added."""
        width = np.int64(max(int(column.max(initial=0)) + 1, 1))
        keys, which = np.unique(place * width + column, return_inverse=True)
        summed = np.bincount(which, weights=value, minlength=len(keys))
        start = np.searchsorted(keys // width, np.arange(places + 1)).astype(np.int64)
        return cls(start, keys % width, np.asarray(summed, dtype=np.float64))

    def at(self, place: int) -> tuple[Ints, Floats]:
        """Columns and values of a place."""
        rows = slice(int(self.start[place]), int(self.start[place + 1]))
        return self.column[rows], self.value[rows]


@dataclass(frozen=True)
class Ways:
    """Where those who are in nobody's view are seen next, by the zone that they left.

    Attributes:
        zone: int64 (windows,), the zone of every window.
        start: int64 (nodes + 1,), where the ways from a node begin; node = camera * zones + zone.
        target: int64 (ways,), nodes.
        probability: float64 (ways,), share of the node's exits; at most 1 in all.
        histogram: float64 (ways, bins), by the time it takes.
        bin_s: width of a bin, seconds.
    """

    zone: Ints
    start: Ints
    target: Ints
    probability: Floats
    histogram: Floats
    bin_s: float

    @property
    def zones(self) -> int:
        """Zones of a camera."""
        return int(self.zone.max(initial=0)) + 1


@dataclass(frozen=True)
class Handover:
    """Answers where a target that left is seen next.

    Build it with ``sdist_ray.report.handover_run.read_handover`` from a run's folder, or with
    ``sdist_ray.topology.handover.build.build_handover`` from arrays. Answers take well under a millisecond.

    Attributes:
        cameras: ids.
        grid: of every camera.
        overlap: of every place (camera * windows + window), and after them of every camera as a whole, the
            cameras that see somebody who leaves there, with the probability.
        linked: of every place, the places that see the same ground, with weights.
        alone: float64 (cameras * windows + cameras,), the share of those who leave that no camera sees.
        leaving: float64 (cameras, windows), how often people leave by a window.
        coming: float64 (cameras, windows), how often people come into view there whom no camera saw before.
        ways: transits, by zone.
        near: of every camera, cameras near in the graph, with weights that sum to 1.
        usual: float64 (bins,), how long transits take in general, sums to 1; of the ways' bins.
        gap_s: how long after an exit another camera's sight of somebody counts as overlap, seconds.
    """

    cameras: tuple[str, ...]
    grid: Grid
    overlap: Rows
    linked: Rows
    alone: Floats
    leaving: Floats
    coming: Floats
    ways: Ways
    near: Rows
    usual: Floats
    gap_s: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "_number", {camera: k for k, camera in enumerate(self.cameras)})

    def number(self, camera: str) -> int:
        """A camera's index.

        Raises:
            InputError: there is no such camera.
        """
        found: dict[str, int] = self._number  # type: ignore[attr-defined]
        if camera not in found:
            some = ", ".join(self.cameras[:3])
            raise InputError(f"camera {camera!r}: the run has none of that id; it has {some}, …")
        return found[camera]

    def candidates(
        self, camera: str, window: int | None = None, after_s: float = 0.0, most: int | None = None
    ) -> list[Candidate]:
        """Where a target that left a camera's view may be seen next, likeliest first.

        Args:
            camera: the id of the camera that saw it last.
            window: the window in which it was seen last; None: not known.
            after_s: seconds since then in which no camera has seen it: what would have come earlier is
                ruled out, and what is left weighs more.
            most: candidates, at most.

        Raises:
            InputError: no such camera or window, or a time below 0.
        """
        own = self.number(camera)
        if window is not None and not 0 <= window < self.grid.windows:
            raise InputError(f"window {window}: a camera has windows 0 to {self.grid.windows - 1}")
        if not 0 <= after_s < np.inf:
            raise InputError(f"after_s {after_s}: seconds, 0 or more")
        windows = self.grid.windows
        place = len(self.cameras) * windows + own if window is None else own * windows + window
        found: list[Candidate] = []
        alone = 1.0
        if after_s < self.gap_s:
            holders, shares = self.overlap.at(place)
            for holder, share in zip(holders.tolist(), shares.tolist(), strict=True):
                seen = self._linked_windows(own, window, holder)
                ends = (0.0, 0.0, self.gap_s)
                found.append(self._candidate(holder, "overlap", share, ends, seen))
            alone = float(self.alone[place])
        found += self._later(own, window, alone, after_s)
        found.sort(key=lambda one: -one.probability)
        return found if most is None else found[:most]

    def _later(self, own: int, window: int | None, alone: float, after_s: float) -> list[Candidate]:
        """Those that see it after a while in which nobody does; ``alone`` is the share of that."""
        cameras, histogram, nodes = self._walks(own, window)
        bins, bin_s = self.usual.shape[0], self.ways.bin_s
        # A bin that has begun counts by the part that is left of it.
        left = np.clip((np.arange(bins) + 1) - after_s / bin_s, 0.0, 1.0)
        known = float(histogram.sum())
        histogram = histogram * left
        walked = histogram.sum(axis=1)
        near, weight = self.near.at(own)
        usual = self.usual * left
        guessed = max(1.0 - known, 0.0) * SEEN_AGAIN * float(usual.sum())
        # Those who are still away, and those who are gone for good.
        away = float(walked.sum()) + guessed + max(1.0 - known, 0.0) * (1 - SEEN_AGAIN)
        scale = alone / max(away, 1e-12)
        times = transit_quantiles(np.concatenate([histogram, usual[None]]), bin_s, QUANTILES).T.tolist()
        found = []
        guess = dict(zip(near.tolist(), (weight * guessed * scale).tolist(), strict=True))
        for k, camera in enumerate(cameras.tolist()):
            if walked[k] <= 0:
                continue
            chance = walked[k] * scale + guess.pop(camera, 0.0)
            kind: Kind = "return" if camera == own else "transit"
            found.append(self._candidate(camera, kind, chance, times[k], self._entered(camera, nodes[k])))
        for camera, chance in guess.items():
            if chance > 0:
                found.append(self._candidate(camera, "guess", chance, times[-1], self.coming[camera]))
        return found

    def _candidate(
        self, camera: int, kind: Kind, probability: float, times: Sequence[float], worth: Floats
    ) -> Candidate:
        start, middle, end = times
        windows, shares = _likeliest(worth)
        chance = min(probability, 1.0)
        return Candidate(self.cameras[camera], kind, chance, start, middle, end, windows, shares)

    def _walks(self, own: int, window: int | None) -> tuple[Ints, Floats, list[Floats]]:
        """Cameras, how likely by time (n, bins), and by zone of the camera (zones,)."""
        zones = self.ways.zones
        if window is not None:
            share = np.zeros(zones)
            share[self.ways.zone[window]] = 1.0
        else:
            # Where it left is not known: by how often people leave each zone unseen.
            first = own * self.grid.windows
            unseen = self.leaving[own] * self.alone[first : first + self.grid.windows] + 1e-9
            share = np.bincount(self.ways.zone, weights=unseen, minlength=zones).astype(np.float64)
            share /= share.sum()
        rows = np.arange(int(self.ways.start[own * zones]), int(self.ways.start[(own + 1) * zones]))
        of = np.searchsorted(self.ways.start, rows, side="right") - 1 - own * zones
        chance = self.ways.probability[rows] * share[of]
        rows, chance = rows[chance > 0], chance[chance > 0]
        cameras, which = np.unique(self.ways.target[rows] // zones, return_inverse=True)
        shape = self.ways.histogram[rows]
        shape = shape / np.maximum(shape.sum(axis=1, keepdims=True), 1e-12)
        histogram = np.zeros((len(cameras), len(self.usual)))
        np.add.at(histogram, which, shape * chance[:, None])
        nodes = np.zeros((len(cameras), zones))
        np.add.at(nodes, (which, self.ways.target[rows] % zones), chance)
        return cameras, histogram, list(nodes)

    def _entered(self, camera: int, zones: Floats) -> Floats:
        """How likely each window is, where the zones' shares are known."""
        coming = self.coming[camera] + 1e-9
        total = np.bincount(self.ways.zone, weights=coming, minlength=len(zones))
        entered: Floats = coming * (zones / total)[self.ways.zone]
        return entered

    def _linked_windows(self, own: int, window: int | None, holder: int) -> Floats:
        windows = self.grid.windows
        seen = np.zeros(windows)
        # The window's own links; its neighbours' where it has none.
        for ring in (0, 1) if window is not None else (-1,):
            for near in self._around(window, ring):
                places, weights = self.linked.at(own * windows + near)
                of = places // windows == holder
                worth = 1.0 if window is not None else float(self.leaving[own, near]) + 1e-6
                np.add.at(seen, places[of] % windows, weights[of] * worth)
            if seen.any():
                break
        return seen

    def _around(self, window: int | None, ring: int) -> Sequence[int]:
        if window is None:
            return range(self.grid.windows)
        if ring == 0:
            return (window,)
        row, column = divmod(window, self.grid.columns)
        return [
            r * self.grid.columns + c
            for r in range(max(row - 1, 0), min(row + 2, self.grid.rows))
            for c in range(max(column - 1, 0), min(column + 2, self.grid.columns))
        ]


def _likeliest(worth: Floats) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Windows by their worth, likeliest first, until they hold WINDOWS_SHARE of it; and their shares."""
    total = float(worth.sum())
    if total <= 0:
        return (), ()
    order = np.argsort(-worth, kind="stable")
    share = worth[order] / total
    count = min(int(np.searchsorted(np.cumsum(share), WINDOWS_SHARE)) + 1, int(np.count_nonzero(share)))
    return tuple(order[:count].tolist()), tuple(share[:count].tolist())
