"""Evidence taken apart and put together by camera, as arrays: see Evidence.state for what they are.

A camera's events are its own, whoever it is counted with. Where cameras of several tiles come together each
brings all that it has: pairs that were together all along are found as if nothing had changed, and pairs that
were not are counted over the ranges that both bring.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.store import State
from sdist_ray.occupancy.padding import Padding

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]


class _Words:
    """Words of some ranges: the range of each, its camera's number, its place in the camera, and its bits."""

    def __init__(self, number: Ints, camera: Ints, place: Ints, word: Array) -> None:
        self.number, self.camera, self.place, self.word = number, camera, place, word

    @classmethod
    def of(cls, state: State, name: str, windows: int) -> _Words:
        """As they are in a state; numbers count the parts there."""
        place, ends = state[f"{name}_place"].astype(np.int64), state[f"{name}_ends"]
        number = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        return cls(number, place // windows, place % windows, state[f"{name}_word"])

    def moved(self, number_to: Ints, camera_to: Ints) -> _Words:
        """Numbered anew; those of cameras that go nowhere (-1) are left out."""
        camera = camera_to[self.camera]
        kept = camera >= 0
        return _Words(number_to[self.number[kept]], camera[kept], self.place[kept], self.word[kept])


def _arrays(parts: Sequence[_Words], name: str, numbers: int, windows: int) -> dict[str, Array]:
    """Words of one state, in order of number and place; words of one place are one."""
    none, bits = np.empty(0, np.int64), np.empty(0, np.uint64)
    number = np.concatenate([none, *(part.number for part in parts)])
    place = np.concatenate([none, *(part.camera * windows + part.place for part in parts)])
    word = np.concatenate([bits, *(part.word for part in parts)])
    order = np.lexsort((place, number))
    number, place, word = number[order], place[order], word[order]
    if len(word):
        first = np.flatnonzero(np.concatenate([[True], (np.diff(number) != 0) | (np.diff(place) != 0)]))
        number, place, word = number[first], place[first], np.bitwise_or.reduceat(word, first)
    return {
        f"{name}_place": place.astype(np.int32),
        f"{name}_word": word,
        f"{name}_ends": np.searchsorted(number, np.arange(1, numbers + 1)).astype(np.int64),
    }


def part_of_evidence(state: State, cameras: Sequence[int], windows: int) -> State:
    """The evidence of some cameras, numbered in their order."""
    size = max([*cameras, *(int(state[f"{n}_place"].max(initial=0)) for n in ("words", "gaps", "seam"))]) + 1
    camera_to = np.full(size, -1, dtype=np.int64)
    camera_to[np.asarray(cameras, dtype=np.int64)] = np.arange(len(cameras))
    part: dict[str, Array] = {n: state[n].copy() for n in ("added", "indexes", "halo", "heads", "seams")}
    for name, wide in (("words", windows), ("gaps", 1), ("seam", windows)):
        numbers = len(state[f"{name}_ends"])
        words = _Words.of(state, name, wide).moved(np.arange(numbers), camera_to)
        part |= _arrays([words], name, numbers, wide)
    return part


def join_evidence(
    parts: Sequence[tuple[Sequence[int], State]], cameras: int, padding: Padding, keep: int
) -> State:
    """The evidence of cameras that come together.

    Args:
        parts: the new numbers of each part's cameras, in their order, and its state. All of them have
            counted up to one range.
        cameras: how many there are; one that is in no part has not been seen yet.
        padding: grid, clock, tolerance.
        keep: see Evidence.
    """
    windows = padding.grid.windows
    full = np.uint64((1 << padding.clock.range_ticks) - 1)
    indexes = np.unique(np.concatenate([np.empty(0, np.int64), *(state["indexes"] for _, state in parts)]))
    ranges = len(indexes)
    # What a camera brings nothing of is a gap.
    missing = np.ones((ranges, cameras), dtype=np.bool_)
    words: list[_Words] = []
    gaps: list[_Words] = []
    heads: list[tuple[_Words, Ints]] = []
    tails: list[tuple[_Words, Ints]] = []
    for numbers, state in parts:
        camera_to = np.asarray(numbers, dtype=np.int64)
        number_to = np.searchsorted(indexes, state["indexes"])
        missing[np.ix_(number_to, camera_to)] = False
        words.append(_Words.of(state, "words", windows).moved(number_to, camera_to))
        gaps.append(_Words.of(state, "gaps", 1).moved(number_to, camera_to))
        seams, at = number_to[state["seams"]], int(state["heads"][0])
        found = _Words.of(state, "seam", windows)
        for kind, which in ((heads, found.number < at), (tails, found.number >= at)):
            some = _Words(found.number[which], found.camera[which], found.place[which], found.word[which])
            kind.append((some.moved(seams, camera_to), seams[:at] if kind is heads else seams[at:]))
    number, camera = np.nonzero(missing)
    gaps.append(_Words(number, camera, np.zeros_like(camera), np.full(len(number), full)))
    head, tail = (
        np.unique(np.concatenate([np.empty(0, np.int64), *(s for _, s in kind)])) for kind in (heads, tails)
    )
    tail = tail[-max(1, padding.reach) :]
    placed = [_placed(part, head, 0) for part, _ in heads] + [_placed(p, tail, len(head)) for p, _ in tails]
    # Of a camera that joins now, what it saw just before pads what it sees next.
    new = set(range(cameras)) - {number for numbers, _ in parts for number in numbers}
    ends = [int(state["heads"][1]) + ranges - len(state["indexes"]) for _, state in parts]
    head_end = max([*ends, ranges + padding.reach if new else 0])
    old = int((indexes <= indexes[-1] - keep).sum()) if keep and ranges else 0
    return {
        "added": np.array([max((int(state["added"][0]) for _, state in parts), default=0)], dtype=np.int64),
        "indexes": indexes,
        "halo": np.array([min(old, padding.reach)], dtype=np.int64),
        "heads": np.array([len(head), head_end], dtype=np.int64),
        "seams": np.concatenate([head, tail]),
        **_arrays(words, "words", ranges, windows),
        **_arrays(gaps, "gaps", ranges, 1),
        **_arrays(placed, "seam", len(head) + len(tail), windows),
    }


def _placed(part: _Words, numbers: Ints, first: int) -> _Words:
    """Words of ranges as words of seams, which are some of the ranges."""
    kept = np.isin(part.number, numbers)
    number = np.searchsorted(numbers, part.number[kept]) + first
    return _Words(number, part.camera[kept], part.place[kept], part.word[kept])
