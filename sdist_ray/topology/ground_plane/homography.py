"""Homographies between two images, in kernels: weighted points, transfer, orientation.

Points are in *units*: x in twelfths of an image's width, y in ninths of its height, whatever the grid of
windows is. A homography H (3, 3) maps points of image a to points of image b; its scale is such that
w = H[2] · (x, y, 1) is positive on the ground that camera a sees.
"""

from __future__ import annotations

import numba
import numpy as np

UNITS_X, UNITS_Y = 12.0, 9.0
SPREAD = 4.0
"""Points are taken from their mean, in so many units, before a linear system is made of them."""
LEAST_PIVOT = 1e-9
NONE, ONE = np.int64(0), np.int64(1)
"""What kernels give to kernels in place of literals, for each of which they would be compiled anew."""


@numba.njit(cache=True, nogil=True)
def solve(system, unknowns, solution):  # type: ignore[no-untyped-def]
    """Gauss and Jordan with partial pivoting; False where the system is singular.

    Args:
        system: float64 (unknowns, unknowns + 1), the right-hand side last; overwritten.
        unknowns: how many.
        solution: float64 (unknowns,), written.
    """
    for column in range(unknowns):
        pivot = column
        for row in range(column + 1, unknowns):
            if abs(system[row, column]) > abs(system[pivot, column]):
                pivot = row
        if not abs(system[pivot, column]) > LEAST_PIVOT:
            return False
        if pivot != column:
            for k in range(column, unknowns + 1):
                swap = system[column, k]
                system[column, k] = system[pivot, k]
                system[pivot, k] = swap
        for row in range(unknowns):
            if row != column:
                factor = system[row, column] / system[column, column]
                if factor != 0.0:
                    for k in range(column, unknowns + 1):
                        system[row, k] -= factor * system[column, k]
    for column in range(unknowns):
        solution[column] = system[column, unknowns] / system[column, column]
    return True


@numba.njit(cache=True, nogil=True)
def transfer(homography, x, y):  # type: ignore[no-untyped-def]
    """Where a point of a lies in b, and w; far away where w is next to nothing."""
    w = homography[2, 0] * x + homography[2, 1] * y + homography[2, 2]
    if abs(w) < 1e-12:
        return 1e9, 1e9, w
    u = (homography[0, 0] * x + homography[0, 1] * y + homography[0, 2]) / w
    v = (homography[1, 0] * x + homography[1, 1] * y + homography[1, 2]) / w
    return u, v, w


@numba.njit(cache=True, nogil=True)
def spread_of(homography, u, v, w):  # type: ignore[no-untyped-def]
    """The covariance in b of equal, isotropic noise of variance 1 in both images: I + J Jᵀ.

    Returns:
        its entries xx, xy, yy and its determinant.
    """
    j00 = (homography[0, 0] - u * homography[2, 0]) / w
    j01 = (homography[0, 1] - u * homography[2, 1]) / w
    j10 = (homography[1, 0] - v * homography[2, 0]) / w
    j11 = (homography[1, 1] - v * homography[2, 1]) / w
    xx = 1.0 + j00 * j00 + j01 * j01
    xy = j00 * j10 + j01 * j11
    yy = 1.0 + j10 * j10 + j11 * j11
    return xx, xy, yy, xx * yy - xy * xy


