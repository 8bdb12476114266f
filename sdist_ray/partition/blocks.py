"""Who was where, coarsely: blocks of windows, a bit for every second. What strategies look at.

To decide who is to be counted together takes no counts of windows: whether two views share ground shows in
blocks of 3 x 3 windows as well, at a ninth of the columns and, once a second, at a tenth of the events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock, Words
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseWords

WORD_BITS = 64


@dataclass(frozen=True)
class Blocks:
    """The windows of a grid in square blocks; those at the right and lower border may be smaller.

    Attributes:
        grid: of every camera.
        side: windows along a block's side.
    """

    grid: Grid
    side: int = 3

    @property
    def count(self) -> int:
        """Blocks of one camera."""
        return self._across * -(-self.grid.rows // self.side)

    @property
    def _across(self) -> int:
        return -(-self.grid.columns // self.side)

    def of_windows(self) -> npt.NDArray[np.int64]:
        """The block of every window, int64 (windows,)."""
        row, column = np.divmod(np.arange(self.grid.windows), self.grid.columns)
        return np.asarray(row // self.side * self._across + column // self.side)


class BlockLog:
    """The last hours of a network: for every block and sample, whether anyone was in it.

    A block is occupied at a sample when one of its windows was at any of the sample's ticks (unpadded): what
    is missed for a tick, or seen some ticks late, is there all the same. A camera is known at a sample when
    it was available at any of its ticks. Samples lie in words of 64; what is older than there is room for is
    forgotten word by word, and words are in no order.

    Args:
        cameras: of the network.
        blocks: of every camera.
        clock: of the network.
        samples: that are kept; rounded up to whole words.
        sample_s: seconds of each; at least a tick.

    Attributes:
        bits: uint64 (cameras, blocks, words), occupied samples.
        known: uint64 (cameras, words).
        seen: samples so far, forgotten ones among them.
    """

    def __init__(
        self, cameras: int, blocks: Blocks, clock: Clock, samples: int = 7200, sample_s: float = 1.0
    ) -> None:
        self.blocks = blocks
        self._clock = clock
        self._ticks = max(1, round(clock.fps * sample_s))
        self._block_of = blocks.of_windows()
        words = -(-samples // WORD_BITS)
        self.bits: Words = np.zeros((cameras, blocks.count, words), np.uint64)
        self.known: Words = np.zeros((cameras, words), np.uint64)
        self._word: int | None = None
        self._last: int | None = None
        self.seen = 0

    def add(self, index: int, occupied: SparseWords, available: Words) -> None:
        """Take in a range; ranges come in order, and those that are left out are unknown.

        Args:
            index: the range.
            occupied: its occupied windows.
            available: uint64 (cameras,); cameras beyond those of the log are let go.
        """
        first = index * self._clock.range_ticks
        cameras = len(self.known)
        for sample in range(first // self._ticks, (first + self._clock.range_ticks - 1) // self._ticks + 1):
            low = max(sample * self._ticks - first, 0)
            high = min((sample + 1) * self._ticks - first, self._clock.range_ticks)
            ticks = np.uint64(((1 << (high - low)) - 1) << low)
            at, bit = self._begin(sample), np.uint64(1 << (sample % WORD_BITS))
            there = np.flatnonzero(available[:cameras] & ticks)
            self.known[there, at] |= bit
            windows = self.blocks.grid.windows
            mark_blocks(occupied.place, occupied.word, ticks, windows, self._block_of, at, bit, self.bits)

    def _begin(self, sample: int) -> int:
        """The word of a sample; what was there before is forgotten where it is a new one."""
        words: int = self.known.shape[1]
        if sample != self._last:
            self.seen += 1
            self._last = sample
        word = sample // WORD_BITS
        if word != self._word:
            fresh = range(word if self._word is None else max(self._word + 1, word - words + 1), word + 1)
            for new in fresh:
                self.bits[:, :, new % words] = 0
                self.known[:, new % words] = 0
            self._word = word
        return word % words

    def in_time(self, together: int = 1) -> tuple[Words, Words]:
        """``bits`` and ``known`` with words in the order of time, the last one last; copies.

        Without the words before anything was known, ``together`` at a time: a network that has just begun
        does not pay for hours that it has not seen.
        """
        words = self.known.shape[1]
        order = (np.arange(words) + (0 if self._word is None else self._word + 1)) % words
        known = np.flatnonzero(np.bitwise_or.reduce(self.known[:, order], axis=0))
        if len(known):
            order = order[known[0] // together * together :]
        return self.bits[:, :, order], self.known[:, order]

    def grow(self, cameras: int) -> None:
        """The network has more cameras; the others keep their places."""
        more = cameras - len(self.known)
        self.bits = np.concatenate([self.bits, np.zeros((more, *self.bits.shape[1:]), np.uint64)])
        self.known = np.concatenate([self.known, np.zeros((more, self.known.shape[1]), np.uint64)])


@numba.njit(cache=True, nogil=True, boundscheck=False)
def mark_blocks(place, word, ticks, windows, block_of, at, bit, bits):  # type: ignore[no-untyped-def]
    """Set a sample's bit in the blocks in which a window is occupied at one of its ticks.

    Args:
        place: int32 (n,), camera * windows + window.
        word: uint64 (n,).
        ticks: uint64, the sample's ticks in these words.
        windows: of a camera.
        block_of: int64 (windows,).
        at: the word of the sample.
        bit: uint64, its bit.
        bits: uint64 (cameras, blocks, words), updated.
    """
    for k in range(place.shape[0]):
        if word[k] & ticks:
            camera = place[k] // windows
            if camera < bits.shape[0]:
                bits[camera, block_of[place[k] - camera * windows], at] |= bit
