"""Which pairs of cameras are worth a search: those with somebody in both more often than by chance.

A view is cut into a few blocks, a block's time is a row of bits, one for every sample. For two blocks with
n and m bits set of T, N of them together, chance would have E = n · m / T; G = 2 (N ln(N / E) − N + E) is
how much speaks against chance (Poisson's log-likelihood ratio, twice), where N > E. A pair of cameras is
worth the sum of its three greatest G: three places, for one may be a coincidence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.bits import popcount
from sdist_ray.topology.ground_plane.homography import UNITS_X, UNITS_Y
from sdist_ray.topology.ground_plane.view import Array, Ints, View

BLOCK_COLUMNS, BLOCK_ROWS = 6, 5
LEAST_STEP = 0.1
"""Units from one sample to the next from which somebody moves."""
BLOCKS = BLOCK_COLUMNS * BLOCK_ROWS
Words = npt.NDArray[np.uint64]


@numba.njit(cache=True, nogil=True)
def set_bits(first, offset, place, bits):  # type: ignore[no-untyped-def]
    """Set the bit of every sample in which somebody moved through a block.

    Who stands still says little, and says it for a long time.

    Args:
        first, offset, place: of a View.
        bits: uint64 (BLOCKS, words), zeros, written.
    """
    for k in range(first.shape[0]):
        for at in range(offset[k], offset[k + 1]):
            before, after = max(at - 1, offset[k]), min(at + 1, offset[k + 1] - 1)
            dx, dy = place[after, 0] - place[before, 0], place[after, 1] - place[before, 1]
            if dx * dx + dy * dy < LEAST_STEP * LEAST_STEP * (after - before) ** 2:
                continue
            s = first[k] + at - offset[k]
            column = int(place[at, 0] * BLOCK_COLUMNS / UNITS_X)
            row = int(place[at, 1] * BLOCK_ROWS / UNITS_Y)
            column = min(max(column, 0), BLOCK_COLUMNS - 1)
            row = min(max(row, 0), BLOCK_ROWS - 1)
            bits[row * BLOCK_COLUMNS + column, s // 64] |= np.uint64(1) << np.uint64(s % 64)


@numba.njit(cache=True, nogil=True)
def pair_worth(bits_a, count_a, bits_b, count_b, logarithm):  # type: ignore[no-untyped-def]
    """How much speaks for a pair of cameras.

    Args:
        bits_a, bits_b: uint64 (BLOCKS, words), of each.
        count_a, count_b: int64 (BLOCKS,), bits that are set.
        logarithm: float64 (samples + 1,), of whole numbers; ln 0 is 0.
    """
    samples = logarithm.shape[0] - 1
    one, two, three = 0.0, 0.0, 0.0
    for i in range(bits_a.shape[0]):
        if count_a[i] == 0:
            continue
        for j in range(bits_b.shape[0]):
            if count_b[j] == 0:
                continue
            n = 0
            for w in range(bits_a.shape[1]):
                n += popcount(bits_a[i, w] & bits_b[j, w])
            expected = count_a[i] * count_b[j] / samples
            if n <= expected:
                continue
            apart = logarithm[n] + logarithm[samples] - (logarithm[count_a[i]] + logarithm[count_b[j]])
            g = 2.0 * (n * apart - n + expected)
            if g > one:
                one, two, three = g, one, two
            elif g > two:
                two, three = g, two
            elif g > three:
                three = g
    return one + two + three


@numba.njit(cache=True, nogil=True)
def together(bits_a, count_a, bits_b, count_b, logarithm, worth):  # type: ignore[no-untyped-def]
    """How much speaks for every pair of a camera of one list and a camera of another.

    Args:
        bits_a, bits_b: uint64 (cameras, BLOCKS, words).
        count_a, count_b: int64 (cameras, BLOCKS), bits that are set.
        logarithm: see ``pair_worth``.
        worth: float64 (cameras of a, cameras of b), written.
    """
    for a in range(bits_a.shape[0]):
        for b in range(bits_b.shape[0]):
            worth[a, b] = pair_worth(bits_a[a], count_a[a], bits_b[b], count_b[b], logarithm)


@numba.njit(cache=True, nogil=True)
def pairs_together(bits, later, count, pairs, logarithm, worth):  # type: ignore[no-untyped-def]
    """How much speaks for some pairs.

    Args:
        bits, later: uint64 (cameras, BLOCKS, words), of the first and of the second of a pair.
        count: int64 (cameras, BLOCKS), bits that are set in either.
        pairs: int64 (pairs, 2).
        logarithm: see ``pair_worth``.
        worth: float64 (pairs,), written.
    """
    for k in range(pairs.shape[0]):
        a, b = pairs[k, 0], pairs[k, 1]
        worth[k] = pair_worth(bits[a], count[a], later[b], count[b], logarithm)


def worth_by_delay(bits: Words, count: Ints, pairs: Ints, samples: int, reach: int) -> Array:
    """How much speaks for pairs if b's clock were later than a's by every number of samples up to ``reach``.

    Args:
        bits, count: see ``block_bits``.
        pairs: int64 (pairs, 2).
        samples: of the footage.
        reach: samples.

    Returns:
        float64 (pairs, 2 * reach + 1), from -reach on.
    """
    worth = np.zeros((2 * reach + 1, len(pairs)))
    table = logarithms(samples)
    for own, delay in zip(worth, range(-reach, reach + 1), strict=True):
        pairs_together(bits, turned_bits(bits, samples, -delay), count, pairs, table, own)
    return worth.T


def block_bits(views: Sequence[View]) -> tuple[Words, Ints]:
    """The bits of every camera's blocks, uint64 (cameras, BLOCKS, words), and how many are set."""
    words = -(-views[0].samples // 64) if views else 1
    bits: Words = np.zeros((len(views), BLOCKS, words), dtype=np.uint64)
    for view, own in zip(views, bits, strict=True):
        set_bits(view.first, view.offset, view.place, own)
    return bits, np.bitwise_count(bits).sum(axis=2).astype(np.int64)


def turned_bits(bits: Words, samples: int, shift: int) -> Words:
    """The bits of time turned in a circle: what was at sample s is at s + ``shift``, modulo ``samples``."""
    turned = np.zeros_like(bits)
    for own, camera in zip(bits, turned, strict=True):
        ones = np.unpackbits(own.view(np.uint8), axis=1, bitorder="little")[:, :samples]
        packed = np.packbits(np.roll(ones, shift, axis=1), axis=1, bitorder="little")
        camera.view(np.uint8)[:, : packed.shape[1]] = packed
    return turned


def logarithms(samples: int) -> Array:
    """ln of 0 (as 0) to ``samples``."""
    table = np.zeros(samples + 1)
    table[1:] = np.log(np.arange(1, samples + 1))
    return table


def best_partners(worth: Array, rows: Sequence[int], most: int) -> list[tuple[int, int]]:
    """For each row's camera the ``most`` cameras that are worth most, those worth nothing left out.

    Args:
        worth: float64 (rows, cameras).
        rows: the cameras of the rows.
        most: partners of a camera.
    """
    chosen: list[tuple[int, int]] = []
    for a, row in zip(rows, worth, strict=True):
        best = [int(b) for b in np.argsort(-row, kind="stable") if b != a and row[b] > 0]
        chosen.extend((a, b) for b in best[:most])
    return chosen


def candidates(bits: Words, count: Ints, samples: int, most: int) -> list[tuple[int, int]]:
    """Pairs (a, b), a < b, that are among the ``most`` best of either camera, the best first."""
    cameras = len(bits)
    worth = np.zeros((cameras, cameras))
    table = logarithms(samples)
    for a in range(cameras - 1):
        together(
            bits[a : a + 1], count[a : a + 1], bits[a + 1 :], count[a + 1 :], table, worth[a : a + 1, a + 1 :]
        )
    pairs = best_partners(worth + worth.T, range(cameras), most)
    chosen = {(min(a, b), max(a, b)) for a, b in pairs}
    return sorted(chosen, key=lambda pair: (-worth[pair], pair))


def chance_pairs(
    bits: Words, count: Ints, turned: Words, samples: int, most: int, wanted: int
) -> list[tuple[int, int]]:
    """Pairs (a, b), b turned in time, chosen as ``candidates`` are: at least ``wanted`` or all there are.

    Args:
        bits, count: of the cameras.
        turned: uint64, bits of the same cameras, shifted in time.
        samples, most: see ``candidates``.
        wanted: how many.
    """
    cameras = len(bits)
    rows = np.unique(np.linspace(0, cameras - 1, min(cameras, -(-wanted // most))).astype(np.int64)).tolist()
    worth = np.zeros((len(rows), cameras))
    together(bits[rows], count[rows], turned, count, logarithms(samples), worth)
    return best_partners(worth, rows, most)
