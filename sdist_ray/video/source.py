"""What every source of frames promises."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


class FrameError(Exception):
    """One frame could not be decoded; the frames after it may well be."""


@dataclass(frozen=True)
class Frame:
    """A decoded image and when it was captured.

    Attributes:
        index: number of the frame in its source, from 0; frames that could not be decoded count.
        time_s: capture time, UTC epoch seconds.
        image: uint8, (height, width, 3), BGR.
    """

    index: int
    time_s: float
    image: Image


class VideoSource(ABC):
    """Frames of one camera in the order of their capture.

    ``grab`` moves to the next frame and says when it was captured; ``decode`` makes its image. A reader
    that wants every third frame grabs three times and decodes once. Capture times never decrease.
    """

    @property
    @abstractmethod
    def fps(self) -> float:
        """Nominal frames per second, above 0."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """(width, height) of the first image, pixels."""

    @property
    @abstractmethod
    def frames(self) -> int | None:
        """How many frames there should be; None where nothing says so."""

    @abstractmethod
    def grab(self) -> float | None:
        """Move to the next frame: its capture time in seconds, or None at the end (and ever after)."""

    @abstractmethod
    def decode(self) -> Image:
        """The image of the frame that was grabbed last.

        Raises:
            FrameError: it cannot be decoded; grabbing may go on.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files. Safe to call twice; after it, ``grab`` returns None."""

    @property
    @abstractmethod
    def complaint(self) -> str | None:
        """What was wrong with the source, once it has ended: None, or one line such as a truncation."""

    def __iter__(self) -> Iterator[Frame]:
        """All frames that can be decoded."""
        index = 0
        while (time_s := self.grab()) is not None:
            with contextlib.suppress(FrameError):
                yield Frame(index, time_s, self.decode())
            index += 1

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the source."""
        self.close()
