"""The measured parts of ``benchmarks.central_node``, each run in a process of its own."""

from __future__ import annotations

import itertools
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import Stolen
from benchmarks.per_tick import count_per_tick, touch, unpack
from sdist_ray.exclusion.batch import BATCH_TICKS
from sdist_ray.exclusion.tile import NEVER, Counting, Tile
from sdist_ray.occupancy.block import Clock, OccupancyRange, Rows
from sdist_ray.occupancy.collate import Collator
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.occupancy.recording import RecordingWriter, open_recording
from sdist_ray.partition.plan import row_stripes
from sdist_ray.runtime.feeds import Assignment, NetworkSpec, RecordingFeed
from sdist_ray.simulation.activity import activity_ranges
from sdist_ray.topology.estimators import ESTIMATORS
from sdist_ray.topology.least import least_agreements
from sdist_ray.topology.links import directed_links

PADDING = Padding(Grid(), Clock(), 5)
THRESHOLD = 0.8
CHUNK_BYTES = 16 << 20
"""Ranges that are handed to the shards together, as they come."""
TILE_CAMERAS = 100
"""Row cameras of the tile on which the per-tick loop and the dense store are compared."""


@dataclass(frozen=True)
class Network:
    """A made-up network; see simulation.activity."""

    cameras: int
    people: float
    seconds: float
    offline: float = 0.0
    range_ticks: int = 20

    @property
    def padding(self) -> Padding:
        """Grid, clock and tolerance."""
        return Padding(PADDING.grid, Clock(PADDING.clock.fps, self.range_ticks), PADDING.tolerance)

    @property
    def names(self) -> tuple[str, ...]:
        """Camera ids."""
        return tuple(f"c{number:05}" for number in range(self.cameras))

    @property
    def ticks(self) -> int:
        """Ticks of it."""
        return round(self.seconds * PADDING.clock.fps)

    @property
    def chunk(self) -> int:
        """How many ranges are handed on together."""
        return max(2, CHUNK_BYTES // (self.cameras * PADDING.grid.windows * 8))

    def ranges(self) -> Iterator[OccupancyRange]:
        """What is seen."""
        return activity_ranges(
            self.cameras, self.people, self.ticks, PADDING.grid, self.padding.clock, 1, self.offline
        )


def in_own_process(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Call it in a fresh process, so that its peak memory is its own.

    Returns:
        what it returns, ``peak_bytes``, and ``stolen_share`` unless it says so itself.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_with_peak, (function, arguments))


def _with_peak(function: Callable[..., dict[str, Any]], arguments: Sequence[Any]) -> dict[str, Any]:
    stolen = Stolen()
    result = function(*arguments)
    result.setdefault("stolen_share", stolen.share)
    result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return result


def least_for(tiles: Sequence[Tile]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """What passes the paper's C' above C*."""
    most = max(tile.store.most_opportunities() for tile in tiles)
    return least_agreements(ESTIMATORS["nonexclusion"].bound, THRESHOLD, most)


def warm_up(counting: Counting) -> None:
    """Compile, or load, all kernels."""
    few = Network(6, 2.0, 20, range_ticks=counting.padding.clock.range_ticks)
    tile = Tile(few.names, few.names, counting)
    padder = Padder(counting.padding)
    for entry in few.ranges():
        for padded in padder.push(entry):
            tile.apply(padded, few.names)
    tile.pairs(least_for([tile]))


def count_network(
    network: Network, counting: Counting, shards: int = 1, recording: str | None = None, links: bool = True
) -> dict[str, Any]:
    """Pad, count and (if asked) search a whole network, with a thread per shard.

    Ranges come from memory, where making them up is not timed, or from a recording, where reading and
    collating are.

    Returns:
        cameras, fps_per_camera (ticks by the seconds of all this), the seconds themselves, links in both
        directions.
    """
    warm_up(counting)
    names = network.names
    if counting.store == "indexed":
        # One tile searched by several threads: its work is shared out by blocks of cameras.
        tiles, threads = [Tile(names, names, counting)], shards
    else:
        tiles, threads = [Tile(rows, names, counting) for rows in row_stripes(names, shards)], 1
    spent = dict.fromkeys(("read_s", "pad_s", "count_s", "links_s"), 0.0)
    cpu, stolen = time.process_time(), Stolen()
    made_up = 0.0
    padder = Padder(PADDING)
    source = network.ranges() if recording is None else read_ranges(Path(recording))
    with ThreadPoolExecutor(len(tiles)) as pool:

        def count(padded: Sequence[PaddedRange]) -> None:
            def apply(tile: Tile) -> None:
                for entry in padded:
                    tile.apply(entry, names)

            list(pool.map(apply, tiles))

        ended = False
        while not ended:
            start, start_cpu = time.perf_counter(), time.process_time()
            entries = list(itertools.islice(source, network.chunk))
            if recording is None:
                made_up += time.process_time() - start_cpu
            else:
                spent["read_s"] += time.perf_counter() - start
            ended = len(entries) < network.chunk
            start = time.perf_counter()
            padded = [ready for entry in entries for ready in padder.push(entry)]
            padded += padder.flush() if ended else []
            spent["pad_s"] += time.perf_counter() - start
            start = time.perf_counter()
            count(padded)
            spent["count_s"] += time.perf_counter() - start
        start = time.perf_counter()
        # Asked for, a store counts what it has collected.
        list(pool.map(lambda tile: tile.store.most_opportunities(), tiles))
        spent["count_s"] += time.perf_counter() - start
        found = 0
        if links:
            start = time.perf_counter()
            parts = pool.map(
                lambda tile: directed_links(tile, names, "nonexclusion", THRESHOLD, threads), tiles
            )
            found = sum(len(part.row) for part in parts)
            spent["links_s"] = time.perf_counter() - start
    seconds = sum(spent.values())
    return {
        "cameras": network.cameras,
        "people": network.people,
        "seconds": network.seconds,
        "offline": network.offline,
        "store": counting.store,
        "counters": counting.policy,
        "shards": shards,
        "source": "memory" if recording is None else "file",
        "fps_per_camera": network.ticks / seconds,
        "cpu_s": time.process_time() - cpu - made_up,
        "stolen_share": stolen.share,
        **spent,
        "links": found,
        "store_bytes": sum(tile.store.nbytes for tile in tiles),
    }


def write_recording(network: Network, folder: str) -> str:
    """Record a network's occupancy; the file's path."""
    path = Path(folder) / f"{network.cameras}.arrow"
    clock, windows = PADDING.clock, PADDING.grid.windows
    with RecordingWriter(path, network.names, PADDING.grid, clock.fps) as writer:
        for entry in network.ranges():
            ticks = clock.range_ticks
            seen = unpack(entry.occupied, ticks).reshape(ticks, network.cameras, windows)
            there = unpack(entry.available, ticks)
            tick, camera = np.nonzero(there)
            windows_seen = np.nonzero(seen[tick, camera])[1].astype(np.uint16)
            ends = np.cumsum(seen[tick, camera].sum(axis=1), dtype=np.int64)
            nowhere = np.zeros(len(windows_seen), dtype=np.float32)
            first = entry.index * ticks
            writer.write(
                Rows(camera.astype(np.int32), first + tick, windows_seen, ends, nowhere, nowhere, ends)
            )
    return str(path)


def read_ranges(path: Path) -> Iterator[OccupancyRange]:
    """The ranges of a recording, as a run reads them."""
    recording = open_recording(path)
    network = NetworkSpec(recording.cameras, recording.grid, PADDING.clock)
    feed = RecordingFeed(network, path)
    feed.open([Assignment(camera, place) for place, camera in enumerate(network.cameras)])
    collator = Collator(len(network.cameras), network.grid, network.clock)
    index: int | None = network.clock.range_of(recording.first_tick)
    while index is not None:
        delivery = feed.advance(index)
        collator.add(delivery.rows)
        yield collator.close(index)[1]
        index = delivery.next_range


def compare_on_tile(network: Network, baseline_ticks: int, rounds: int) -> dict[str, Any]:
    """The dense store and the per-tick loop in turn, one core, the same rows against all columns.

    Returns:
        Frames per second per camera of both, for all rows of the network at that pace, medians; their ratio;
        and those of a loop that only reads and writes N once a batch.
    """
    counting = Counting(PADDING, "byte", "dense")
    warm_up(counting)
    names, windows = network.names, PADDING.grid.windows
    rows = names[: min(TILE_CAMERAS, network.cameras)]
    padder = Padder(PADDING)
    padded = [ready for entry in network.ranges() for ready in padder.push(entry)] + padder.flush()
    ticks = PADDING.clock.range_ticks
    few = padded[1 : 1 + max(1, baseline_ticks // ticks)]
    some = [
        (
            unpack(entry.occupied.dense(network.cameras, windows)[: len(rows)], ticks),
            unpack(entry.padded, ticks),
            unpack(entry.countable, ticks),
        )
        for entry in few
    ]
    shape = len(rows) * windows, network.cameras * windows
    opportunities, exclusions = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)

    def per_tick() -> None:
        for seen, near, known in some:
            count_per_tick(seen, near, known, windows, opportunities, exclusions)

    def dense(tile: Tile, entries: Sequence[PaddedRange]) -> tuple[float, float]:
        """Seconds to collect a batch, which does not depend on rows, and to count it."""
        tile.last_range = NEVER
        start = time.process_time()
        for entry in entries:
            tile.apply(entry, names)
        collected = time.process_time()
        tile.store.most_opportunities()
        return collected - start, time.process_time() - collected

    per_tick()
    check = Tile(rows, names, counting)
    dense(check, few)
    n, o = check.store.agreements, np.repeat(check.store.opportunities, windows, axis=1)  # type: ignore[attr-defined]
    assert np.array_equal(opportunities, o), "the two count different things"
    assert np.array_equal(exclusions, o - n), "the two count different things"
    del check, n, o
    share = len(rows) / network.cameras
    # What a batch holds without being full.
    padded = padded[: BATCH_TICKS // ticks - 1]
    span = len(padded) * ticks
    tile = Tile(rows, names, counting)
    dense(tile, padded)
    touch(opportunities.view(np.uint64))
    # Seconds a tick, of all rows of the network.
    times: dict[str, list[float]] = {"per_tick": [], "dense": [], "traffic": []}
    for _ in range(rounds):
        start = time.process_time()
        per_tick()
        times["per_tick"].append((time.process_time() - start) / (len(few) * ticks) / share)
        collect, count = dense(tile, padded)
        times["dense"].append((collect + count / share) / span)
        start = time.process_time()
        touch(exclusions.view(np.uint64))
        times["traffic"].append((time.process_time() - start) / span / share)
    speed = {name: 1 / statistics.median(values) for name, values in times.items()}
    return {
        "cameras": network.cameras,
        "rows": len(rows),
        "people": network.people,
        "fps_per_camera": speed["dense"],
        "baseline_fps_per_camera": speed["per_tick"],
        "ratio": speed["dense"] / speed["per_tick"],
        "traffic_bound_fps_per_camera": speed["traffic"],
        "of_traffic_bound": speed["dense"] / speed["traffic"],
        "rounds": [round(b / d, 1) for b, d in zip(times["per_tick"], times["dense"], strict=True)],
    }


def compare_exactly(network: Network) -> dict[str, Any]:
    """Whether the indexed store has exactly the dense store's links and counts, wide."""
    names = network.names
    tiles = {kind: Tile(names, names, Counting(PADDING, "wide", kind)) for kind in ("dense", "indexed")}
    padder = Padder(PADDING)
    for entry in itertools.chain(network.ranges(), [None]):
        for ready in padder.push(entry) if entry is not None else padder.flush():
            for tile in tiles.values():
                tile.apply(ready, names)
    least = least_for([tiles["dense"]])
    assert np.array_equal(least, least_for([tiles["indexed"]])[: len(least)])
    dense, indexed = tiles["dense"].pairs(least), tiles["indexed"].pairs(least)
    size = network.cameras * PADDING.grid.windows
    there = dense.row * size + dense.column
    order = np.argsort(there)
    there, n, o = there[order], dense.agreements[order], dense.opportunities[order]
    mutual = np.isin(dense.column[order] * size + dense.row[order], there, assume_unique=True)
    assert indexed.agreements_back is not None
    assert indexed.opportunities_back is not None
    forth = indexed.row * size + indexed.column
    back = indexed.column * size + indexed.row
    found = np.concatenate([forth, back])
    same_order = np.argsort(found)
    same = np.array_equal(found[same_order], there[mutual])
    counts = same and np.array_equal(
        np.concatenate([indexed.agreements, indexed.agreements_back])[same_order], n[mutual]
    )
    counts = counts and np.array_equal(
        np.concatenate([indexed.opportunities, indexed.opportunities_back])[same_order], o[mutual]
    )
    rng = np.random.default_rng(0)
    row, column = rng.integers(0, size, (2, 200_000))
    asked = [tile.store.counts(row, column) for tile in tiles.values()]
    return {
        "cameras": network.cameras,
        "people": network.people,
        "seconds": network.seconds,
        "offline": network.offline,
        "links": len(indexed),
        "links_equal": bool(same),
        "counts_equal": bool(counts),
        "asked_counts_equal": bool(
            np.array_equal(asked[0].agreements, asked[1].agreements)
            and np.array_equal(asked[0].opportunities, asked[1].opportunities)
        ),
    }
