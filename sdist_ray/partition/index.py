"""The index's loops: which cameras' blocks have the same keys, and how often.

Every block has as many keys as there are sets of random orders. Blocks that have one in common lie together,
set by set; so whom a camera meets, and how often, is counted camera by camera, in an array that stays in the
cache, rather than by sorting all that meet.
"""

from __future__ import annotations

import numba
import numpy as np

MOST_TOGETHER = 64
"""A block meets no more of those that come after it under one key: more say nothing about any two of them."""
MOST_TIMES = 255
"""More is as good."""


@numba.njit(inline="always", nogil=True)
def _slot(key, mask):  # type: ignore[no-untyped-def]
    mixed = key * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed ^ (mixed >> np.uint64(29))) & mask)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def group_keys(keys, cameras, ends, order, member, place):  # type: ignore[no-untyped-def]
    """Put the blocks of one set together that have the same key, in their order.

    Args:
        keys: uint64 (n,), of each block.
        cameras: int32 (n,), whose it is.
        ends: int64 (2**k,), scratch; better more than there are keys.
        order: int32 (n,), scratch.
        member: int32 (n,), written: cameras, key by key; the last one's of a key is c as ~c.
        place: int32 (n,), written: where each block is in ``member``.
    """
    mask = np.uint64(ends.shape[0] - 1)
    ends[:] = 0
    for k in range(keys.shape[0]):
        ends[_slot(keys[k], mask)] += 1
    total = np.int64(0)
    for slot in range(ends.shape[0]):
        total += ends[slot]
        ends[slot] = total - ends[slot]
    for k in range(keys.shape[0]):
        slot = _slot(keys[k], mask)
        order[ends[slot]] = k
        ends[slot] += 1
    first = np.int64(0)
    for slot in range(ends.shape[0]):
        # As a rule all keys of a slot are the same.
        for at in range(first + 1, ends[slot]):
            one = order[at]
            before = at
            while before > first and keys[order[before - 1]] > keys[one]:
                order[before] = order[before - 1]
                before -= 1
            order[before] = one
        for at in range(first, ends[slot]):
            one = order[at]
            last = at + 1 == ends[slot] or keys[order[at + 1]] != keys[one]
            member[at] = ~cameras[one] if last else cameras[one]
            place[one] = at
        first = ends[slot]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def meet(member, place, begins, least, times, pairs):  # type: ignore[no-untyped-def]
    """Pairs of cameras of which blocks have the same key in so many of the sets, counted for each two blocks.

    Args:
        member: int32 (sets, n), see group_keys.
        place: int32 (n, sets), see group_keys.
        begins: int64 (cameras + 1,), where the blocks of a camera begin.
        least: how often; 0 if they are only to be counted.
        times: int64 (MOST_TIMES + 1,), updated where ``least`` is 0: how many pairs there are that meet so
            often.
        pairs: int64 (room for all of them,), written where ``least`` is not 0: lower * cameras + higher,
            ascending.
    """
    cameras = begins.shape[0] - 1
    count = np.zeros(cameras, dtype=np.uint8)
    met = np.empty(cameras, dtype=np.int32)
    found = 0
    for camera in range(cameras):
        some = 0
        for k in range(begins[camera], begins[camera + 1]):
            for number in range(member.shape[0]):
                at = place[k, number]
                end = at + MOST_TOGETHER
                while at < end and member[number, at] >= 0:
                    at += 1
                    other = member[number, at]
                    other = other if other >= 0 else ~other
                    if other == camera:
                        continue
                    if count[other] == 0:
                        met[some] = other
                        some += 1
                    if count[other] < MOST_TIMES:
                        count[other] += 1
        before = found
        for k in range(some):
            if least == 0:
                times[count[met[k]]] += 1
            elif count[met[k]] >= least:
                pairs[found] = np.int64(camera) * cameras + met[k]
                found += 1
            count[met[k]] = 0
        pairs[before:found].sort()
