"""Plans: which tiles a network's counts are cut into."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np


def row_stripes(cameras: Sequence[str], parts: int) -> list[tuple[str, ...]]:
    """The cameras cut into at most ``parts`` runs of nearly equal length, none empty.

    A tile that holds whole rows (all columns) halves them in byte policy just as one tile would.
    """
    bounds = np.linspace(0, len(cameras), min(parts, len(cameras)) + 1).round().astype(int)
    return [tuple(cameras[a:b]) for a, b in itertools.pairwise(bounds)]
