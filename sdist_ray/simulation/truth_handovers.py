"""What is true of handovers: who left which window when, and which cameras saw them next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.people import Walk
from sdist_ray.simulation.site import Site
from sdist_ray.simulation.truth_transits import true_sights

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrueHandovers:
    """People who left a camera's view and were seen again, by person and then by tick.

    Attributes:
        camera, window: int64 (handovers,), that they left.
        tick: int64 (handovers,), the last at which the camera saw them.
        person: int64 (handovers,).
        lag: int64 (handovers,), ticks until any camera saw them, at least 1.
        start: int64 (handovers + 1,), where the sights begin that the next ones were.
        next_camera, next_window: int64 (sights,), all cameras that saw them in that tick, and the windows.
    """

    camera: Ints
    window: Ints
    tick: Ints
    person: Ints
    lag: Ints
    start: Ints
    next_camera: Ints
    next_window: Ints

    def __len__(self) -> int:
        return len(self.camera)


def true_handovers(
    site: Site, walk: Walk, grid: Grid, gap_s: float = 1.0, longest_s: float = 60.0
) -> TrueHandovers:
    """The handovers of a site's people.

    Args:
        site: its cameras.
        walk: its people.
        grid: of the windows.
        gap_s: somebody has left a view once they have not been in it for so long.
        longest_s: who is away for longer has left the site.
    """
    fps = site.spec.fps
    key, camera, window = true_sights(site, walk, grid)
    # By camera, person and tick: the last before a gap is an exit.
    order = np.lexsort((key, camera))
    apart = np.diff(key[order], append=np.int64(1) << 62) > round(gap_s * fps)
    apart |= np.diff(key[order] // walk.ticks, append=-1) != 0
    apart |= np.diff(camera[order], append=-1) != 0
    exits = np.sort(order[apart])
    by_key = np.argsort(key, kind="stable")
    sorted_key = key[by_key]
    first = np.searchsorted(sorted_key, key[exits], side="right")
    following = np.append(sorted_key, -1)[first]
    lag = following - key[exits]
    again = (following // walk.ticks == key[exits] // walk.ticks) & (lag <= round(longest_s * fps))
    exits, first, following, lag = exits[again], first[again], following[again], lag[again]
    in_order = np.lexsort((camera[exits], key[exits]))
    exits, first, following, lag = exits[in_order], first[in_order], following[in_order], lag[in_order]
    last = np.searchsorted(sorted_key, following, side="right")
    start = np.concatenate([[0], np.cumsum(last - first)]).astype(np.int64)
    step = np.arange(start[-1]) - np.repeat(start[:-1], np.diff(start))
    sights = by_key[step + np.repeat(first, np.diff(start))]
    return TrueHandovers(
        camera[exits].astype(np.int64),
        window[exits].astype(np.int64),
        key[exits] % walk.ticks,
        key[exits] // walk.ticks,
        lag,
        start,
        camera[sights].astype(np.int64),
        window[sights].astype(np.int64),
    )
