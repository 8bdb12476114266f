"""Random numbers that every walker and camera draws for itself, and moments in time that floats hold exactly.

A generator per walker (splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
2014) makes a walker's way independent of everybody else's, and of how time is cut into ranges.
"""

from __future__ import annotations

import math

import numba
import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
QUANTUM = 1024.0
"""Moments are whole multiples of 1 / QUANTUM seconds: multiplied by whole frames per second they stay exact,
so that one tick in ten of a city at 10 FPS is that city at 1 FPS."""


@numba.njit(cache=True, nogil=True)
def mix(value):  # type: ignore[no-untyped-def]
    """A uint64 whose bits are scattered: the finaliser of splitmix64."""
    value = (value ^ (value >> np.uint64(30))) * FIRST
    value = (value ^ (value >> np.uint64(27))) * SECOND
    return value ^ (value >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def fraction(value):  # type: ignore[no-untyped-def]
    """The upper 53 bits of a uint64 as a float in [0, 1)."""
    return float(value >> np.uint64(11)) * 2.0**-53


@numba.njit(cache=True, nogil=True)
def draw(states, k):  # type: ignore[no-untyped-def]
    """The next number in [0, 1) of generator k; ``states``, uint64, is updated."""
    states[k] += GOLDEN
    return fraction(mix(states[k]))


@numba.njit(cache=True, nogil=True)
def draw_exponential(states, k):  # type: ignore[no-untyped-def]
    """The next exponential number, mean 1, of generator k."""
    return -math.log(1.0 - draw(states, k))


@numba.njit(cache=True, nogil=True)
def draw_normal(states, k):  # type: ignore[no-untyped-def]
    """The next normal number of generator k, to within what twelve uniform ones come to: |z| < 6."""
    total = -6.0
    for _ in range(12):
        total += draw(states, k)
    return total


@numba.njit(cache=True, nogil=True)
def moment(time_s):  # type: ignore[no-untyped-def]
    """The first whole multiple of 1 / QUANTUM at or after a time."""
    return math.ceil(time_s * QUANTUM) / QUANTUM


@numba.njit(cache=True, nogil=True)
def first_tick(time_s, fps):  # type: ignore[no-untyped-def]
    """The first tick at or after a time."""
    return np.int64(math.ceil(time_s * fps))
