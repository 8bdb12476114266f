"""The mixture's loops over pixels, in 16-bit whole numbers so that many pixels fit a vector.

Nearly every pixel of nearly every frame belongs to its fittest mode, and learns alone:

- A pixel's modes stand in the order of their fitness weight / sigma. The fittest are apart, in planes; only
  in blocks where one does not take its pixel's value are the other two looked at.
- Weights do not fade: the frame's weight grows instead. A weight is a share of a total, of which a frame
  changes only the total and one mode's weight; all are shifted down together when the total passes 16 bits.
- Means are kept in 1/256 of a grey level, limits in 1/16 of one squared. What that rounds away is not
  lost: a number that changes from frame to frame is added before a change's fraction is cut off, so that a
  change of a tenth of a step is one step in one frame of ten.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.detection.bits import gather
from sdist_ray.detection.blobs import open_bits
from sdist_ray.detection.products import high_product, low_product

MODES = 3
BLOCK = 16
"""Pixels whose second and third modes are together."""
CHUNK = 4096
"""Pixels that are looked at together."""
MANY = 4
"""One block of so many is not taken by its fittest modes: something is up."""
MEAN_UNITS = 256
LIMIT_UNITS = 16


@numba.njit(inline="always", nogil=True)
def _moved(value, target, rate, dither):  # type: ignore[no-untyped-def]
    """uint16 ``value``, moved by rate / 65536 of the way to ``target``, the step rounded by ``dither``."""
    way = np.uint16(max(value, target) - min(value, target))
    # (way * rate + dither) / 65536 in two halves: whole 32-bit products would halve what a vector holds.
    low = np.uint16(low_product(way, rate) + dither)
    step = np.uint16(high_product(way, rate) + np.uint16(low < dither))
    return np.uint16(value + step) if target > value else np.uint16(value - step)


@numba.njit(inline="always", nogil=True)
def _square(a, b):  # type: ignore[no-untyped-def]
    """(a - b)² of two means, in whole grey levels squared, rounded down."""
    way = np.uint16(max(a, b) - min(a, b))
    return high_product(way, way)


@numba.njit(inline="always", nogil=True)
def _within(square, limit):  # type: ignore[no-untyped-def]
    """Whether a value so far from a mode's mean belongs to it, in whole squares; never at a limit of 0."""
    return (square <= np.uint16(limit >> np.uint16(4))) & (limit > np.uint16(0))


