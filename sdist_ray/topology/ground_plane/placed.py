"""What one ground plane says of a network's topology: its edges, and which links it contradicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.graph import Edges, components
from sdist_ray.topology.ground_plane.closure import Pair, inverse
from sdist_ray.topology.ground_plane.homography import UNITS_X
from sdist_ray.topology.ground_plane.implied import WindowPairs, in_fractions, shared_windows
from sdist_ray.topology.ground_plane.pair import Fit
from sdist_ray.topology.ground_plane.plane import GroundPlane
from sdist_ray.topology.links import Links


@dataclass(frozen=True)
class Placed:
    """What was learnt of some footage.

    Attributes:
        cameras: ids, sorted; pairs are indices into it.
        plane: accepted pairs.
        shared: of the same pairs, the windows that see the same ground.
        seconds: that it took.
        footage_s: seconds of footage that were used.
    """

    cameras: tuple[str, ...]
    plane: GroundPlane
    shared: Mapping[Pair, WindowPairs]
    seconds: float
    footage_s: float

    @classmethod
    def of(
        cls, cameras: Sequence[str], plane: GroundPlane, grid: Grid, seconds: float, footage_s: float
    ) -> Placed:
        """What was learnt, of cameras in any order."""
        order = sorted(range(len(cameras)), key=lambda number: cameras[number])
        place = {number: at for at, number in enumerate(order)}
        fits: dict[Pair, Fit] = {}
        score: dict[Pair, float] = {}
        for (a, b), fit in plane.fits.items():
            pair = place[a], place[b]
            if pair[0] > pair[1]:
                pair, fit = pair[::-1], fit._replace(homography=inverse(fit.homography), delay=-fit.delay)
            fits[pair], score[pair] = fit, plane.score[a, b]
        ids = tuple(cameras[number] for number in order)
        shared = {pair: shared_windows(fit.homography, grid) for pair, fit in fits.items()}
        # Before the first footage nothing is known of clocks.
        late = plane.late[order] if len(plane.late) else np.zeros(len(order))
        learnt = replace(plane, fits=fits, score=score, late=late)
        return cls(ids, learnt, shared, seconds, footage_s)

    def entry(self) -> dict[str, Any]:
        """For summary.json."""
        plane = self.plane
        known = np.isfinite(plane.threshold)
        return {
            "pairs_searched": plane.candidates,
            "pairs_refined": plane.refined,
            "chance_searches": plane.chances,
            "threshold": plane.threshold if known else None,
            "pairs_placed": len(plane.fits),
            "pairs_closed": plane.closed,
            "pairs_implied": plane.implied,
            "compositions": plane.composed,
            "clocks_late_s": plane.clocks_late_s(self.cameras),
            "footage_s": self.footage_s,
            "seconds": self.seconds,
        }

    def edges(self, cameras: tuple[str, ...]) -> Edges:
        """The edges that geometry accepted: one for every placed pair, ``links`` those that it implies.

        Args:
            cameras: ids of the network, sorted; those that are not among them are left out.
        """
        numbers = {camera: k for k, camera in enumerate(cameras)}
        here = [numbers.get(camera, -1) for camera in self.cameras]
        pairs = [pair for pair in sorted(self.plane.fits) if min(here[pair[0]], here[pair[1]]) >= 0]
        fits = [self.plane.fits[pair] for pair in pairs]
        a, b = (np.array([here[pair[k]] for pair in pairs], np.int64) for k in (0, 1))
        return Edges(
            cameras,
            a,
            b,
            np.array([len(self.shared[pair].window_a) for pair in pairs], np.int64),
            np.array([self.plane.score[pair] for pair in pairs], np.float64),
            components(len(cameras), a, b),
            np.array([in_fractions(fit.homography).ravel() for fit in fits]).reshape(-1, 9),
            np.array([fit.error / UNITS_X for fit in fits], np.float64),
            np.array([fit.offset_s for fit in fits], np.float64),
        )

    def agreeing(self, links: Links) -> Links:
        """The links of placed pairs that their homographies do not contradict.

        Counting alone cannot tell a window from its neighbours, for it pads them.
        """
        windows = links.windows
        numbers = {camera: k for k, camera in enumerate(self.cameras)}
        here = np.array([numbers.get(camera, -1) for camera in links.cameras], np.int64)
        count = len(self.cameras)

        def key(a: Any, window_a: Any, b: Any, window_b: Any) -> Any:
            return ((a * count + b) * windows + window_a) * windows + window_b

        implied = [key(a, pairs.window_a, b, pairs.window_b) for (a, b), pairs in self.shared.items()]
        known = np.concatenate([np.empty(0, np.int64), *implied])
        a, b = here[links.camera_a], here[links.camera_b]
        found = np.isin(key(a, links.window_a, b, links.window_b), known)
        return links.where(found & (a >= 0) & (b >= 0))
