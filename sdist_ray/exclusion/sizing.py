"""How large regions should be: the fewest that leave little to be looked at window by window.

Large regions are few, so that rows are soon counted against all of them; but the more people there are, the
more often something is in them, and the less is ruled out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.evidence import Events
from sdist_ray.exclusion.regions import Regions, make_regions
from sdist_ray.exclusion.search import Search

SAMPLE_CAMERAS = 65
REGIONS = (2, 4, 6, 9, 12, 18, 27, 54)
"""Regions per camera that are tried, roughly."""
STEPS_PER_ROW = 12
"""What it costs to look at a row's windows of one region, in steps (measured: 0.25 us and 20 ns)."""
TICKS_PER_STEP = 2
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
    best: tuple[float, Regions] | None = None
    for count in REGIONS:
        regions = make_regions(events.padding.grid, -(-events.padding.grid.windows // count))
        work = Search(few, roles[sample], regions, least, 1).work()
        # Rows times vectors of regions, of which a sample may have less than one; rows times regions.
        vectors = cameras * regions.count / 512 / (work.words / 8)
        cost = work.steps * times * vectors + STEPS_PER_ROW * work.rows * times**2
        cost += cameras * regions.count / 64 * events.ticks / TICKS_PER_STEP
        if best is not None and cost >= best[0]:
            break
        best = cost, regions
    assert best is not None
    return best[1]
