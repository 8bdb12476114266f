"""What named vectors pay: the loops over named vectors against the same loops over arrays of words.

    python -m benchmarks.vectors [--rounds 7]

One core, in turn in one process, medians of processor time. "reach" counts the misses of all windows of 80
cameras against the regions of as many others, 10 minutes of half a person per camera; "check" counts those of
the rows that reach a region against its windows; "pad" smears bit masks over time.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from matplotlib.figure import Figure

from benchmarks.central_runs import PADDING, Network
from benchmarks.machine import machine
from sdist_ray.exclusion.events import PaddedTicks
from sdist_ray.exclusion.indexed import IndexedStore
from sdist_ray.exclusion.misses import ALIVE, LENGTH, MASK, PLANES, START, WORD, count_together
from sdist_ray.exclusion.reach import rows_that_reach
from sdist_ray.exclusion.regions import make_regions
from sdist_ray.exclusion.search import spare_misses
from sdist_ray.exclusion.spread import pad_in_time
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.padding import pad_ranges
from sdist_ray.topology.estimators import ESTIMATORS, least_agreements

RESULTS = Path(__file__).parent / "results"
WORDS = 8


@numba.njit(nogil=True, boundscheck=False)
def plain_reach(starts, ticks, spare, rows, misses, passed):  # type: ignore[no-untyped-def]
    """reach.rows_that_reach, eight words at a time in arrays, a tick at a time."""
    planes = np.empty((32, WORDS), dtype=np.uint64)
    dead = np.empty(WORDS, dtype=np.uint64)
    carry = np.empty(WORDS, dtype=np.uint64)
    for number in range(rows.shape[0]):
        row = rows[number]
        allowed = np.int64(spare[row])
        if allowed < 0:
            passed[number] = 0
            continue
        digits = 1
        while (allowed + 1) >> digits:
            digits += 1
        preset = (np.int64(1) << digits) - (allowed + 1)
        for first in range(0, misses.shape[1], WORDS):
            for digit in range(digits):
                planes[digit, :] = np.uint64(0) - np.uint64((preset >> digit) & 1)
            dead[:] = 0
            for k in range(starts[row], starts[row + 1]):
                tick = ticks[k]
                for word in range(WORDS):
                    carry[word] = misses[tick, first + word]
                for digit in range(digits):
                    for word in range(WORDS):
                        both = planes[digit, word] & carry[word]
                        planes[digit, word] ^= carry[word]
                        carry[word] = both
                everything = ~np.uint64(0)
                for word in range(WORDS):
                    dead[word] |= carry[word]
                    everything &= dead[word]
                if everything == ~np.uint64(0):
                    break
            for word in range(WORDS):
                passed[number, first + word] = ~dead[word]


@numba.njit(nogil=True, boundscheck=False)
def plain_check(place, word, windows, starts, ticks, padded, spare, alive):  # type: ignore[no-untyped-def]
    """The windows of checks.check_forth that have no more misses than they may, one row at a time."""
    planes = np.empty(32, dtype=np.uint64)
    for k in range(place.shape[0]):
        row, left = place[k], windows[k]
        allowed = np.int64(spare[row])
        digits = 1
        while (allowed + 1) >> digits:
            digits += 1
        preset = (np.int64(1) << digits) - (allowed + 1)
        for digit in range(digits):
            planes[digit] = np.uint64(0) - np.uint64((preset >> digit) & 1)
        for t in range(starts[row], starts[row + 1]):
            carry = left & ~padded[word[k], ticks[t]]
            digit = 0
            while carry and digit < digits:
                both = planes[digit] & carry
                planes[digit] ^= carry
                carry = both
                digit += 1
            left &= ~carry
            if left == 0:
                break
        alive[k] = left


@numba.njit(nogil=True, boundscheck=False)
def eight_check(place, word, windows, starts, ticks, padded, spare, alive):  # type: ignore[no-untyped-def]
    """The same, eight rows at a time."""
    planes, rows = np.empty((PLANES, 8), np.uint64), np.zeros((6, 8), np.uint64)
    spares = np.zeros(8, np.int64)
    for first in range(0, place.shape[0], 8):
        count = min(8, place.shape[0] - first)
        for lane in range(count):
            row = place[first + lane]
            rows[START, lane], rows[LENGTH, lane] = starts[row], starts[row + 1] - starts[row]
            rows[WORD, lane] = word[first + lane] * padded.shape[1]
            rows[MASK, lane], spares[lane] = windows[first + lane], spare[row]
        for lane in range(count, 8):
            rows[:, lane] = 0
            spares[lane] = 0
        count_together(ticks, padded, rows, spares, planes)
        for lane in range(count):
            alive[first + lane] = rows[ALIVE, lane]


@numba.njit(nogil=True, boundscheck=False)
def plain_pad(spaced, tolerance, padded):  # type: ignore[no-untyped-def]
    """spread.pad_in_time, a shift at a time."""
    padded[:] = spaced[: padded.shape[0]]
    for shift in range(1, 2 * tolerance + 1):
        for t in range(padded.shape[0]):
            padded[t] |= spaced[t + shift]


def median_s(rounds: int, *functions: Callable[[], Any]) -> list[float]:
    """Seconds of each, in turn."""
    times: list[list[float]] = [[] for _ in functions]
    for number in range(rounds + 1):
        for function, spent in zip(functions, times, strict=True):
            start = time.process_time()
            function()
            if number:
                spent.append(time.process_time() - start)
    return [statistics.median(spent) for spent in times]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    network = Network(160, 0.5, 600)
    tile = Tile(network.names, network.names, Counting(PADDING, "wide", "indexed"))
    for padded in pad_ranges(network.ranges(), PADDING):
        tile.apply(padded, network.names)
    store = tile.store
    assert isinstance(store, IndexedStore)
    events = store.evidence.events()
    least = least_agreements(ESTIMATORS["nonexclusion"].bound, 0.8, store.most_opportunities())
    spare = spare_misses(np.diff(events.starts), least)
    regions = make_regions(PADDING.grid, 18)
    ticks_of = PaddedTicks(events, regions)
    missed = np.zeros((events.ticks + 1, 80 * regions.count), dtype=np.bool_)
    for camera in range(80):
        words, _, _ = ticks_of.of(80 + camera)
        for region in range(regions.count):
            mask = regions.region_mask[region] << regions.region_shift[region]
            missed[:-1, camera * regions.count + region] = words[regions.region_word[region]] & mask == 0
    wide = np.zeros((len(missed), -(-missed.shape[1] // 512) * 512), dtype=np.bool_)
    wide[:, : missed.shape[1]] = missed
    wide[:-1, missed.shape[1] :] = True
    misses = np.packbits(wide, axis=1, bitorder="little").view(np.uint64)
    rows = np.arange(80 * PADDING.grid.windows)
    passed = [np.zeros((len(rows), misses.shape[1]), dtype=np.uint64) for _ in range(2)]
    spaced = np.random.default_rng(0).integers(0, 2**63, 36_010).astype(np.uint64)
    smeared = [np.zeros(36_000, dtype=np.uint64) for _ in range(2)]
    reach = median_s(
        arguments.rounds,
        lambda: rows_that_reach(events.starts, events.row_ticks, spare, rows, misses, passed[0]),
        lambda: plain_reach(events.starts, events.row_ticks, spare, rows, misses, passed[1]),
    )
    reached = np.unpackbits(passed[0].view(np.uint8), axis=1, bitorder="little")[:, : missed.shape[1]]
    items = []
    for camera in range(80):
        mine = reached[:, camera * regions.count : (camera + 1) * regions.count]
        place, region = np.nonzero(mine)
        words = ticks_of.of(80 + camera)[0].copy()
        windows = regions.region_mask[region] << regions.region_shift[region]
        arguments_of = (place, regions.region_word[region], windows, events.starts, events.row_ticks)
        items.append((*arguments_of, words, spare))
    left = [[np.zeros(len(item[0]), dtype=np.uint64) for item in items] for _ in range(2)]
    check = median_s(
        arguments.rounds,
        lambda: [eight_check(*item, out) for item, out in zip(items, left[0], strict=True)],
        lambda: [plain_check(*item, out) for item, out in zip(items, left[1], strict=True)],
    )
    assert all(map(np.array_equal, *left)), "the two find different windows"
    pad = median_s(
        arguments.rounds,
        lambda: pad_in_time(spaced, 5, smeared[0]),
        lambda: plain_pad(spaced, 5, smeared[1]),
    )
    assert np.array_equal(*passed), "the two count different things"
    assert np.array_equal(*smeared), "the two pad differently"
    result = {
        "reach_ns_per_row_and_512_regions": reach[0] / (len(rows) * misses.shape[1] / WORDS) * 1e9,
        "reach_factor": reach[1] / reach[0],
        "check_ns_per_row": check[0] / sum(len(item[0]) for item in items) * 1e9,
        "check_factor": check[1] / check[0],
        "pad_ns_per_tick": pad[0] / len(smeared[0]) * 1e9,
        "pad_factor": pad[1] / pad[0],
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "vectors.json").write_text(json.dumps({"machine": machine(), **result}, indent=1) + "\n")
    figure = Figure(figsize=(5, 2.2), layout="constrained")
    axes = figure.subplots()
    names = {"reach": "regions", "check": "windows", "pad": "pad in time"}
    factors = [result[f"{name}_factor"] for name in names]
    bars = axes.barh(list(names.values()), factors, color="#1f77b4")
    axes.invert_yaxis()
    axes.bar_label(bars, fmt=" %.1f x")
    axes.axvline(1, color="#4d4d4d", lw=1)
    axes.set_xlabel("named vectors against arrays of words, times as fast")
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "vectors.png", dpi=130)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
