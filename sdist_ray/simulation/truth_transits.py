"""What is true of transits: who truly walked from one camera's view straight into another's.

Somebody leaves the view of camera a at a tick, is seen by no camera, and is next seen by camera b: that is a
transit from a to b. Cameras that share ground have none between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.people import Walk
from sdist_ray.simulation.site import Site, in_reach
from sdist_ray.simulation.truth import GroundOverlap

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrueTransits:
    """Directed pairs of cameras between which somebody walked, sorted.

    Attributes:
        source, target: int64 (pairs,), indices of cameras that share no ground.
        people: int64 (pairs,), how many walked.
        parties: int64 (pairs,), the same, with those who walk together counted once.
        mean_s, p10_s, p90_s: float64 (pairs,), from the last tick in view to the first in view again.
    """

    source: Ints
    target: Ints
    people: Ints
    parties: Ints
    mean_s: Floats
    p10_s: Floats
    p90_s: Floats

    def __len__(self) -> int:
        return len(self.source)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pair_sights(group_start, group_tick, group_person, camera, longest, source, target, person, ticks, since):  # type: ignore[no-untyped-def]
    """Every pair of a camera that somebody left and one that saw them next.

    Args:
        group_start: int64 (groups + 1,), where the cameras begin that saw a person at a tick.
        group_tick, group_person: int64 (groups,), by person and then by tick.
        camera: int32 (sights,).
        longest: ticks; a transit takes no longer.
        source, target, person, ticks, since: int64 (room,), written; of no length to count only.

    Returns:
        How many there are.
    """
    count = 0
    for k in range(group_tick.shape[0] - 1):
        lag = group_tick[k + 1] - group_tick[k]
        if group_person[k + 1] != group_person[k] or lag > longest:
            continue
        if lag == 1:
            # Somebody is seen on and on as long as one camera does.
            same = False
            for i in range(group_start[k], group_start[k + 1]):
                for j in range(group_start[k + 1], group_start[k + 2]):
                    if camera[i] == camera[j]:
                        same = True
            if same:
                continue
        for i in range(group_start[k], group_start[k + 1]):
            for j in range(group_start[k + 1], group_start[k + 2]):
                if source.shape[0]:
                    source[count], target[count] = camera[i], camera[j]
                    person[count], ticks[count], since[count] = group_person[k], lag, group_tick[k]
                count += 1
    return count


def true_transits(
    site: Site, walk: Walk, sharing: npt.NDArray[np.bool_], longest_s: float = 60.0
) -> TrueTransits:
    """The transits of a site's people.

    Args:
        site: its cameras.
        walk: its people.
        sharing: bool (cameras, cameras), which share ground.
        longest_s: a transit takes no longer; who is away for more has left the site.
    """
    fps = site.spec.fps
    key, camera_of, _ = true_sights(site, walk)
    order = np.argsort(key, kind="stable")
    key, camera_of = key[order], camera_of[order]
    start = np.flatnonzero(np.diff(key, prepend=-1))
    groups = key[start]
    start = np.append(start, len(key)).astype(np.int64)
    arguments = (start, groups % walk.ticks, groups // walk.ticks, camera_of, round(longest_s * fps))
    nothing = np.empty(0, np.int64)
    count = pair_sights(*arguments, nothing, nothing, nothing, nothing, nothing)
    columns = [np.empty(count, np.int64) for _ in range(5)]
    if count:
        pair_sights(*arguments, *columns)
    source, target, person, ticks, since = columns
    real = (source != target) & ~sharing[source, target]
    return _summed(
        source[real], target[real], walk.group[person[real]], ticks[real], since[real], len(site.cameras), fps
    )


def true_sights(
    site: Site, walk: Walk, grid: Grid | None = None
) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Who is truly in view of which camera.

    Args:
        site: its cameras.
        walk: its people.
        grid: of the windows; None: they are not asked for.

    Returns:
        int64 (sights,), person * ticks + tick, by camera and then by tick; int32 (sights,), the camera; int32
        (sights,), the window, 0 without a grid.
    """
    keys, cameras = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    windows = [np.empty(0, np.int32)]
    for index, camera in enumerate(site.cameras):
        tick, person = np.nonzero(in_reach(camera, walk.positions))
        image = camera.to_image(walk.positions[tick, person].astype(np.float64)) / camera.image_size
        seen = ((image >= 0) & (image <= 1)).all(axis=1)
        keys.append(person[seen] * np.int64(walk.ticks) + tick[seen])
        cameras.append(np.full(np.count_nonzero(seen), index, np.int32))
        x, y = image[seen].T
        none = np.zeros(len(x), np.int32)
        windows.append(none if grid is None else grid.window_of(x, y).astype(np.int32))
    return np.concatenate(keys), np.concatenate(cameras), np.concatenate(windows)


def sharing_cameras(overlap: GroundOverlap, cameras: int) -> npt.NDArray[np.bool_]:
    """Which cameras share ground: bool (cameras, cameras)."""
    sharing = np.zeros((cameras, cameras), dtype=np.bool_)
    sharing[overlap.pair_camera_a, overlap.pair_camera_b] = True
    both: npt.NDArray[np.bool_] = sharing | sharing.T
    return both


def _summed(
    source: Ints, target: Ints, group: Ints, ticks: Ints, since: Ints, cameras: int, fps: float
) -> TrueTransits:
    pair = source * cameras + target
    pairs, which, people = np.unique(pair, return_inverse=True, return_counts=True)
    # Those of a group who set out within two seconds of each other are one party.
    order = np.lexsort((since, group, which))
    apart = np.diff(since[order], prepend=-(1 << 40)) > 2 * fps
    new = (np.diff(which[order], prepend=-1) != 0) | (np.diff(group[order], prepend=-1) != 0) | apart
    parties = np.bincount(which[order][new], minlength=len(pairs)).astype(np.int64)
    times = [ticks[which == k] / fps for k in range(len(pairs))]
    mean, p10, p90 = (
        np.array([f(t) for t in times], dtype=np.float64)
        for f in (np.mean, lambda t: np.percentile(t, 10), lambda t: np.percentile(t, 90))
    )
    return TrueTransits(pairs // cameras, pairs % cameras, people.astype(np.int64), parties, mean, p10, p90)
