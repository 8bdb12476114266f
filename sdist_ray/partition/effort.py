"""What a network takes of processors and of the wire. docs/capacity.md has the formulas.

Seconds are of one thread of the machine that MEASURED_ON names; another one's are these times a factor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sdist_ray.exclusion.batch import most_ticks
from sdist_ray.partition.memory import VISIT_BYTES, Demand

MEASURED_ON = "one thread of a 2.5 GHz Xeon with AVX-512, shared"
FRAME_S = 1.7e-3
"""To decode a 320×240 JPEG and find the people in it."""
CAMERA_TICK_S = 0.15e-6
"""To collate a camera's tick, to range and pad it."""
PAIR_S = {"dense": 1.9e-11, "rle": 1.7e-10}
"""To count an occupied tick of one window against one other window."""
COUNTER_S = {"dense": 1.2e-9, "rle": 3.4e-9}
"""To read, (un)pack and write a counter of a row that was occupied, once in a batch."""
BYTE_SHARE = {"dense": 0.5, "rle": 0.8}
"""Of that time, in byte counters."""
RANGE_S = 1e-4
"""To take one range in hand, however little it holds."""
WINDOW_S = 4e-9
"""To pad a window's range for a shard."""
SCAN_S = {"dense": 1e-9, "rle": 2e-9}
"""To look at a counter, for links."""
SEARCH_S = 0.06
"""To begin a search, however little there is."""
ROW_EVENT_S, COLUMN_EVENT_S = 6e-8, 1.5e-8
"""To search an occupied tick of a row, and to lay out one of a column."""
WINDOW_PAIR_S = 2e-9
"""To rule out what a window and a camera that share no ground agree by chance."""
ROW_BYTES = 4 + 8 + 8 + 8
"""Of a camera's tick on its way to the coordinator: its camera, its tick, where its lists end."""
PERSON_BYTES = 2 + 8
"""Of a person in it: the window, the foot point."""


@dataclass(frozen=True)
class Machine:
    """How much slower than the machine of the figures above.

    Attributes:
        detecting: the factor of FRAME_S.
        counting: the factor of everything else.
    """

    detecting: float = 1.0
    counting: float = 1.0


def detection_cores(cameras: int, demand: Demand, machine: Machine) -> float:
    """Cores that detect, live."""
    return cameras * demand.fps * FRAME_S * machine.detecting


def coordination_cores(cameras: int, demand: Demand, machine: Machine) -> float:
    """Cores that collate and pad, live; there is one coordinator."""
    return cameras * demand.fps * CAMERA_TICK_S * machine.counting


def counting_s(store: str, rows: int, columns: int, demand: Demand, machine: Machine) -> float:
    """Seconds to count all of the demand in one tile; see memory.tile_bytes for the arguments."""
    ranges = demand.ticks / demand.range_ticks
    taking = ranges * (RANGE_S + WINDOW_S * columns * demand.windows)
    if store == "indexed":
        return taking * machine.counting
    wide = columns * demand.windows
    pairs = rows * demand.people * demand.ticks * wide
    batch = min(float(most_ticks(wide)), demand.ticks)
    # A row of which nobody was in the window is not touched.
    touched = 1 - math.exp(-batch * demand.occupied / demand.crossing)
    batches = math.ceil(demand.ticks / batch) if batch else 0
    counters = batches * touched * rows * demand.windows * wide
    share = BYTE_SHARE[store] if demand.counters == "byte" else 1.0
    counting = share * (PAIR_S[store] * pairs + COUNTER_S[store] * counters)
    return (counting + taking) * machine.counting


def counting_cores(store: str, rows: int, columns: int, demand: Demand, machine: Machine) -> float:
    """Cores that count a tile, live."""
    return counting_s(store, rows, columns, demand, machine) / demand.seconds


def links_s(store: str, rows: int, columns: int, demand: Demand, machine: Machine) -> float:
    """Seconds to find a tile's links once, by one thread; the indexed store does its work there."""
    if store != "indexed":
        return SCAN_S[store] * rows * columns * demand.windows**2 * machine.counting
    # Each pair of cameras once, both ways; the rows come before the other columns.
    pairs = rows * columns - rows * (rows - 1) / 2
    events = demand.people * demand.ticks * (ROW_EVENT_S * rows + COLUMN_EVENT_S * columns)
    return (SEARCH_S + events + WINDOW_PAIR_S * demand.windows * 2 * pairs) * machine.counting


def occupancy_bytes_per_s(cameras: int, demand: Demand) -> float:
    """From all workers to the coordinator."""
    return cameras * demand.fps * (ROW_BYTES + PERSON_BYTES * demand.people)


def range_bytes_per_s(cameras: int, demand: Demand) -> float:
    """From the coordinator to each machine that has shards: ranges, and those around them that pad them."""
    around = 1 + 2 * math.ceil(demand.tolerance / demand.range_ticks)
    size = cameras * (VISIT_BYTES * demand.words * around + 8)
    return size * demand.fps / demand.range_ticks