@numba.njit(cache=True, nogil=True)
def put(source, target):  # type: ignore[no-untyped-def]
    """Copy a 3 x 3 matrix. Not by a slice: what checks shapes takes longer to compile than a search."""
    for k in range(9):
        target[k // 3, k % 3] = source[k // 3, k % 3]


@numba.njit(cache=True, nogil=True)
def determinant(h):  # type: ignore[no-untyped-def]
    """Of a 3 x 3 matrix."""
    return (
        h[0, 0] * (h[1, 1] * h[2, 2] - h[1, 2] * h[2, 1])
        - h[0, 1] * (h[1, 0] * h[2, 2] - h[1, 2] * h[2, 0])
        + h[0, 2] * (h[1, 0] * h[2, 1] - h[1, 1] * h[2, 0])
    )


@numba.njit(cache=True, nogil=True)
def invert(h, inverse):  # type: ignore[no-untyped-def]
    """The inverse, of the same sign of w; False where there is none.

    H with w > 0 at p gives inverse(H) with w = 1 / w(p) > 0 at H(p), for both are exact inverses.
    """
    d = determinant(h)
    if not abs(d) > 1e-12:
        return False
    inverse[0, 0] = (h[1, 1] * h[2, 2] - h[1, 2] * h[2, 1]) / d
    inverse[0, 1] = (h[0, 2] * h[2, 1] - h[0, 1] * h[2, 2]) / d
    inverse[0, 2] = (h[0, 1] * h[1, 2] - h[0, 2] * h[1, 1]) / d
    inverse[1, 0] = (h[1, 2] * h[2, 0] - h[1, 0] * h[2, 2]) / d
    inverse[1, 1] = (h[0, 0] * h[2, 2] - h[0, 2] * h[2, 0]) / d
    inverse[1, 2] = (h[0, 2] * h[1, 0] - h[0, 0] * h[1, 2]) / d
    inverse[2, 0] = (h[1, 0] * h[2, 1] - h[1, 1] * h[2, 0]) / d
    inverse[2, 1] = (h[0, 1] * h[2, 0] - h[0, 0] * h[2, 1]) / d
    inverse[2, 2] = (h[0, 0] * h[1, 1] - h[0, 1] * h[1, 0]) / d
    return True


@numba.njit(cache=True, nogil=True)
def orient(h, a, count):  # type: ignore[no-untyped-def]
    """Scale H so that w > 0 at the points of a and its largest entry is 1.

    False unless all the points lie on one side of the horizon and the ground is seen from the same side by
    both cameras: the map keeps the sense of rotation.

    Args:
        h: float64 (3, 3), updated.
        a: float64 (at least count, 2).
        count: how many points.
    """
    side = 0.0
    for i in range(count):
        w = h[2, 0] * a[i, 0] + h[2, 1] * a[i, 1] + h[2, 2]
        if i == 0:
            side = w
        if not w * side > 0.0:
            return False
    largest = 0.0
    for k in range(9):
        largest = max(largest, abs(h[k // 3, k % 3]))
    scale = (1.0 if side > 0.0 else -1.0) / largest
    for k in range(9):
        h[k // 3, k % 3] *= scale
    return determinant(h) > 0.0


@numba.njit(cache=True, nogil=True)
def fit_weighted(a, b, weight, count, system, found, homography, way, timed):  # type: ignore[no-untyped-def]
    """The homography that least squares give for weighted matches; w = 1 at the mean of a's points.

    That w is not 0 there: w = 0 is the line on the ground on which camera b stands, and nobody is seen on it.
    With ``timed`` a ninth number is sought: by how many samples b's clock is later than a's.

    Args:
        a, b: float64 (at least count, 2), units.
        weight: float64 (at least count, 3): the entries xx, xy, yy of the matrix that weighs the two
            equations of a match, that is the inverse covariance of its residual, over w².
        count: how many.
        system: float64 (9, 10), scratch.
        found: float64 (9,), scratch; the delay is left in found[8].
        homography: float64 (3, 3), written; its scale is arbitrary.
        way: float64 (at least count, 3): how far b's point moves in a sample, x and y, and w of a rough
            homography, of any scale; looked at if ``timed``.
        timed: whether the delay is sought.
    """
    unknowns = 9 if timed else 8
    system[:] = 0.0
    first, second = np.zeros(10), np.zeros(10)
    ax, ay, bx, by, aw = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(count):
        ax += a[i, 0]
        ay += a[i, 1]
        bx += b[i, 0]
        by += b[i, 1]
        aw += way[i, 2] if timed else 0.0
    ax, ay, bx, by, aw = ax / count, ay / count, bx / count, by / count, aw / count
    for i in range(count):
        x, y = (a[i, 0] - ax) / SPREAD, (a[i, 1] - ay) / SPREAD
        u, v = (b[i, 0] - bx) / SPREAD, (b[i, 1] - by) / SPREAD
        if timed:
            w = way[i, 2] / aw / SPREAD
            first[8], second[8] = -way[i, 0] * w, -way[i, 1] * w
        first[0], first[1], first[2] = x, y, 1.0
        first[6], first[7], first[unknowns] = -u * x, -u * y, u
        second[3], second[4], second[5] = x, y, 1.0
        second[6], second[7], second[unknowns] = -v * x, -v * y, v
        xx, xy, yy = weight[i, 0], weight[i, 1], weight[i, 2]
        for row in range(unknowns):
            p = xx * first[row] + xy * second[row]
            q = xy * first[row] + yy * second[row]
            for column in range(unknowns + 1):
                system[row, column] += p * first[column] + q * second[column]
    if not solve(system, unknowns, found):
        return False
    # Back to units: H = B⁻¹ H' A, with A and B what took the points from their means.
    h0, h1, h2, h3 = found[0], found[1], found[2], found[3]
    h4, h5, h6, h7 = found[4], found[5], found[6], found[7]
    e0 = h2 - (h0 * ax + h1 * ay) / SPREAD
    e1 = h5 - (h3 * ax + h4 * ay) / SPREAD
    e2 = 1.0 - (h6 * ax + h7 * ay) / SPREAD
    homography[0, 0] = h0 + bx * h6 / SPREAD
    homography[0, 1] = h1 + bx * h7 / SPREAD
    homography[0, 2] = SPREAD * e0 + bx * e2
    homography[1, 0] = h3 + by * h6 / SPREAD
    homography[1, 1] = h4 + by * h7 / SPREAD
    homography[1, 2] = SPREAD * e1 + by * e2
    homography[2, 0], homography[2, 1], homography[2, 2] = h6 / SPREAD, h7 / SPREAD, e2
    return True
