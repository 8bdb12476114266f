"""Cameras of which only the lens is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

TYPICAL_VIEW_DEG = 65.0
"""Of surveillance cameras with their usual lenses of 3 to 4 mm."""


@dataclass(frozen=True)
class Perspective:
    """What tells how far a person is from how tall the box is.

    Attributes:
        focal_share: focal length over the image's width, whatever its resolution.
        person_height_m: how tall people are, on average.
    """

    focal_share: float
    person_height_m: float = 1.7

    @classmethod
    def of_view(cls, view_deg: float, person_height_m: float = 1.7) -> Perspective:
        """A lens that sees so many degrees from the image's left to its right border."""
        return cls(0.5 / math.tan(math.radians(view_deg) / 2), person_height_m)
