"""Cameras' frames, merged into instants of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

Frame = TypeVar("Frame")


def instants(
    feeds: Mapping[int, Iterator[tuple[int, Frame]]],
) -> Iterator[tuple[int, list[tuple[int, Frame]]]]:
    """Ticks at which any camera has a frame, and the cameras that have one, in the order of ``feeds``.

    Args:
        feeds: by camera: tick of the network and frame, in order. Of several frames of one tick the last is
            taken.
    """
    heads = {at: next(feed, None) for at, feed in feeds.items()}
    while True:
        waiting = [head[0] for head in heads.values() if head is not None]
        if not waiting:
            return
        tick = min(waiting)
        frames = []
        for at, feed in feeds.items():
            frame: Frame | None = None
            while (head := heads[at]) is not None and head[0] <= tick:
                frame, heads[at] = head[1], next(feed, None)
            if frame is not None:
                frames.append((at, frame))
        yield tick, frames