@numba.njit(inline="always", nogil=True)
def _limit_of(square, reach):  # type: ignore[no-untyped-def]
    """The limit of a mode of that variance (what was rounded away of it is half a level squared)."""
    half = np.uint16(reach >> np.uint16(1))
    most = np.uint16((np.uint16(65535) - half) // reach)
    return np.uint16(low_product(min(square, most), reach) + half)


@numba.njit(cache=True, nogil=True, error_model="numpy", boundscheck=False)
def update_mixture(  # type: ignore[no-untyped-def]
    grey, width, fittest, others, bits,
    gain, total, rate, more_rate, dither, reach, share, floor, initial,
):  # fmt: skip
    """Learn one frame and mark its foreground.

    The fittest mode within the match threshold takes the value; where none does, the least fit is replaced.
    The value is foreground when it made a new mode, or when the modes fitter than its own already hold the
    background share. Modes change places only when one that is not the fittest takes a value.

    Args:
        grey: uint8 (height, blocks * 16), the frame; what is beyond its width may be anything.
        width: of the image, pixels.
        fittest: uint16 (3, height, blocks * 16), see MixtureState; updated.
        others: uint16 (height, blocks, 6, 16); updated.
        bits: uint64 (words, height), written: the foreground, see detection.bits.
        gain, total, rate, more_rate, dither: uint16, see Step.
        reach: uint16, square of the match threshold, in 1/16: what makes a limit of a variance.
        share: float32, background share.
        floor: uint16, least limit.
        initial: uint16, limit of a new mode.
    """
    height, padded = grey.shape
    blocks = padded // BLOCK
    row, modes = grey.reshape(-1), others.reshape(-1)
    means, limits, weights = fittest[0].reshape(-1), fittest[1].reshape(-1), fittest[2].reshape(-1)
    # Some rows at a time, so that what is found in them is still in the nearest cache when it is looked at.
    rows = max(1, CHUNK // padded)
    eight = np.empty(rows * padded // 8, np.uint64)
    missed = eight.view(np.uint8)
    found = np.empty(rows * blocks + 1, np.int64)
    touched = np.uint16(0)
    for top in range(0, height, rows):
        first, end = top * padded, min(top + rows, height) * padded
        here = missed[: end - first]
        match_fittest(
            row[first:end], means[first:end], limits[first:end], weights[first:end], here,
            gain, total, rate, more_rate, dither, reach, floor,
        )  # fmt: skip
        count = list_blocks(eight[: (end - first) // 8], found)
        # All at once what each waits for: it is nowhere near, unlike what the loop above took in order.
        touched ^= touch_blocks(found[:count], first // BLOCK, modes, weights)
        bits[:, top : min(top + rows, height)] = 0
        for j in range(count):
            at = found[j]
            y, b = top + at // blocks, at % blocks
            match_others(
                np.uint64(BLOCK), np.uint64(at), np.uint64(y * blocks + b),
                row, means, limits, weights, modes, missed,
                gain, dither, reach, share, floor, initial,
            )  # fmt: skip
            pair = gather(eight[2 * at]) | gather(eight[2 * at + 1]) << np.uint64(8)
            bits[b >> 2, y] |= pair << np.uint64(BLOCK * (b & 3))
    if width & 63:
        for y in range(height):
            bits[bits.shape[0] - 1, y] &= (np.uint64(1) << np.uint64(width & 63)) - np.uint64(1)
    return touched


@numba.njit(cache=True, nogil=True, error_model="numpy", boundscheck=False)
def look_at_mixture(grey, width, fittest, others, bits, share, opening):  # type: ignore[no-untyped-def]
    """Mark the foreground of a frame that is not learnt from, but for specks.

    What an opening of the foreground leaves is within what it leaves of the pixels that their fittest modes
    do not take. So where it leaves nothing of those, which is nearly everywhere, nobody asks the other modes.

    Args:
        grey, width, fittest, others, share: see update_mixture; nothing is updated.
        bits: uint64 (words, height), written: foreground, of which an opening leaves what it leaves of all.
        opening: side of the square that it is opened with, pixels; all of the foreground is marked if it is 1
            or even, and where much of the image is unlike its background: whoever asks how much is told.
    """
    height, padded = grey.shape
    blocks = padded // BLOCK
    row, modes = grey.reshape(-1), others.reshape(-1)
    means, limits, weights = fittest[0].reshape(-1), fittest[1].reshape(-1), fittest[2].reshape(-1)
    eight = np.empty(height * padded // 8, np.uint64)
    missed = eight.view(np.uint8)
    test_fittest(row, means, limits, missed)
    found = np.empty(height * blocks + 1, np.int64)
    count = list_blocks(eight, found)
    put_blocks(eight, found[:count], blocks, width, bits)
    # An opening with an even side moves what it leaves.
    if opening > 1 and opening % 2 and count * MANY < height * blocks:
        kept = bits.copy()
        open_bits(kept, width, opening)
        chosen = 0
        for j in range(count):
            at = found[j]
            b = at % blocks
            found[chosen] = at
            chosen += (kept[b >> 2, at // blocks] >> np.uint64(BLOCK * (b & 3))) & np.uint64(0xFFFF) != 0
        count = chosen
    touched = touch_blocks(found[:count], 0, modes, weights)
    for j in range(count):
        at = np.uint64(found[j])
        test_others(np.uint64(BLOCK), at, at, row, weights, modes, missed, share)
    put_blocks(eight, found[:count], blocks, width, bits)
    return touched


@numba.njit(nogil=True, boundscheck=False)
def put_blocks(eight, found, blocks, width, bits):  # type: ignore[no-untyped-def]
    """Make bits of some blocks' bytes; all other bits are cleared.

    Args:
        eight: uint64 (2 * blocks,), the bytes of all pixels, 1 or 0.
        found: int64, the blocks' places.
        blocks: in a row.
        width: of the image, pixels.
        bits: uint64 (words, height), written.
    """
    bits[:] = 0
    for j in range(found.shape[0]):
        at = found[j]
        y, b = at // blocks, at % blocks
        pair = gather(eight[2 * at]) | gather(eight[2 * at + 1]) << np.uint64(8)
        bits[b >> 2, y] |= pair << np.uint64(BLOCK * (b & 3))
    if width & 63:
        for y in range(bits.shape[1]):
            bits[bits.shape[0] - 1, y] &= (np.uint64(1) << np.uint64(width & 63)) - np.uint64(1)


@numba.njit(nogil=True, boundscheck=False)
def list_blocks(eight, found):  # type: ignore[no-untyped-def]
    """Blocks in which something is set, and how many.

    Args:
        eight: uint64 (2 * blocks,), the bytes of all pixels.
        found: int64 (blocks + 1 at least,), written: their numbers, ascending.
    """
    count = 0
    for at in range(eight.shape[0] // 2):
        found[count] = at
        count += (eight[2 * at] | eight[2 * at + 1]) != 0
    return count


@numba.njit(nogil=True, boundscheck=False)
def touch_blocks(found, first, others, weights):  # type: ignore[no-untyped-def]
    """Have all that is known of some blocks fetched, together; what comes of it is of no use.

    Args:
        found: int64 (blocks,), their places after ``first``.
        first: the first block's place in the image.
        others, weights: see test_others.
    """
    touched = np.uint16(0)
    for j in range(found.shape[0]):
        at = (first + found[j]) * BLOCK
        # Six arrays of 32 bytes are three or four cache lines.
        touched ^= (
            others[6 * at] ^ others[6 * at + 32] ^ others[6 * at + 64] ^ others[6 * at + 95] ^ weights[at]
        )
    return touched


@numba.njit(nogil=True, error_model="numpy", boundscheck=False)
def match_fittest(  # type: ignore[no-untyped-def]
    row, means, limits, weights, missed, gain, total, rate, more_rate, dither, reach, floor
):
    """Let the fittest modes take what is theirs, and learn.

    Args:
        row: uint8 (pixels,), the frame.
        means, limits, weights: uint16 (pixels,), the fittest modes; updated.
        missed: uint8 (pixels,), written: 1 where the fittest mode does not take the value, else 0.
        gain, total, rate, more_rate, dither, reach, floor: see update_mixture.
    """
    for p in range(row.shape[0]):
        value = np.uint16(np.uint16(row[p]) << np.uint16(8))
        mean, limit, weight = means[p], limits[p], weights[p]
        square = _square(value, mean)
        matched = _within(square, limit)
        more = np.uint16(weight + gain)
        pace = np.uint16(rate + high_product(more_rate, np.uint16(total - more)))
        new_mean = _moved(mean, value, pace, dither)
        new_limit = max(_moved(limit, _limit_of(square, reach), pace, dither), floor)
        means[p] = new_mean if matched else mean
        limits[p] = new_limit if matched else limit
        weights[p] = more if matched else weight
        missed[p] = np.uint8(0) if matched else np.uint8(1)


@numba.njit(nogil=True, error_model="numpy", boundscheck=False)
def test_fittest(row, means, limits, missed):  # type: ignore[no-untyped-def]
    """Which values the fittest modes do not take: see match_fittest, but nothing is learnt."""
    for p in range(row.shape[0]):
        value = np.uint16(np.uint16(row[p]) << np.uint16(8))
        missed[p] = np.uint8(0) if _within(_square(value, means[p]), limits[p]) else np.uint8(1)


@numba.njit(nogil=True, error_model="numpy", boundscheck=False)
def test_others(block, here, at, row, weights, others, missed, share):  # type: ignore[no-untyped-def]
    """Which of a block's values are foreground: see match_others, but nothing is learnt."""
    first, base, place = at * block, at * block * np.uint64(6), here * block
    for i in range(block):
        p, q, m = first + i, base + i, place + i
        value = np.uint16(np.uint16(row[p]) << np.uint16(8))
        second = _within(_square(value, others[q]), others[q + np.uint64(16)])
        third = _within(_square(value, others[q + np.uint64(48)]), others[q + np.uint64(64)])
        new = (not second) & (not third)
        one = np.float32(weights[p])
        two, three = np.float32(others[q + np.uint64(32)]), np.float32(others[q + np.uint64(80)])
        fitter = one if second else one + two
        held = fitter >= share * (one + two + three)
        missed[m] = np.uint8((missed[m] != 0) & (new | held))


@numba.njit(nogil=True, error_model="numpy", boundscheck=False)
def match_others(  # type: ignore[no-untyped-def]
    block, here, at, row, means, limits, weights, others, missed,
    gain, dither, reach, share, floor, initial,
):  # fmt: skip
    """A block's pixels that their fittest mode does not take: let another take them.

    Args:
        block: uint64, its size: as a variable, for LLVM makes no vector code of so short a loop.
        here: uint64, the block's place in ``missed``.
        at: uint64, its place in the image.
        row, means, limits, weights: of the whole image, see match_fittest.
        missed: uint8 (any blocks * 16,); 1 becomes whether the value is foreground.
        others: uint16 (blocks * 6 * 16,), the second and third modes; updated.
        gain, dither, reach, share, floor, initial: see update_mixture.
    """
    first, base, place = at * block, at * block * np.uint64(6), here * block
    least = max(gain, np.uint16(1))
    for i in range(block):
        p, q, m = first + i, base + i, place + i
        value = np.uint16(np.uint16(row[p]) << np.uint16(8))
        miss = missed[m] != 0
        m0, l0, w0 = means[p], limits[p], weights[p]
        m1, l1, w1 = others[q], others[q + np.uint64(16)], others[q + np.uint64(32)]
        m2, l2, w2 = others[q + np.uint64(48)], others[q + np.uint64(64)], others[q + np.uint64(80)]
        square1, square2 = _square(value, m1), _square(value, m2)
        second = _within(square1, l1)
        new = (not second) & (not _within(square2, l2))
        one, two, three = np.float32(w0), np.float32(w1), np.float32(w2)
        fitter = one if second else one + two
        held = fitter >= share * (one + two + three)
        missed[m] = np.uint8(miss & (new | held))

        # The one that takes the value, and the one that does not.
        ma, la, wa, square = (
            m1 if second else m2, l1 if second else l2, w1 if second else w2, square1 if second else square2
        )  # fmt: skip
        mb, lb, wb = m2 if second else m1, l2 if second else l1, w2 if second else w1
        more = least if new else np.uint16(wa + gain)
        pace = np.uint16(
            np.int32(min(np.float32(gain) * np.float32(65536) / np.float32(more), np.float32(65535)))
        )
        ma = value if new else _moved(ma, value, pace, dither)
        la = initial if new else max(_moved(la, _limit_of(square, reach), pace, dither), floor)

        # Upwards past those that are no fitter: weight² / variance, without dividing.
        fa, fb, f0 = np.float32(more), np.float32(wb), one
        fa, fb, f0 = fa * fa, fb * fb, f0 * f0
        above = second | (fa * np.float32(lb) >= fb * np.float32(la))
        best = miss & above & (fa * np.float32(l0) >= f0 * np.float32(la))
        means[p] = ma if best else m0
        limits[p] = la if best else l0
        weights[p] = more if best else w0
        mc, lc, wc = m0 if best else ma, l0 if best else la, w0 if best else more
        me, le, we = mc if above else mb, lc if above else lb, wc if above else wb
        md, ld, wd = mb if above else mc, lb if above else lc, wb if above else wc
        others[q] = me if miss else m1
        others[q + np.uint64(16)] = le if miss else l1
        others[q + np.uint64(32)] = we if miss else w1
        others[q + np.uint64(48)] = md if miss else m2
        others[q + np.uint64(64)] = ld if miss else l2
        others[q + np.uint64(80)] = wd if miss else w2
