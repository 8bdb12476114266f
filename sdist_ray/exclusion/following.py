"""Links that are followed from search to search, for whoever asks again and again in an endless run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.evidence import Evidence
from sdist_ray.exclusion.store import Pairs

GROWTH = 8
"""A search for every eighth of evidence: all of a run together cost about nine times what the last does."""
Ints = npt.NDArray[np.int64]


def enough(ranges: int) -> int:
    """How many new ranges make a search due."""
    return max(1, ranges // GROWTH)


class Criterion(Protocol):
    """What makes a link; equal where it lets the same pass."""

    def least(self, most: int) -> Ints:
        """The least N that passes, by O: int64 (most + 1,), see Store.pairs."""
        ...

    def passes(self, agreements: Ints, opportunities: Ints) -> npt.NDArray[np.bool_]:
        """Whether N and O do: N at least least[O]."""
        ...


@dataclass
class Known:
    """What a search has found, counted on.

    The next search is due when an eighth of the evidence has come since, or an eighth of it was replaced
    (where only recent ranges count). A link that the last one did not find is found then.

    Attributes:
        criterion: what it has looked for.
        row, column: int32 (links,), as in Pairs.
        counts: int32 (4, links): N and O of (row, column), N and O of (column, row).
        first, end: what was counted: the ranges that came after so many, up to so many.
        searched, ranges: ``end`` at the time of the search, and how many ranges counted.
    """

    criterion: Criterion
    row: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]
    first: int
    end: int
    searched: int
    ranges: int

    @classmethod
    def of(cls, found: Pairs, criterion: Criterion, evidence: Evidence) -> Known:
        """What a search of all evidence has found."""
        counts = np.array(
            [found.agreements, found.opportunities, found.agreements_back, found.opportunities_back],
            dtype=np.int32,
        )
        row, column = found.row.astype(np.int32), found.column.astype(np.int32)
        first, end = evidence.forgotten, evidence.added
        return cls(criterion, row, column, counts, first, end, end, end - first)

    def is_due(self, evidence: Evidence) -> bool:
        """Whether to search again; also where there is nothing left to take off what was forgotten."""
        new = evidence.added - self.searched
        return new >= enough(self.ranges) or evidence.forgotten - self.first > evidence.held

    def passing(self) -> Pairs:
        """What is a link still, or again."""
        n, o, n_back, o_back = counts = self.counts.astype(np.int64)
        passes = self.criterion.passes(n, o) & self.criterion.passes(n_back, o_back)
        row, column = self.row.astype(np.int64), self.column.astype(np.int64)
        return Pairs(*(field[passes] for field in (row, column, *counts)))
