"""Many tiles that count the same ranges: the words of a range are sorted by tile once, for all of them.

Each tile by itself would look through the words of the whole network for those of its own cameras.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.tile import Tile
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.occupancy.sparse import SparseWords


@numba.njit(cache=True, nogil=True, boundscheck=False)
def sort_by_tile(place, word, windows, tile_of, local, starts, out_place, out_word):  # type: ignore[no-untyped-def]
    """Put words where their tiles' cameras number them; their order stays.

    Args:
        place: int32 (n,), camera * windows + window, cameras as in the network.
        word: uint64 (n,).
        windows: of every camera.
        tile_of: int32 (cameras,), -1 for one that is in no tile.
        local: int32 (cameras,), a camera's number in its tile.
        starts: int64 (tiles + 1,), all zero; written: where each tile's words begin.
        out_place: int32 (n,), local * windows + window, written.
        out_word: uint64 (n,), written.
    """
    for k in range(place.shape[0]):
        tile = tile_of[place[k] // windows]
        if tile >= 0:
            starts[tile + 1] += 1
    for tile in range(1, starts.shape[0]):
        starts[tile] += starts[tile - 1]
    free = starts[:-1].copy()
    for k in range(place.shape[0]):
        camera = place[k] // windows
        tile = tile_of[camera]
        if tile >= 0:
            at = free[tile]
            out_place[at] = local[camera] * windows + (place[k] - camera * windows)
            out_word[at] = word[k]
            free[tile] = at + 1


class Counted(Protocol):
    """What counts ranges of a network for some rows and columns, as a Tile does."""

    @property
    def rows(self) -> tuple[str, ...]:
        """See Tile."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """See Tile."""
        ...

    def apply(self, padded: PaddedRange, network: Sequence[str]) -> bool:
        """See Tile."""
        ...


class Together:
    """Tiles of one network that count range after range.

    Tiles of cameras against themselves that share none share the work of finding what is theirs; others find
    it for themselves.
    """

    def __init__(self, tiles: Iterable[Counted], network: Sequence[str]) -> None:
        self.network = tuple(network)
        self.tiles = tuple(tiles)
        place = {camera: number for number, camera in enumerate(self.network)}
        self._tile_of = np.full(len(place), -1, dtype=np.int32)
        self._local = np.zeros(len(place), dtype=np.int32)
        self._sorted: list[tuple[Tile, bool]] = []
        self._others: list[Counted] = []
        taken: set[str] = set()
        for tile in self.tiles:
            if not isinstance(tile, Tile):
                self._others.append(tile)
                continue
            tile.meet(self.network, place)
            if tile.rows != tile.columns or not taken.isdisjoint(tile.rows):
                self._others.append(tile)
                continue
            taken.update(tile.rows)
            there = [(place[camera], number) for number, camera in enumerate(tile.rows) if camera in place]
            places: npt.NDArray[np.int64] = np.array([p for p, _ in there], dtype=np.int64)
            self._tile_of[places] = len(self._sorted)
            self._local[places] = [number for _, number in there]
            self._sorted.append((tile, bool((np.diff(places) > 0).all())))

    def apply(self, padded: PaddedRange) -> None:
        """Count a range in every tile that has not counted it or a later one."""
        for tile in self._others:
            tile.apply(padded, self.network)
        if not self._sorted:
            return
        words, windows = padded.occupied, padded.padding.grid.windows
        starts = np.zeros(len(self._sorted) + 1, dtype=np.int64)
        place, word = np.empty_like(words.place), np.empty_like(words.word)
        sort_by_tile(words.place, words.word, windows, self._tile_of, self._local, starts, place, word)
        bounds = starts.tolist()
        for number, (tile, ascending) in enumerate(self._sorted):
            part = slice(bounds[number], bounds[number + 1])
            mine = SparseWords(place[part], word[part])
            if not ascending:
                order = np.argsort(mine.place)
                mine = SparseWords(mine.place[order], mine.word[order])
            tile.apply(padded, self.network, mine)
