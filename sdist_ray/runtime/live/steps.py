"""What is to be done with a frame, step by step, so that the frames of several cameras may take turns.

A step's code, and what it looks things up in, then stay in the cache from one camera to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Steps = Iterator[None]
"""Each item is a step that was done."""
TOGETHER = 16
"""Frames of which the same step is done at a time: what lies between two steps of theirs, 75 kB a frame of
320x240, should stay in the cache."""
NOTHING_MORE: Steps = iter(())


def do_together(under_way: Sequence[tuple[T, Steps]], failed: Callable[[T, Exception], None]) -> None:
    """Do one step of each, then the next of each, to the last one's end.

    Args:
        under_way: whose steps, and the steps.
        failed: told of each whose step failed; its other steps are let go.
    """
    going = list(under_way)
    while going:
        going = [(whose, steps) for whose, steps in going if _goes_on(whose, steps, failed)]


def _goes_on(whose: T, steps: Steps, failed: Callable[[T, Exception], None]) -> bool:
    try:
        next(steps)
    except StopIteration:
        return False
    except Exception as error:
        failed(whose, error)
        return False
    return True
