"""Where a target that leaves a window is seen next: cameras, windows, how likely, and when.

Kinds of places, each with what is known of it:

- *overlap*: a camera whose windows are linked with the one that was left sees the target now;
- *transit*: the target is in nobody's view, and people who leave there walk to that camera;
- *return*: likewise, and they come back to the camera that they left;
- *guess*: neither is known; cameras near in the graph of cameras, and busy ones, are more likely than others;
- *ahead*: nothing is known but where the target was lost and how it moved, and what ground cameras see.

Probabilities are of "this camera sees the target next". Cameras whose views overlap may do so at the same
time, so the overlaps' may sum to more than 1, and so may, where its motion is known, those of cameras that
share a view ahead; all others sum to at most the share that no camera holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.handover.ahead import Ground, Motion, arrivals, with_arrivals
from sdist_ray.topology.handover.parts import (
    KINDS,
    Candidate,
    Floats,
    Ints,
    Rows,
    Timeline,
    Ways,
    likeliest,
)
from sdist_ray.topology.handover.successions import Successions
from sdist_ray.topology.transit.model import transit_quantiles

QUANTILES = (0.05, 0.5, 0.95)
AT_ONCE = 0.9
"""Of those whom an overlapping camera sees, the share that it sees within the first bin of time."""
SEEN_AGAIN = 0.5
"""Of those for whom neither overlap nor transit is known, the share that is taken to be seen again."""


@dataclass(frozen=True)
class Handover:
    """Answers where a target that left is seen next.

    Build it with ``sdist_ray.report.handover_run.read_handover`` from a run's folder, or with
    ``sdist_ray.topology.handover.build.build_handover`` from arrays. An answer takes a few milliseconds, of
    1000 cameras too.

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
        follow: who comes into view after somebody left a zone, beyond chance; None: not known.
        near: of every camera, cameras near in the graph, with weights that sum to 1.
        usual: float64 (bins,), how long transits take in general, sums to 1; of the ways' bins.
        gap_s: how long after an exit another camera's sight of somebody counts as overlap, seconds.
        ground: what the cameras see of one ground; None where that is not known.
    """

    cameras: tuple[str, ...]
    grid: Grid
    overlap: Rows
    linked: Rows
    alone: Floats
    leaving: Floats
    coming: Floats
    ways: Ways
    follow: Successions | None
    near: Rows
    usual: Floats
    gap_s: float
    ground: Ground | None = None

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
        self,
        camera: str,
        window: int | None = None,
        after_s: float = 0.0,
        within_s: float | None = None,
        most: int | None = None,
        motion: Motion | None = None,
    ) -> list[Candidate]:
        """Where a target that left a camera's view may be seen next, likeliest first.

        Args:
            camera: the id of the camera that saw it last.
            window: the window in which it was seen last; None: not known.
            after_s: seconds since then in which no camera has seen it: what would have come earlier is
                ruled out, and what is left weighs more.
            within_s: seconds from then on that are of interest: probabilities are of being seen in them, so
                that the first few candidates are the cameras to look at now; None: at any time.
            most: candidates, at most.
            motion: where it was lost and how it moved; None: not known.

        Raises:
            InputError: no such camera or window, a time below 0, or a motion where no ground is known.
        """
        own = self.number(camera)
        if window is not None and not 0 <= window < self.grid.windows:
            raise InputError(f"window {window}: a camera has windows 0 to {self.grid.windows - 1}")
        for name, value in (("after_s", after_s), ("within_s", 0.0 if within_s is None else within_s)):
            if not 0 <= value < np.inf:
                raise InputError(f"{name} {value}: seconds, 0 or more")
        found = self.timeline(own, window, motion)
        before = self._share_of_bins(0.0, after_s)
        until = self._share_of_bins(0.0, np.inf if within_s is None else after_s + within_s)
        # Overlaps see it at once, or it is among those that no camera sees at once.
        left = (1.0 if after_s < self.gap_s else found.alone) - float(found.someone @ before)
        chance = np.minimum(found.density @ (until - before) / max(left, 1e-9), 1.0)
        order = np.argsort(-chance, kind="stable")
        order = order[chance[order] > 0][:most]
        times = transit_quantiles(found.density[order] * (until - before), self.ways.bin_s, QUANTILES).T
        candidates = []
        for k, (start, middle, end) in zip(order.tolist(), times.tolist(), strict=True):
            windows, shares = likeliest(self._appears(own, window, found, k))
            number, kind = int(found.camera[k]), KINDS[int(found.kind[k])]
            if kind == "overlap":
                start, middle, end = 0.0, 0.0, self.gap_s
            candidates.append(
                Candidate(self.cameras[number], kind, float(chance[k]), start, middle, end, windows, shares)
            )
        return candidates

    def timeline(self, camera: int, window: int | None = None, motion: Motion | None = None) -> Timeline:
        """What is known of a target that left, by camera and time; cameras are numbers here.

        Args:
            camera: the number of the camera that saw it last.
            window: the window in which it was seen last; None: not known.
            motion: where it was lost and how it moved; None: not known.

        Raises:
            InputError: a motion that is not finite, or it is not known what ground the cameras see.
        """
        found = self._learnt(camera, window)
        if motion is None:
            return found
        if self.ground is None:
            raise InputError("a motion is on the ground, and no camera's is known: calibrate them")
        bin_s, gap_s = self.ways.bin_s, self.gap_s
        then = arrivals(self.ground, camera, motion, len(self.usual), bin_s, gap_s)
        return with_arrivals(found, then, self.ground, camera)

    def _learnt(self, camera: int, window: int | None) -> Timeline:
        """What is known of all who left there."""
        own, windows, bins = camera, self.grid.windows, len(self.usual)
        place = len(self.cameras) * windows + own if window is None else own * windows + window
        holder, share = self.overlap.at(place)
        alone = float(self.alone[place])
        walked, histogram, nodes = self._walks(own, window)
        follower, after = self._followers(own, window, walked, 1 - float(histogram.sum()))
        near, weight = self.near.at(own)
        guessed = max(1.0 - float(histogram.sum()) - float(after.sum()), 0.0) * SEEN_AGAIN
        # Guesses add to each other, and to what is known of a camera.
        guesses = np.unique(np.concatenate([follower, near]))
        guess = np.zeros((len(guesses), bins))
        guess[np.searchsorted(guesses, follower)] += after
        guess[np.searchsorted(guesses, near)] += (guessed * weight)[:, None] * self.usual
        where = np.searchsorted(walked, guesses)
        known = np.append(walked, -1)[where] == guesses
        histogram[where[known]] += guess[known]
        at_once = np.minimum(share, 1.0)[:, None] * self._at_once()
        density = np.concatenate([at_once, alone * histogram, alone * guess[~known]])
        later = np.concatenate([walked, guesses[~known]])
        kind = np.full(len(density), KINDS.index("overlap"))
        kind[len(holder) :] = KINDS.index("guess")
        kind[len(holder) : len(holder) + len(walked)] = KINDS.index("transit")
        kind[len(holder) :][later == own] = KINDS.index("return")
        someone = density[len(holder) :].sum(axis=0)
        return Timeline(np.concatenate([holder, later]), kind, density, alone, someone, nodes)

    def _followers(self, own: int, window: int | None, walked: Ints, most: float) -> tuple[Ints, Floats]:
        """Cameras that nobody is known to walk to, and how likely by time (n, bins), ``most`` in all."""
        if self.follow is None:
            return np.zeros(0, np.int64), np.zeros((0, len(self.usual)))
        share = self._zone_shares(own, window)
        zones = self.ways.zones
        first, end = np.searchsorted(self.follow.source, [own * zones, (own + 1) * zones])
        rows = np.arange(first, end)[~np.isin(self.follow.target[first:end], walked)]
        rows = rows[share[self.follow.source[rows] - own * zones] > 0]
        cameras, which = np.unique(self.follow.target[rows], return_inverse=True)
        chance = np.zeros((len(cameras), self.follow.share.shape[1]))
        left = share[self.follow.source[rows] - own * zones]
        np.add.at(chance, which, self.follow.share[rows] * left[:, None])
        chance *= min(1.0, max(most, 0.0) / max(float(chance.sum()), 1e-12))
        # What comes before somebody has left is there at once.
        edges = np.maximum(self.follow.edges_s, 0.0)
        spread = np.array([self._share_of_bins(a, b) for a, b in pairwise(edges.tolist())])
        spread /= np.maximum(spread.sum(axis=1, keepdims=True), 1e-12)
        return cameras, chance @ spread

    def _at_once(self) -> Floats:
        """When overlaps see it, float64 (bins,): now, or a little later where a detector misses it."""
        late = np.arange(len(self.usual)) * self.ways.bin_s < self.gap_s
        late[0] = False
        when = late * ((1 - AT_ONCE) / max(int(late.sum()), 1))
        when[0] = 1 - float(when.sum())
        return np.asarray(when, dtype=np.float64)

    def _share_of_bins(self, since_s: float, until_s: float) -> Floats:
        """How much of each bin of time lies between two times: float64 (bins,), 0 to 1."""
        edges = np.arange(len(self.usual) + 1) * self.ways.bin_s
        return np.asarray(np.diff(np.clip(edges, since_s, until_s)) / self.ways.bin_s, dtype=np.float64)

    def _appears(self, own: int, window: int | None, found: Timeline, row: int) -> Floats:
        """How likely each window of a timeline's camera is: float64 (windows,), of any sum."""
        camera, kind = int(found.camera[row]), KINDS[int(found.kind[row])]
        if kind == "overlap":
            return self._linked_windows(own, window, camera)
        first = int(np.count_nonzero(found.kind == KINDS.index("overlap")))
        if row - first >= len(found.zones):
            return np.asarray(self.coming[camera])
        return self._entered(camera, found.zones[row - first])

    def _zone_shares(self, own: int, window: int | None) -> Floats:
        """By which zone it left, float64 (zones,), sums to 1."""
        if window is not None:
            return np.asarray(np.arange(self.ways.zones) == self.ways.zone[window], dtype=np.float64)
        # Where it left is not known: by how often people leave each zone unseen.
        first = own * self.grid.windows
        unseen = self.leaving[own] * self.alone[first : first + self.grid.windows] + 1e-9
        share = np.bincount(self.ways.zone, weights=unseen, minlength=self.ways.zones).astype(np.float64)
        return np.asarray(share / share.sum())

    def _walks(self, own: int, window: int | None) -> tuple[Ints, Floats, Floats]:
        """Cameras, how likely by time (n, bins), and by zone of the camera (zones,)."""
        zones, share = self.ways.zones, self._zone_shares(own, window)
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
        return cameras, histogram, nodes

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
