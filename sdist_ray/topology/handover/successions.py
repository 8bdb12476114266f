"""Who comes into view after somebody has left, more often than by chance: weak evidence, but of all pairs.

Transits are told apart and tested, and need many walks before there is one. To say where to look first, less
is enough: how often, after exits from a zone that no camera holds, somebody comes into a camera's view whom
no camera saw before, by the time between the two, against how often that would be anyway. What is more than
chance is drawn towards nothing by how much chance alone varies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EDGES_S = (-1.0, 0.5, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Between which times after an exit entries are counted; below 0 where views overlap a little, unlinked."""
LEAST = 2.0
"""Entries below which nothing is said."""
MOST_CAMERAS = 500
"""Beyond that, all pairs are too many."""


@dataclass(frozen=True)
class Successions:
    """Shares of the exits of zones after which somebody came into a camera's view, beyond chance.

    Attributes:
        source: int64 (pairs,), camera * zones + zone.
        target: int64 (pairs,), cameras.
        share: float64 (pairs, bins), by time.
        edges_s: float64 (bins + 1,), the times.
    """

    source: Ints
    target: Ints
    share: Floats
    edges_s: Floats


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_successions(entry_tick, entry_camera, exit_tick, exit_node, edges, counts):  # type: ignore[no-untyped-def]
    """Count entries after exits.

    Args:
        entry_tick: int64 (entries,), ascending; entry_camera: int64 (entries,).
        exit_tick: int64 (exits,), ascending; exit_node: int64 (exits,).
        edges: int64 (bins + 1,), ticks from exit to entry, ascending; of a bin the first is in it.
        counts: int32 (nodes, cameras, bins), updated.
    """
    bins = edges.shape[0] - 1
    first = 0
    for k in range(entry_tick.shape[0]):
        while first < exit_tick.shape[0] and entry_tick[k] - exit_tick[first] >= edges[bins]:
            first += 1
        at = first
        bin = bins - 1
        while at < exit_tick.shape[0] and entry_tick[k] - exit_tick[at] >= edges[0]:
            while entry_tick[k] - exit_tick[at] < edges[bin]:
                bin -= 1
            counts[exit_node[at], entry_camera[k], bin] += 1
            at += 1


class SuccessionTally:
    """Counts successions, events coming in about the order of time.

    Attributes:
        counts: int32 (nodes, cameras, bins), entries into a camera's view after exits from a zone.

    Args:
        cameras: how many there are.
        zone: int64 (windows,), the zone of every window.
        fps: ticks a second.
    """

    def __init__(self, cameras: int, zone: Ints, fps: float) -> None:
        self._zone, self._zones = zone, int(zone.max(initial=0)) + 1
        self._fps = fps
        self._edges = np.round(np.array(EDGES_S) * fps).astype(np.int64)
        self.counts = np.zeros((cameras * self._zones, cameras, len(EDGES_S) - 1), dtype=np.int32)
        self._exits: Ints = np.zeros(cameras * self._zones, dtype=np.int64)
        self._entries: Ints = np.zeros(cameras, dtype=np.int64)
        self._waiting: list[tuple[Ints, Ints]] = []
        self._recent: tuple[Ints, Ints] = (np.zeros(0, np.int64), np.zeros(0, np.int64))

    def grow(self, cameras: int) -> None:
        """The network has more cameras."""
        more = cameras - len(self._entries)
        self.counts = np.pad(self.counts, ((0, more * self._zones), (0, more), (0, 0)))
        self._exits = np.pad(self._exits, (0, more * self._zones))
        self._entries = np.pad(self._entries, (0, more))

    def add(self, exit_tick: Ints, exit_place: Ints, entry_tick: Ints, entry_place: Ints, until: int) -> None:
        """Events that have become known.

        Args:
            exit_tick, exit_place: int64 (exits,), exits that no camera held; camera * windows + window.
            entry_tick, entry_place: int64 (entries,), of people whom no camera saw before.
            until: exits are known up to this tick.
        """
        windows = len(self._zone)
        node = exit_place // windows * self._zones + self._zone[exit_place % windows]
        np.add.at(self._exits, node, 1)
        tick, nodes = np.concatenate([self._recent[0], exit_tick]), np.concatenate([self._recent[1], node])
        order = np.argsort(tick, kind="stable")
        tick, nodes = tick[order], nodes[order]
        self._waiting.append((entry_tick.astype(np.int64), entry_place.astype(np.int64) // windows))
        entries, cameras = (np.concatenate(column) for column in zip(*self._waiting, strict=True))
        ready = entries - self._edges[0] <= until
        order = np.argsort(entries[ready], kind="stable")
        count_successions(
            entries[ready][order], cameras[ready][order], tick, nodes, self._edges, self.counts
        )  # fmt: skip
        np.add.at(self._entries, cameras[ready], 1)
        self._waiting = [(entries[~ready], cameras[~ready])]
        oldest = min(int(entries[~ready].min(initial=until)), until) - int(self._edges[-1])
        self._recent = tick[tick > oldest], nodes[tick > oldest]

    def found(self, ticks: int) -> Successions:
        """What is known, of ``ticks`` that were watched."""
        width = np.diff(self._edges)
        source, target = np.nonzero(self.counts.sum(axis=2) >= LEAST)
        counted = self.counts[source, target].astype(np.float64)
        exits = self._exits[source].astype(np.float64)
        expected = (exits * self._entries[target] / max(ticks, 1))[:, None] * width
        more = np.maximum(counted - expected, 0.0)
        # As a Wiener filter weighs a signal in noise of known power.
        share = more * more**2 / (more**2 + counted + 1e-9) / np.maximum(exits, 1.0)[:, None]
        some = share.sum(axis=1) > 0
        return Successions(source[some], target[some], share[some], np.array(EDGES_S))
