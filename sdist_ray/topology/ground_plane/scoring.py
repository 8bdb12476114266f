"""How much two views speak for a homography: log-likelihood against base rates, visit by visit."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.topology.ground_plane.homography import UNITS_X, UNITS_Y, spread_of, transfer
from sdist_ray.topology.ground_plane.view import FINENESS, RADII

RADII_SQUARED = tuple(float(radius) ** 2 for radius in RADII)
LEVELS = len(RADII_SQUARED)
VISIT_SAMPLES = 4.0
"""A visit is worth at most so many samples: those of one person are no independent trials. A visit is one
leg of somebody's way: where people turn is new evidence, how long a straight line goes on is not."""
MARGIN = 0.3
"""Units from the image's border within which nothing is judged: people are cut off there."""


@numba.njit(cache=True, nogil=True)
def score_one_way(homography, a, b, hit, miss, radius, every, stride, out):  # type: ignore[no-untyped-def]
    """Carry the tracklets of a into b and look whether somebody is there.

    Args:
        homography: float64 (3, 3), a to b.
        a, b: Views.
        hit, miss: of b's Worth.
        radius: in units, of noise equal in both images: what is near is judged by how that noise comes out
            in b at each place.
        every: only every so many samples.
        stride: only every so many tracklets.
        out: float64 (4,), written: the score; visits judged; visits with more hits than misses; samples
            with a hit.
    """
    score, judged, met, hits_in_all = 0.0, 0.0, 0.0, 0.0
    limit = radius * radius
    for k in range(0, a.first.shape[0], stride):
        begin, end = a.first[k], a.first[k] + a.offset[k + 1] - a.offset[k]
        total, count, hits, leg = 0.0, 0, 0, np.int64(-1)
        for s in range((begin + every - 1) // every * every, end, every):
            at = a.offset[k] + s - begin
            if a.leg[at] != leg:
                if count > 0:
                    score += total * min(1.0, VISIT_SAMPLES / count)
                    judged += 1.0
                    hits_in_all += hits
                    if 2 * hits > count:
                        met += 1.0
                total, count, hits, leg = 0.0, 0, 0, a.leg[at]
            x, y, w = transfer(homography, a.place[at, 0], a.place[at, 1])
            if w <= 0.0 or x < MARGIN or y < MARGIN or x > UNITS_X - MARGIN or y > UNITS_Y - MARGIN:
                continue
            if not b.available[s]:
                continue
            xx, xy, yy, det = spread_of(homography, x, y, w)
            area = limit * np.sqrt(det)
            level = 0
            while level < LEVELS and RADII_SQUARED[level] < area:
                level += 1
            if level == LEVELS:
                continue
            near = False
            bound = limit * det
            for j in range(b.sample_start[s], b.sample_start[s + 1]):
                dx, dy = b.place[b.by_sample[j], 0] - x, b.place[b.by_sample[j], 1] - y
                if yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy < bound:
                    near = True
                    break
            row, column = int(y * FINENESS), int(x * FINENESS)
            count += 1
            if near:
                hits += 1
                total += hit[level, row, column]
            else:
                total += miss[level, row, column]
        if count > 0:
            score += total * min(1.0, VISIT_SAMPLES / count)
            judged += 1.0
            hits_in_all += hits
            if 2 * hits > count:
                met += 1.0
    out[0], out[1], out[2], out[3] = score, judged, met, hits_in_all
