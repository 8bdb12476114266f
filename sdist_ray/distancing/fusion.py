"""People of a whole network: what several cameras see of one person becomes one person on the ground.

Each instant, where known people are expected and where cameras see somebody are put together into clusters,
never two sightings of one camera (fusion_kernels.join). A cluster moves its person's Kalman filter on, or
begins a new one. Whether somebody is really there is weighed by all cameras that should see them, after the
integrated probabilistic data association of Musicki, Evans and Stankovic (1994): who is seen by one camera
and missed by three others soon is nobody, who is hidden from one view lives on in the others. What cameras
are off against each other for good is learnt and taken off: each is held against the finest of those that it
shares ground with, as calibrations err in pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from sdist_ray.distancing.fusion_kernels import (
    Bools,
    Floats,
    Ints,
    join,
    may_be_one,
    register,
    remember,
    weigh,
)
from sdist_ray.distancing.fusion_views import Views
from sdist_ray.distancing.kalman import corrected, predicted

RECENT = 8
"""Cameras that a person remembers to have been seen by."""
MOST_EVIDENCE = 4.0
"""Nats: who has been there for an hour may leave as soon as who has been there for a second."""
LEAST_EVIDENCE = -3.0
"""Who is believed less than this is forgotten."""
COUNTS = 0.5
"""From here on somebody counts."""
PRIOR_SEEN, PRIOR_MISSED = 14.0, 6.0
"""What is believed of a camera before it has shown how often it sees who is in its view."""
PRIOR_LOOKS = 5.0
"""So many looks at one person by two cameras count for as much as the belief that they agree."""
MOST_OFFSET_M = 0.25
"""What is off by more is no calibration's error: a detector's, which is another from each side."""
PAUSE_S = 10.0
"""After a longer pause everybody is somebody new."""


@dataclass(frozen=True)
class FusionSettings:
    """Of fusion.

    Attributes:
        bias_m: standard deviation of what a camera is off for good where somebody stands, along an axis: its
            calibration's own error.
        apart_m: so far apart are people who are not one, roughly; the more, the more is joined.
        reach_m: nothing farther apart than this is one person.
        gate: greatest squared Mahalanobis distance; 13.8 is exceeded by one in a thousand.
        same_track: what it tells that a camera's own track was this person before, nats.
        acceleration, speed: see TrackSettings.
        coast_s: how long somebody is carried on whom nobody sees.
        forget_s: how long they can still be taken up again.
        newcomer: how likely somebody is there whom a single camera reports, and as a track that does not
            count yet.
        false_share: how likely a camera reports somebody where nobody is, at a given place.
        memory_s: misses that are less far apart are mostly one miss: what hides somebody stays for a while.
        stay_s: mean time after which somebody is gone.
    """

    bias_m: float = 0.2
    apart_m: float = 4.0
    reach_m: float = 2.5
    gate: float = 13.8
    same_track: float = 4.0
    acceleration: float = 1.0
    speed: float = 1.2
    coast_s: float = 0.7
    forget_s: float = 2.0
    newcomer: float = 0.5
    false_share: float = 0.05
    memory_s: float = 0.5
    stay_s: float = 20.0

    def at(self, step_s: float) -> FusionSettings:
        """The same where instants are so far apart: nobody is lost from one to the next."""
        least = 1.5 * step_s
        return replace(self, coast_s=max(self.coast_s, least), forget_s=max(self.forget_s, 2 * least))


@dataclass(frozen=True)
class Sightings:
    """What all cameras report of one instant, a row each.

    Attributes:
        camera: int64 (n,), its number among the views.
        points: float64 (n, 2), metres; rows with NaN are nobody's.
        covariance: float64 (n, 2, 2).
        track: int64 (n,), the number of the camera's own track if it counts, else -1.
    """

    camera: Ints
    points: Floats
    covariance: Floats
    track: Ints

    def __len__(self) -> int:
        return len(self.camera)


@dataclass(frozen=True)
class Fused:
    """Who is there at one instant, and who was seen by whom.

    Attributes:
        person: int64 (n,), numbers from 1 on, unique in the network.
        ground: float64 (n, 2), metres.
        sigma: float64 (n,), standard deviation of ``ground`` along an axis, metres.
        seen: bool (n,), by any camera in this instant; others are carried on.
        sighting: int64 (sightings,), the person that each sighting is of, -1 for nobody that counts yet.
    """

    person: Ints
    ground: Floats
    sigma: Floats
    seen: Bools
    sighting: Ints


class Fuser:
    """The people of a network."""

    def __init__(self, views: Views, settings: FusionSettings | None = None) -> None:
        self._views = views
        self._settings = settings or FusionSettings()
        cameras = len(views.cameras)
        self._hit, self._missed = np.full(cameras, PRIOR_SEEN), np.full(cameras, PRIOR_MISSED)
        self._moved = np.zeros((cameras, 3))
        self._moved[:, 2] = PRIOR_LOOKS
        self._time_s: float | None = None
        self._next = 1
        self._person = np.empty(0, dtype=np.int64)
        self._state = np.empty((0, 4))
        self._covariance = np.empty((0, 4, 4))
        self._evidence = np.empty(0)
        self._counts = np.empty(0, dtype=np.bool_)
        self._seen_s = np.empty(0)
        self._camera = np.empty((0, RECENT), dtype=np.int64)
        self._track = np.empty((0, RECENT), dtype=np.int64)
        self._camera_s = np.empty((0, RECENT))

    @property
    def found(self) -> Floats:
        """How often each camera sees who is in its view and seen by another, float64 (cameras,)."""
        share: Floats = self._hit / (self._hit + self._missed)
        return share

    @property
    def offset(self) -> Floats:
        """How far each camera's places are from those of the finest that it shares ground with, float64
        (cameras, 2), metres; taken off before anything else."""
        offset: Floats = self._moved[:, :2] / self._moved[:, 2:]
        far = np.linalg.norm(offset, axis=1, keepdims=True)
        kept: Floats = offset * (MOST_OFFSET_M / np.maximum(far, MOST_OFFSET_M))
        return kept

    def update(self, time_s: float, sightings: Sightings, available: Bools | None = None) -> Fused:
        """Take one instant.

        Args:
            time_s: not before the last one.
            sightings: of all cameras.
            available: bool (cameras,), who delivered this instant; None for all.
        """
        settings = self._settings
        step = 0.0 if self._time_s is None else max(0.0, time_s - self._time_s)
        if step > PAUSE_S:
            self._keep(np.zeros(len(self._person), dtype=np.bool_))
        self._time_s = time_s
        if available is None:
            available = np.ones(len(self._views.cameras), dtype=np.bool_)
        self._predict(step)
        rows = np.flatnonzero(_usable(sightings))
        camera, track, points = sightings.camera[rows], sightings.track[rows], sightings.points[rows]
        points = points - self.offset[camera]
        covariance = sightings.covariance[rows] + np.eye(2) * settings.bias_m**2
        label = self._join(points, covariance, camera, track)
        # Sightings by person, those of newcomers last.
        order = np.argsort(label, kind="stable")
        names, first = np.unique(label[order], return_index=True)
        register(
            label[order], camera[order], points[order], covariance[order], self._views.finest, self._moved
        )
        at, measured = _together(points[order], covariance[order], first)
        old = names < len(self._person)
        self._correct(names[old], at[old], measured[old])
        before = len(self._person)
        self._begin(at[~old], measured[~old])
        row_of = np.full(before + len(rows), -1)
        row_of[names[old]] = names[old]
        row_of[names[~old]] = np.arange(before, len(self._person))
        row = row_of[label]
        self._weigh(time_s, step, row, camera, track, available, before)
        remember(row, camera, track, time_s, self._camera, self._track, self._camera_s)
        self._seen_s[row] = time_s
        shown, seen = self._shown(time_s)
        person = np.where(self._counts, self._person, -1)
        of = np.full(len(sightings), -1)
        of[rows] = person[row]
        fused = Fused(
            self._person[shown], self._state[shown, :2].copy(), self._sigma()[shown], seen[shown], of
        )
        lost = time_s - self._seen_s
        lasts = np.where(self._counts, settings.forget_s, settings.coast_s)
        self._keep((lost <= lasts) & (self._evidence > LEAST_EVIDENCE))
        return fused

    def _predict(self, step: float) -> None:
        if step == 0.0 or not len(self._person):
            return
        acceleration = self._settings.acceleration
        self._state, self._covariance = predicted(self._state, self._covariance, step, acceleration)

    def _join(self, points: Floats, covariance: Floats, camera: Ints, track: Ints) -> Ints:
        """The row of each sighting's person; from the number of people on for those who are new."""
        settings, people = self._settings, len(self._person)
        if not len(points):
            return np.empty(0, dtype=np.int64)
        nodes = np.concatenate([self._state[:, :2], points])
        spread = np.concatenate([self._covariance[:, :2, :2], covariance])
        pairs = cKDTree(nodes).query_pairs(settings.reach_m, output_type="ndarray").astype(np.int64)
        pairs = pairs.reshape(-1, 2)
        pairs.sort(axis=1)
        keep, known = may_be_one(
            pairs, camera, track, self._camera, self._track, self._views.starts, self._views.neighbours,
            settings.same_track,
        )  # fmt: skip
        pairs, known = pairs[keep], known[keep]
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        who = np.concatenate([np.full(people, -1), camera])
        # Two people are more likely than one where the density of their difference under "one" falls below
        # that of somebody else who happens to stand there.
        threshold = 4.0 * math.log(settings.apart_m)
        root: Ints = join(nodes, spread, who, pairs[order], known[order], settings.gate, threshold)
        return root[people:]

    def _correct(self, row: Ints, points: Floats, covariance: Floats) -> None:
        if not len(row):
            return
        self._state[row], self._covariance[row] = corrected(
            self._state[row], self._covariance[row], points, covariance
        )

    def _begin(self, points: Floats, covariance: Floats) -> None:
        count = len(points)
        if not count:
            return
        state, spread = np.zeros((count, 4)), np.zeros((count, 4, 4))
        state[:, :2], spread[:, :2, :2] = points, covariance
        spread[:, 2, 2] = spread[:, 3, 3] = self._settings.speed**2
        nowhere = np.full((count, RECENT), -1)
        new = {
            "person": np.zeros(count, dtype=np.int64), "state": state, "covariance": spread,
            "evidence": np.zeros(count), "counts": np.zeros(count, dtype=np.bool_),
            "seen_s": np.zeros(count), "camera": nowhere, "track": nowhere.copy(),
            "camera_s": np.zeros((count, RECENT)),
        }  # fmt: skip
        for name, values in new.items():
            setattr(self, f"_{name}", np.concatenate([getattr(self, f"_{name}"), values]))

    def _weigh(
        self, time_s: float, step: float, row: Ints, camera: Ints, track: Ints, available: Bools, before: int
    ) -> None:
        """Whether they are there; who is, from now on counts, and has a number."""
        settings, views = self._settings, self._views
        order = np.argsort(row, kind="stable")
        starts = np.searchsorted(row[order], np.arange(len(self._person) + 1)).astype(np.int64)
        gain = weigh(
            np.ascontiguousarray(self._state[:, :2]), self._camera, self._camera_s,
            time_s - settings.coast_s, starts, camera[order], available,
            views.starts, views.neighbours, views.view_starts, views.corners, views.boxes,
            self._hit, self._missed, settings.false_share,
        )  # fmt: skip
        old = slice(0, before)
        there = 1 / (1 + np.exp(-self._evidence[old])) * math.exp(-step / settings.stay_s)
        self._evidence[old] = np.log(there / (1 - there)) + min(1.0, step / settings.memory_s) * gain[old]
        # The first to report somebody is believed as far as newcomers are, the others by what they are worth.
        firsts = camera[order][starts[before:-1]]
        worth = np.log(np.maximum(self.found[firsts], 2 * settings.false_share) / settings.false_share)
        newcomer = math.log(settings.newcomer / (1 - settings.newcomer))
        self._evidence[before:] = newcomer + gain[before:] - worth
        # Whom a camera has followed for a while is there.
        counted = row[track >= 0]
        self._evidence[counted] = np.maximum(self._evidence[counted], 2 * COUNTS)
        np.clip(self._evidence, -MOST_EVIDENCE, MOST_EVIDENCE, out=self._evidence)
        new = np.flatnonzero((self._evidence > COUNTS) & ~self._counts)
        self._counts[new] = True
        self._person[new] = np.arange(self._next, self._next + len(new))
        self._next += len(new)

    def _sigma(self) -> Floats:
        sigma: Floats = np.sqrt((self._covariance[:, 0, 0] + self._covariance[:, 1, 1]) / 2)
        return sigma

    def _shown(self, time_s: float) -> tuple[Bools, Bools]:
        seen = self._seen_s == time_s
        carried = ~seen & (time_s - self._seen_s <= self._settings.coast_s)
        return self._counts & (seen | carried) & (self._evidence > 0.0), seen

    def _keep(self, which: Bools) -> None:
        for name in (
            "person",
            "state",
            "covariance",
            "evidence",
            "counts",
            "seen_s",
            "camera",
            "track",
            "camera_s",
        ):
            setattr(self, f"_{name}", getattr(self, f"_{name}")[which])


def _usable(sightings: Sightings) -> Bools:
    return np.asarray(
        np.isfinite(sightings.points).all(axis=1) & np.isfinite(sightings.covariance).all(axis=(1, 2))
    )


def _together(points: Floats, covariance: Floats, first: Ints) -> tuple[Floats, Floats]:
    """Place and covariance that each run of sightings tells of together; ``first``: where runs begin."""
    if not len(points):
        return np.empty((0, 2)), np.empty((0, 2, 2))
    information = np.linalg.inv(covariance)
    told = np.add.reduceat(np.einsum("nij,nj->ni", information, points), first)
    measured: Floats = np.linalg.inv(np.add.reduceat(information, first))
    return np.einsum("nij,nj->ni", measured, told), measured
