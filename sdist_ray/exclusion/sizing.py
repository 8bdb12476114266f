"""How large regions should be: the fewest that leave little to be looked at window by window.

Large regions are few, so that rows are soon counted against all of them; but the more people there are, the
more often something is in them, and the less is ruled out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.events import Events
from sdist_ray.exclusion.regions import Regions, make_regions
from sdist_ray.exclusion.search import Search, spare_misses

SAMPLE_CAMERAS = 65
REGIONS = (2, 4, 6, 9, 12, 18, 27, 54)
"""Regions per camera that are tried, roughly."""
STEPS_PER_ROW = 16
"""What it costs to look at a row's windows of one region, in steps (measured: 0.25 us and 15 ns)."""
STEPS_PER_MISS = 0.7
"""And for every miss that the row may have."""
TICKS_PER_STEP = 1.5
"""Words of regions that are made in the time of a step (measured: 64 regions of one tick in 10 ns)."""


def choose_regions(events: Events, roles: npt.NDArray[np.uint8], least: npt.NDArray[np.int64]) -> Regions:
    """The regions with which a search is expected to take least time, from what some cameras would take.

    Work is counted, not timed: the same events always give the same regions.

    Args:
        events: of the tile's cameras.
        roles: see search.Search.
        least: int64, least N by O.
    """
    cameras = len(roles)
    sample = np.unique(np.linspace(0, cameras - 1, min(cameras, SAMPLE_CAMERAS)).round().astype(int)).tolist()
    few, times = events.select(sample), cameras / len(sample)
    spare = spare_misses(np.diff(few.starts), least)
    per_row = STEPS_PER_ROW + STEPS_PER_MISS * float(spare.clip(0).mean())
    best: tuple[float, Regions] | None = None
    for count in REGIONS:
        regions = make_regions(events.padding.grid, -(-events.padding.grid.windows // count))
        work = Search(few, roles[sample], regions, least, 1).work()
        # Rows times vectors of regions, of which a sample may have less than one; rows times regions.
        vectors = cameras * regions.count / 512 / (work.words / 8)
        coarse = work.steps * times * vectors + cameras * regions.count / 64 * events.ticks / TICKS_PER_STEP
        if best is not None and coarse >= best[0]:
            # It only grows from here on.
            break
        cost = coarse + per_row * work.rows * times**2
        if best is None or cost < best[0]:
            best = cost, regions
    assert best is not None
    return best[1]
